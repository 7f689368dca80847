import { availableParallelism, totalmem } from 'node:os';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { batchesOf } from '../../batches.js';
import { typicalSide } from '../../data/sources/sides.js';
import { RescaledError, UsageError } from '../../errors.js';
import { isAddress, placeOf, writeFileAtomic } from '../../files.js';
import { picturesOf } from '../../part-words.js';
import { memoryOfTrials, workersFor } from '../../studied/plan.js';
import { checkStudy } from '../../study/plan/file.js';
import { type Fit, type FitFacts, fits, isSmall, studyOf } from '../../study/plan/fit.js';
import type { Configuration } from '../../study/plan/grid.js';
import { planScaling } from '../../study/plan/scaling-plan.js';
import { studiedTask } from '../../study/plan/studied-task.js';
import { TRAIN_PICTURES, WATCHED } from '../../study/plan/trial.js';
import { TimeLeft } from '../../study/trials/time-left.js';
import { commandLine } from '../../suggest.js';
import { openTrainingData } from '../../tasks/runs.js';
import { checkOutput } from '../output.js';
import { duration } from '../progress.js';
import { MEASURING_STOPPED } from '../trials.js';
import { measureSome } from './trials.js';

export interface InitFlags {
  out: string;
  minutes: number;
  threads?: number;
  force?: boolean;
}

const SEEDS = 3;
/** Models that are timed to tell of the rest. */
const TIMED = 3;

/** Writes a study file for pictures and machine, and says what it picked and why. */
export async function init(data: string, { out, minutes, threads: given, force }: InitFlags): Promise<void> {
  if (!(minutes > 0 && minutes <= 100_000))
    throw new UsageError(`Expected minutes above 0 and up to 100000 for --minutes but received ${minutes}.`);
  checkOutput(out, { endings: ['.json'], force });
  const threads = given ?? availableParallelism();
  const memoryBytes = memoryOfTrials() / threads;
  const task = await studiedTask(data);
  if (task !== undefined)
    throw new UsageError(
      `Expected classes for "rescaled study init" but ${data} is for the task ${task}: sizes and lengths are chosen for classes alone. ` +
        'Write a study file with "models" and "epochs" (docs/scaling.md), and "rescaled study plan FILE --data DATA".',
    );
  const dataset = await openTrainingData({ data: placeOf(data) });
  if (dataset.train === undefined)
    throw new UsageError(`Expected training pictures in ${data} but there is only a validation part.`);
  const side = await typicalSide(dataset.train);
  const facts: FitFacts = {
    trainPictures: dataset.train.length,
    testPictures: dataset.val.length,
    classes: dataset.classes.length,
    memoryBytes,
    ...(side === undefined ? {} : { side }),
  };
  console.log(
    `${dataset.name}: ${count(facts.trainPictures)} training and ${picturesOf(dataset.measured, facts.testPictures, count)}, ` +
      `${facts.classes} classes${side === undefined ? '' : `, ${side} pixels at the shorter side`}; ` +
      `${threads} threads, ${(totalmem() / 2 ** 30).toFixed(1)} GiB of memory`,
  );
  // The largest grid, of which every fit is a part, for an epoch or two.
  const draft = { ...fits(facts)[0]!, epochs: [1, 2] as [number, number] };
  const plan = await planScaling(checkStudy(studyOf(draft, facts, placeOf(data)), basename(out), out), undefined, data);
  const workers = workersFor(plan, threads);
  const time = new TimeLeft();
  const { stopped } = await measureSome(plan, '', time, workers, threads, false, TIMED);
  if (stopped) throw new RescaledError(`${MEASURING_STOPPED} Nothing was written.`);

  const models = plan.configurations.filter(({ epochs }) => epochs === plan.study.epochs[0]);
  const all = fits(facts).map((fit) => ({ fit, seconds: secondsOf(fit, facts, models, time, workers) }));
  const found =
    all.find(({ seconds }) => seconds <= 60 * minutes) ?? all.reduce((a, b) => (b.seconds < a.seconds ? b : a));
  const { fit, seconds } = found;
  // A file among its pictures may move with them; one far from them names them in full.
  const near = isAddress(data) ? data : relative(dirname(resolve(out)), resolve(data)) || '.';
  const folder = near.startsWith(join('..', '..')) ? resolve(data) : near;
  writeFileAtomic(out, `${JSON.stringify(studyOf(fit, facts, folder), null, 2)}\n`);
  tell(out, fit, facts, within(models, fit).length, seconds, workers);
  if (seconds > 60 * minutes)
    console.log(
      `note: that is more than the ${minutes} minutes asked for: it is the least that is still a study. "limitTrain", ` +
        'fewer "depths" or shorter "epochs" in the file make it shorter',
    );
  console.log(`\nlook at it: ${commandLine(['rescaled', 'study', 'plan', out])}`);
  console.log(`then run it: ${commandLine(['rescaled', 'study', 'run', out])}`);
}

const within = (models: readonly Configuration[], { grid }: Fit): Configuration[] =>
  models.filter(
    ({ depth, width, size }) => grid.depths.includes(depth) && grid.widths.includes(width) && grid.sizes.includes(size),
  );

/** Of all trials of a fit, from the models that were timed. */
function secondsOf(
  fit: Fit,
  { trainPictures, testPictures }: FitFacts,
  models: readonly Configuration[],
  time: TimeLeft,
  workers: number,
): number {
  const [train, test] = [fit.limitTrain ?? trainPictures, fit.limitTest ?? testPictures];
  const trials = within(models, fit).flatMap(({ multiplyAdds }) =>
    fit.epochs.flatMap((epochs) =>
      Array.from({ length: SEEDS }, () => ({
        work: {
          cost: '',
          steps: epochs * batchesOf(train, fit.batch, 'spread'),
          // Raw weights and their average.
          scored: 2 * (epochs * Math.min(WATCHED, test) + test) + Math.min(TRAIN_PICTURES, train),
          stepFlops: 6 * multiplyAdds * fit.batch,
        },
      })),
    ),
  );
  return time.total(trials, workers)!;
}

const count = (value: number): string => value.toLocaleString('en');

function tell(out: string, fit: Fit, facts: FitFacts, models: number, seconds: number, workers: number): void {
  const { grid, epochs, steps, batch, limitTrain, limitTest } = fit;
  const small = isSmall(facts);
  const rows: [string, string][] = [
    [
      'models',
      `ResNet-RS of ${grid.depths.join(', ')} layers, width ${grid.widths.join(', ')}, at ${grid.sizes.join(', ')} pixels ` +
        `(${facts.side === undefined ? 'the pictures tell no size' : `the pictures have ${facts.side}`}): ${models}`,
    ],
    [
      'epochs',
      `${epochs.join(' and ')}: the long regime has ${count(steps)} steps, the short one a quarter, to see whether what ` +
        'pays changes',
    ],
    ['seeds', `${SEEDS}: fewer are not judged`],
    ['batch', `${batch}: at most a quarter of the training pictures, and small, so that there are steps enough`],
    ...(limitTrain === undefined
      ? []
      : [
          [
            'limitTrain',
            `${count(limitTrain)} of ${count(facts.trainPictures)} pictures: so many steps are then ten epochs`,
          ] as [string, string],
        ]),
    ...(limitTest === undefined
      ? []
      : [['limitTest', `${count(limitTest)} of ${count(facts.testPictures)}: enough for a score`] as [string, string]]),
    [
      'recipe',
      small
        ? 'quick: its rate was measured on pictures as small as these'
        : 'quick, with rate 0.1 and crops from 0.35 of the picture, which were better on photographs',
    ],
  ];
  console.log(`\n${out}:`);
  for (const [key, text] of rows) console.log(`  ${key.padEnd(10)} ${text}`);
  console.log(
    `\n${models} models x ${epochs.length} regimes x ${SEEDS} seeds = ${models * epochs.length * SEEDS} trials: about ` +
      `${duration(seconds)} with ${workers} at a time, on this machine as busy as it is now`,
  );
}
