import { availableParallelism } from 'node:os';
import { wholeOption } from '../../checks.js';
import { untilInterrupted } from '../../child/interrupt.js';
import { RescaledError } from '../../errors.js';
import type { Metric } from '../../metric.js';
import { metricOf } from '../../studied/facts.js';
import { openTarget, type TargetFlags } from '../../studied/open.js';
import { claimStudyFolder, workersFor } from '../../studied/plan.js';
import { ownShareFirst, runRungs, timeTrained } from '../../studied/rungs.js';
import { writeStudyPage } from '../../studied/study-page.js';
import { type RungOutcome, SHORT_RUNS_MISLEAD } from '../../study/analysis/halving.js';
import { planScaling, type ScalingPlan, trialsInOrder } from '../../study/plan/scaling-plan.js';
import { commandLine } from '../../suggest.js';
import { MEASURING_STOPPED, note, runNamed } from '../trials.js';
import { tellNext } from '../words.js';
import { measureSome } from './trials.js';
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
  const plan = await claimStudyFolder(laidOut, folder, async (time) => {
    const { stopped } = await measureSome(laidOut, folder, time, workers, threads, json);
    if (stopped) throw new RescaledError(`${MEASURING_STOPPED} limits.minutes needs it.`);
  });
  const shared = { study: folder, workers, threads, checkpointSeconds: flags.checkpointSeconds };
  const again = commandLine(['rescaled', 'study', 'run', folder]);
  note(
    json,
    `${folder}: ${plan.configurations.length} configurations, ${trialsInOrder(plan).length} trials, ` +
      `${workers} at a time on ${threads} threads` +
      (flags.of === 1 ? '' : `; this is share ${flags.index} of ${flags.of}`),
  );

  const { stopped, failed } = await runRungs(
    plan,
    folder,
    (trials) => runNamed(ownShareFirst(trials, flags.index, flags.of), shared, () => {}, json),
    (epochs, outcome) => tellRung(epochs, outcome, metricOf(plan), json),
  );
  // The others of a shared run train still, or have nothing to add.
  if (!stopped && flags.measure && flags.index === 0) await timeAndTell(plan, folder, threads, json);
  const page = writeStudyPage(plan, folder);
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

async function timeAndTell(plan: ScalingPlan, folder: string, threads: number, json: boolean): Promise<void> {
  await untilInterrupted(
    (signal) =>
      timeTrained(plan, folder, {
        threads,
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
