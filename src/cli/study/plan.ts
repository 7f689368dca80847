import { availableParallelism } from 'node:os';
import { csvText } from '../../csv.js';
import { UsageError } from '../../errors.js';
import type { StudyFile } from '../../study/plan/file.js';
import { type Configuration, epochsOf, type LeftOut, layOut } from '../../study/plan/grid.js';
import { STUDY_PRESETS } from '../../study/plan/presets.js';
import { isStudyFolder, type PlannedConfiguration, planScaling } from '../../study/plan/scaling-plan.js';
import type { Trial } from '../../study/plan/trial.js';
import { TimeLeft } from '../../study/trials/time-left.js';
import { IMAGENET_PICTURES } from '../../train/index.js';
import { duration } from '../progress.js';
import { table } from '../table.js';
import { learnFinished } from '../trials.js';
import { openTarget, type TargetFlags } from './target.js';
import { measureSome, namedTrials, workersFor } from './trials.js';

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
    return print({
      study,
      about:
        `no data given: counted for ${trainPictures.toLocaleString('en')} of ImageNet's ` +
        `${IMAGENET_PICTURES.toLocaleString('en')} training pictures and 1000 classes`,
      configurations,
      leftOut,
      flags,
    });
  }
  const planned = await planScaling(study);
  const { name, trainPictures, testPictures, classes } = planned.data;
  const about =
    `${name}: ${trainPictures.toLocaleString('en')} training and ` +
    `${testPictures.toLocaleString('en')} test pictures, ${classes} classes`;
  const threads = flags.threads ?? availableParallelism();
  const workers = flags.workers ?? workersFor(planned, threads);
  const time = new TimeLeft();
  const named = namedTrials(planned);
  const left = new Map(named);
  if (isStudyFolder(folder)) learnFinished(named, folder, time, (id) => left.delete(id));
  if (flags.measure === true) await measureSome(planned, folder, time, workers, threads, flags.json === true);
  const trials = { time, all: named.size, left: [...left.values()].map(({ trial }) => trial), workers, threads };
  print({ study, about, configurations: planned.configurations, leftOut: planned.leftOut, trials, flags });
}

interface Printed {
  study: StudyFile;
  about: string;
  configurations: readonly (Configuration & Partial<Pick<PlannedConfiguration, 'trials'>>)[];
  leftOut: readonly LeftOut[];
  /** Absent without pictures. */
  trials?: { time: TimeLeft; all: number; left: readonly Trial[]; workers: number; threads: number };
  flags: PlanFlags;
}

function print({ study, about, configurations, leftOut, trials, flags }: Printed): void {
  const rows = configurations.map(({ options, overrides: _inner, ...configuration }) => {
    const [first] = configuration.trials ?? [];
    return {
      ...configuration,
      recipe: options.recipe,
      settings: options.settings,
      flops: 2 * configuration.multiplyAdds,
      secondsEach: first === undefined ? undefined : trials?.time.of(first),
    };
  });
  const all = trials?.all ?? configurations.length * study.seeds.length;
  const trainFlops = configurations.reduce((sum, each) => sum + each.trainFlops, 0) * study.seeds.length;
  const total = trials?.time.total(trials.left, trials.workers);
  if (flags.json === true)
    return console.log(
      JSON.stringify(
        {
          study: study.name,
          about,
          configurations: rows,
          leftOut,
          trials: all,
          remaining: trials?.left.length,
          trainFlops,
          seconds: total,
          workers: trials?.workers,
        },
        null,
        2,
      ),
    );
  if (flags.csv === true) {
    const columns = [
      'name',
      'family',
      'model',
      'depth',
      'width',
      'size',
      'epochs',
      'parameters',
      'multiplyAdds',
      'flops',
      'batch',
      'predictedBytes',
      'trainFlops',
      'secondsEach',
    ] as const;
    return console.log(
      csvText(
        columns,
        rows.map((row) => columns.map((column) => row[column])),
      ).trimEnd(),
    );
  }
  console.log(`${study.name}: ${about}`);
  const shown = flags.all === true ? rows : rows.slice(0, SHOWN);
  const head = [
    'configuration',
    'parameters',
    'multiply-adds',
    'batch',
    'memory',
    'training FLOPs',
    ...(total === undefined ? [] : ['about']),
  ];
  console.log(
    table(
      [
        head,
        ...shown.map((row) => [
          row.name,
          `${(row.parameters / 1e6).toFixed(2)} M`,
          `${(row.multiplyAdds / 1e6).toFixed(1)} M`,
          String(row.batch),
          `${(row.predictedBytes / 2 ** 30).toFixed(2)} GiB`,
          row.trainFlops.toExponential(1),
          ...(total === undefined ? [] : [duration(row.secondsEach ?? 0)]),
        ]),
      ],
      1,
    ),
  );
  if (shown.length < rows.length)
    console.log(`... and ${rows.length - shown.length} more (--all, --csv or --json shows them)`);
  for (const { name, reason } of leftOut.slice(0, SHOWN)) console.log(`left out: ${name}: ${reason}`);
  if (leftOut.length > SHOWN) console.log(`... and ${leftOut.length - SHOWN} more left out`);
  const largest = Math.max(...rows.map(({ predictedBytes }) => predictedBytes));
  const preset = STUDY_PRESETS[study.name];
  for (const text of preset?.notes ?? []) console.log(`note: ${text}`);
  console.log(
    `\n${counted(rows.length, 'configuration')} in ${counted(epochsOf(study).length, 'regime')} ` +
      `(epochs: ${epochsOf(study).join(', ')}) x ${counted(study.seeds.length, 'seed')} = ${counted(all, 'trial')}, ` +
      `${trainFlops.toExponential(2)} FLOPs of training in all; ` +
      `the largest needs about ${(largest / 2 ** 30).toFixed(1)} GiB`,
  );
  if (study.halving !== undefined)
    console.log('with halving these are at most: each longer regime keeps the best of the one before');
  if (trials === undefined) return;
  if (total !== undefined)
    console.log(
      `${trials.left.length} to do: about ${duration(total)} with ${trials.workers} at a time on ` +
        `${trials.threads} threads`,
    );
  else console.log('--measure times a few of them, to tell how long all take');
}

const counted = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;
