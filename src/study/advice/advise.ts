import { betterBy, type Metric } from '../../metric.js';
import { DIMENSIONS, type Dimension, type GainCost, regimesOf } from '../analysis/dimensions.js';
import { marginalGains, type RegimeGains } from '../analysis/marginal.js';
import { type Overfitting, type OverfittingDirection, overfitting } from '../analysis/overfitting.js';
import type { StudyPoint } from '../analysis/points.js';
import { fitPowerLaw } from '../analysis/power-law.js';
import { type Better, type Difference, LEAST_SEEDS, studentQuantile } from '../analysis/statistics.js';
import { type FamilyOptions, type ProposedFamily, proposeFamily } from './family.js';
import { type NextOptions, type NextTrial, whatNext } from './next.js';

export interface AdviseOptions extends FamilyOptions, Partial<NextOptions> {}

/**
 * - `undecided`: some dimension gains beyond noise, but which gains most is within noise. - `none`: no dimension gains
 * beyond noise.
 */
export type Pays = Dimension | 'undecided' | 'none' | 'not enough evidence';

/** A figure that the advice rests on. */
export type Evidence =
  | { kind: 'gain'; dimension: Dimension; perDoubling: Difference; cost: GainCost; pairs: number }
  /** Gain of `first` less gain of `second`. */
  | { kind: 'contrast'; first: Dimension; second: Dimension; difference: Difference; cost: GainCost }
  /** Gain in the upper half of the steps less gain in the lower. */
  | { kind: 'diminishing'; dimension: Dimension; change: Difference; cost: GainCost }
  /**
   * Pairs of neighbours where the larger learns the training pictures better and the test pictures worse, of those that
   * could be judged.
   */
  | { kind: 'overfitting'; direction: OverfittingDirection; overfits: number; memorises: number; judged: number }
  /** Change of the train-test gap for each doubling of FLOPs. */
  | { kind: 'gap'; direction: OverfittingDirection; perDoubling: Difference };

export type Missing =
  /** Trials that failed or have not ended. */
  | {
      kind: 'trials';
      failed: { name: string; seed: number; reason: string }[];
      pending: { name: string; seed: number }[];
    }
  /** No two neighbours along these dimensions have results. */
  | { kind: 'points'; dimensions: Dimension[] }
  /** Along these dimensions so few seeds are done in the same pairs, below `LEAST_SEEDS`. */
  | { kind: 'seeds'; dimensions: Dimension[]; now: number }
  /** Seeds in all that would tell two dimensions apart, if both gains stay what they are; absent above 100. */
  | { kind: 'more seeds'; first: Dimension; second: Dimension; now: number; needed?: number }
  /** Gains are counted against FLOPs, since these are not measured. */
  | { kind: 'times'; names: string[] };

export interface RegimeAdvice {
  epochs: number;
  pays: Pays;
  /** The dimensions that pay, or that the choice is undecided between. */
  among: Dimension[];
  evidence: Evidence[];
  missing: Missing[];
  family: ProposedFamily;
}

export interface Advice {
  /** Shortest first. */
  regimes: RegimeAdvice[];
  /** The one to follow: the longest, as only a full schedule shows what pays. Absent without points. */
  full?: RegimeAdvice;
  /** In the longest regime; empty without the callback for FLOPs. */
  next: NextTrial[];
  risk: ExtrapolationRisk;
}

export interface ExtrapolationRisk {
  text: string;
  source: string;
  /** Largest FLOPs over smallest that the advice rests on; absent without points. */
  flopsRange?: number;
  /** Regimes with enough evidence whose answer is another one than the longest's. */
  otherwise: { epochs: number; pays: Pays }[];
  /** FLOPs at which the power law of the longest regime breaks: beyond it the small models' law does not hold. */
  breakFlops?: number;
}

export const DO_NOT_EXTRAPOLATE = {
  text:
    'What pays for small models or for short training need not pay for large models or long training: before ' +
    'relying on it for larger ones, train them for the full schedule.',
  source: 'ResNet-RS, arXiv 2103.07579, section 6, scaling strategies',
} as const;

/** What the points of a study say about how to scale, figure by figure, and what they cannot say yet. */
export function advise(points: readonly StudyPoint[], metric: Metric, options: AdviseOptions = {}): Advice {
  const gains = new Map(marginalGains(points, metric).map((one) => [one.epochs, one]));
  const regimes = regimesOf(points).map((epochs) =>
    regimeAdvice(
      points.filter((point) => point.epochs === epochs),
      gains.get(epochs)!,
      metric,
      options,
    ),
  );
  const full = regimes.at(-1);
  const own = points.filter(({ epochs }) => epochs === full?.epochs);
  const base = own.find(({ name }) => name === full?.family.members.at(-1)?.name);
  const { flopsOf } = options;
  const flops = own.filter(({ score }) => score.size > 0).map((point) => point.flops);
  const breakFlops = fitPowerLaw(own, metric).break?.flops;
  return {
    regimes,
    ...(full === undefined ? {} : { full }),
    next:
      full === undefined || base === undefined || flopsOf === undefined
        ? []
        : whatNext(own, base, full.among, { ...options, flopsOf }),
    risk: {
      ...DO_NOT_EXTRAPOLATE,
      ...(flops.length === 0
        ? {}
        : { flopsRange: flops.reduce((a, b) => Math.max(a, b)) / flops.reduce((a, b) => Math.min(a, b)) }),
      otherwise: regimes
        .filter(({ pays }) => pays !== full!.pays && pays !== 'not enough evidence')
        .map(({ epochs, pays }) => ({ epochs, pays })),
      ...(breakFlops === undefined ? {} : { breakFlops }),
    },
  };
}

function regimeAdvice(
  points: readonly StudyPoint[],
  gains: RegimeGains,
  metric: Metric,
  options: FamilyOptions,
): RegimeAdvice {
  const { pays, among } = decide(gains, metric);
  return {
    epochs: gains.epochs,
    pays,
    among,
    evidence: evidenceOf(gains, overfitting(points, metric)),
    missing: missingOf(points, gains),
    family: proposeFamily(points, metric, options),
  };
}

/** first - second from the contrasts, whichever way round they are kept. */
function ahead(gains: RegimeGains, first: Dimension, second: Dimension): boolean {
  return gains.contrasts.some(
    ({ size, difference, ...one }) =>
      size === undefined &&
      ((one.first === first && one.second === second && difference?.verdict === 'better') ||
        (one.first === second && one.second === first && difference?.verdict === 'worse')),
  );
}

/**
 * A dimension pays where the score gets better with each doubling beyond noise and no other measured one could be
 * better: it beats each of them beyond noise. At least two must be measured, with three seeds or more, or nothing is
 * compared.
 */
function decide(gains: RegimeGains, metric: Better): { pays: Pays; among: Dimension[] } {
  const measured = gains.along
    .filter(({ outcome, bySeed }) => outcome === 'measured' && bySeed.length >= LEAST_SEEDS)
    .sort((a, b) => betterBy(metric, b.perDoubling!.mean, a.perDoubling!.mean));
  if (measured.length < 2) return { pays: 'not enough evidence', among: [] };
  const gaining = measured.filter(({ perDoubling }) => perDoubling!.verdict === 'better');
  if (gaining.length === 0) return { pays: 'none', among: [] };
  // The best that gains beyond noise, and all that it does not beat.
  const [best] = gaining;
  const rivals = measured.filter(
    ({ dimension }) => dimension !== best!.dimension && !ahead(gains, best!.dimension, dimension),
  );
  return {
    pays: rivals.length === 0 ? best!.dimension : 'undecided',
    among: [best!, ...rivals].map(({ dimension }) => dimension),
  };
}

function evidenceOf(
  { along, contrasts, diminishing, cost }: RegimeGains,
  { pairs, along: gaps }: Overfitting,
): Evidence[] {
  const directions = [...new Set(pairs.map(({ direction }) => direction))];
  return [
    ...along.flatMap(({ dimension, perDoubling, pairs: n }): Evidence[] =>
      perDoubling === undefined ? [] : [{ kind: 'gain', dimension, perDoubling, cost, pairs: n }],
    ),
    ...contrasts.flatMap(({ first, second, size, difference }): Evidence[] =>
      difference === undefined || size !== undefined ? [] : [{ kind: 'contrast', first, second, difference, cost }],
    ),
    ...diminishing.flatMap(({ dimension, change }): Evidence[] =>
      change === undefined ? [] : [{ kind: 'diminishing', dimension, change, cost }],
    ),
    ...directions.map((direction): Evidence => {
      const count = (verdict: string): number =>
        pairs.filter((pair) => pair.direction === direction && pair.verdict === verdict).length;
      return {
        kind: 'overfitting',
        direction,
        overfits: count('overfits'),
        memorises: count('memorises'),
        judged: pairs.filter((pair) => pair.direction === direction).length - count('not enough evidence'),
      };
    }),
    ...gaps.flatMap(({ direction, perDoubling }): Evidence[] =>
      perDoubling === undefined ? [] : [{ kind: 'gap', direction, perDoubling }],
    ),
  ];
}

function missingOf(points: readonly StudyPoint[], { along, contrasts, cost }: RegimeGains): Missing[] {
  const missing: Missing[] = [];
  const failed = points.flatMap((point) =>
    point.failed.map(({ seed, reason }) => ({ name: point.name, seed, reason })),
  );
  const pending = points.flatMap((point) => point.pending.map((seed) => ({ name: point.name, seed })));
  if (failed.length + pending.length > 0) missing.push({ kind: 'trials', failed, pending });
  const noPairs = along.filter(({ why }) => why === 'no pairs with results').map(({ dimension }) => dimension);
  const few = along.filter(({ bySeed }) => bySeed.length > 0 && bySeed.length < LEAST_SEEDS);
  if (noPairs.length > 0)
    missing.push({ kind: 'points', dimensions: DIMENSIONS.filter((dimension) => noPairs.includes(dimension)) });
  if (few.length > 0)
    missing.push({
      kind: 'seeds',
      dimensions: few.map(({ dimension }) => dimension),
      now: Math.min(...few.map(({ bySeed }) => bySeed.length)),
    });
  for (const { first, second, size, difference } of contrasts)
    if (size === undefined && difference?.verdict === 'noise')
      missing.push({ kind: 'more seeds', first, second, now: difference.n, ...seedsNeeded(difference) });
  const untimed = points.filter(({ measured }) => measured === undefined).map(({ name }) => name);
  if (cost === 'flops' && untimed.length > 0) missing.push({ kind: 'times', names: untimed });
  return missing;
}

/**
 * The fewest seeds m with t * s / sqrt(m) below the difference, were its mean and s to stay; t has m - 1 degrees of
 * freedom, or the pooled ones, which grow with m - 1.
 */
function seedsNeeded({ mean, low, high, n, pooledDf }: Difference): { needed?: number } {
  const df = (m: number): number => (pooledDf === undefined ? m - 1 : Math.floor((pooledDf * (m - 1)) / (n - 1)));
  const s = ((high! - low!) / 2 / studentQuantile(df(n))) * Math.sqrt(n);
  for (let m = n + 1; m <= 100; m++)
    if ((studentQuantile(df(m)) * s) / Math.sqrt(m) < Math.abs(mean)) return { needed: m };
  return {};
}
