import { availableParallelism } from 'node:os';
import { csvText } from '../../csv.js';
import { UsageError } from '../../errors.js';
import { picturesOf } from '../../part-words.js';
import { IMAGENET_PICTURES } from '../../recipe/recipe.js';
import { metricOf } from '../../studied/facts.js';
import { openTarget, type TargetFlags } from '../../studied/open.js';
import { namedTrials, workersFor } from '../../studied/plan.js';
import { learnFinished } from '../../studied/speed.js';
import { LEAST_SEEDS } from '../../study/analysis/statistics.js';
import type { StudyFile } from '../../study/plan/file.js';
import { type Configuration, epochsOf, type LeftOut, layOut } from '../../study/plan/grid.js';
import { STUDY_PRESETS } from '../../study/plan/presets.js';
import { isStudyFolder, type PlannedConfiguration, planScaling } from '../../study/plan/scaling-plan.js';
import type { Trial } from '../../study/plan/trial.js';
import { TimeLeft } from '../../study/trials/time-left.js';
import { plural } from '../../suggest.js';
import { duration } from '../progress.js';
import { shrinkHint, type Way } from '../shrink.js';
import { table } from '../table.js';
import { MEASURING_STOPPED } from '../trials.js';
import { tellNext } from '../words.js';
import { measureSome } from './trials.js';

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
  const { study, folder, where } = await openTarget(wanted, flags);
  if (study.data === undefined) {
    if (flags.measure === true) throw new UsageError('Expected pictures to measure on: give --data FOLDER.');
    // A study can be looked at before there are pictures.
    const trainPictures = Math.min(study.limitTrain ?? IMAGENET_PICTURES, IMAGENET_PICTURES);
    const { configurations, leftOut } = await layOut(study, { path: '', classes: 1000, trainPictures }, where);
    return show({
      study,
      about:
        `no data given: counted for ${trainPictures.toLocaleString('en')} of ImageNet's ` +
        `${IMAGENET_PICTURES.toLocaleString('en')} training pictures and 1000 classes`,
      configurations,
      leftOut,
      flags,
    });
  }
  const planned = await planScaling(study, undefined, where);
  const { name, trainPictures, testPictures, part = 'test', classes } = planned.data;
  const about =
    `${name}: ${trainPictures.toLocaleString('en')} training and ` +
    `${picturesOf(part, testPictures, (count) => count.toLocaleString('en'))}` +
    `${classes > 0 ? `, ${plural(classes, 'class', 'classes')}` : ''}` +
    `${planned.task === undefined ? '' : `; task ${planned.task}, compared by ${metricOf(planned).title}`}`;
  const threads = flags.threads ?? availableParallelism();
  const workers = flags.workers ?? workersFor(planned, threads);
  const time = new TimeLeft();
  const named = namedTrials(planned);
  const left = new Map(named);
  if (isStudyFolder(folder)) learnFinished(named, folder, time, (id) => left.delete(id));
  const trials = { time, all: named.size, left: [...left.values()].map(({ trial }) => trial), workers, threads };
  const printed = { study, about, configurations: planned.configurations, leftOut: planned.leftOut, trials, flags };
  const asData = flags.json === true || flags.csv === true;
  // What is known stands there at once; times take a while.
  if (flags.measure === true && !asData) show(printed);
  const stopped =
    flags.measure === true && (await measureSome(planned, folder, time, workers, threads, flags.json === true)).stopped;
  if (stopped) {
    console.error(MEASURING_STOPPED);
    process.exitCode = 1;
    if (!asData) return;
  }
  if (flags.measure === true && !asData) tellTimes(printed);
  else show(printed);
  if (!asData && left.size > 0)
    tellNext(
      'rescaled',
      'study',
      'run',
      wanted,
      ...(flags.data === undefined ? [] : ['--data', flags.data]),
      ...(flags.out === undefined ? [] : ['-o', flags.out]),
      ...(flags.seeds === undefined ? [] : ['--seeds', String(flags.seeds)]),
    );
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

function show({ study, about, configurations, leftOut, trials, flags }: Printed): void {
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
    `\n${plural(rows.length, 'configuration')} in ${plural(epochsOf(study).length, 'regime')} ` +
      `(epochs: ${epochsOf(study).join(', ')}) x ${plural(study.seeds.length, 'seed')} = ${plural(all, 'trial')}, ` +
      `${trainFlops.toExponential(2)} FLOPs of training in all; ` +
      `the largest needs about ${(largest / 2 ** 30).toFixed(1)} GiB`,
  );
  if (study.halving !== undefined)
    console.log('with halving these are at most: each longer regime keeps the best of the one before');
  if (trials === undefined) return;
  if (total !== undefined) tellTotal(study, configurations, trials, total);
  else if (flags.measure !== true) console.log('--measure times a few of them, to tell how long all take');
}

/** The times that a table lacked when it was printed. */
function tellTimes({ study, configurations, trials, flags }: Printed): void {
  const total = trials?.time.total(trials.left, trials.workers);
  if (trials === undefined || total === undefined) return;
  const shown = flags.all === true ? configurations : configurations.slice(0, SHOWN);
  console.log('');
  console.log(
    table(
      [
        ['configuration', 'a trial takes about'],
        ...shown.map(({ name, trials: own }) => [name, duration(trials.time.of(own![0]!) ?? 0)]),
      ],
      1,
    ),
  );
  if (shown.length < configurations.length) console.log(`... and ${configurations.length - shown.length} more (--all)`);
  console.log('');
  tellTotal(study, configurations, trials, total);
}

function tellTotal(
  study: StudyFile,
  configurations: Printed['configurations'],
  trials: NonNullable<Printed['trials']>,
  total: number,
): void {
  console.log(
    `${trials.left.length} to do: about ${duration(total)} with ${trials.workers} at a time on ${trials.threads} threads`,
  );
  for (const line of shrinkHint(
    total,
    shorterWays(study, configurations, trials),
    'Values in the file that shorten it',
  ))
    console.log(line);
}

/** What a study file may say for less to train, one thing at a time and then all, and what is then left. */
function shorterWays(
  study: StudyFile,
  configurations: Printed['configurations'],
  { time, left, workers }: NonNullable<Printed['trials']>,
): Way[] {
  const todo = new Set(left.map(({ id }) => id));
  type One = Printed['configurations'][number];
  const ways: { what: string; keeps: (one: One) => boolean; seeds?: number; factor?: number }[] = [];
  const drop = (key: string, values: readonly number[], of: (one: One) => number): void => {
    const all = [...new Set(values)].sort((a, b) => a - b);
    if (all.length < 2) return;
    const largest = all.at(-1)!;
    ways.push({ what: `"${key}": [${all.slice(0, -1).join(', ')}]`, keeps: (one) => of(one) !== largest });
  };
  // Three are what a judgement takes.
  if (study.seeds.length > LEAST_SEEDS)
    ways.push({ what: `"seeds": ${LEAST_SEEDS}`, keeps: () => true, seeds: LEAST_SEEDS });
  const grids = study.models.flatMap((grid) => ('depths' in grid ? [grid] : []));
  drop(
    'sizes',
    configurations.map(({ size }) => size),
    ({ size }) => size,
  );
  drop(
    'depths',
    grids.flatMap(({ depths }) => depths),
    ({ depth }) => depth,
  );
  drop(
    'widths',
    grids.flatMap(({ widths }) => widths),
    ({ width }) => width,
  );
  const longest = Math.max(...study.epochs);
  const shorter = Math.max(2, Math.round(longest / 3));
  if (study.halving === undefined && shorter < longest) {
    const others = study.epochs.filter((epochs) => epochs !== longest && epochs < shorter);
    ways.push({
      what: `"epochs": [${[...others, shorter].join(', ')}]`,
      keeps: ({ epochs }) => epochs === longest || others.includes(epochs),
      factor: shorter / longest,
    });
  }
  const takes = (some: typeof ways): number => {
    const trials = configurations
      .filter((one) => some.every(({ keeps }) => keeps(one)))
      .flatMap(({ epochs, trials: own }) => {
        const seeds = Math.min(...some.map(({ seeds: most = Infinity }) => most));
        // Of the regimes the longest alone gets shorter.
        const factor = epochs === longest ? some.reduce((product, way) => product * (way.factor ?? 1), 1) : 1;
        return own!
          .slice(0, seeds)
          .filter(({ id }) => todo.has(id))
          .map(({ work }) => ({ work: { ...work, steps: work.steps * factor } }));
      });
    return time.total(trials, workers) ?? 0;
  };
  return [
    ...ways.map((way) => ({ what: way.what, seconds: takes([way]) })),
    ...(ways.length > 1 ? [{ what: 'all of these', seconds: takes(ways) }] : []),
  ].filter(({ seconds }) => seconds > 0);
}
