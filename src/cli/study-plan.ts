import { availableParallelism } from 'node:os';
import { UsageError } from '../errors.js';
import { measureTrial } from '../study/run-trials.js';
import { layOut, epochsOf, type Configuration, type LeftOut } from '../study/grid.js';
import { isStudyFolder, planScaling, trialsInOrder, type PlannedConfiguration, type ScalingPlan } from '../study/scaling-plan.js';
import type { StudyFile } from '../study/study-file.js';
import { STUDY_PRESETS } from '../study/study-presets.js';
import { TimeLeft } from '../study/time-left.js';
import { readResult } from '../study/trial.js';
import { IMAGENET_PICTURES } from '../train/index.js';
import { note, untilInterrupted } from './ablate-run.js';
import { duration } from './progress.js';
import { openTarget, type TargetFlags } from './study-target.js';
import { table } from './table.js';
import { workersFor } from './study-run.js';

export interface PlanFlags extends TargetFlags {
  measure?: boolean;
  all?: boolean;
  workers?: number;
  threads?: number;
  json?: boolean;
  csv?: boolean;
}

/** Lines of the table without --all. */
const SHOWN = 24;

/** Prints what a study would train and what that costs. */
export async function plan(wanted: string, flags: PlanFlags): Promise<void> {
  const { study, folder } = await openTarget(wanted, flags);
  if (study.data === undefined) {
    if (flags.measure === true) throw new UsageError('Expected pictures to measure on: give --data FOLDER.');
    // A study can be looked at before there are pictures.
    const trainPictures = Math.min(study.limitTrain ?? IMAGENET_PICTURES, IMAGENET_PICTURES);
    const { configurations, leftOut } = await layOut(study, { path: '', classes: 1000, trainPictures });
    return print({ study, trainPictures, about: `no data given: counted for ${trainPictures.toLocaleString('en')} of ImageNet's ${IMAGENET_PICTURES.toLocaleString('en')} training pictures and 1000 classes`, configurations, leftOut, flags });
  }
  const planned = await planScaling(study);
  const { name, trainPictures, testPictures, classes } = planned.data;
  const about = `${name}: ${trainPictures.toLocaleString('en')} training and ${testPictures.toLocaleString('en')} test pictures, ${classes} classes`;
  const threads = flags.threads ?? availableParallelism();
  const workers = flags.workers ?? workersFor(planned, threads);
  const time = new TimeLeft();
  if (isStudyFolder(folder)) learn(planned, folder, time);
  if (flags.measure === true) await measureSome(planned, folder, time, workers, threads, flags.json === true);
  print({ study, trainPictures, about, configurations: planned.configurations, leftOut: planned.leftOut, time, planned, workers, threads, folder, flags });
}

function learn(planned: ScalingPlan, folder: string, time: TimeLeft): void {
  for (const { trial } of trialsInOrder(planned)) {
    const result = readResult(folder, trial.id);
    if (result?.status === 'done') time.learn(trial.work, result.msPerStep, result.scoredPerSecond);
  }
}

/** Models to time: the cheapest, the dearest and some between tell of the rest. */
const SAMPLES = 5;

/** A few steps of some configurations over the range of their costs, as many at a time as there will be. */
export async function measureSome({ configurations }: ScalingPlan, study: string, time: TimeLeft, workers: number, threads: number, json: boolean): Promise<void> {
  const byCost = [...configurations].sort((a, b) => a.trials[0]!.work.stepFlops! - b.trials[0]!.work.stepFlops!);
  const picked = new Set(Array.from({ length: SAMPLES }, (_, i) => byCost[Math.round((i * (byCost.length - 1)) / (SAMPLES - 1))]!));
  await untilInterrupted(json, async (signal) => {
    for (const { name, trials } of picked) {
      const trial = trials[0]!;
      if (time.knows(trial.work.cost)) continue;
      note(json, `measuring a few steps of ${name} ...`);
      const speeds = await Promise.all(Array.from({ length: workers }, () => measureTrial(trial, { study, workers, threads, signal })));
      for (const { msPerStep, scoredPerSecond } of speeds) time.learn(trial.work, msPerStep, scoredPerSecond);
    }
  });
}

interface Printed {
  study: StudyFile;
  trainPictures: number;
  about: string;
  configurations: readonly Configuration[];
  leftOut: readonly LeftOut[];
  planned?: ScalingPlan;
  time?: TimeLeft;
  workers?: number;
  threads?: number;
  folder?: string;
  flags: PlanFlags;
}

function print(printed: Printed): void {
  const { study, about, configurations, leftOut, planned, time, workers = 1, threads, folder, flags } = printed;
  const seconds = (configuration: Configuration): number | undefined => ('trials' in configuration ? time?.of((configuration as PlannedConfiguration).trials[0]!) : undefined);
  const rows = configurations.map(({ options, overrides: _inner, ...configuration }) => ({ ...configuration, recipe: options.recipe, settings: options.settings, flops: 2 * configuration.multiplyAdds, secondsEach: seconds(configurations.find(({ name }) => name === configuration.name)!) }));
  const trials = planned === undefined ? configurations.length * study.seeds.length : trialsInOrder(planned).length;
  const trainFlops = configurations.reduce((sum, each) => sum + each.trainFlops, 0) * study.seeds.length;
  const left = planned === undefined || folder === undefined ? [] : trialsInOrder(planned).filter(({ trial }) => readResult(folder, trial.id)?.status !== 'done');
  const total = time?.total(left.map(({ trial }) => trial), workers);
  if (flags.json === true)
    return console.log(JSON.stringify({ study: study.name, about, configurations: rows, leftOut, trials, remaining: planned === undefined ? undefined : left.length, trainFlops, seconds: total, workers: planned === undefined ? undefined : workers }, null, 2));
  if (flags.csv === true) {
    const columns = ['name', 'family', 'model', 'depth', 'width', 'size', 'epochs', 'parameters', 'multiplyAdds', 'flops', 'batch', 'predictedBytes', 'trainFlops', 'secondsEach'] as const;
    return console.log([columns.join(','), ...rows.map((row) => columns.map((column) => row[column] ?? '').join(','))].join('\n'));
  }
  console.log(`${study.name}: ${about}`);
  const shown = flags.all === true ? rows : rows.slice(0, SHOWN);
  const head = ['configuration', 'parameters', 'multiply-adds', 'batch', 'memory', 'training FLOPs', ...(total === undefined ? [] : ['about'])];
  console.log(table([head, ...shown.map((row) => [row.name, `${(row.parameters / 1e6).toFixed(2)} M`, `${(row.multiplyAdds / 1e6).toFixed(1)} M`, String(row.batch), `${(row.predictedBytes / 2 ** 30).toFixed(2)} GiB`, row.trainFlops.toExponential(1), ...(total === undefined ? [] : [duration(row.secondsEach ?? 0)])])], 1));
  if (shown.length < rows.length) console.log(`... and ${rows.length - shown.length} more (--all, --csv or --json shows them)`);
  for (const { name, reason } of leftOut.slice(0, SHOWN)) console.log(`left out: ${name}: ${reason}`);
  if (leftOut.length > SHOWN) console.log(`... and ${leftOut.length - SHOWN} more left out`);
  const preset = STUDY_PRESETS[study.name];
  for (const text of preset?.notes ?? []) console.log(`note: ${text}`);
  console.log(`\n${counted(rows.length, 'configuration')} in ${counted(epochsOf(study).length, 'regime')} (epochs: ${epochsOf(study).join(', ')}) x ${counted(study.seeds.length, 'seed')} = ${counted(trials, 'trial')}, ${trainFlops.toExponential(2)} FLOPs of training in all; the largest needs about ${(Math.max(...rows.map(({ predictedBytes }) => predictedBytes)) / 2 ** 30).toFixed(1)} GiB`);
  if (study.halving !== undefined) console.log('with halving these are at most: each longer regime keeps the best of the one before');
  if (planned === undefined) return;
  if (total !== undefined) console.log(`${left.length} to do: about ${duration(total)} with ${workers} at a time on ${threads} threads`);
  else console.log('--measure times a few of them, to tell how long all take');
}

const counted = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;
