import { wholeOption } from '../../checks.js';
import { UsageError } from '../../errors.js';
import { betterBy, isBetter } from '../../metric.js';
import { comparableCost, configurationOf, meanScore, regimesOf } from './dimensions.js';
import type { StudyPoint } from './points.js';
import { kendallTauB } from './rank-correlation.js';
import type { Better } from './statistics.js';

/** Why the ranking of a short rung is only a guess, to be shown beside every result of a halving. */
export const SHORT_RUNS_MISLEAD = {
  text:
    'Short training misleads: what is best after few epochs (wider networks) is often not what is best after ' +
    'many (deeper ones), and a configuration that left early cannot come back.',
  source: 'ResNet-RS, arXiv 2103.07579, section 6 and Figure 3: do not extrapolate rules from few epochs',
} as const;

export interface HalvingOptions {
  configurations: number;
  /** Epochs of the full schedule: the last rung. */
  epochs: number;
  /** Epochs of the first rung. Default: a ninth of the full schedule, rounded up. */
  first?: number;
  /** Each rung trains so many times longer, and keeps one of so many. Default 3. */
  eta?: number;
}

export interface Rung {
  epochs: number;
  /** Configurations that train in it, when none fails. */
  configurations: number;
  /** How many of them go on; absent in the last rung. */
  keep?: number;
}

export interface HalvingPlan {
  eta: number;
  rungs: Rung[];
  /** Epochs of all rungs and configurations, for each seed; every rung trains from the start. */
  epochs: number;
  /** Against training every configuration for the full schedule. */
  shareOfFull: number;
}

/**
 * Successive halving (Jamieson and Talwalkar 2016): rungs of first * eta^k epochs up to the full schedule; one of eta
 * configurations goes on, rounded down, at least one. A rung above full / sqrt(eta) is left out, as the full schedule
 * costs little more.
 * @throws UsageError for values out of range
 */
export function halvingPlan({
  configurations,
  epochs,
  eta = 3,
  first = Math.ceil(epochs / 9),
}: HalvingOptions): HalvingPlan {
  wholeOption('the number of configurations', configurations, 1, 1e6);
  wholeOption('epochs', epochs, 1, 1e6);
  wholeOption('the epochs of the first rung', first, 1, 1e6);
  if (!(eta >= 2 && eta <= 100)) throw new UsageError(`Expected a number from 2 to 100 for eta but received ${eta}.`);
  if (first > epochs)
    throw new UsageError(
      `Expected at most the ${epochs} epochs of the full schedule for the first rung but received ${first}.`,
    );
  const lengths: number[] = [];
  for (let length = first; length <= epochs / Math.sqrt(eta); length *= eta) lengths.push(Math.round(length));
  lengths.push(epochs);
  let left = configurations;
  const rungs = lengths.map((length, i): Rung => {
    const here = left;
    if (i === lengths.length - 1) return { epochs: length, configurations: here };
    left = keptOf(here, eta);
    return { epochs: length, configurations: here, keep: left };
  });
  const total = rungs.reduce((sum, rung) => sum + rung.epochs * rung.configurations, 0);
  return { eta, rungs, epochs: total, shareOfFull: total / (configurations * epochs) };
}

/** One of eta, rounded down, at least one. */
export const keptOf = (configurations: number, eta: number): number => Math.max(1, Math.floor(configurations / eta));

export interface RungOutcome {
  /** `waiting`: a trial has not ended, so that nothing is decided. `nobody left`: every trial failed. */
  outcome: 'decided' | 'waiting' | 'nobody left';
  /** Best first. */
  ranking: { name: string; score: number; seeds: number; survives: boolean }[];
  /** Names of those that go on, best first; empty while waiting. */
  survivors: string[];
  /** Without a single result: they drop out. */
  dropped: { name: string; reasons: string[] }[];
  /** Ranked by the seeds that did not fail. */
  partlyFailed: { name: string; seeds: number[] }[];
  pending: string[];
  /**
   * Best of those that leave, and how far it is behind the last that stays, in the metric's unit: a small figure is a
   * toss of a coin.
   */
  cut?: { last: string; first: string; behind: number };
}

/**
 * Who goes on: by the mean score over the seeds, of equals the cheaper one (training step where all are measured, else
 * FLOPs), then by name. A seed that failed does not count; a configuration of which all failed drops out.
 * @param keep how many, at least one
 */
export function survivors(points: readonly StudyPoint[], keep: number, metric: Better): RungOutcome {
  const cost = points.every((point) => comparableCost(point, 'trainStepMs') !== undefined) ? 'trainStepMs' : 'flops';
  const ranked = points
    .flatMap((point) => {
      const score = meanScore(point);
      return score === undefined
        ? []
        : [{ name: point.name, score, seeds: point.score.size, cost: comparableCost(point, cost) ?? Infinity }];
    })
    .sort((a, b) => betterBy(metric, b.score, a.score) || a.cost - b.cost || (a.name < b.name ? -1 : 1));
  const pending = points.filter((point) => point.pending.length > 0).map(({ name }) => name);
  const decided = pending.length === 0 && ranked.length > 0;
  const kept = decided ? Math.max(1, Math.floor(keep)) : 0;
  const [last, first] = [ranked[kept - 1], ranked[kept]];
  return {
    outcome: pending.length > 0 ? 'waiting' : ranked.length === 0 ? 'nobody left' : 'decided',
    ranking: ranked.map(({ name, score, seeds }, i) => ({ name, score, seeds, survives: i < kept })),
    survivors: ranked.slice(0, kept).map(({ name }) => name),
    dropped: points
      .filter((point) => meanScore(point) === undefined && point.pending.length === 0)
      .map(({ name, failed }) => ({ name, reasons: [...new Set(failed.map(({ reason }) => reason))] })),
    partlyFailed: points
      .filter((point) => meanScore(point) !== undefined && point.failed.length > 0)
      .map(({ name, failed }) => ({ name, seeds: failed.map(({ seed }) => seed) })),
    pending,
    ...(last === undefined || first === undefined
      ? {}
      : { cut: { last: last.name, first: first.name, behind: betterBy(metric, last.score, first.score) } }),
  };
}

/**
 * How a short rung ranks the configurations that both it and the last rung trained. Those that left early are in none
 * of these figures.
 */
export interface RungAgreement {
  epochs: number;
  lastEpochs: number;
  outcome: 'compared' | 'too few configurations' | 'all equal';
  n: number;
  /** Tau-b of Kendall between the mean scores of both rungs. */
  tau?: number;
  /** The best of the last rung, and its place in the short one, from 1. */
  best?: { name: string; place: number };
}

/** Each rung but the last against the last; regimes of the points are the rungs. */
export function rungAgreement(points: readonly StudyPoint[], metric: Better): RungAgreement[] {
  const rungs = regimesOf(points);
  const lastEpochs = rungs.pop();
  if (lastEpochs === undefined) return [];
  const scores = (epochs: number): Map<string, { name: string; score: number }> =>
    new Map(
      points.flatMap((point) => {
        const score = meanScore(point);
        return point.epochs !== epochs || score === undefined
          ? []
          : [[configurationOf(point), { name: point.name, score }]];
      }),
    );
  const final = scores(lastEpochs);
  return rungs.map((epochs): RungAgreement => {
    const short = scores(epochs);
    const both = [...final]
      .filter(([key]) => short.has(key))
      .map(([key, { name, score }]) => ({ name, last: score, early: short.get(key)!.score }));
    const common = { epochs, lastEpochs, n: both.length };
    if (both.length < 3) return { ...common, outcome: 'too few configurations' };
    const tau = kendallTauB(
      both.map(({ early }) => early),
      both.map(({ last }) => last),
    );
    if (tau === undefined) return { ...common, outcome: 'all equal' };
    const best = both.reduce((a, b) => (isBetter(metric, b.last, a.last) ? b : a));
    return {
      ...common,
      outcome: 'compared',
      tau,
      best: { name: best.name, place: 1 + both.filter(({ early }) => isBetter(metric, early, best.early)).length },
    };
  });
}
