import { betterBy } from '../../metric.js';
import { type Direction, doublings, type Neighbours, neighbours, regimesOf } from './dimensions.js';
import { changeOf, regimeNoise } from './noise.js';
import type { StudyPoint } from './points.js';
import { againstZero, type Quantity, type Slope, slope } from './slopes.js';
import { type Better, type Difference, HIGHER } from './statistics.js';

/** The directions in which a network can be given more room, or time, to learn its pictures by heart. */
const DIRECTIONS = ['depth', 'width', 'epochs'] as const satisfies readonly Direction[];
export type OverfittingDirection = (typeof DIRECTIONS)[number];

/** How much better the score on training pictures (without augmentation) is than that on test pictures. */
export interface PointGap {
  name: string;
  /**
   * Absent where no seed has both. `better` where the gap is above 0 beyond noise: here the word has no merit in it.
   */
  gap?: Difference;
}

/**
 * - `overfits`: better beyond noise on training pictures and worse beyond noise on test pictures.
 * - `memorises`: better beyond noise on training pictures, not on test pictures.
 * - `learns`: better beyond noise on test pictures.
 * - `loses`: worse beyond noise on test pictures, and not better on training pictures: too large or too long to train
 * well, not over-fit.
 * - `no change`: neither changes beyond noise.
 * - `not enough evidence`: fewer than two seeds in both.
 */
export type OverfittingVerdict = 'overfits' | 'memorises' | 'learns' | 'loses' | 'no change' | 'not enough evidence';

export interface OverfittingPair {
  direction: OverfittingDirection;
  from: string;
  to: string;
  epochs: number;
  /** Changes of the scores and of the gap, paired by seed. */
  train?: Difference;
  test?: Difference;
  gap?: Difference;
  verdict: OverfittingVerdict;
}

/** Change of the gap along a direction, for each doubling: of FLOPs along depth and width, of epochs along epochs. */
export interface GapAlong extends Slope {
  direction: OverfittingDirection;
  /** Of the pairs; absent along epochs. */
  epochs?: number;
}

export interface Overfitting {
  points: PointGap[];
  pairs: OverfittingPair[];
  along: GapAlong[];
  /** The pairs found to over-fit. */
  overfits: OverfittingPair[];
  /** Pairs with enough evidence: of this many, 2 or 3 of 100 seem to get worse on test pictures by luck alone. */
  judged: number;
}

/** How much better the training score is than the test score, by the seeds that have both. */
export function gapBySeed(
  { score, trainScore }: Pick<StudyPoint, 'score' | 'trainScore'>,
  metric: Better,
): Map<number, number> {
  return new Map(
    [...trainScore]
      .filter(([seed]) => score.has(seed))
      .map(([seed, train]) => [seed, betterBy(metric, train, score.get(seed)!)]),
  );
}
/** Whatever the metric, a gap widens upwards. */
export const gapOf = (metric: Better): Quantity => ({ of: (point) => gapBySeed(point, metric), ...HIGHER });

/**
 * Where larger networks, or longer training, learn the training pictures instead of what they show (paper section 6,
 * strategy 1).
 */
export function overfitting(points: readonly StudyPoint[], metric: Better): Overfitting {
  const noises = new Map(
    regimesOf(points).map((epochs) => [
      epochs,
      noisesOf(
        points.filter((point) => point.epochs === epochs),
        metric,
      ),
    ]),
  );
  // Two regimes have two noises.
  const pairs = DIRECTIONS.flatMap((direction) =>
    neighbours(points, direction).map((pair) =>
      describe(pair, direction, metric, direction === 'epochs' ? {} : noises.get(pair.from.epochs)!),
    ),
  );
  return {
    points: points.map((point) => {
      const gap = againstZero(gapBySeed(point, metric), HIGHER);
      return { name: point.name, ...(gap === undefined ? {} : { gap }) };
    }),
    pairs,
    along: DIRECTIONS.flatMap((direction) => gapsAlong(points, direction, gapOf(metric))),
    overfits: pairs.filter(({ verdict }) => verdict === 'overfits'),
    judged: pairs.filter(({ verdict }) => verdict !== 'not enough evidence').length,
  };
}

function gapsAlong(points: readonly StudyPoint[], direction: OverfittingDirection, gap: Quantity): GapAlong[] {
  if (direction === 'epochs')
    return [
      {
        direction,
        ...slope(neighbours(points, direction), gap, ({ from, to }) => Math.log2(to.epochs / from.epochs)),
      },
    ];
  const regimes = new Map<number, Neighbours[]>();
  for (const pair of neighbours(points, direction)) {
    const regime = regimes.get(pair.from.epochs);
    if (regime === undefined) regimes.set(pair.from.epochs, [pair]);
    else regime.push(pair);
  }
  return [...regimes]
    .sort(([a], [b]) => a - b)
    .map(([epochs, pairs]) => ({
      direction,
      epochs,
      ...slope(
        pairs,
        gap,
        (pair) => doublings(pair, 'flops'),
        points.filter((point) => point.epochs === epochs),
      ),
    }));
}

interface Noises {
  train?: ReturnType<typeof regimeNoise>;
  test?: ReturnType<typeof regimeNoise>;
  gap?: ReturnType<typeof regimeNoise>;
}
const noisesOf = (points: readonly StudyPoint[], metric: Better): Noises => ({
  train: regimeNoise(points, ({ trainScore }) => trainScore),
  test: regimeNoise(points, ({ score }) => score),
  gap: regimeNoise(points, gapOf(metric).of),
});

function describe(
  { from, to }: Neighbours,
  direction: OverfittingDirection,
  metric: Better,
  noise: Noises,
): OverfittingPair {
  const train = changeOf(from.trainScore, to.trainScore, metric, noise.train);
  const test = changeOf(from.score, to.score, metric, noise.test);
  const gap = changeOf(gapBySeed(from, metric), gapBySeed(to, metric), HIGHER, noise.gap);
  return {
    direction,
    from: from.name,
    to: to.name,
    epochs: to.epochs,
    ...(train === undefined ? {} : { train }),
    ...(test === undefined ? {} : { test }),
    ...(gap === undefined ? {} : { gap }),
    verdict: judge(train, test),
  };
}

function judge(train: Difference | undefined, test: Difference | undefined): OverfittingVerdict {
  if (train === undefined || test === undefined || train.verdict === 'unknown' || test.verdict === 'unknown')
    return 'not enough evidence';
  if (test.verdict === 'better') return 'learns';
  if (train.verdict === 'better') return test.verdict === 'worse' ? 'overfits' : 'memorises';
  return test.verdict === 'worse' ? 'loses' : 'no change';
}
