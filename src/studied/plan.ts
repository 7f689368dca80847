import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { UsageError } from '../errors.js';
import { makeFolder } from '../files.js';
import { withLock } from '../lock.js';
import type { LeftOut } from '../study/plan/grid.js';
import { claimStudy, isStudyFolder, readPlan, type ScalingPlan, trialsInOrder } from '../study/plan/scaling-plan.js';
import { TimeLeft } from '../study/trials/time-left.js';
import type { NamedTrial, NamedTrials } from './speed.js';

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

/** A trial of some configurations, over the range of their costs. */
export function overCosts({ configurations }: ScalingPlan, samples = SAMPLES): NamedTrial[] {
  const byCost = [...configurations].sort((a, b) => a.trials[0]!.work.stepFlops! - b.trials[0]!.work.stepFlops!);
  const picked = new Set(
    Array.from({ length: samples }, (_, i) => byCost[Math.round((i * (byCost.length - 1)) / (samples - 1))]!),
  );
  return [...picked].map(({ name, trials }) => ({ name, trial: trials[0]! }));
}

/**
 * Takes a folder for a study. Where it has `limits.minutes`, configurations that take longer are left out before that; a plan that is there has
 * decided that already.
 * @param measure tells the time of trials over the range of costs
 */
export async function claimStudyFolder(
  laidOut: ScalingPlan,
  folder: string,
  measure: (time: TimeLeft) => Promise<void>,
): Promise<ScalingPlan> {
  if (existsSync(folder) && !statSync(folder).isDirectory())
    throw new UsageError(`Expected a folder for the output but ${folder} is a file. Choose another --out.`);
  makeFolder(folder);
  try {
    accessSync(folder, constants.W_OK);
  } catch (error) {
    throw new UsageError(`Expected to write into ${folder} but it may not be written to. Choose another --out.`, {
      cause: error,
    });
  }
  // Of several machines that begin at once, one decides.
  return withLock(join(folder, '.plan.tmp'), async () => {
    const plan = await withinTime(laidOut, folder, measure);
    claimStudy(folder, plan);
    return plan;
  });
}

const TOO_LONG = 'minutes predicted for a trial';

async function withinTime(
  plan: ScalingPlan,
  folder: string,
  measure: (time: TimeLeft) => Promise<void>,
): Promise<ScalingPlan> {
  const { minutes } = plan.study.limits;
  if (minutes === undefined) return plan;
  let slow: readonly LeftOut[];
  if (isStudyFolder(folder)) slow = tooSlow(folder);
  else {
    const time = new TimeLeft();
    await measure(time);
    slow = plan.configurations.flatMap(({ name, trials }) => {
      const own = time.of(trials[0]!)! / 60;
      return own > minutes
        ? [{ name, reason: `${own.toPrecision(3)} ${TOO_LONG}, above the limit of ${minutes}` }]
        : [];
    });
  }
  const rest = without(plan, slow);
  if (rest.configurations.length === 0)
    throw new UsageError(
      `Expected something to train within ${minutes} minutes but every configuration takes longer: ` +
        `the shortest ${slow[0]!.reason.split(' ')[0]} minutes. Raise limits.minutes.`,
    );
  return rest;
}

/** What took too long when the study in the folder began. */
const tooSlow = (folder: string): LeftOut[] =>
  readPlan(folder).leftOut.filter(({ reason }) => reason.includes(TOO_LONG));

/** Without what took too long when the study in the folder began. */
export const asBegun = (plan: ScalingPlan, folder: string): ScalingPlan => without(plan, tooSlow(folder));

function without(plan: ScalingPlan, slow: readonly LeftOut[]): ScalingPlan {
  const names = new Set(slow.map(({ name }) => name));
  return {
    ...plan,
    configurations: plan.configurations.filter(({ name }) => !names.has(name)),
    leftOut: [...plan.leftOut, ...slow],
  };
}
