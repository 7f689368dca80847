import type { StudyPoint } from './points.js';
import {
  type Better,
  type Difference,
  difference,
  type Estimate,
  estimate,
  judged,
  studentQuantile,
} from './statistics.js';

/** What one trial is off by, beyond its configuration and its seed. */
export interface Noise {
  /** Of a single trial: sigma^2. */
  variance: number;
  /** Degrees of freedom: (configurations - 1)(seeds - 1). */
  df: number;
}

/** Least degrees of freedom that tell more than the seeds alone. */
const LEAST_DF = 8;

/**
 * The noise of a regime's trials, from all its configurations together: value = configuration + seed + noise, so that
 * the residual of configuration i and seed j is v_ij - mean_i - mean_j + mean, and sigma^2 their sum of squares over (n
 * - 1)(S - 1) (two-way layout with one observation a cell). Two or three seeds of one difference say little of its
 * spread; those of twenty configurations say much. It takes the noise of all configurations for equal, and a seed's
 * luck (the pictures it draws) for the same in all.
 * @param values by seed, of each configuration; those that lack one of `seeds` take no part
 * @returns undefined below 8 degrees of freedom
 */
export function noiseOf(values: readonly ReadonlyMap<number, number>[], seeds: readonly number[]): Noise | undefined {
  const layout = twoWay(values, seeds);
  return layout === undefined ? undefined : { variance: layout.ofNoise, df: layout.df };
}

/** Mean squares of the two-way layout: of the noise, and MS_seed / n. */
function twoWay(
  values: readonly ReadonlyMap<number, number>[],
  seeds: readonly number[],
): { n: number; df: number; ofNoise: number; ofSeeds: number } | undefined {
  const rows = values
    .filter((row) => seeds.every((seed) => row.has(seed)))
    .map((row) => seeds.map((seed) => row.get(seed)!));
  const df = (rows.length - 1) * (seeds.length - 1);
  if (df < LEAST_DF) return undefined;
  const mean = (some: readonly number[]): number => some.reduce((sum, value) => sum + value, 0) / some.length;
  const ofRow = rows.map(mean);
  const ofSeed = seeds.map((_, j) => mean(rows.map((row) => row[j]!)));
  const all = mean(ofRow);
  const squares = rows.reduce(
    (sum, row, i) => sum + row.reduce((part, value, j) => part + (value - ofRow[i]! - ofSeed[j]! + all) ** 2, 0),
    0,
  );
  return {
    n: rows.length,
    df,
    ofNoise: squares / df,
    ofSeeds: ofSeed.reduce((sum, value) => sum + (value - all) ** 2, 0) / (seeds.length - 1),
  };
}

/**
 * The spread of a new seed of any configuration: noise and the seed's luck together. With the mean squares of the
 * two-way layout, MS_noise and MS_seed, it is V = ((n - 1) MS_noise + MS_seed) / n, and its degrees of freedom, rounded
 * down, by Satterthwaite V^2 / (((n - 1)/n MS_noise)^2 / ((n - 1)(S - 1)) + (MS_seed/n)^2 / (S - 1)): few where the
 * seeds' luck is most of it.
 * @returns undefined below 8 degrees of freedom of the noise
 */
export function newSeedNoise(
  values: readonly ReadonlyMap<number, number>[],
  seeds: readonly number[],
): Noise | undefined {
  const layout = twoWay(values, seeds);
  if (layout === undefined) return undefined;
  const { n, df: ownDf, ofSeeds } = layout;
  const ofNoise = ((n - 1) / n) * layout.ofNoise;
  const variance = ofNoise + ofSeeds;
  const df = variance === 0 ? ownDf : variance ** 2 / (ofNoise ** 2 / ownDf + ofSeeds ** 2 / (seeds.length - 1));
  return { variance, df: Math.max(1, Math.floor(df + 1e-9)) };
}

/**
 * By the point's name: a sum of means that is compared with 0. The weights add up to 0, so that the seeds' own luck
 * falls out.
 */
export type Weights = ReadonlyMap<string, number>;

/** Weights of `first` less those of `second`. */
export function lessWeights(first: Weights, second: Weights): Weights {
  const found = new Map(first);
  for (const [name, weight] of second) found.set(name, (found.get(name) ?? 0) - weight);
  return found;
}

/** mean +- t(df) sigma sqrt(sum of w^2 / seeds): the interval of a weighted sum of configurations' means. */
export function pooledDifference(
  mean: number,
  weights: Weights,
  { variance, df }: Noise,
  seeds: number,
  metric: Better,
): Difference {
  const squares = [...weights.values()].reduce((sum, weight) => sum + weight ** 2, 0);
  const half = studentQuantile(df) * Math.sqrt((variance * squares) / seeds);
  return {
    ...judged({ mean, n: seeds, low: mean - half, high: mean + half, paired: true }, mean === 0 && half === 0, metric),
    pooledDf: df,
  };
}

/** The points' names are their identity in `Weights`. */
export const addWeight = (weights: Map<string, number>, { name }: Pick<StudyPoint, 'name'>, weight: number): void =>
  void weights.set(name, (weights.get(name) ?? 0) + weight);

/** The noise of points of one regime, over the seeds that all of them with results have. */
export function regimeNoise(
  points: readonly StudyPoint[],
  valuesOf: (point: StudyPoint) => ReadonlyMap<number, number>,
): (Noise & { seeds: readonly number[] }) | undefined {
  const values = points.map(valuesOf).filter(({ size }) => size > 0);
  const seeds = [...(values[0]?.keys() ?? [])].filter((seed) => values.every((row) => row.has(seed)));
  const noise = noiseOf(values, seeds);
  return noise === undefined ? undefined : { ...noise, seeds };
}

/**
 * `after - before` of two configurations of a regime, +- t(df) sigma sqrt(2 / seeds) with the noise of the whole
 * regime; where that is not known, or they have other seeds, the interval is that of their own differences.
 */
export function changeOf(
  before: ReadonlyMap<number, number>,
  after: ReadonlyMap<number, number>,
  metric: Better,
  noise?: Noise & { seeds: readonly number[] },
): Difference | undefined {
  const own = difference(before, after, metric);
  const same = (values: ReadonlyMap<number, number>): boolean =>
    noise !== undefined && values.size === noise.seeds.length && noise.seeds.every((seed) => values.has(seed));
  if (own === undefined || noise === undefined || own.verdict === 'none' || !same(before) || !same(after)) return own;
  return pooledDifference(
    own.mean,
    new Map([
      ['after', 1],
      ['before', -1],
    ]),
    noise,
    noise.seeds.length,
    metric,
  );
}

/** The spread of new seeds over the points of a regime, from the seeds that all of them with results have. */
export function regimeSpread(
  points: readonly StudyPoint[],
  valuesOf: (point: StudyPoint) => ReadonlyMap<number, number>,
): Noise | undefined {
  const noise = regimeNoise(points, valuesOf);
  return noise === undefined ? undefined : newSeedNoise(points.map(valuesOf), noise.seeds);
}

/**
 * The mean over the seeds of one configuration, mean +- t(df) sqrt(V / n) with the spread of its regime; Student's over
 * its own seeds where that is not known.
 */
export function meanOf(values: ReadonlyMap<number, number>, spread?: Noise): Estimate | undefined {
  const own = estimate([...values.values()]);
  if (own === undefined || spread === undefined) return own;
  const half = studentQuantile(spread.df) * Math.sqrt(spread.variance / own.n);
  return { ...own, low: own.mean - half, high: own.mean + half };
}
