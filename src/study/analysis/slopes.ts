import type { Neighbours } from './dimensions.js';
import { addWeight, lessWeights, type Noise, noiseOf, pooledDifference } from './noise.js';
import type { StudyPoint } from './points.js';
import { type Better, type Difference, difference } from './statistics.js';

/** Dearer by less than 7 % counts as no dearer: a change divided by so little says nothing. */
const LEAST_DOUBLINGS = 0.1;

/** What is read of a point, by seed, and which way of it is better. */
export interface Quantity extends Better {
  of: (point: StudyPoint) => ReadonlyMap<number, number>;
}

/** What a value changes by for each doubling, over many pairs of neighbours. */
export interface Slope {
  outcome: 'measured' | 'not enough evidence';
  /** Why there is no interval. */
  why?: 'no pairs with results' | 'one seed only' | 'no dearer';
  /** Mean over seeds with the interval of Student; `better` by the direction of the quantity. Absent without pairs. */
  perDoubling?: Difference;
  bySeed: { seed: number; perDoubling: number }[];
  /**
   * What each point's mean counts in the slope, and the noise that its interval is of; absent where the seeds' own
   * spread is used.
   */
  pooled?: { weights: { name: string; weight: number }[]; noise: Noise };
  /** Pairs that count. */
  pairs: number;
  /** Pairs where a seed, or the cost, is missing, as `A -> B`. */
  leftOut: string[];
}

export const pairName = ({ from, to }: Neighbours): string => `${from.name} -> ${to.name}`;

/**
 * For each seed the sum of the changes over the sum of the doublings, and over the seeds Student's interval. Along a
 * line of the grid the sums telescope: what the value gains from its first to its last point for each doubling of the
 * cost. Dearer steps weigh more, and a step that costs next to nothing does not drown the others. Every seed sees the
 * same pairs, so that seeds differ by their luck alone. The interval speaks of that luck: not of other test pictures,
 * and not of other configurations.
 * @param others the points of the same regime, whose noise together makes the interval; Student's over the seeds of
 * this slope where they are too few
 * @param doublingsOf log2(cost of `to` / cost of `from`); undefined where a cost is unknown
 */
export function slope(
  pairs: readonly Neighbours[],
  quantity: Quantity,
  doublingsOf: (pair: Neighbours) => number | undefined,
  others: readonly StudyPoint[] = [],
): Slope {
  const known = pairs
    .map((pair) => ({
      pair,
      before: quantity.of(pair.from),
      after: quantity.of(pair.to),
      doublings: doublingsOf(pair),
    }))
    .filter(({ doublings }) => doublings !== undefined);
  const seeds = completeSeeds(known.map(({ before, after }) => [...before.keys()].filter((seed) => after.has(seed))));
  const used = known.filter(
    ({ before, after }) => seeds.length > 0 && seeds.every((seed) => before.has(seed) && after.has(seed)),
  );
  const usedPairs = new Set(used.map(({ pair }) => pair));
  const common = { pairs: used.length, leftOut: pairs.filter((pair) => !usedPairs.has(pair)).map(pairName) };
  if (used.length === 0) return { outcome: 'not enough evidence', why: 'no pairs with results', ...common, bySeed: [] };
  const total = used.reduce((sum, { doublings }) => sum + doublings!, 0);
  if (total < LEAST_DOUBLINGS) return { outcome: 'not enough evidence', why: 'no dearer', ...common, bySeed: [] };
  const bySeed = seeds.map((seed) => ({
    seed,
    perDoubling: used.reduce((sum, { before, after }) => sum + after.get(seed)! - before.get(seed)!, 0) / total,
  }));
  const own = againstZero(new Map(bySeed.map((one) => [one.seed, one.perDoubling])), quantity)!;
  const noise = noiseOf(others.map(quantity.of), seeds);
  const weights = new Map<string, number>();
  for (const { pair } of used) {
    addWeight(weights, pair.to, 1 / total);
    addWeight(weights, pair.from, -1 / total);
  }
  const pooled =
    noise === undefined ? {} : { pooled: { weights: [...weights].map(([name, weight]) => ({ name, weight })), noise } };
  const perDoubling = noise === undefined ? own : pooledDifference(own.mean, weights, noise, seeds.length, quantity);
  return {
    ...pooled,
    ...(seeds.length < 2 ? { outcome: 'not enough evidence', why: 'one seed only' } : { outcome: 'measured' }),
    perDoubling,
    ...common,
    bySeed,
  };
}

/** Values by seed judged against 0. */
export const againstZero = (values: ReadonlyMap<number, number>, metric: Better): Difference | undefined =>
  difference(new Map([...values.keys()].map((seed) => [seed, 0])), values, metric);

/** One pair's change for each doubling; undefined where it is no dearer, or a side has no result. */
export function perDoublingOf(change: Difference | undefined, doublings: number | undefined): Difference | undefined {
  if (change === undefined || doublings === undefined || doublings < LEAST_DOUBLINGS) return undefined;
  const { low, high } = change;
  return {
    ...change,
    mean: change.mean / doublings,
    ...(low === undefined || high === undefined ? {} : { low: low / doublings, high: high / doublings }),
  };
}

/** Second against first slope, paired by seed; with the pooled noise where both have the same seeds. */
export function slopeDifference(first: Slope, second: Slope, metric: Better): Difference | undefined {
  const seedsOf = ({ bySeed }: Slope): string => bySeed.map(({ seed }) => seed).join();
  if (first.pooled !== undefined && second.pooled !== undefined && seedsOf(first) === seedsOf(second)) {
    const weights = (one: NonNullable<Slope['pooled']>): Map<string, number> =>
      new Map(one.weights.map(({ name, weight }) => [name, weight]));
    return pooledDifference(
      second.perDoubling!.mean - first.perDoubling!.mean,
      lessWeights(weights(second.pooled), weights(first.pooled)),
      second.pooled.noise,
      second.bySeed.length,
      metric,
    );
  }
  const map = ({ bySeed }: Slope): Map<number, number> =>
    new Map(bySeed.map(({ seed, perDoubling }) => [seed, perDoubling]));
  return difference(map(first), map(second), metric);
}

/**
 * The seeds to take where some pairs lack some: of the seeds, those with most pairs first, as many as make seeds times
 * complete pairs the largest, and at least two where two have a pair in common.
 */
function completeSeeds(seedsOfPairs: readonly (readonly number[])[]): number[] {
  const counts = new Map<number, number>();
  for (const seeds of seedsOfPairs) for (const seed of seeds) counts.set(seed, (counts.get(seed) ?? 0) + 1);
  const ordered = [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0]).map(([seed]) => seed);
  const complete = ordered.map((_, i) => {
    const taken = ordered.slice(0, i + 1);
    return seedsOfPairs.filter((seeds) => taken.every((seed) => seeds.includes(seed))).length;
  });
  let best = 0;
  for (let i = 1; i < complete.length; i++)
    if (complete[i]! > 0 && (best === 0 || (i + 1) * complete[i]! >= (best + 1) * complete[best]!)) best = i;
  return ordered.slice(0, best + 1).sort((a, b) => a - b);
}
