import { csvText } from '../../csv.js';
import { clipped, type Metric, writtenKey } from '../../metric.js';
import { metricsOf } from '../../tasks/index.js';
import { type Difference, difference, type Estimate, estimate, median } from '../analysis/statistics.js';
import type { StudyPlan, Variant } from '../plan/ablation.js';
import { readResult, type TrialFailure, type TrialResult } from './result.js';

/** A row of a study with what its trials have found so far. Scores are values of the study's metric. */
export interface VariantFigures extends Variant {
  /** By seed. */
  done: TrialResult[];
  failed: TrialFailure[];
  /** Seeds whose trials have not ended. */
  pending: number[];
  score?: Estimate;
  /** On training pictures without augmentation. */
  trainScore?: Estimate;
  loss?: Estimate;
  /** Change of the score against the row it is compared with. */
  change?: Difference;
  msPerStep?: number;
  imagesPerSecond?: number;
  seconds?: number;
  epochs?: number;
  parameters?: number;
}

const values = (results: readonly TrialResult[], pick: (result: TrialResult) => number): number[] => results.map(pick);
const bySeed = (results: readonly TrialResult[]): Map<number, number> =>
  new Map(results.map(({ seed, score }) => [seed, score]));

/** What the result files of a study say, row by row; trials that are missing or failed are named. */
export function summarise({ variants, task }: StudyPlan, study: string): VariantFigures[] {
  const [metric] = metricsOf(task);
  const rows = variants.map(({ trials, ...variant }) => {
    const known = trials.map((trial) => ({ trial, result: readResult(study, trial.id) }));
    return {
      variant,
      done: known.flatMap(({ result }) => (result?.status === 'done' ? [result] : [])),
      failed: known.flatMap(({ result }) => (result?.status === 'failed' ? [result] : [])),
      pending: known.flatMap(({ trial, result }) => (result === undefined ? [trial.seed] : [])),
    };
  });
  const scoreOf = (results: readonly TrialResult[], pick: (result: TrialResult) => number): Estimate | undefined => {
    const found = estimate(values(results, pick));
    return found && clipped(metric, found);
  };
  return rows.map(({ variant, done, failed, pending }): VariantFigures => {
    const change =
      variant.against === undefined ? undefined : difference(bySeed(rows[variant.against]!.done), bySeed(done), metric);
    return {
      ...variant,
      done,
      failed,
      pending,
      score: scoreOf(done, ({ score }) => score),
      trainScore: scoreOf(done, ({ trainScore }) => trainScore),
      loss: estimate(done.flatMap(({ loss }) => loss ?? [])),
      change,
      // Times have outliers, so that the middle one stands for them.
      msPerStep: median(values(done, ({ msPerStep }) => msPerStep)),
      imagesPerSecond: median(values(done, ({ imagesPerSecond }) => imagesPerSecond)),
      seconds: median(values(done, ({ seconds }) => seconds)),
      epochs: done[0]?.epochs,
      parameters: done[0]?.parameters,
    };
  });
}

/** Of these, those of the score stand under the name of the metric. */
const COLUMNS = [
  'row',
  'name',
  'seed',
  'status',
  'score',
  'weights',
  'scoreRaw',
  'scoreEma',
  'loss',
  'testPictures',
  'trainScore',
  'trainLoss',
  'trainPictures',
  'epochs',
  'steps',
  'seconds',
  'msPerStep',
  'imagesPerSecond',
  'parameters',
  'threads',
  'id',
  'reason',
] as const;

/** A line a trial. */
export function studyCsv(figures: readonly VariantFigures[], metric: Metric): string {
  const lines = figures.flatMap((row, i): Readonly<Record<string, unknown>>[] => [
    ...row.done.map((result) => ({ ...result, row: i, name: row.name })),
    ...row.failed.map((result) => ({ ...result, row: i, name: row.name })),
    ...row.pending.map((seed) => ({ row: i, name: row.name, seed, status: 'pending' })),
  ]);
  return csvText(
    COLUMNS.map((column) => writtenKey(metric, column)),
    lines.map((line) => COLUMNS.map((column) => line[column])),
  );
}
