/** A mean with its 95 % interval, which one value alone does not have. */
export interface Estimate {
  mean: number;
  n: number;
  low?: number;
  high?: number;
}
export interface Change extends Estimate {
  /** Of the same seeds on both sides. */
  paired: boolean;
  /** `noise`: the interval covers 0. `none`: the very same results. `unknown`: too few seeds. */
  verdict: 'better' | 'worse' | 'noise' | 'none' | 'unknown';
}

export interface AblationTrial {
  seed: number;
  top1: number;
  top1Raw: number;
  top1Ema?: number;
  loss: number;
  trainTop1: number;
  seconds: number;
  msPerStep: number;
}

/** A row of a study. Accuracies are fractions, but published ones are percent. */
export interface AblationRow {
  name: string;
  group?: string;
  /** Which settings it changes. */
  changed: string;
  /** Position of the row that it is compared with. */
  against?: number;
  /** Published accuracy by model. */
  paper: Readonly<Record<string, number>>;
  /** Its place in a table of two dimensions. */
  cell?: { row: string; column: string };
  top1?: Estimate;
  trainTop1?: Estimate;
  change?: Change;
  msPerStep?: number;
  imagesPerSecond?: number;
  seconds?: number;
  epochs?: number;
  parameters?: number;
  done: readonly AblationTrial[];
  failed: readonly { seed: number; reason: string }[];
  pending: readonly number[];
}

export interface AblationReport {
  title: string;
  kind: 'additive' | 'leave-one-out' | 'weight-decay';
  generatedAt: string;
  data: { name: string; classes: number; trainPictures: number; testPictures: number };
  model: string;
  size: number;
  rows: readonly AblationRow[];
  /** From the first row to the last one of an additive study. */
  total?: Change;
  /** Where the published accuracies come from. */
  paperSource: string;
  /** Settings that are the same in every row. */
  common: readonly { key: string; value: string }[];
  environment: readonly { key: string; value: string }[];
  command: string;
}
