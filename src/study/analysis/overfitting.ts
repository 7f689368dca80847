import { type Direction, doublings, type Neighbours, neighbours, regimesOf } from './dimensions.js';
import { changeOf, regimeNoise } from './noise.js';
import type { StudyPoint } from './points.js';
import { againstZero, type Slope, slope } from './slopes.js';
import type { Difference } from './statistics.js';

/** The directions in which a network can be given more room, or time, to learn its pictures by heart. */
const DIRECTIONS = ['depth', 'width', 'epochs'] as const satisfies readonly Direction[];
export type OverfittingDirection = (typeof DIRECTIONS)[number];

/** Accuracy on training pictures (without augmentation) less accuracy on test pictures. */
export interface PointGap {
  name: string;
  /**
   * Absent where no seed has both. `better` where the gap is above 0 beyond noise: here the word has no merit in it.
   */
  gap?: Difference;
}

/**
 * - `overfits`: training accuracy rises beyond noise and test accuracy falls beyond noise.
 * - `memorises`: training accuracy rises beyond noise, test accuracy does not.
 * - `learns`: test accuracy rises beyond noise.
 * - `loses`: test accuracy falls beyond noise, and training accuracy does not rise: too large or too long to train
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
  /** Changes, paired by seed. */
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
  /** Pairs with enough evidence: of this many, 2 or 3 of 100 seem to fall in test accuracy by luck alone. */
  judged: number;
}

/** Training less test accuracy, by the seeds that have both. */
export function gapBySeed({ top1, trainTop1 }: StudyPoint): Map<number, number> {
  return new Map(
    [...trainTop1].filter(([seed]) => top1.has(seed)).map(([seed, train]) => [seed, train - top1.get(seed)!]),
  );
}

/**
 * Where larger networks, or longer training, learn the training pictures instead of what they show (paper section 6,
 * strategy 1).
 */
export function overfitting(points: readonly StudyPoint[]): Overfitting {
  const noises = new Map(
    regimesOf(points).map((epochs) => [epochs, noisesOf(points.filter((point) => point.epochs === epochs))]),
  );
  // Two regimes have two noises.
  const pairs = DIRECTIONS.flatMap((direction) =>
    neighbours(points, direction).map((pair) =>
      describe(pair, direction, direction === 'epochs' ? {} : noises.get(pair.from.epochs)!),
    ),
  );
  return {
    points: points.map((point) => {
      const gap = againstZero(gapBySeed(point));
      return { name: point.name, ...(gap === undefined ? {} : { gap }) };
    }),
    pairs,
    along: DIRECTIONS.flatMap((direction) => gapsAlong(points, direction)),
    overfits: pairs.filter(({ verdict }) => verdict === 'overfits'),
    judged: pairs.filter(({ verdict }) => verdict !== 'not enough evidence').length,
  };
}

function gapsAlong(points: readonly StudyPoint[], direction: OverfittingDirection): GapAlong[] {
  if (direction === 'epochs')
    return [
      {
        direction,
        ...slope(neighbours(points, direction), gapBySeed, ({ from, to }) => Math.log2(to.epochs / from.epochs)),
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
        gapBySeed,
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
const noisesOf = (points: readonly StudyPoint[]): Noises => ({
  train: regimeNoise(points, ({ trainTop1 }) => trainTop1),
  test: regimeNoise(points, ({ top1 }) => top1),
  gap: regimeNoise(points, gapBySeed),
});

function describe({ from, to }: Neighbours, direction: OverfittingDirection, noise: Noises): OverfittingPair {
  const train = changeOf(from.trainTop1, to.trainTop1, noise.train);
  const test = changeOf(from.top1, to.top1, noise.test);
  const gap = changeOf(gapBySeed(from), gapBySeed(to), noise.gap);
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
