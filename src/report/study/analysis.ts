import type { Change, Estimate } from '../statistics.js';
import type { StudyCost } from './costs.js';

/**
 * What an analysis has found in a study, in the shapes in which `study` gives it: its results fit here as they are, and
 * more fields do no harm. Scores are values of the study's metric. Configurations are named.
 */
export type Dimension = 'depth' | 'width' | 'resolution';

/** `error = scale * FLOPs ** -exponent` over the points up to the break, or over all (paper, Figure 2). */
export interface PowerLaw {
  /** Absent where regimes are taken together. */
  epochs?: number;
  outcome: 'fitted' | 'too few points' | 'one size only' | 'no error';
  n: number;
  exponent?: Estimate;
  scale?: number;
  /** Share of the variance of log error that the line, with its break, explains. */
  r2?: number;
  /** By which factor an error is typically off the law. */
  residualFactor?: number;
  break?: { flops: number; low: number; high: number; after: Estimate; direction: 'flattens' | 'steepens' };
  noBreak?: 'too few sizes' | 'the line is exact' | 'no break seen';
  /** By rising FLOPs; `fitted` is the law, beyond a break its second piece. */
  residuals: readonly { name: string; flops: number; error: number; fitted: number }[];
  /** Configurations whose FLOPs are nearly equal, widest first. */
  spread: readonly {
    lowFlops: number;
    highFlops: number;
    n: number;
    best: { name: string; error: number };
    worst: { name: string; error: number };
    ratio: number;
  }[];
  excluded: readonly { name: string; reason: string }[];
}

/** How well the order by `a` is the order by `b`: 1 the same, 0 unrelated, -1 reversed. */
export interface RankCorrelation {
  a: StudyCost;
  b: StudyCost;
  outcome: 'compared' | 'too few points' | 'all equal';
  n: number;
  /** Kendall's tau-b. */
  tau?: RankEstimate;
  /** Spearman's rho. */
  rho?: RankEstimate;
  /** `more` has `aRatio` times the cost a of `less`, yet `less` has `bRatio` times its cost b. Worst first. */
  inversions: readonly { more: string; less: string; aRatio: number; bRatio: number }[];
}
export interface RankEstimate {
  value: number;
  low?: number;
  high?: number;
}

/** What a dimension gains in a regime for each doubling of the cost. */
export interface RegimeGains {
  epochs: number;
  pairs: readonly MarginalPair[];
  /** Gain in the lower and the upper half of the steps; `worse` where returns diminish. */
  diminishing: readonly {
    dimension: Dimension;
    lower: { perDoubling?: Change };
    upper: { perDoubling?: Change };
    change?: Change;
  }[];
}

/** Two configurations that differ in one dimension only. */
export interface MarginalPair {
  dimension: Dimension;
  from: string;
  to: string;
  /** Pixels, where the dimension is resolution. */
  fromValue: number;
  toValue: number;
  cost: StudyCost;
  /** log2 of how many times dearer. */
  doublings?: number;
  /** Change of the score for each doubling, paired by seed. */
  perDoubling?: Change;
}

export interface Overfitting {
  pairs: readonly {
    direction: 'depth' | 'width' | 'epochs';
    from: string;
    to: string;
    epochs: number;
    train?: Change;
    test?: Change;
    gap?: Change;
    verdict: 'overfits' | 'memorises' | 'learns' | 'loses' | 'no change' | 'not enough evidence';
  }[];
  /** Pairs with enough evidence. */
  judged: number;
}

export interface Advice {
  /** Shortest first. */
  regimes: readonly RegimeAdvice[];
  /** The one to follow: the longest. */
  full?: RegimeAdvice;
  next: readonly NextTrial[];
  risk: {
    text: string;
    source: string;
    /** Largest FLOPs over smallest that the advice rests on. */
    flopsRange?: number;
    /** Regimes where another dimension pays. */
    otherwise: readonly { epochs: number; pays: Pays }[];
    breakFlops?: number;
  };
}

/**
 * `undecided`: some dimension gains beyond noise, but which gains most is within noise. `none`: none gains beyond
 * noise.
 */
export type Pays = Dimension | 'undecided' | 'none' | 'not enough evidence';

export interface RegimeAdvice {
  epochs: number;
  pays: Pays;
  /** The dimensions that pay, or that the choice is undecided between. */
  among: readonly Dimension[];
  evidence: readonly Evidence[];
  missing: readonly Missing[];
  family: ProposedFamily;
}

export type Evidence =
  | { kind: 'gain'; dimension: Dimension; perDoubling: Change; cost: StudyCost; pairs: number }
  /** Gain of `first` less gain of `second`. */
  | { kind: 'contrast'; first: Dimension; second: Dimension; difference: Change; cost: StudyCost }
  | { kind: 'diminishing'; dimension: Dimension; change: Change; cost: StudyCost }
  /**
   * Pairs where the larger is better on training pictures and worse on test pictures, of those that could be judged.
   */
  | {
      kind: 'overfitting';
      direction: 'depth' | 'width' | 'epochs';
      overfits: number;
      memorises: number;
      judged: number;
    }
  | { kind: 'gap'; direction: 'depth' | 'width' | 'epochs'; perDoubling: Change };

export type Missing =
  | {
      kind: 'trials';
      failed: readonly { name: string; seed: number; reason: string }[];
      pending: readonly { name: string; seed: number }[];
    }
  /** No two neighbours along these dimensions have results. */
  | { kind: 'points'; dimensions: readonly Dimension[] }
  /** Along these so few seeds are done in the same pairs. */
  | { kind: 'seeds'; dimensions: readonly Dimension[]; now: number }
  /** Seeds in all that would tell two dimensions apart, if both gains stay what they are. */
  | { kind: 'more seeds'; first: Dimension; second: Dimension; now: number; needed?: number }
  | { kind: 'times'; names: readonly string[] };

export interface ProposedFamily {
  outcome: 'proposed' | 'not enough evidence';
  /** By which it is sorted and judged. */
  cost: StudyCost;
  /** The cost that was asked for is measured nowhere, and FLOPs stand for it. */
  instead: boolean;
  /** Smallest to largest. */
  members: readonly FamilyMember[];
  passedOver: readonly { name: string; against: string; reason: string }[];
}

export interface FamilyMember {
  name: string;
  depth: number;
  width: number;
  size: number;
  flops: number;
  cost: number;
  score: Estimate;
  /** Against the member before it. */
  gain?: Change;
  why: string;
  /** The frontier's member at a higher resolution that this one is not told from. */
  insteadOf?: string;
  /** Raises the resolution faster than compound scaling does. */
  fasterThanCompound?: boolean;
  /** Mean of `seeds` new trainings, and where 95 % of such means lie. */
  prediction: { seeds: number; mean: number; low?: number; high?: number };
}

/** A configuration that is not in the study. */
export interface NextTrial {
  family: string;
  depth: number;
  width: number;
  size: number;
  epochs: number;
  dimension: Dimension;
  where: 'beyond the grid' | 'within the grid';
  /** The configuration of the study that it differs from. */
  base: string;
  flopsRatio: number;
  /** Of training, all seeds one after the other. */
  seconds?: number;
  seeds: number;
}

/** Successive halving: all start, the better part of each rung goes on. */
export interface Halving {
  /** `shareOfFull`: epochs, over those of training every configuration for the full schedule. */
  plan: { rungs: readonly { epochs: number; configurations: number; keep?: number }[]; shareOfFull: number };
  /** Of the rungs that have begun, in their order. */
  outcomes: readonly RungOutcome[];
  /** How well the order at a rung is that at the last. */
  agreement: readonly { epochs: number; n: number; tau?: number; best?: { name: string; place: number } }[];
  /** What it cannot know (paper, section 6). */
  warning: { text: string; source: string };
}

export interface RungOutcome {
  /** `waiting`: a trial has not ended. `nobody left`: every trial failed. */
  outcome: 'decided' | 'waiting' | 'nobody left';
  /** Best first. */
  ranking: readonly { name: string; score: number; survives: boolean }[];
  /** Without a single result. */
  dropped: readonly { name: string; reasons: readonly string[] }[];
  /** Best of those that leave, and how far it is behind the last that stays. */
  cut?: { last: string; first: string; behind: number };
}
