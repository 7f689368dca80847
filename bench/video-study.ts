// What each ingredient of ResNet-RS is worth for clips (paper Table 6, in small): the study of docs/video-study.
//   node dist/bench/video-study.js --set moving --data /usr/share/datasets/fashion-mnist --work WORK [--seeds 3] [--only baseline,longer]
//   node dist/bench/video-study.js --set sprites --data SPRITES --work WORK
//   node dist/bench/video-study.js --set moving --work WORK --table
// Results are lines of WORK/SET.jsonl; what stands there is not run again, so that a study may be stopped and goes on. A seed draws its own
// training clips and starts; test clips are the same for all.
import { appendFileSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { RescaledError, UsageError } from '../src/errors.js';
import { trainApart } from '../src/trained/apart.js';
import { knownResults } from './known.js';
import { benchOptions } from './options.js';
import { type Result, ROWS, SHORT, upTo } from './video-study/rows.js';
import { prepared, SETS } from './video-study/sets.js';
import { table } from './video-study/table.js';

interface Options {
  set: string;
  data?: string;
  work: string;
  seeds: number;
  only?: string;
  threads: number;
  table?: boolean;
}
const options = await benchOptions<Options>(
  new Command('video-study')
    .requiredOption('--set <name>', Object.keys(SETS).join(', '))
    .option(
      '--data <folder>',
      Object.entries(SETS)
        .map(([name, { data }]) => `${name}: ${data}`)
        .join('; '),
    )
    .requiredOption('--work <folder>', 'where clips, runs and results lie')
    .option('--seeds <n>', '', Number, 3)
    .option('--only <names>', 'some of the rows')
    .option('--threads <n>', 'of a training', Number, 1)
    .option('--table', 'print what is known'),
  ({ set, data, table: show, only, seeds }) => {
    if (!Object.hasOwn(SETS, set))
      throw new UsageError(`Expected --set ${Object.keys(SETS).join(' or ')} but received ${set}.`);
    if (!Number.isInteger(seeds) || seeds < 1)
      throw new UsageError(`Expected --seeds of at least 1 but received ${seeds}.`);
    if (show !== true && data === undefined)
      throw new UsageError('Expected --data, or --table to print what is known.');
    for (const name of only?.split(',') ?? [])
      if (!ROWS.some((one) => one.name === name))
        throw new UsageError(`Expected --only ${ROWS.map((one) => one.name).join(', ')} but received ${name}.`);
  },
);
const { set, work, seeds, threads } = options;
const file = join(work, `${set}.jsonl`);

if (options.table === true) {
  console.log(table(knownResults<Result>(file)));
  process.exit();
}

/** How clips are seen: 8 frames of every video, by one look, and never flipped, since classes speak of sides. */
const SETTINGS = {
  ...({
    frames: 8,
    frameStride: 0,
    flip: 0,
    testClips: 1,
    testCrops: 1,
    rateScaling: 'none',
    learningRate: 0.05,
  } as const),
  // Random windows at the scale of the test, whose window is the middle one: no jitter of the scale yet.
  ...({ cropMode: 'short-side', scaleMin: 8 / 7, scaleMax: 8 / 7, evalCrop: 7 / 8 } as const),
};

mkdirSync(work, { recursive: true });
const wanted = ROWS.filter(({ name }) => options.only === undefined || options.only.split(',').includes(name));
try {
  for (let seed = 0; seed < seeds; seed++)
    for (const { name } of wanted) {
      if (knownResults<Result>(file).some((one) => one.seed === seed && one.row === name)) continue;
      const result = await trial(name, seed);
      appendFileSync(file, `${JSON.stringify(result)}\n`);
      console.log(JSON.stringify(result));
    }
} catch (error) {
  if (!(error instanceof RescaledError)) throw error;
  console.error(error.message);
  process.exit(error.exitCode);
}

/** Trains and measures one row. */
async function trial(row: string, seed: number): Promise<Result> {
  const folder = await prepared(set, options.data!, work, seed);
  const out = join(work, 'runs', set, `seed-${seed}`, row);
  rmSync(out, { recursive: true, force: true });
  const { settings, modelOptions, longer } = upTo(row);
  const epochs = longer ? SETS[set]!.epochs : Math.round(SETS[set]!.epochs * SHORT);
  const began = performance.now();
  await trainApart({
    type: 'train',
    options: {
      ...{ data: folder, out, seed, threads, workers: 1, epochs, evalEvery: epochs, batch: SETS[set]!.batch },
      ...{ task: 'video', recipe: 'video-baseline', model: 'resnet3d-26', width: 0.25, size: 28 },
      ...{ settings: { ...SETTINGS, ...settings }, modelOptions },
    },
  });
  const report = JSON.parse(readFileSync(join(out, 'report.json'), 'utf8')) as {
    top1: number;
    controls: { singleFrame: number; shuffled: number };
  };
  const [names, ...epochLines] = readFileSync(join(out, 'metrics.csv'), 'utf8').trim().split('\n');
  const last = epochLines.at(-1)!.split(',');
  return {
    ...{ row, seed, test: report.top1, ...report.controls },
    train: Number(last[names!.split(',').indexOf('trainTop1')]),
    ...{ epochs, seconds: (performance.now() - began) / 1000 },
  };
}
