import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { wholeOption } from '../../checks.js';
import { untilInterrupted } from '../../child/interrupt.js';
import { RescaledError, UsageError } from '../../errors.js';
import { makeFolder } from '../../files.js';
import { withLock } from '../../lock.js';
import type { Metric } from '../../metric.js';
import { type RungOutcome, SHORT_RUNS_MISLEAD } from '../../study/analysis/halving.js';
import { epochsOf } from '../../study/plan/grid.js';
import {
  claimStudy,
  isStudyFolder,
  planScaling,
  readPlan,
  type ScalingPlan,
  trialsInOrder,
} from '../../study/plan/scaling-plan.js';
import { measureStudy, timedModels } from '../../study/trials/measured.js';
import { pointsOf } from '../../study/trials/points-of.js';
import { rungsOf } from '../../study/trials/rungs.js';
import { TimeLeft } from '../../study/trials/time-left.js';
import { MEASURING_STOPPED, type NamedTrials, note, runNamed } from '../trials.js';
import { commandLine, tellNext } from '../words.js';
import { metricOf } from './data.js';
import { writeReport } from './report.js';
import { openTarget, type TargetFlags } from './target.js';
import { measureSome, namedTrials, workersFor } from './trials.js';
import { distance } from './words.js';

export interface RunFlags extends TargetFlags {
  workers?: number;
  threads?: number;
  index: number;
  of: number;
  checkpointSeconds?: number;
  /** False with --no-measure. */
  measure: boolean;
  json?: boolean;
}

/** Trains what is not done yet, times the models, and writes the report. */
export async function run(wanted: string, flags: RunFlags): Promise<void> {
  wholeOption('--workers', flags.workers, 1, 64);
  wholeOption('--threads', flags.threads, 1, 1024);
  wholeOption('--of', flags.of, 1, 100_000);
  wholeOption('--index', flags.index, 0, flags.of - 1);
  const json = flags.json === true;
  const { study, folder, where } = await openTarget(wanted, flags);
  const laidOut = await planScaling(study, undefined, where);
  const threads = flags.threads ?? availableParallelism();
  const workers = flags.workers ?? workersFor(laidOut, threads);
  const plan = await claim(laidOut, folder, workers, threads, json);
  const shared = { study: folder, workers, threads, checkpointSeconds: flags.checkpointSeconds };
  const again = commandLine(['rescaled', 'study', 'run', folder]);
  note(
    json,
    `${folder}: ${plan.configurations.length} configurations, ${trialsInOrder(plan).length} trials, ` +
      `${workers} at a time on ${threads} threads` +
      (flags.of === 1 ? '' : `; this is share ${flags.index} of ${flags.of}`),
  );

  const { stopped, failed } = await runRungs(plan, folder, json, (trials) =>
    runNamed(share(trials, flags.index, flags.of), shared, () => {}, json),
  );
  // The others of a shared run train still, or have nothing to add.
  if (!stopped && flags.measure && flags.index === 0) await measure(plan, folder, threads, json);
  const page = writeReport(plan, folder);
  console.log(json ? JSON.stringify({ type: 'end', stopped, failed, page }) : page);
  if (stopped) {
    console.error(`Stopped and saved. Go on with: ${again}`);
    process.exitCode = 1;
  } else if (failed > 0)
    throw new RescaledError(
      `${failed} trial${failed === 1 ? '' : 's'} failed; "rescaled study status ${folder}" names them. ` +
        `The same command tries them again: ${again}`,
    );
  else if (!json) tellNext('rescaled', 'study', 'advise', folder);
}

/** Those that take too long are left out before the folder is taken; a plan that is there has decided that already. */
async function claim(
  laidOut: ScalingPlan,
  folder: string,
  workers: number,
  threads: number,
  json: boolean,
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
    const plan = await withinTime(laidOut, folder, workers, threads, json);
    claimStudy(folder, plan);
    return plan;
  });
}

const TOO_LONG = 'minutes predicted for a trial';

async function withinTime(
  plan: ScalingPlan,
  folder: string,
  workers: number,
  threads: number,
  json: boolean,
): Promise<ScalingPlan> {
  const { minutes } = plan.study.limits;
  if (minutes === undefined) return plan;
  let slow: { name: string; reason: string }[];
  if (isStudyFolder(folder)) slow = readPlan(folder).leftOut.filter(({ reason }) => reason.includes(TOO_LONG));
  else {
    const time = new TimeLeft();
    const { stopped } = await measureSome(plan, folder, time, workers, threads, json);
    if (stopped) throw new RescaledError(`${MEASURING_STOPPED} limits.minutes needs it.`);
    slow = plan.configurations.flatMap(({ name, trials }) => {
      const own = time.of(trials[0]!)! / 60;
      return own > minutes
        ? [{ name, reason: `${own.toPrecision(3)} ${TOO_LONG}, above the limit of ${minutes}` }]
        : [];
    });
  }
  const names = new Set(slow.map(({ name }) => name));
  const configurations = plan.configurations.filter(({ name }) => !names.has(name));
  if (configurations.length === 0)
    throw new UsageError(
      `Expected something to train within ${minutes} minutes but every configuration takes longer: ` +
        `the shortest ${slow[0]!.reason.split(' ')[0]} minutes. Raise limits.minutes.`,
    );
  return { ...plan, configurations, leftOut: [...plan.leftOut, ...slow] };
}

/** All at once; with successive halving a rung at a time, each of what the one before it left. */
async function runRungs(
  plan: ScalingPlan,
  folder: string,
  json: boolean,
  train: (trials: NamedTrials) => Promise<{ stopped: boolean; failed: number }>,
): Promise<{ stopped: boolean; failed: number }> {
  if (plan.study.halving === undefined) return train(namedTrials(plan));
  let failed = 0;
  for (const [i] of epochsOf(plan.study).entries()) {
    const rungs = rungsOf(plan, folder);
    const rung = rungs[i];
    if (rung === undefined) break; // every trial of the one before it failed
    if (i > 0) tellRung(rung.epochs, rungs[i - 1]!.outcome!, metricOf(plan), json);
    const ended = await train(namedTrials({ study: plan.study, configurations: rung.configurations }));
    failed += ended.failed;
    if (ended.stopped) return { stopped: true, failed };
  }
  return { stopped: false, failed };
}

function tellRung(
  epochs: number,
  { survivors: kept, ranking, cut, dropped }: RungOutcome,
  metric: Metric,
  json: boolean,
): void {
  if (json)
    return console.log(
      JSON.stringify({ type: 'rung', epochs, kept, left: ranking.length - kept.length, cut, failed: dropped }),
    );
  note(
    json,
    `${kept.length} of ${ranking.length + dropped.length} go on to ${epochs} epochs${
      cut === undefined
        ? ''
        : `; the best that leaves, ${cut.first}, is ${distance(metric, cut.behind)} behind the last that stays`
    }`,
  );
  note(json, `${SHORT_RUNS_MISLEAD.text}`);
}

/** A machine's own share first, then what the others have not done: a share whose machine has died is thus done too. */
function share(trials: NamedTrials, index: number, of: number): NamedTrials {
  const all = [...trials];
  return new Map([...all.filter((_, i) => i % of === index), ...all.filter((_, i) => i % of !== index)]);
}

async function measure(plan: ScalingPlan, folder: string, threads: number, json: boolean): Promise<void> {
  const trained = new Set(
    pointsOf(plan, folder)
      .filter(({ score }) => score.size > 0)
      .map(({ name }) => name),
  );
  const models = timedModels(plan.configurations.filter(({ name }) => trained.has(name)));
  await untilInterrupted(
    (signal) =>
      measureStudy(models, {
        study: folder,
        threads,
        device: plan.study.device ?? 'cpu',
        signal,
        onMeasured: ({ id }, found) =>
          note(
            json,
            'failed' in found
              ? `${id} could not be timed: ${found.failed}`
              : `timed ${id}: ${found.trainStepMs.toFixed(1)} ms a training step, ` +
                  `${found.inferenceMs.toPrecision(3)} ms a picture`,
          ),
      }),
    (text) => note(json, text),
  );
}
