/** A mean with its 95 % interval, which one value alone does not have. */
export interface Estimate {
  mean: number;
  n: number;
  low?: number;
  high?: number;
}

/** Fewer seeds are not judged, and no family is made of them. */
export const LEAST_SEEDS = 3;

export interface Change extends Estimate {
  /** Of the same seeds on both sides. */
  paired: boolean;
  /**
   * By the metric's direction. `noise`: the interval covers 0. `none`: the very same results. `unknown`: too few seeds.
   */
  verdict: 'better' | 'worse' | 'noise' | 'none' | 'unknown';
}

/** The standard normal quantile of a two-sided 95 % interval. */
const z95 = 1.959963984540054;

/** An interval of fractions, 0 <= low <= high <= 1. */
export interface Interval {
  low: number;
  high: number;
}

/**
 * The Wilson score interval of a proportion (Wilson 1927; Newcombe 1998, method 3), which stays within 0..1 and holds
 * its coverage near 0 and 1, where the usual p ± z sqrt(p(1-p)/n) does not: (p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) /
 * (1 + z²/n). Undefined where nothing was counted.
 */
export function wilson(successes: number, n: number, z = z95): Interval | undefined {
  if (!(n > 0) || !(successes >= 0) || !(successes <= n)) return undefined;
  const p = successes / n;
  const centre = p + (z * z) / (2 * n);
  const half = z * Math.sqrt((p * (1 - p)) / n + (z * z) / (4 * n * n));
  const scale = 1 + (z * z) / n;
  // Both ends are exact at 0 and n; rounding would leave them a hair off.
  return { low: successes === 0 ? 0 : (centre - half) / scale, high: successes === n ? 1 : (centre + half) / scale };
}
