/**
 * One configuration of a scaling study, what it costs and how good it turned out: the unit of every figure, fit and
 * advice. Scores are values of the study's metric, one for each seed whose trial is done.
 */
export interface StudyPoint {
  /** `resnet-rs-26 x0.5 @28 for 20 epochs`: unique in the study. */
  name: string;
  /** `resnet-rs`, `resnet`, `efficientnet`, `efficientnet-rs`. */
  family: string;
  /** Name in the registry of models, without the size. */
  model: string;
  /** Layers; the depth coefficient of an EfficientNet. */
  depth: number;
  /** Width multiplier; the width coefficient of an EfficientNet. */
  width: number;
  /** Side of the pictures, in pixels. */
  size: number;
  /** The training regime. */
  epochs: number;
  /** Of one picture, 2 for a multiply-add, as the paper counts. */
  flops: number;
  parameters: number;
  /** Pictures in a training step. */
  batch: number;
  /** Predicted peak memory of a training step of `batch` pictures. */
  predictedBytes: number;
  /** By seed, on the test pictures. */
  score: ReadonlyMap<number, number>;
  /** By seed, on training pictures without augmentation. */
  trainScore: ReadonlyMap<number, number>;
  /** What was measured on this machine, one model at a time; absent until then. */
  measured?: MeasuredCost;
  failed: readonly { seed: number; reason: string }[];
  /** Seeds whose trials have not ended. */
  pending: readonly number[];
}

export interface MeasuredCost {
  /** Milliseconds of a training step of `batch` pictures. */
  trainStepMs: number;
  /** Milliseconds for one picture, scored in batches as in an evaluation. */
  inferenceMs: number;
  /** Peak memory of the process that trained, in bytes. */
  peakBytes: number;
}

/** What a point may be judged by: all are lower is better. */
export const COSTS = ['trainStepMs', 'inferenceMs', 'peakBytes', 'flops', 'parameters'] as const;
export type Cost = (typeof COSTS)[number];

/** A cost of a point; undefined when it was not measured. */
export function costOf(point: StudyPoint, cost: Cost): number | undefined {
  return cost === 'flops' || cost === 'parameters' ? point[cost] : point.measured?.[cost];
}
