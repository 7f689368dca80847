import { betterBy, clipped, isBetter, type Metric } from '../../metric.js';
import { comparableCost, meanScore } from '../analysis/dimensions.js';
import { changeOf, meanOf, type Noise, regimeNoise, regimeSpread } from '../analysis/noise.js';
import { paretoFrontier } from '../analysis/pareto.js';
import type { Cost, StudyPoint } from '../analysis/points.js';
import { type Difference, type Estimate, estimate, LEAST_SEEDS, studentQuantile } from '../analysis/statistics.js';

export interface FamilyOptions {
  /** What the family is sorted and judged by. Default: measured time of a training step. */
  cost?: Cost;
  /** Seeds of the training that is predicted. Default 1. */
  newSeeds?: number;
}

/** Mean of a new set of seeds of the same configuration. */
export interface Prediction {
  /** New seeds. */
  seeds: number;
  mean: number;
  /** 95 % of such means lie in it. */
  low?: number;
  high?: number;
}

export interface FamilyMember {
  name: string;
  depth: number;
  width: number;
  size: number;
  flops: number;
  /** A training step is counted by the picture. */
  cost: number;
  score: Estimate;
  /** Against the member before it, paired by seed. */
  gain?: Difference;
  why: 'the cheapest of the frontier' | 'gains beyond noise';
  /** The frontier's member at a higher resolution that this one is not told from. */
  insteadOf?: string;
  /**
   * Growth of the resolution for each doubling of FLOPs since the smallest member; absent for that one and without more
   * FLOPs.
   */
  resolutionPerDoubling?: number;
  /** Faster than compound scaling raises it. */
  fasterThanCompound?: boolean;
  prediction: Prediction;
}

export interface ProposedFamily {
  outcome: 'proposed' | 'not enough evidence';
  cost: Cost;
  /** True where the cost that was asked for is measured nowhere, and FLOPs stand for it. */
  instead: boolean;
  /** Smallest to largest. */
  members: FamilyMember[];
  passedOver: {
    name: string;
    against: string;
    reason: 'no gain beyond noise' | 'too few seeds in both' | 'a lower resolution does as well';
  }[];
  leftOut: { name: string; reason: 'no result' | 'too few seeds' | 'not measured' }[];
}

/**
 * Compound scaling makes the sides 1.15 times as large for each doubling of FLOPs (Tan and Le 2019, equation 3: gamma =
 * 1.15).
 */
export const COMPOUND_RESOLUTION = 1.15;

type Known = { point: StudyPoint; cost: number; score: number };

/**
 * A family from smallest to largest out of the points of one regime: along the Pareto frontier each member must beat
 * the one before it beyond noise. Resolution is raised slowly (paper section 6, strategy 2): where a cheaper point at a
 * lower resolution is not told from a member, and still beats the one before, it takes its place. Points with fewer than
 * `LEAST_SEEDS` seeds play no part.
 */
export function proposeFamily(
  points: readonly StudyPoint[],
  metric: Pick<Metric, 'unit' | 'direction'>,
  { cost: wanted = 'trainStepMs', newSeeds = 1 }: FamilyOptions = {},
): ProposedFamily {
  const withResult = points.filter((point) => meanScore(point) !== undefined);
  const instead = withResult.length > 0 && withResult.every((point) => comparableCost(point, wanted) === undefined);
  const cost = instead ? 'flops' : wanted;
  const leftOut: ProposedFamily['leftOut'] = [];
  const known: Known[] = [];
  for (const point of points) {
    const [score, value] = [meanScore(point), comparableCost(point, cost)];
    if (score === undefined) leftOut.push({ name: point.name, reason: 'no result' });
    else if (point.score.size < LEAST_SEEDS) leftOut.push({ name: point.name, reason: 'too few seeds' });
    else if (value === undefined) leftOut.push({ name: point.name, reason: 'not measured' });
    else known.push({ point, cost: value, score });
  }
  const noise = regimeNoise(points, ({ score }) => score);
  const spread = regimeSpread(points, ({ score }) => score);
  const change = (from: Known, to: Known): Difference => changeOf(from.point.score, to.point.score, metric, noise)!;
  const chosen: { known: Known; why: FamilyMember['why']; gain?: Difference; insteadOf?: string }[] = [];
  const passedOver: ProposedFamily['passedOver'] = [];
  for (const next of paretoFrontier(known, metric)) {
    const before = chosen.at(-1)?.known;
    if (before === undefined) {
      chosen.push({ known: next, why: 'the cheapest of the frontier' });
      continue;
    }
    const gain = change(before, next);
    if (gain.verdict !== 'better') {
      passedOver.push({
        name: next.point.name,
        against: before.point.name,
        reason: gain.verdict === 'unknown' ? 'too few seeds in both' : 'no gain beyond noise',
      });
      continue;
    }
    const slow = atLowerResolution(known, before, next, metric, change);
    if (slow === undefined) chosen.push({ known: next, gain, why: 'gains beyond noise' });
    else {
      passedOver.push({ name: next.point.name, against: slow.point.name, reason: 'a lower resolution does as well' });
      chosen.push({ known: slow, gain: change(before, slow), why: 'gains beyond noise', insteadOf: next.point.name });
    }
  }
  const first = chosen[0]?.known.point;
  const members = chosen.map(
    ({ known: { point, cost: value }, gain, ...reasons }): FamilyMember => ({
      name: point.name,
      depth: point.depth,
      width: point.width,
      size: point.size,
      flops: point.flops,
      cost: value,
      score: clipped(metric, meanOf(point.score, spread)!),
      ...(gain === undefined ? {} : { gain }),
      ...reasons,
      ...resolutionGrowth(first!, point),
      prediction: clipped(metric, predict([...point.score.values()], newSeeds, spread)),
    }),
  );
  return {
    outcome: members.length === 0 ? 'not enough evidence' : 'proposed',
    cost,
    instead,
    members,
    passedOver,
    leftOut,
  };
}

/**
 * Among points no dearer than `next` at a lower resolution that are not told from it and beat `before`: the lowest
 * resolution, and there the best.
 */
function atLowerResolution(
  known: readonly Known[],
  before: Known,
  next: Known,
  metric: Pick<Metric, 'direction'>,
  change: (from: Known, to: Known) => Difference,
): Known | undefined {
  return known
    .filter(
      ({ point, cost, score }) =>
        cost > before.cost &&
        cost <= next.cost &&
        point.size < next.point.size &&
        isBetter(metric, score, before.score),
    )
    .sort((a, b) => a.point.size - b.point.size || betterBy(metric, b.score, a.score))
    .find((one) => ['noise', 'none'].includes(change(one, next).verdict) && change(before, one).verdict === 'better');
}

function resolutionGrowth(
  first: StudyPoint,
  point: StudyPoint,
): Pick<FamilyMember, 'resolutionPerDoubling' | 'fasterThanCompound'> {
  const doublings = Math.log2(point.flops / first.flops);
  if (!(doublings > 0)) return {};
  const growth = (point.size / first.size) ** (1 / doublings);
  return { resolutionPerDoubling: growth, fasterThanCompound: growth > COMPOUND_RESOLUTION };
}

/**
 * The mean of n new seeds after m known ones: mean +- t * s * sqrt(1/n + 1/m), with the spread of new seeds over the
 * whole regime where that is known, else with the own one and t(m - 1). It holds for a configuration chosen beforehand;
 * the best of many by the same results is a little lucky.
 */
export function predict(values: readonly number[], newSeeds: number, noise?: Noise): Prediction {
  const { mean, n, low, high } = estimate(values)!;
  if (noise !== undefined) {
    const half = studentQuantile(noise.df) * Math.sqrt(noise.variance * (1 / newSeeds + 1 / n));
    return { seeds: newSeeds, mean, low: mean - half, high: mean + half };
  }
  if (low === undefined || high === undefined) return { seeds: newSeeds, mean };
  // The interval of the mean is t s / sqrt(m) wide to each side.
  const half = ((high - low) / 2) * Math.sqrt(n) * Math.sqrt(1 / newSeeds + 1 / n);
  return { seeds: newSeeds, mean, low: mean - half, high: mean + half };
}
