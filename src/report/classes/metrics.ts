import { RescaledError } from '../../errors.js';
import { type Interval, wilson } from '../statistics.js';

/** Counts of a classifier's answers: `counts[true][predicted]`, square, in the order of `classes`. */
export interface Confusion {
  classes: readonly string[];
  counts: readonly (readonly number[])[];
}

/** Throws RescaledError unless the counts are a square of whole numbers that fits the classes. */
export function checkConfusion({ classes, counts }: Confusion): void {
  const size = classes.length;
  if (counts.length !== size || counts.some((row) => row.length !== size)) {
    const widths = [...new Set(counts.map((row) => row.length))].join(', ') || '0';
    throw new RescaledError(
      `expected a ${size} x ${size} confusion matrix for ${size} classes but received ${counts.length} rows of ${widths} counts`,
    );
  }
  for (const row of counts) {
    for (const value of row) {
      if (!Number.isSafeInteger(value) || value < 0)
        throw new RescaledError(`expected whole, non-negative confusion counts but received ${value}`);
    }
  }
}

/** What one class got. A ratio whose denominator is zero (never predicted, never seen) is undefined, not 0. */
export interface ClassMetrics {
  name: string;
  /** Pictures that truly are of this class. */
  support: number;
  /** Pictures that were given this class. */
  predicted: number;
  correct: number;
  /** correct / predicted */
  precision?: number;
  /** correct / support: the class's own accuracy. */
  recall?: number;
  /** 95 % Wilson interval of the recall. */
  recallInterval?: Interval;
  /** 2 correct / (support + predicted), the harmonic mean of precision and recall. */
  f1?: number;
}

/** Precision, recall and F1 of every class, in the order of the classes. */
export function classMetrics(confusion: Confusion): ClassMetrics[] {
  checkConfusion(confusion);
  const { classes, counts } = confusion;
  const predicted = new Array<number>(classes.length).fill(0);
  for (const row of counts) row.forEach((value, i) => (predicted[i] = predicted[i]! + value));
  return classes.map((name, i) => {
    const row = counts[i]!;
    const support = row.reduce((sum, value) => sum + value, 0);
    const correct = row[i]!;
    const seen = predicted[i]!;
    return {
      name,
      support,
      predicted: seen,
      correct,
      ...(seen > 0 && { precision: correct / seen }),
      ...(support > 0 && { recall: correct / support, recallInterval: wilson(correct, support)! }),
      ...(support + seen > 0 && { f1: (2 * correct) / (support + seen) }),
    };
  });
}

/** Figures of the whole matrix. */
export interface Overall {
  total: number;
  correct: number;
  accuracy?: number;
  /** Mean recall of the classes that occur: the accuracy if every class had as many pictures as the next. */
  balanced?: number;
  /** Mean F1 of the classes that occur. */
  macroF1?: number;
}

/** Totals and class means; undefined where no picture was counted. */
export function overall(metrics: readonly ClassMetrics[]): Overall {
  const total = metrics.reduce((sum, m) => sum + m.support, 0);
  const correct = metrics.reduce((sum, m) => sum + m.correct, 0);
  if (total === 0) return { total, correct };
  const present = metrics.filter((m) => m.support > 0);
  const mean = (pick: (m: ClassMetrics) => number | undefined): number =>
    present.reduce((sum, m) => sum + (pick(m) ?? 0), 0) / present.length;
  return { total, correct, accuracy: correct / total, balanced: mean((m) => m.recall), macroF1: mean((m) => m.f1) };
}

/** Pictures of class `label` that were taken for class `predicted`. */
export interface Confused {
  label: string;
  predicted: string;
  count: number;
  /** count / pictures of class `label` */
  shareOfClass: number;
  /** count / all mistakes */
  shareOfMistakes: number;
}

/** The off-diagonal counts above zero, most frequent first (ties: the larger share of its class, then class order). */
export function confusedPairs(confusion: Confusion, limit = Number.POSITIVE_INFINITY): Confused[] {
  checkConfusion(confusion);
  const { classes, counts } = confusion;
  const pairs: Confused[] = [];
  let mistakes = 0;
  counts.forEach((row, t) => {
    const support = row.reduce((sum, value) => sum + value, 0);
    row.forEach((value, p) => {
      if (t === p || value === 0) return;
      mistakes += value;
      pairs.push({
        label: classes[t]!,
        predicted: classes[p]!,
        count: value,
        shareOfClass: value / support,
        shareOfMistakes: 0,
      });
    });
  });
  for (const pair of pairs) pair.shareOfMistakes = pair.count / mistakes;
  pairs.sort((a, b) => b.count - a.count || b.shareOfClass - a.shareOfClass);
  return pairs.slice(0, limit);
}
