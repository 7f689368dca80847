import { numberOption, wholeOption } from '../checks.js';
import { UsageError } from '../errors.js';
import { BINS, classCount, type LabelCounts } from './counts.js';

/** How pseudo-labels are selected. */
export type SelectRule =
  /** That of Noisy Student (google-research/noisystudent, filter_unlabel.py). */
  | {
      name: 'balance';
      /** Least probability, a multiple of 0.01; 0.3 by default, as in its scripts. */
      floor?: number | undefined;
      /** N, pictures of a class; as many as a class has on average at or above the floor by default. */
      perClass?: number | undefined;
      /**
       * `balanced`: N / n copies of each of n pictures, thinned and repeated. `thinned`: at most one (its upsample=0).
       * `one`: one of each (its use_all).
       */
      copies?: 'balanced' | 'thinned' | 'one' | undefined;
      /** So often at most each picture, which the reference does not bound. */
      mostCopies?: number | undefined;
    }
  /** Every picture of at least this probability, once. */
  | { name: 'threshold'; threshold: number }
  /** Of each class the most probable share, once. */
  | { name: 'share'; share: number };

/** The least probability of `balance` by default. */
export const FLOOR = 0.3;

/** @throws UsageError for what is out of range */
export function checkRule(rule: SelectRule): void {
  if (rule.name === 'threshold') return numberOption('--threshold', rule.threshold, 0, 1);
  if (rule.name === 'share') {
    if (!(rule.share > 0 && rule.share <= 1))
      throw new UsageError(`Expected a share above 0 and at most 1 for --share but received ${rule.share}.`);
    return;
  }
  const { floor = FLOOR, perClass, mostCopies, copies = 'balanced' } = rule;
  if (!(floor >= 0 && floor < 1 && Math.abs(floor * BINS - Math.round(floor * BINS)) < 1e-9))
    throw new UsageError(`Expected a multiple of 0.01 from 0 to 0.99 for --floor but received ${floor}.`);
  wholeOption('--per-class', perClass, 1, 1e9);
  wholeOption('--most-copies', mostCopies, 1, 1e6);
  if (!['balanced', 'thinned', 'one'].includes(copies))
    throw new UsageError(`Expected balanced, thinned or one for --copies but received "${copies}".`);
}

/** What `balance` does with a class. */
export interface ClassRule {
  /** The first bin that is kept; its lower end is the threshold. */
  bin: number;
  /** n: pictures in it and above. */
  above: number;
  /** c: how many copies of each of them are expected. */
  copies: number;
}

/**
 * Bins of a class from the highest down, until they hold N pictures or the floor is reached; then c = N / n copies of each
 * of their n pictures.
 * @param counts pictures of a class in each bin
 */
export function balanceClass(
  counts: ArrayLike<number>,
  perClass: number,
  floorBin: number,
  { copies = 'balanced', mostCopies = Infinity }: { copies?: string | undefined; mostCopies?: number | undefined } = {},
): ClassRule {
  let above = 0;
  let bin = BINS;
  while (bin > floorBin && above < perClass) above += counts[--bin]!;
  if (above === 0) return { bin: BINS, above, copies: 0 };
  const balanced = perClass / above;
  return { bin, above, copies: copies === 'one' ? 1 : Math.min(balanced, copies === 'thinned' ? 1 : mostCopies) };
}

/** N by default: as many as a class with any has on average at or above the floor. */
export function defaultPerClass(counts: LabelCounts, classes: number, floorBin: number): number {
  let [total, some] = [0, 0];
  for (let label = 0; label < classes; label++) {
    const above = classCount(counts, label, floorBin);
    total += above;
    if (above > 0) some++;
  }
  return Math.max(1, Math.round(total / Math.max(1, some)));
}

/** How many copies of a picture: the whole part of c, and one more where its coin falls below the rest. */
export function copiesOf(expected: number, coin: () => number): number {
  const whole = Math.floor(expected);
  const rest = expected - whole;
  return whole + (rest > 0 && coin() < rest ? 1 : 0);
}
