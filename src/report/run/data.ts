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
  epochs: EpochRow[];
  /** Any number of rows: drawn from at most 1000 of them. */
  steps: StepRow[];
  /** counts[true][predicted] on the test pictures, with the weights that `summary.chosen` names. */
  confusion: { classes: string[]; counts: number[][] };
  /** Worst first. */
  mistakes: Mistake[];
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
  classes: number;
  trainImages: number;
  testImages: number;
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
  /** Of the chosen weights. */
  top1: number;
  top5: number;
  /** Of the weights as trained, without averaging. */
  top1Raw: number;
  chosen: 'ema' | 'raw';
  /** How test pictures are cropped, in words. */
  crop: string;
  seconds: number;
  imagesPerSecond: number;
  /** Part of the training time spent waiting for pictures. */
  loaderWaitShare: number;
  seed: number;
}

export interface EpochRow {
  epoch: number;
  /** The step after which this epoch was measured. */
  step: number;
  trainLoss: number;
  learningRate: number;
  top1Raw: number;
  top1Ema?: number;
  top5Raw?: number;
  top5Ema?: number;
  lossRaw?: number;
  lossEma?: number;
  trainTop1?: number;
  /** On the pictures set aside for early stopping, with the weights that `summary.chosen` names. */
  top1Minival?: number;
  lossMinival?: number;
  imagesPerSecond: number;
}

export interface StepRow {
  step: number;
  loss: number;
  learningRate: number;
  imagesPerSecond: number;
}

export interface Mistake {
  label: string;
  predicted: string;
  /** What the model gave to `predicted`. */
  probability: number;
  /** Which picture: its path, or its place in an archive. */
  source: string;
  /** Base64 of a PNG file. */
  png: string;
}

export interface OnnxParity {
  file: string;
  bytes: number;
  maxAbsDiff: number;
  top1Agreement: number;
  pictures: number;
}
