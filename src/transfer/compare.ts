import type { Metric } from '../metric.js';
import { difference, estimate, LEAST_SEEDS } from '../study/analysis/statistics.js';

/** A result's part in a comparison. */
export interface Judged {
  seed: number;
  score: number;
  testPictures?: number;
  /** A character for each test picture: 1 right, 0 wrong, - unreadable. */
  right?: string | undefined;
  /** Where no picture is right or wrong by itself: the score on drawn sets of them, the same ones for every result; null without a score. */
  drawn?: readonly (number | null)[] | undefined;
}

/** How two starts differ on the same test pictures. */
export interface Comparison {
  /** Of the second less the first. */
  mean: number;
  /** Seeds that both have. */
  seeds: number;
  /** The 95 % interval of the mean over seeds, paired; from 3 seeds that differ on. */
  low?: number;
  high?: number;
  /**
   * Of the pictures: the probability of so large a difference where each picture's could as well have the other sign; where no picture has one
   * of its own, twice the share of drawn sets on which the difference has the other sign.
   */
  p: number;
  verdict: 'better' | 'worse' | 'noise';
}

/** A difference is beyond noise where chance gives one so large in fewer cases. */
export const LEVEL = 0.05;

/**
 * The second against the first, seed by seed. It is better or worse where the test of pictures says so (p < 0.05) and, from 3 seeds on, the
 * interval over seeds does not cover 0 either: the one speaks for other test pictures, the other for other labels and other chance in
 * training.
 */
export function compare(
  first: readonly Judged[],
  second: readonly Judged[],
  { direction }: Pick<Metric, 'direction'> = { direction: 'higher' },
): Comparison | undefined {
  // One result without chance in it is the same for every seed.
  const of = (all: readonly Judged[], seed: number): Judged | undefined =>
    all.length === 1 ? all[0] : all.find((one) => one.seed === seed);
  const seeds = [...new Set([...first, ...second].map(({ seed }) => seed))].sort((a, b) => a - b);
  const pairs = seeds.flatMap((seed) => {
    const [a, b] = [of(first, seed), of(second, seed)];
    return a === undefined || b === undefined ? [] : [{ seed, a, b }];
  });
  if (pairs.length === 0) return undefined;
  const found = difference(
    new Map(pairs.map(({ seed, a }) => [seed, a.score])),
    new Map(pairs.map(({ seed, b }) => [seed, b.score])),
    { direction },
  )!;
  const p = ofPictures(pairs);
  const spread =
    pairs.length >= LEAST_SEEDS && found.low !== undefined && found.high !== undefined && found.low !== found.high;
  const bySeeds = !spread || found.low! > 0 || found.high! < 0;
  const verdict =
    p < LEVEL && bySeeds && found.mean !== 0
      ? found.mean > 0 === (direction === 'higher')
        ? 'better'
        : 'worse'
      : 'noise';
  return {
    ...{ mean: found.mean, seeds: pairs.length },
    ...(spread && { low: found.low!, high: found.high! }),
    ...{ p, verdict },
  };
}

/** What the test pictures say of a difference; 1 where they cannot be compared. */
function ofPictures(pairs: readonly { a: Judged; b: Judged }[]): number {
  if (pairs.every(({ a, b }) => a.right !== undefined && b.right !== undefined))
    return signFlipTest(pairs.map(({ a, b }) => [a.right!, b.right!]));
  const same = pairs.every(
    ({ a, b }) => a.drawn !== undefined && a.drawn.length === b.drawn?.length && a.testPictures === b.testPictures,
  );
  return same ? drawnTest(pairs.map(({ a, b }) => [a.drawn!, b.drawn!])) : 1;
}

/**
 * The paired bootstrap of pictures (Efron and Tibshirani 1993, chapter 16; in its simplest form): the difference on each drawn set, a mean over
 * seeds; p is twice the share of sets, one more added, on which it is 0 or has the rarer sign. It is never below 2 / (sets + 1).
 */
export function drawnTest(
  pairs: readonly (readonly [first: readonly (number | null)[], second: readonly (number | null)[]])[],
): number {
  let [below, above, sets] = [0, 0, 0];
  for (let k = 0; k < (pairs[0]?.[0].length ?? 0); k++) {
    if (pairs.some(([first, second]) => first[k] === null || second[k] === null)) continue;
    const sum = pairs.reduce((total, [first, second]) => total + second[k]! - first[k]!, 0);
    sets++;
    if (sum <= 0) below++;
    if (sum >= 0) above++;
  }
  return Math.min(1, (2 * (Math.min(below, above) + 1)) / (sets + 1));
}

/** The middle 95 % of a score over drawn sets of pictures; undefined where there are none. */
export function drawnInterval(drawn: readonly (number | null)[] = []): { low: number; high: number } | undefined {
  const sorted = drawn.filter((value) => value !== null).sort((a, b) => a - b);
  if (sorted.length === 0) return undefined;
  const at = (q: number): number => sorted[Math.round(q * (sorted.length - 1))]!;
  return { low: at(0.025), high: at(0.975) };
}

/**
 * The exact two-sided permutation test of paired results: d_i, the sum over seeds of picture i's (second right - first right), gets either
 * sign with probability 1/2; p is the probability of a sum at least as far from 0. Of one seed it is the exact McNemar test, which SimCLR's
 * 100,000 draws approach (arXiv 2002.05709, appendix B.8).
 */
export function signFlipTest(pairs: readonly (readonly [first: string, second: string])[]): number {
  const sizes = new Map<number, number>();
  let sum = 0;
  const length = pairs[0]?.[0].length ?? 0;
  for (let i = 0; i < length; i++) {
    let d = 0;
    for (const [first, second] of pairs) d += Number(second[i] === '1') - Number(first[i] === '1');
    sum += d;
    if (d !== 0) sizes.set(Math.abs(d), (sizes.get(Math.abs(d)) ?? 0) + 1);
  }
  // The sum over pictures of size v is v (2 B - n), B binomial of n and 1/2; sums of all sizes are convolved.
  let known = new Map<number, number>([[0, 1]]);
  for (const [size, n] of sizes) {
    const own = halfBinomial(n);
    const next = new Map<number, number>();
    for (const [at, probability] of known)
      for (const [b, q] of own) {
        const to = at + size * (2 * b - n);
        next.set(to, (next.get(to) ?? 0) + probability * q);
      }
    known = next;
  }
  let p = 0;
  for (const [at, probability] of known) if (Math.abs(at) >= Math.abs(sum)) p += probability;
  return Math.min(1, p);
}

/** P(B = b) of the binomial distribution of n and 1/2, where it is not below 1e-18. */
function halfBinomial(n: number): [number, number][] {
  const out: [number, number][] = [];
  const middle = n >> 1;
  // log C(n, middle) - n log 2, then outwards by ratios.
  let log = -n * Math.LN2;
  for (let k = 1; k <= middle; k++) log += Math.log(n - middle + k) - Math.log(k);
  const add = (b: number, probability: number): boolean => probability > 1e-18 && out.push([b, probability]) > 0;
  for (let b = middle, q = Math.exp(log); b <= n && add(b, q); b++) q *= (n - b) / (b + 1);
  for (let b = middle, q = Math.exp(log); b > 0; b--) {
    q *= b / (n - b + 1);
    if (!add(b - 1, q)) break;
  }
  return out;
}

/** Mean of results over seeds with its 95 % interval, from two seeds on. */
export const meanOver = (results: readonly Judged[]) => estimate(results.map(({ score }) => score));
