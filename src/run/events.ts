import type { Scores } from '../metric.js';
import type { Endings, MeasuredPart } from '../part-words.js';
import type { KeyMatch } from '../weights/report.js';

/** What the training loop tells while it runs. */
export type TrainEvent =
  | {
      type: 'start';
      /** Steps that are done. */
      step: number;
      /** Epochs that are done. */
      epoch: number;
      /** Of the whole run. */
      steps: number;
      /** Of the whole run. */
      epochs: number;
      /** Every epoch has so many. */
      stepsPerEpoch: number;
      /** As people call it: `resnet-rs-14 x0.5`. */
      model?: string;
      /** Numbers that are trained. */
      parameters: number;
      /** Whether the run goes on from a checkpoint. */
      resumed: boolean;
      /** Pictures that are learned from. */
      trainImages: number;
      /** Pictures without labels, each as often as it is drawn in a pass over them. */
      unlabelledImages?: number;
      /** The same, each once. */
      unlabelledPictures?: number;
      /** Pictures that epochs are measured on. */
      valImages: number;
      /** Which part these are; test pictures where it is not said. */
      measured?: MeasuredPart;
      /** Measured once, after training. */
      testImages?: number;
      /** Of the training pictures, and of those that epochs are measured on: how many are known to be broken, and so left out; absent where none is. */
      broken?: { train: number; val: number };
      /** How many, where the task has classes. */
      classes?: number;
    }
  /** What was found in the data, of a run that begins. */
  | {
      type: 'data';
      step: number;
      parts: Readonly<Partial<Record<'train' | 'minival' | 'val' | 'test', number>>>;
      /** What the best epoch is chosen on. */
      selectedOn: 'minival' | 'val' | 'test';
      ignoredFiles: number;
      ignoredEndings: Endings;
      notes: readonly string[];
    }
  /** Before the start: shards are read for their index, which is kept. */
  | { type: 'indexing'; step: number; done: number; of: number }
  /** Before the start: pictures are looked at. */
  | { type: 'looking'; step: number; done: number; of: number }
  /** Before the start: pictures are decoded for the cache. */
  | { type: 'decoding'; step: number; done: number; of: number }
  /** The weights that the run starts from, key by key. */
  | { type: 'loaded'; step: number; from: string; match: KeyMatch }
  /** What the recipe is likely to do against its intent, or what slows the run down. */
  | { type: 'advice'; step: number; text: string }
  | {
      type: 'step';
      step: number;
      epoch: number;
      /** Mean of the batch. */
      loss: number;
      /** Of this step. */
      learningRate: number;
      /** Of the last seconds by the clock, waiting for pictures included. Before 0.2.0: the mean since the start. */
      imagesPerSecond: number;
      /** Of the whole run, its evaluations included. */
      etaSeconds: number;
      /** In float16. */
      lossScale?: number;
    }
  | { type: 'broken'; step: number; path: string; reason: string }
  | { type: 'evaluating'; step: number; epoch: number; done: number; of: number }
  | EpochEvent
  /** No better epoch for `patience` epochs. */
  | { type: 'early-stop'; step: number; epoch: number; bestEpoch: number; selectedOn?: 'minival' | 'val' | 'test' }
  | { type: 'checkpoint'; step: number; path: string }
  | { type: 'stopped'; step: number; steps: number }
  | {
      type: 'end';
      step: number;
      /** Of training by the clock, in all processes of the run; without evaluations. */
      seconds: number;
      /** Over these seconds. */
      imagesPerSecond: number;
      /** Share of these seconds in which the network waited for pictures, 0 to 1. */
      loaderWaitShare: number;
      /** Path of the file of weights. */
      weights: string;
    };

/**
 * An epoch has ended. Beside `trainLoss` stand the task's figures of its training batches, means over the pictures, named as `ofTraining`
 * names them.
 */
export type EpochEvent = {
  type: 'epoch';
  step: number;
  epoch: number;
  trainLoss: number;
  learningRate: number;
  /** On the test pictures; absent where the epoch was not measured, as `ema` and `minival` are then. */
  raw?: Scores;
  ema?: Scores;
  /** On the pictures set aside for early stopping, with the weights that are kept. */
  minival?: Scores;
  best: boolean;
  /** The mean of this epoch's training, as far as this process did it. */
  imagesPerSecond: number;
  /** Of the epoch in this process, its evaluation included. */
  seconds: number;
  loaderWaitShare: number;
} & { [figure: `train${Capitalize<string>}`]: number };

/** The figures of an epoch's training batches by their own names, the loss first. */
export function figuresOfTraining(event: EpochEvent): Record<string, number> {
  const found = Object.entries(event).filter(([key]) => /^train[A-Z]/.test(key));
  return Object.fromEntries(found.map(([key, value]) => [key.charAt(5).toLowerCase() + key.slice(6), value as number]));
}
