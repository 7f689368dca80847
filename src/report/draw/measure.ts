import { capital, type Metric } from '../../metric.js';
import type { Estimate } from '../statistics.js';
import { decimals, missing, percent, points, significant } from './format.js';

/** How the values of a metric, and differences of them, are written in a page. */
export interface Measure {
  /** In a sentence: `top-1`, and at its begin: `Top-1`. */
  title: string;
  head: string;
  /** `accuracy` of what is one, `score` of others; with its article, and of many. */
  noun: string;
  aNoun: string;
  nouns: string;
  /** Stands behind a head over bare values: `, %`, `, m`; over bare differences: `, points`, `, m`. */
  inUnit: string;
  inChange: string;
  /** What a value is times when it stands bare: 100 for a share. */
  scale: number;
  /** `90.49 %`. @param digits after the point of a percentage */
  value(value: number | undefined, digits?: number): string;
  /** `+0.63` of `+0.63 points`, for a difference. */
  bare(difference: number | undefined): string;
  /** `+0.63 points`. */
  change(difference: number): string;
  /** `0.63 points`, of a distance. */
  distance(difference: number): string;
  /** A value on an axis, without its unit. */
  tick(value: number): string;
  /**
   * `91.23 ± 0.41`, without the unit: Student's intervals are even on both sides; `97.10 (90.30 to 100.00)` where one
   * ends at 0 or 100 %.
   * @param digits of a percentage
   */
  plusMinus(of: Estimate | undefined, digits?: number): string;
}

const NBSP = '\u00a0';

export function measureOf({ title, unit, noun }: Metric): Measure {
  const accuracy = noun === 'accuracy';
  const names = {
    title,
    head: capital(title),
    noun: accuracy ? 'accuracy' : 'score',
    aNoun: accuracy ? 'an accuracy' : 'a score',
    nouns: accuracy ? 'accuracies' : 'scores',
  };
  return { ...names, ...(unit === 'share' ? SHARE : inUnitsOf(unit)) };
}

type Writing = Omit<Measure, 'title' | 'head' | 'noun' | 'aNoun' | 'nouns'>;
const withoutPlus = (text: string): string => text.replace('+', '');

const SHARE: Writing = {
  inUnit: ', %',
  inChange: ', points',
  scale: 100,
  value: percent,
  bare: (difference) => (difference === undefined ? missing : points(difference).replace(' points', '')),
  change: points,
  distance: (difference) => withoutPlus(points(difference)),
  tick: (value) => String(Number((100 * value).toPrecision(4))),
  plusMinus: (of, digits = 2) => plusMinus(of, 100, (value) => decimals(value, digits)),
};

function inUnitsOf(unit: string): Writing {
  const behind = unit === '' ? '' : `, ${unit}`;
  const withUnit = (text: string): string => (unit === '' || text === missing ? text : `${text}${NBSP}${unit}`);
  const bare = (difference: number | undefined): string => {
    const text = significant(difference === undefined ? undefined : Math.abs(difference), 3);
    return text === missing || difference === 0 ? text : `${difference! < 0 ? '−' : '+'}${text}`;
  };
  const number = (value: number | undefined): string => significant(value).replace('-', '−');
  return {
    inUnit: behind,
    inChange: behind,
    scale: 1,
    value: (value) => withUnit(number(value)),
    bare,
    change: (difference) => withUnit(bare(difference)),
    distance: (difference) => withUnit(withoutPlus(bare(difference))),
    tick: (value) => String(Number(value.toPrecision(4))),
    plusMinus: (of) => plusMinus(of, 1, number, (half) => significant(half, 2)),
  };
}

function plusMinus(
  of: Estimate | undefined,
  scale: number,
  write: (value: number) => string,
  writeHalf = write,
): string {
  if (of === undefined) return missing;
  const mean = write(scale * of.mean);
  if (of.low === undefined || of.high === undefined || !Number.isFinite(of.mean)) return mean;
  // Where the interval ends at 0 or 100 % it is not even on both sides.
  const cut = scale === 100 && (of.low <= 0 || of.high >= 1) && Math.abs(of.high + of.low - 2 * of.mean) > 1e-9;
  if (cut) return `${mean} (${write(scale * of.low)} to ${write(scale * of.high)})`;
  return `${mean}${NBSP}±${NBSP}${writeHalf((scale / 2) * (of.high - of.low))}`;
}
