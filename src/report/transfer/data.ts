import type { Metric } from '../../metric.js';

/**
 * A transfer study, for its page and for programs: plain data. Scores and their differences are values of the target's metric, and `report.json`
 * has its name in place of `score`.
 */
export interface TransferReport {
  title: string;
  /** ISO 8601. */
  generatedAt: string;
  starts: readonly ReportStart[];
  targets: readonly ReportTarget[];
  methods: readonly { name: string; title: string }[];
  /** Shares of the labels in percent, rising. */
  labels: readonly number[];
  seeds: number;
  /** Every start on every target, by method and share, in the order of rows and columns. */
  cells: readonly ReportCell[];
  /** Every two starts in every column that both have. */
  pairs: readonly ReportPair[];
  /** Work that failed, and why. */
  failures: readonly { name: string; reason: string }[];
  /** How it was done: what is the same everywhere. */
  how: readonly { key: string; value: string }[];
  commands: readonly { what: string; command: string }[];
}

export interface ReportStart {
  name: string;
  /** The network. */
  title: string;
  kind: 'weights' | 'scratch';
  /** How pictures become its input. */
  size: number;
  evalCrop: number;
  mean: readonly number[];
  std: readonly number[];
  interpolation: string;
  weights?: 'ema' | 'raw';
  task?: string;
  /** Of the trunk. */
  parameters: number;
  multiplyAdds: number;
  features: number;
  /** Pictures that its own training saw, its seconds and its data, where they are known. */
  seen?: number;
  seconds?: number;
  data?: string;
}

export interface ReportTarget {
  name: string;
  /** What is learned of it, and in words: `boxes of 3 classes`. */
  task: string;
  content: string;
  /** What its results are compared by. */
  metric: Metric;
  /** Methods that it was measured by. */
  methods: readonly string[];
  /** Side of the pictures, where it is not each start's own. */
  size?: number;
  classes: number;
  train: number;
  val: number;
  test: number;
  notes: readonly string[];
}

export interface ReportCell {
  start: string;
  target: string;
  method: string;
  labels: number;
  /** Seeds that are done, of those that are to be. */
  done: number;
  of: number;
  /** On the test pictures, the mean over seeds. */
  score?: number;
  /** Its 95 % interval: of the mean over seeds, or of one result by its test pictures. */
  low?: number;
  high?: number;
  interval?: 'seeds' | 'pictures';
  /** By seed. */
  each: readonly number[];
  validation?: number;
  /** Pictures that were learned from. */
  pictures?: number;
  /** What validation chose, in words. */
  chosen?: string;
  /** Which of the chosen values lie at an end of what was tried. */
  edge: readonly string[];
  /** Of its column: the best, or not told from it. */
  rank?: 'best' | 'noise';
  seconds?: number;
}

/** The second start against the first. */
export interface ReportPair {
  first: string;
  second: string;
  target: string;
  method: string;
  labels: number;
  mean: number;
  low?: number;
  high?: number;
  /** Of the test of pictures. */
  p: number;
  seeds: number;
  verdict: 'better' | 'worse' | 'noise';
}
