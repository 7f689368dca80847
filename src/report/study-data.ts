import type { Change, Estimate } from './ablation-data.js';

/**
 * What the page of a scaling study is drawn from: plain data, so that it can be kept as JSON and drawn again. Accuracies and errors are
 * fractions in 0..1, FLOPs count 2 for a multiply-add, times are milliseconds or seconds as named, memory is bytes. Configurations refer to
 * each other by `name`. What is absent is shown as missing; nothing is computed here that a study should decide.
 */
export interface StudyReport {
  title: string;
  /** ISO 8601. */
  generatedAt: string;
  data: { name: string; classes: number; trainPictures: number; testPictures: number };
  /** The seeds that every configuration is to have. */
  seeds: readonly number[];
  /** Every configuration of every family and regime, in any order. */
  configurations: readonly StudyConfiguration[];
  /** The model from which only depth or only width is scaled (paper, Figure 3). Absent: no such figure. */
  base?: { family: string; depth: number; width: number };
  powerLaws: readonly PowerLaw[];
  /** How far accuracies lie apart at nearly the same FLOPs; the widest stretch of each regime is enough. */
  spreads: readonly Spread[];
  frontiers: readonly Frontier[];
  ranks: readonly RankAgreement[];
  /** Worst first: pairs whose order by FLOPs or parameters is not their order by time. */
  inversions: readonly Inversion[];
  resolutionGains: readonly ResolutionGain[];
  /** Whether the gains of resolution diminish, one for each regime. */
  diminishing: readonly Diminishing[];
  advice: Advice;
  halving?: Halving;
  /** Settings that are the same in every trial. */
  common: readonly { key: string; value: string }[];
  environment: readonly { key: string; value: string }[];
  commands: readonly { what: string; command: string }[];
  /** What else a reader must know, one sentence each: measurements under load and the like. */
  warnings: readonly string[];
}

/** A model at a resolution in a regime: one mark of the figures. */
export interface StudyConfiguration {
  /** Unique in the study. */
  name: string;
  /** `resnet-rs`, `resnet`, `efficientnet`, `efficientnet-rs`: a series of the frontier charts. */
  family: string;
  model: string;
  /** Layers; the depth coefficient of an EfficientNet. */
  depth: number;
  /** Width multiplier; the width coefficient of an EfficientNet. */
  width: number;
  /** Side of the pictures, in pixels. */
  size: number;
  /** The training regime. */
  epochs: number;
  /** Of one picture, forward. */
  flops: number;
  parameters: number;
  /** Pictures in a training step. */
  batch: number;
  predictedBytes?: number;
  /** Absent until measured. Milliseconds of a step of `batch` pictures, and of one picture in inference. */
  measured?: { trainStepMs: number; inferenceMs: number; peakBytes?: number };
  /** Over the seeds that are done; absent without one. */
  top1?: Estimate;
  /** On training pictures without augmentation. */
  trainTop1?: Estimate;
  /** `trainTop1 - top1`, taken seed by seed. */
  gap?: Estimate;
  done: readonly { seed: number; top1: number; trainTop1?: number }[];
  failed: readonly { seed: number; reason: string }[];
  pending: readonly number[];
  /** Taken out by successive halving after so many epochs, so that no seed is to do. */
  droppedAtEpoch?: number;
}

/**
 * What a configuration is judged by, in the order of the charts: all are lower is better. A training step is counted by the picture
 * (`trainStepMs / batch`), since a batch that memory allows is smaller for larger models.
 */
export const STUDY_COSTS = ['trainStepMs', 'inferenceMs', 'memory', 'flops', 'parameters'] as const;
/** `memory`: measured peak of training. */
export type StudyCost = (typeof STUDY_COSTS)[number];

/** A cost of a configuration in the unit of its name; undefined where it was not measured or is not positive. */
export function studyCost({ measured, batch, flops, parameters }: StudyConfiguration, cost: StudyCost): number | undefined {
  const value = { trainStepMs: measured === undefined ? undefined : measured.trainStepMs / batch, inferenceMs: measured?.inferenceMs, memory: measured?.peakBytes, flops, parameters }[cost];
  return value !== undefined && Number.isFinite(value) && value > 0 ? value : undefined;
}

/** `error = scale * FLOPs ** -exponent` over the models of a regime up to the break, or over all of them (paper, Figure 2). */
export interface PowerLaw {
  epochs: number;
  /** Which family, where each has its own. */
  family?: string;
  /** Absent: no fit, and `missing` says why. */
  fit?: {
    scale: number;
    exponent: Estimate;
    /** FLOPs of the models that the line is fitted to. */
    from: number;
    to: number;
    /** Configurations. */
    n: number;
    /** Share of the variance of log error that the line, with its break, explains. */
    r2?: number;
    /** By which factor an error is off the line, typically. */
    residualFactor?: number;
  };
  /** Where the line breaks, and between which FLOPs (95 %). */
  break?: { flops: number; low?: number; high?: number; after?: Estimate; direction: 'flattens' | 'steepens' };
  /** Why there is no fit or no break; a sentence. */
  missing?: string;
}

/** Configurations of nearly equal FLOPs. */
export interface Spread {
  epochs: number;
  /** FLOPs. */
  from: number;
  to: number;
  n: number;
  best: string;
  worst: string;
  /** `best - worst`, in accuracy. */
  difference: Change;
}

/** The configurations of a family that no other one of it beats. */
export interface Frontier {
  cost: StudyCost;
  family: string;
  /** By rising cost. */
  names: readonly string[];
}

/** How well the order by one cost is the order by another: 1 the same, 0 unrelated, -1 reversed. */
export interface RankAgreement {
  cost: StudyCost;
  against: StudyCost;
  /** Kendall's tau-b; absent where `missing` says why. */
  tau?: number;
  /** Spearman's rho. */
  rho?: number;
  low?: number;
  high?: number;
  /** Share of pairs that are the wrong way round. */
  discordant?: number;
  /** Configurations that have both. */
  n: number;
  /** One family, or all together where absent. */
  family?: string;
  /** A sentence. */
  missing?: string;
}

/** `first` has more of `cost` than `second`, and yet less of `against`. */
export interface Inversion {
  first: string;
  second: string;
  cost: StudyCost;
  against: StudyCost;
  /** `first` over `second`: above 1. */
  costRatio: number;
  /** `first` over `second`: below 1. */
  againstRatio: number;
}

/** The same model at one resolution and the next. */
export interface ResolutionGain {
  family: string;
  depth: number;
  width: number;
  epochs: number;
  from: number;
  to: number;
  /** Cost at `to` over cost at `from`. */
  costRatio: number;
  /** Which cost. */
  cost: StudyCost;
  /** Accuracy gained for each doubling of the cost. */
  perDoubling: Change;
}

/** Gain for each doubling of the cost in the lower half of the steps of resolution, and in the upper half. */
export interface Diminishing {
  epochs: number;
  lower: Estimate;
  upper: Estimate;
  /** `upper - lower`: `worse` where returns diminish. */
  change: Change;
}

export interface Advice {
  /** One for each regime (and resolution, where they differ). */
  regimes: readonly RegimeAdvice[];
  /** The proposed models, smallest to largest; empty where there is not enough evidence, and `missing` says what would be. */
  family: readonly FamilyMember[];
  next: readonly NextTrial[];
  /** What is missing for an answer to all: a sentence each. */
  missing: readonly string[];
}

export interface RegimeAdvice {
  epochs: number;
  /** Pixels, where the answer is of one resolution. */
  size?: number;
  /** `unknown`: not enough evidence, and `missing` says what is. `either`: both pay alike within the noise. */
  pays: 'depth' | 'width' | 'resolution' | 'either' | 'unknown';
  /** Gain in accuracy for each doubling of the cost, when only this is scaled. */
  depth?: Estimate;
  width?: Estimate;
  resolution?: Estimate;
  /** Depth less width, in accuracy for each doubling. */
  difference?: Estimate;
  /** Which cost is doubled. */
  cost: StudyCost;
  overfitting?: 'yes' | 'no' | 'unknown';
  missing?: string;
}

export interface FamilyMember {
  name: string;
  /** `rescaled train` takes it. */
  model: string;
  depth: number;
  width: number;
  size: number;
  flops: number;
  parameters: number;
  trainStepMs?: number;
  /** Accuracy, where it was trained here. */
  measured?: Estimate;
  /** Accuracy, where it was not, with its 95 % interval. */
  predicted?: { mean: number; low?: number; high?: number };
  note?: string;
}

export interface NextTrial {
  what: string;
  why: string;
  /** Expected training time on this machine, all seeds. */
  seconds?: number;
  command?: string;
}

/** Successive halving: all start, the better part of each rung goes on. */
export interface Halving {
  rungs: readonly { epochs: number; started: number; kept: number; worstKept?: number; bestDropped?: number }[];
  /** Epochs trained, over those of the full study. */
  share: number;
  /** What it cannot know: an order after few epochs need not be the order at the end (paper, section 6). */
  warning: string;
  /** Rank correlation of the accuracies at each rung with those at the end, where known. */
  agreement?: readonly { epochs: number; tau: number; n: number }[];
}
