import {
  DIMENSIONS,
  type Dimension,
  doublings,
  type GainCost,
  lines,
  type Neighbours,
  neighbours,
  regimesOf,
  valueAlong,
} from './dimensions.js';
import { changeOf, regimeNoise } from './noise.js';
import { gapBySeed, gapOf } from './overfitting.js';
import type { StudyPoint } from './points.js';
import { perDoublingOf, type Quantity, type Slope, slope, slopeDifference } from './slopes.js';
import { type Better, type Difference, HIGHER } from './statistics.js';

/** Two configurations that differ in one dimension only: what the larger one gains. */
export interface MarginalPair {
  dimension: Dimension;
  from: string;
  to: string;
  /** The dimension's values. */
  fromValue: number;
  toValue: number;
  /** Change of the score, paired by seed; absent where a side has no result. */
  score?: Difference;
  cost: GainCost;
  /** log2 of how many times dearer. */
  doublings?: number;
  /**
   * Change of the score for each doubling; absent where `to` is dearer by less than 7 %. The interval is that of the
   * scores alone.
   */
  perDoubling?: Difference;
  /** Change of the gap: how much better training pictures are scored than test pictures. */
  gap?: Difference;
}

/** All pairs of a regime along one dimension. */
export interface Along extends Slope {
  dimension: Dimension;
}

/** Whether the first of two dimensions gains more for each doubling than the second, paired by seed. */
export interface Contrast {
  first: Dimension;
  second: Dimension;
  /** Side of the pictures, where only those points are compared. */
  size?: number;
  /**
   * first - second; `better` where the first gains more, by the metric's direction. Absent where one of them has no
   * pairs.
   */
  difference?: Difference;
}

/** Gain for each doubling in the lower half of the steps of each line against the upper half. */
export interface Diminishing {
  dimension: Dimension;
  lower: Slope;
  upper: Slope;
  /** upper - lower; `worse` where returns diminish. Absent where no line has three points with results. */
  change?: Difference;
}

export interface RegimeGains {
  epochs: number;
  pairs: MarginalPair[];
  /** What `along`, `contrasts` and `diminishing` are counted against: time where all pairs have it. */
  cost: GainCost;
  along: Along[];
  /** Depth against width, depth against resolution, width against resolution, and depth against width at each size. */
  contrasts: Contrast[];
  diminishing: Diminishing[];
}

/**
 * What depth, width and resolution gain in each regime, shortest first: what Figure 3 of the paper shows, as numbers.
 */
export function marginalGains(points: readonly StudyPoint[], metric: Better): RegimeGains[] {
  return regimesOf(points).map((epochs) => ({
    epochs,
    ...gainsOf(
      points.filter((point) => point.epochs === epochs),
      metric,
    ),
  }));
}

function gainsOf(points: readonly StudyPoint[], metric: Better): Omit<RegimeGains, 'epochs'> {
  const quantity: Quantity = { of: ({ score }) => score, direction: metric.direction };
  const pairs = new Map(DIMENSIONS.map((dimension) => [dimension, neighbours(points, dimension)]));
  const all = [...pairs.values()].flat();
  const cost = all.every((pair) => doublings(pair, 'trainStepMs') !== undefined) ? 'trainStepMs' : 'flops';
  const gain = (some: readonly Neighbours[]): Slope => slope(some, quantity, (pair) => doublings(pair, cost), points);
  const along = new Map(DIMENSIONS.map((dimension) => [dimension, gain(pairs.get(dimension)!)]));
  const sizes = [...new Set(points.map(({ size }) => size))].sort((a, b) => a - b);
  const noise = { score: regimeNoise(points, quantity.of), gap: regimeNoise(points, gapOf(metric).of) };
  return {
    pairs: all.map((pair) => describe(pair, metric, noise)),
    cost,
    along: DIMENSIONS.map((dimension) => ({ dimension, ...along.get(dimension)! })),
    contrasts: [
      ...CONTRASTS.map(([first, second]) => contrast(first, second, along.get(first)!, along.get(second)!, metric)),
      ...(sizes.length < 2 ? [] : sizes).map((size) => {
        const at = (dimension: Dimension): Slope =>
          gain(pairs.get(dimension)!.filter(({ from }) => from.size === size));
        return { ...contrast('depth', 'width', at('depth'), at('width'), metric), size };
      }),
    ],
    diminishing: DIMENSIONS.map((dimension) => diminishing(points, dimension, gain, metric)),
  };
}

const CONTRASTS = [
  ['depth', 'width'],
  ['depth', 'resolution'],
  ['width', 'resolution'],
] as const;

function contrast(first: Dimension, second: Dimension, of: Slope, against: Slope, metric: Better): Contrast {
  const found = slopeDifference(against, of, metric);
  return { first, second, ...(found === undefined ? {} : { difference: found }) };
}

function diminishing(
  points: readonly StudyPoint[],
  dimension: Dimension,
  gain: (pairs: readonly Neighbours[]) => Slope,
  metric: Better,
): Diminishing {
  const halves = lines(points, dimension)
    .map((line) => line.filter(({ score }) => score.size > 0))
    .filter((line) => line.length > 2)
    .map((line) => line.slice(1).map((to, i): Neighbours => ({ direction: dimension, from: line[i]!, to })));
  const lower = gain(halves.flatMap((steps) => steps.slice(0, steps.length >> 1)));
  const upper = gain(halves.flatMap((steps) => steps.slice((steps.length + 1) >> 1)));
  const change = slopeDifference(lower, upper, metric);
  return { dimension, lower, upper, ...(change === undefined ? {} : { change }) };
}

function describe(
  pair: Neighbours,
  metric: Better,
  noise: { score: ReturnType<typeof regimeNoise>; gap: ReturnType<typeof regimeNoise> },
): MarginalPair {
  const { from, to } = pair;
  const dimension = pair.direction as Dimension;
  const cost = doublings(pair, 'trainStepMs') === undefined ? 'flops' : 'trainStepMs';
  const times = doublings(pair, cost);
  const score = changeOf(from.score, to.score, metric, noise.score);
  const perDoubling = perDoublingOf(score, times);
  const gap = changeOf(gapBySeed(from, metric), gapBySeed(to, metric), HIGHER, noise.gap);
  return {
    dimension,
    from: from.name,
    to: to.name,
    fromValue: valueAlong(from, dimension),
    toValue: valueAlong(to, dimension),
    ...(score === undefined ? {} : { score }),
    cost,
    ...(times === undefined ? {} : { doublings: times }),
    ...(perDoubling === undefined ? {} : { perDoubling }),
    ...(gap === undefined ? {} : { gap }),
  };
}
