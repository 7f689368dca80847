import { totalmem } from 'node:os';
import { type ScalingPlan, trialsInOrder } from '../../study/plan/scaling-plan.js';
import type { TimeLeft } from '../../study/trials/time-left.js';
import { learnUnknown, type NamedTrials } from '../trials.js';

/** Share of the machine's memory that trials side by side may be predicted to need. */
const MEMORY_SHARE = 0.7;
/** Bytes that trials side by side may be predicted to need. */
export const memoryOfTrials = (): number => MEMORY_SHARE * totalmem();

/**
 * Trials at a time: a thread each, as far as the memory goes. Small models leave threads idle between operators, so
 * that two trials of one thread end sooner than one after the other with two (bench/workers.ts). Another device takes
 * one at a time.
 */
export function workersFor({ study, configurations }: ScalingPlan, threads: number): number {
  if (study.device !== undefined && study.device !== 'cpu') return 1;
  const largest = configurations.reduce((most, { predictedBytes }) => Math.max(most, predictedBytes), 1);
  return Math.max(1, Math.min(threads, Math.floor(memoryOfTrials() / largest)));
}

/** The trials in the order in which they run, by the names of their configurations. */
export const namedTrials = (plan: Pick<ScalingPlan, 'study' | 'configurations'>): NamedTrials =>
  new Map(trialsInOrder(plan).map(({ trial, configuration }) => [trial.id, { trial, name: configuration.name }]));

/** Models to time: the cheapest, the dearest and some between tell of the rest. */
const SAMPLES = 5;

/** A few steps of some configurations over the range of their costs. */
export async function measureSome(
  { configurations }: ScalingPlan,
  study: string,
  time: TimeLeft,
  workers: number,
  threads: number,
  json: boolean,
  samples = SAMPLES,
): Promise<{ stopped: boolean }> {
  const byCost = [...configurations].sort((a, b) => a.trials[0]!.work.stepFlops! - b.trials[0]!.work.stepFlops!);
  const picked = new Set(
    Array.from({ length: samples }, (_, i) => byCost[Math.round((i * (byCost.length - 1)) / (samples - 1))]!),
  );
  return learnUnknown(
    [...picked].map(({ name, trials }) => ({ name, trial: trials[0]! })),
    { study, workers, threads },
    time,
    json,
  );
}
