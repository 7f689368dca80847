import { type Difference, difference, type Estimate, estimate, median } from '../analysis/statistics.js';
import type { StudyPlan, Variant } from '../plan/ablation.js';
import { readResult, type TrialFailure, type TrialResult } from '../plan/trial.js';

/** A row of a study with what its trials have found so far. Accuracies are fractions. */
export interface VariantFigures extends Variant {
  /** By seed. */
  done: TrialResult[];
  failed: TrialFailure[];
  /** Seeds whose trials have not ended. */
  pending: number[];
  top1?: Estimate;
  /** On training pictures without augmentation. */
  trainTop1?: Estimate;
  loss?: Estimate;
  /** Change of top-1 against the row it is compared with. */
  change?: Difference;
  msPerStep?: number;
  imagesPerSecond?: number;
  seconds?: number;
  epochs?: number;
  parameters?: number;
}

const values = (results: readonly TrialResult[], pick: (result: TrialResult) => number): number[] => results.map(pick);
const bySeed = (results: readonly TrialResult[]): Map<number, number> =>
  new Map(results.map(({ seed, top1 }) => [seed, top1]));

/** What the result files of a study say, row by row; trials that are missing or failed are named. */
export function summarise({ variants }: StudyPlan, study: string): VariantFigures[] {
  const rows = variants.map(({ trials, ...variant }) => {
    const known = trials.map((trial) => ({ trial, result: readResult(study, trial.id) }));
    return {
      variant,
      done: known.flatMap(({ result }) => (result?.status === 'done' ? [result] : [])),
      failed: known.flatMap(({ result }) => (result?.status === 'failed' ? [result] : [])),
      pending: known.flatMap(({ trial, result }) => (result === undefined ? [trial.seed] : [])),
    };
  });
  return rows.map(({ variant, done, failed, pending }): VariantFigures => {
    const change =
      variant.against === undefined ? undefined : difference(bySeed(rows[variant.against]!.done), bySeed(done));
    return {
      ...variant,
      done,
      failed,
      pending,
      top1: estimate(values(done, ({ top1 }) => top1)),
      trainTop1: estimate(values(done, ({ trainTop1 }) => trainTop1)),
      loss: estimate(values(done, ({ loss }) => loss)),
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

const COLUMNS = [
  'row',
  'name',
  'seed',
  'status',
  'top1',
  'weights',
  'top1Raw',
  'top1Ema',
  'loss',
  'testPictures',
  'trainTop1',
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
export function studyCsv(figures: readonly VariantFigures[]): string {
  const lines = figures.flatMap((row, i) => [
    ...row.done.map((result) => ({ ...result, row: i, name: row.name })),
    ...row.failed.map((result) => ({ ...result, row: i, name: row.name })),
    ...row.pending.map((seed) => ({ row: i, name: row.name, seed, status: 'pending' })),
  ]);
  return (
    [
      COLUMNS.join(','),
      ...lines.map((line) => COLUMNS.map((column) => cell((line as Record<string, unknown>)[column])).join(',')),
    ].join('\n') + '\n'
  );
}

const cell = (value: unknown): string =>
  value === undefined
    ? ''
    : /[",\n\r]/.test(String(value))
      ? `"${String(value).replaceAll('"', '""')}"`
      : String(value);
