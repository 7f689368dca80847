import type { Metric } from '../../metric.js';

/** Which way is better. */
export type Better = Pick<Metric, 'direction'>;
/** Of differences where more is `better` by the sign alone, such as a gap. */
export const HIGHER: Better = { direction: 'higher' };

/** A mean with its 95 % interval. From one value nothing can be said of the spread, so that the interval is absent. */
export interface Estimate {
  mean: number;
  /** Values, or pairs, that it comes from. */
  n: number;
  low?: number;
  high?: number;
}

/**
 * Fewer seeds are not judged: two leave one degree of freedom, whose interval is 12.7 standard errors wide to each side,
 * and nothing to see by whether both were lucky.
 */
export const LEAST_SEEDS = 3;

/** How two sets of results differ: `paired` when they share their seeds, so that the luck of a seed cancels out. */
export interface Difference extends Estimate {
  paired: boolean;
  verdict: Verdict;
  /** Degrees of freedom of the noise of a whole regime, where the interval is made of that (noise.ts). */
  pooledDf?: number;
}
/**
 * `better` and `worse`: all of the interval lies on that side of 0, by the direction of the metric; `unknown`: fewer
 * than `LEAST_SEEDS` values; `none`: the very same results; `noise`: the interval covers 0.
 */
export type Verdict = 'better' | 'worse' | 'noise' | 'none' | 'unknown';

/**
 * P(T <= t) of Student's distribution with `df` degrees of freedom, a whole number. With a = atan(t/sqrt(df)), c =
 * cos(a), s = sin(a): for even df  1/2 + s/2 * (1 + c^2/2 + 1*3/(2*4) c^4 + ... up to c^(df-2)), for odd df   1/2 + (a
 * + s*c * (1 + 2/3 c^2 + 2*4/(3*5) c^4 + ... up to c^(df-3))) / pi  (Abramowitz and Stegun 26.7.3 and 26.7.4).
 */
export function studentCdf(t: number, df: number): number {
  const angle = Math.atan2(t, Math.sqrt(df));
  const sin = Math.sin(angle);
  const square = Math.cos(angle) ** 2;
  const odd = df % 2 === 1;
  let term = 1;
  let sum = 0;
  for (let k = odd ? 2 : 1; k < df; k += 2) {
    sum += term;
    term *= (k / (k + 1)) * square;
  }
  return odd ? 0.5 + (angle + sin * Math.cos(angle) * sum) / Math.PI : 0.5 + (sin / 2) * sum;
}

/** The t with P(-t <= T <= t) = `level`, by bisection. */
export function studentQuantile(df: number, level = 0.95): number {
  if (!(Number.isInteger(df) && df >= 1))
    throw new RangeError(`Expected at least one whole degree of freedom but received ${df}.`);
  const wanted = (1 + level) / 2;
  let low = 0;
  let high = 1;
  while (studentCdf(high, df) < wanted) high *= 2;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (studentCdf(middle, df) < wanted) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** The middle value, the upper one of two; undefined without values. */
export const median = (values: readonly number[]): number | undefined =>
  [...values].sort((a, b) => a - b)[values.length >> 1];

const average = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Sample variance, with n - 1. */
function variance(values: readonly number[]): number {
  const mean = average(values);
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
}

/** Mean and its 95 % interval, mean +- t * s / sqrt(n); undefined without values. */
export function estimate(values: readonly number[]): Estimate | undefined {
  const n = values.length;
  if (n === 0) return undefined;
  const mean = average(values);
  if (n === 1) return { mean, n };
  const half = studentQuantile(n - 1) * Math.sqrt(variance(values) / n);
  return { mean, n, low: mean - half, high: mean + half };
}

/**
 * `after - before`, by seed. Where at least two seeds are in both, the interval is that of the differences seed by
 * seed; where none is in both, Welch's (degrees of freedom rounded down). Seeds that only one side has play no part in
 * the paired one.
 * @param metric what the verdict goes by; the difference itself is in the metric's unit, with its sign
 * @returns undefined when a side has no value
 */
export function difference(
  before: ReadonlyMap<number, number>,
  after: ReadonlyMap<number, number>,
  metric: Better,
): Difference | undefined {
  if (before.size === 0 || after.size === 0) return undefined;
  const pairs = [...after].filter(([seed]) => before.has(seed)).map(([seed, value]) => value - before.get(seed)!);
  if (pairs.length > 0)
    return judged(
      { ...estimate(pairs)!, paired: true },
      pairs.every((value) => value === 0),
      metric,
    );
  const [a, b] = [[...before.values()], [...after.values()]];
  const mean = average(b) - average(a);
  if (a.length < 2 || b.length < 2)
    return judged({ mean, n: Math.min(a.length, b.length), paired: false }, false, metric);
  const [va, vb] = [variance(a) / a.length, variance(b) / b.length];
  const spread = va + vb;
  const df =
    spread === 0 ? a.length + b.length - 2 : spread ** 2 / (va ** 2 / (a.length - 1) + vb ** 2 / (b.length - 1));
  const half = studentQuantile(Math.max(1, Math.floor(df + 1e-9))) * Math.sqrt(spread);
  return judged(
    { mean, n: Math.min(a.length, b.length), paired: false, low: mean - half, high: mean + half },
    false,
    metric,
  );
}

/** With its verdict. @param same the very same results */
export function judged(found: Estimate & { paired: boolean }, same: boolean, { direction }: Better): Difference {
  const { low, high, n } = found;
  const verdict = same
    ? 'none'
    : n < LEAST_SEEDS || low === undefined || high === undefined
      ? 'unknown'
      : low > 0 || high < 0
        ? low > 0 === (direction === 'higher')
          ? 'better'
          : 'worse'
        : 'noise';
  return { ...found, verdict };
}
