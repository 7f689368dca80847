import { classMetrics, confusedPairs } from '../../report/classes/metrics.js';
import { type Interval, wilson } from '../../report/statistics.js';
import type { Evaluation } from '../../train/task.js';
import type { ClassDetails } from './evaluator.js';
import { type ClassSettings, classNames, namesOf } from './settings.js';

/** So many pairs are told: the matrix has the rest. */
const PAIRS = 30;

/** A class as programs are told of it. Shares are fractions; those of nothing (no picture, never predicted) are absent. */
export interface ToldClass {
  name: string;
  /** Pictures that are of it, and how many of them were given it. */
  pictures: number;
  correct: number;
  /** correct / pictures, with its 95 % Wilson interval. */
  top1?: number;
  interval?: Interval;
  /** correct / pictures that were given this class */
  precision?: number;
}

/**
 * The classes with their figures, in the order of the outputs, and the most confused pairs, most frequent first; with `all` the whole matrix
 * too: `confusion[true][predicted]`, and `classes`, the names of its rows.
 */
export function classTold(
  { scores, details: { confusion } }: Evaluation<ClassDetails>,
  settings: ClassSettings,
  much: 'all' | 'summary' = 'all',
): Readonly<Record<string, unknown>> {
  const counted = { classes: classNames(settings), counts: confusion };
  const perClass = classMetrics(counted).map(
    ({ name, support, correct, recall, recallInterval, precision }): ToldClass => ({
      name,
      pictures: support,
      correct,
      ...(recall === undefined ? {} : { top1: recall, interval: recallInterval! }),
      ...(precision === undefined ? {} : { precision }),
    }),
  );
  const interval = wilson(Math.round(scores['top1']! * scores.images), scores.images);
  return {
    ...(interval === undefined ? {} : { interval }),
    perClass,
    mostConfused: confusedPairs(counted, PAIRS).map(({ label, predicted, count, shareOfClass }) => ({
      label,
      predicted,
      pictures: count,
      shareOfClass,
    })),
    ...(much === 'all' ? { confusion } : {}),
    classes: namesOf(settings),
  };
}
