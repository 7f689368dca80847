import type { Metric } from '../../metric.js';
import type { MeasuredPart } from '../../part-words.js';
import type { TaskParts } from '../parts.js';
import type { SeenBatch } from '../seen.js';

/**
 * What a report of one training run is drawn from: plain data, so that it can be kept as JSON and drawn again.
 * Accuracies, probabilities and shares are fractions in 0..1, times are seconds. A figure that is not finite is shown
 * as a dash.
 */
export interface RunReport {
  title: string;
  /** ISO 8601. */
  generatedAt: string;
  summary: RunSummary;
  /** What evaluations give, the primary one first. */
  metrics: readonly [Metric, ...Metric[]];
  epochs: EpochRow[];
  /** Any number of rows: drawn from at most 1000 of them. */
  steps: StepRow[];
  /** What the task has to say. */
  task: TaskParts;
  /** What the network saw in its first step. */
  seen?: SeenBatch;
  recipe: { key: string; value: string; source: string; note?: string }[];
  /** Broken pictures and the like, one sentence each. */
  warnings: string[];
  onnx?: OnnxParity;
  environment: { key: string; value: string }[];
  /** What to type next. */
  commands: { what: string; command: string }[];
}

export interface RunSummary {
  model: string;
  dataset: string;
  /** How many, where the task has classes. */
  classes?: number;
  /** What is learned from. Default: pictures. */
  noun?: 'picture' | 'video';
  trainImages: number;
  testImages: number;
  /** Which pictures `scores` come from, and which each epoch was measured on. Default: the test pictures. */
  measured?: MeasuredPart;
  validated?: MeasuredPart;
  /** How many each epoch was measured on, where these are others than the test pictures. */
  validationImages?: number;
  /** What the best epoch was chosen on. */
  selectedOn?: 'minival' | 'val' | 'test';
  /** Training pictures set aside, which chose the epoch whose weights are kept; absent without early stopping. */
  minivalImages?: number;
  /** Side of the training picture in pixels. */
  size: number;
  epochs: number;
  batch: number;
  steps: number;
  parameters: number;
  /** One per multiply-add, for one picture of `size`; the paper's FLOPs are twice this. */
  multiplyAdds?: number;
  /** Of the chosen weights, by the names of metrics. */
  scores: Readonly<Record<string, number>>;
  /** The primary metric of the weights as trained, without averaging, where it is known on the same pictures. */
  rawScore?: number;
  chosen: 'ema' | 'raw';
  /** How test pictures are cropped, in words. */
  crop: string;
  seconds: number;
  /** The mean over these seconds. */
  imagesPerSecond: number;
  /** Part of the training time spent waiting for pictures. */
  loaderWaitShare: number;
  seed: number;
}

/** Values by the names of metrics. */
type Values = Readonly<Record<string, number>>;

export interface EpochRow {
  epoch: number;
  /** The step after which this epoch was measured. */
  step: number;
  learningRate: number;
  /** Of the training batches: `loss`, and the task's figures. */
  train: Values;
  /** On the test pictures, of the weights as trained; absent, as the two below, where the epoch was not measured. */
  raw?: Values;
  ema?: Values;
  /** On the pictures set aside for early stopping, with the weights that `summary.chosen` names. */
  minival?: Values;
  /** The mean of the epoch. */
  imagesPerSecond: number;
}

export interface StepRow {
  step: number;
  loss: number;
  learningRate: number;
  /** Of the last seconds. */
  imagesPerSecond: number;
}

export interface OnnxParity {
  file: string;
  bytes: number;
  maxAbsDiff: number;
  top1Agreement?: number;
  pictures: number;
}
