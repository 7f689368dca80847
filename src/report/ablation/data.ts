import type { Metric } from '../../metric.js';
import type { MeasuredPart } from '../../part-words.js';
import type { Change, Estimate } from '../statistics.js';

/** Scores are values of the report's metric. */
export interface AblationTrial {
  seed: number;
  score: number;
  scoreRaw: number;
  scoreEma?: number;
  /** Where the task measures it. */
  loss?: number;
  trainScore: number;
  seconds: number;
  msPerStep: number;
}

/** A row of a study. Scores of a share are fractions, but published ones are percent. */
export interface AblationRow {
  name: string;
  group?: string;
  /** Which settings it changes. */
  changed: string;
  /** Position of the row that it is compared with. */
  against?: number;
  /** Published score by model. */
  paper: Readonly<Record<string, number>>;
  /** Its place in a table of two dimensions. */
  cell?: { row: string; column: string };
  score?: Estimate;
  /** On training pictures without augmentation. */
  trainScore?: Estimate;
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
  /** What the rows are compared by. */
  metric: Metric;
  /** The score is the share of the test pictures that were right, so that the interval of a proportion fits it. */
  proportion?: boolean;
  data: { name: string; classes: number; trainPictures: number; testPictures: number; part?: MeasuredPart };
  model: string;
  size: number;
  rows: readonly AblationRow[];
  /** From the first row to the last one of an additive study. */
  total?: Change;
  /** Where the published scores come from. */
  paperSource: string;
  /** Settings that are the same in every row. */
  common: readonly { key: string; value: string }[];
  environment: readonly { key: string; value: string }[];
  command: string;
}
