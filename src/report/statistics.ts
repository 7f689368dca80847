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

/** A change of a proportion, with its 95 % interval. */
export interface PairedChange extends Interval {
  /** after - before */
  change: number;
}

/**
 * The change of a proportion on the same n pictures, of which `lost` were right before alone and `won` after alone. Its interval is Wald's
 * after a picture more of each of these two kinds, which keeps its coverage where there are few (Bonett and Price 2012):
 *
 *     p_w = (won + 1) / (n + 2),  p_l = (lost + 1) / (n + 2),  p_w - p_l +- z sqrt((p_w + p_l - (p_w - p_l)^2) / (n + 2))
 */
export function pairedChange({ won, lost }: { won: number; lost: number }, n: number, z = z95): PairedChange {
  const [gain, loss] = [(won + 1) / (n + 2), (lost + 1) / (n + 2)];
  const centre = gain - loss;
  const half = z * Math.sqrt((gain + loss - centre * centre) / (n + 2));
  return { change: (won - lost) / n, low: Math.max(-1, centre - half), high: Math.min(1, centre + half) };
}
