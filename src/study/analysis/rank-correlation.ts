import { comparableCost, configurationOf } from './dimensions.js';
import type { Cost, StudyPoint } from './points.js';

/** A rank correlation with its 95 % interval. */
export interface RankEstimate {
  value: number;
  low?: number;
  high?: number;
}

/**
 * How well one cost stands for another one. Configurations that two regimes share count once, and time of training is
 * compared by the picture.
 */
export interface RankCorrelation {
  a: Cost;
  b: Cost;
  outcome: 'compared' | 'too few points' | 'all equal';
  /** Configurations with both costs. */
  n: number;
  /** Tau-b of Kendall. */
  tau?: RankEstimate;
  /** Rho of Spearman. */
  rho?: RankEstimate;
  /** Pairs that the two costs put in opposite order, the clearest first; a configuration stands in one pair at most. */
  inversions: Inversion[];
  /** Names of configurations where a cost is not known. */
  unknown: string[];
}

/** `more` has `aRatio` times the cost a of `less`, yet `less` has `bRatio` times its cost b. */
export interface Inversion {
  more: string;
  less: string;
  aRatio: number;
  bRatio: number;
}

/** Both ratios of an inversion that is worth naming: smaller ones may be the noise of a clock. */
const CLEAR = 1.1;

/**
 * Agreement of FLOPs with measured time, say: paper section 6, statement 5, "FLOPs are a poor predictor of latency".
 */
export function rankCosts(points: readonly StudyPoint[], a: Cost, b: Cost, most = 5): RankCorrelation {
  const configurations = new Map<string, { name: string; a: number; b: number }>();
  const unknown = new Map<string, string>();
  for (const point of points) {
    const key = configurationOf(point);
    const [costA, costB] = [comparableCost(point, a), comparableCost(point, b)];
    if (costA === undefined || costB === undefined) unknown.set(key, unknown.get(key) ?? point.name);
    else if (!configurations.has(key)) configurations.set(key, { name: point.name, a: costA, b: costB });
  }
  const known = [...configurations.values()];
  const common = {
    a,
    b,
    n: known.length,
    unknown: [...unknown].filter(([key]) => !configurations.has(key)).map(([, name]) => name),
  };
  if (known.length < 3) return { ...common, outcome: 'too few points', inversions: inversions(known, most) };
  const [x, y] = [known.map((one) => one.a), known.map((one) => one.b)];
  const [tau, rho] = [kendallTauB(x, y), spearmanRho(x, y)];
  if (tau === undefined || rho === undefined) return { ...common, outcome: 'all equal', inversions: [] };
  return {
    ...common,
    outcome: 'compared',
    tau: withInterval(tau, 0.437 / (x.length - 4)),
    rho: withInterval(rho, (1 + rho ** 2 / 2) / (x.length - 3)),
    inversions: inversions(known, most),
  };
}

/**
 * Fisher's z of a rank correlation is nearly normal: tanh(atanh(r) +- 1.96 sqrt(variance)) with the variance 0.437/(n -
 * 4) for tau (Fieller, Hartley and Pearson 1957) and (1 + rho^2/2)/(n - 3) for rho (Bonett and Wright 2000). Drawn from
 * normal pairs the interval covers the truth 92 to 98 times of 100 up to |tau| = 0.8, and 83 to 95 times at 0.9. It
 * speaks of configurations drawn like these. None from fewer than 5 points, or where the order is the very same.
 */
function withInterval(value: number, variance: number): RankEstimate {
  if (!(variance > 0 && Number.isFinite(variance)) || Math.abs(value) >= 1) return { value };
  const [z, half] = [Math.atanh(value), 1.959964 * Math.sqrt(variance)];
  return { value, low: Math.tanh(z - half), high: Math.tanh(z + half) };
}

/**
 * (concordant - discordant) / sqrt((pairs - pairs tied in x) (pairs - pairs tied in y)). Discordant pairs are counted
 * while sorting (Knight 1966), in n log n steps.
 * @returns undefined where all x or all y are equal
 */
export function kendallTauB(x: readonly number[], y: readonly number[]): number | undefined {
  const order = x.map((_, i) => i).sort((i, j) => x[i]! - x[j]! || y[i]! - y[j]!);
  const sortedX = order.map((i) => x[i]!);
  const sortedY = order.map((i) => y[i]!);
  const pairs = (x.length * (x.length - 1)) / 2;
  const tiedX = tiedPairs(x.length, (i) => sortedX[i] === sortedX[i - 1]);
  const tiedBoth = tiedPairs(x.length, (i) => sortedX[i] === sortedX[i - 1] && sortedY[i] === sortedY[i - 1]);
  const discordant = countInversions(sortedY);
  const tiedY = tiedPairs(x.length, (i) => sortedY[i] === sortedY[i - 1]);
  const difference = pairs - tiedX - tiedY + tiedBoth - 2 * discordant;
  // The root of a square is exact: the very same order gives 1 and not a little less.
  const scale = Math.sqrt((pairs - tiedX) * (pairs - tiedY));
  return scale > 0 ? Math.max(-1, Math.min(1, difference / scale)) : undefined;
}

/** Pairs within runs of equals. */
function tiedPairs(n: number, sameAsBefore: (i: number) => boolean): number {
  let pairs = 0;
  for (let i = 1, run = 0; i < n; i++) {
    run = sameAsBefore(i) ? run + 1 : 0;
    pairs += run;
  }
  return pairs;
}

/** Pairs i < j with values[i] > values[j]; sorts the values. */
function countInversions(values: number[]): number {
  let count = 0;
  for (let width = 1; width < values.length; width *= 2) {
    const from = [...values];
    for (let start = 0; start < values.length; start += 2 * width) {
      const [middle, end] = [Math.min(start + width, values.length), Math.min(start + 2 * width, values.length)];
      for (let i = start, j = middle, to = start; to < end; to++) {
        if (i < middle && (j >= end || from[i]! <= from[j]!)) values[to] = from[i++]!;
        else {
          values[to] = from[j++]!;
          count += middle - i;
        }
      }
    }
  }
  return count;
}

/**
 * Pearson's correlation of the ranks; equals share the mean of theirs.
 * @returns undefined where all x or all y are equal
 */
export function spearmanRho(x: readonly number[], y: readonly number[]): number | undefined {
  const [a, b] = [ranks(x), ranks(y)];
  const centre = (x.length + 1) / 2;
  let [xx, yy, xy] = [0, 0, 0];
  for (let i = 0; i < x.length; i++) {
    xx += (a[i]! - centre) ** 2;
    yy += (b[i]! - centre) ** 2;
    xy += (a[i]! - centre) * (b[i]! - centre);
  }
  return xx > 0 && yy > 0 ? Math.max(-1, Math.min(1, xy / Math.sqrt(xx * yy))) : undefined;
}

function ranks(values: readonly number[]): number[] {
  const order = values.map((_, i) => i).sort((i, j) => values[i]! - values[j]!);
  const found = new Array<number>(values.length);
  for (let start = 0, end = 0; start < order.length; start = end) {
    while (end < order.length && values[order[end]!] === values[order[start]!]) end++;
    for (let i = start; i < end; i++) found[order[i]!] = (start + end + 1) / 2;
  }
  return found;
}

/** The pair with the largest product of both ratios, then the next one among the configurations that are left. */
function inversions(known: readonly { name: string; a: number; b: number }[], most: number): Inversion[] {
  // log(a) - log(b): an inversion is large where it falls much from `more` to `less`.
  let left = known
    .map((one) => ({ ...one, fall: Math.log(one.a) - Math.log(one.b) }))
    .sort((one, other) => other.fall - one.fall);
  const found: Inversion[] = [];
  while (found.length < most) {
    let best: { more: (typeof left)[number]; less: (typeof left)[number] } | undefined;
    for (const more of left) {
      const least: number = best === undefined ? 0 : best.more.fall - best.less.fall;
      // Sorted: what follows falls less.
      if (more.fall - left.at(-1)!.fall <= least) break;
      for (let i = left.length - 1; i >= 0 && more.fall - left[i]!.fall > least; i--) {
        const less = left[i]!;
        if (more.a < less.a * CLEAR || less.b < more.b * CLEAR) continue;
        best = { more, less };
        break;
      }
    }
    if (best === undefined) return found;
    const { more, less } = best;
    found.push({ more: more.name, less: less.name, aRatio: more.a / less.a, bRatio: less.b / more.b });
    left = left.filter((one) => one !== more && one !== less);
  }
  return found;
}
