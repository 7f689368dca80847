import type { Metric } from '../../metric.js';
import type { MeasuredPart } from '../../part-words.js';
import type { Estimate } from '../statistics.js';
import type { Advice, Halving, Overfitting, PowerLaw, RankCorrelation, RegimeGains } from './analysis.js';
import type { StudyCost } from './costs.js';

/**
 * What the page of a scaling study is drawn from: plain data, so that it can be kept as JSON and drawn again.
 * Scores are values of `metric`, errors what is left to a perfect one, FLOPs count 2 for a multiply-add, times are
 * milliseconds or seconds as named, memory is bytes. Configurations refer to each other by `name`. What is absent is
 * shown as missing; nothing is computed here that a study should decide.
 */
export interface StudyReport {
  title: string;
  /** ISO 8601. */
  generatedAt: string;
  /** What the configurations are compared by. */
  metric: Metric;
  data: { name: string; classes: number; trainPictures: number; testPictures: number; part?: MeasuredPart };
  /** The seeds that every configuration is to have. */
  seeds: readonly number[];
  /** Every configuration of every family and regime, in any order. */
  configurations: readonly StudyConfiguration[];
  /** The model from which only depth or only width is scaled (paper, Figure 3). Absent: no such figure. */
  base?: { family: string; depth: number; width: number };
  /** One for each regime. */
  powerLaws: readonly PowerLaw[];
  frontiers: readonly Frontier[];
  /** How well one cost ranks what another ranks, such as FLOPs the time of a training step. */
  ranks: readonly RankCorrelation[];
  /** Pairs of neighbours that differ in resolution alone are drawn; those of other dimensions are not. */
  gains: readonly RegimeGains[];
  overfitting?: Overfitting;
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
  score?: Estimate;
  /** On training pictures without augmentation. */
  trainScore?: Estimate;
  /** How much better the training score is than the test score, taken seed by seed. */
  gap?: Estimate;
  done: readonly { seed: number; score: number; trainScore?: number }[];
  failed: readonly { seed: number; reason: string }[];
  pending: readonly number[];
  /** Taken out by successive halving after so many epochs, so that no seed is to do here. */
  droppedAtEpoch?: number;
}

/** A cost of a configuration in the unit of its name; undefined where it was not measured or is not positive. */
export function studyCost(
  { measured, batch, flops, parameters }: StudyConfiguration,
  cost: StudyCost,
): number | undefined {
  const value = {
    trainStepMs: measured === undefined ? undefined : measured.trainStepMs / batch,
    inferenceMs: measured?.inferenceMs,
    peakBytes: measured?.peakBytes,
    flops,
    parameters,
  }[cost];
  return value !== undefined && Number.isFinite(value) && value > 0 ? value : undefined;
}

/** The configurations of a family that no other one of it beats. */
export interface Frontier {
  cost: StudyCost;
  family: string;
  /** By rising cost. */
  names: readonly string[];
}
