import type { Scores } from '../metric.js';
import type { KeyMatch } from '../weights/report.js';

/** What the training loop tells while it runs. */
export type TrainEvent =
  | {
      type: 'start';
      step: number;
      /** Epochs that are done. */
      epoch: number;
      steps: number;
      epochs: number;
      stepsPerEpoch: number;
      /** As people call it: `resnet-rs-14 x0.5`. */
      model?: string;
      parameters: number;
      resumed: boolean;
      trainImages: number;
      valImages: number;
      /** How many, where the task has classes. */
      classes?: number;
    }
  /** Before the start: pictures are decoded for the cache. */
  | { type: 'decoding'; step: number; done: number; of: number }
  /** The weights that the run starts from, key by key. */
  | { type: 'loaded'; step: number; from: string; match: KeyMatch }
  /** What the recipe is likely to do against its intent. */
  | { type: 'advice'; step: number; text: string }
  | {
      type: 'step';
      step: number;
      epoch: number;
      loss: number;
      learningRate: number;
      imagesPerSecond: number;
      etaSeconds: number;
      /** In float16. */
      lossScale?: number;
    }
  | { type: 'broken'; step: number; path: string; reason: string }
  | { type: 'evaluating'; step: number; epoch: number; done: number; of: number }
  | EpochEvent
  /** No better epoch for `patience` epochs. */
  | { type: 'early-stop'; step: number; epoch: number; bestEpoch: number }
  | { type: 'checkpoint'; step: number; path: string }
  | { type: 'stopped'; step: number; steps: number }
  | { type: 'end'; step: number; seconds: number; imagesPerSecond: number; loaderWaitShare: number; weights: string };

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
  raw: Scores;
  ema?: Scores;
  /** On the pictures set aside for early stopping, with the weights that are kept. */
  minival?: Scores;
  best: boolean;
  imagesPerSecond: number;
  seconds: number;
  loaderWaitShare: number;
} & { [figure: `train${Capitalize<string>}`]: number };

/** The figures of an epoch's training batches by their own names, the loss first. */
export function figuresOfTraining(event: EpochEvent): Record<string, number> {
  const found = Object.entries(event).filter(([key]) => /^train[A-Z]/.test(key));
  return Object.fromEntries(found.map(([key, value]) => [key.charAt(5).toLowerCase() + key.slice(6), value as number]));
}
