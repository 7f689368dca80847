// Boxes on a small set: this package's detect-quick beside torchvision's RetinaNet by its reference recipe, at the same trunk (ResNet-18 of
// half the width, random weights or trained), pictures, pixels and seconds of CPU.
//   node dist/bench/boxes.js --data BCCD --work WORK [--seeds 3] [--python python3]
//   node dist/bench/boxes.js --data BCCD --work WORK --from RUN     both trunks from a run of resnet-18 --width 0.5 --stem-stride 4
//   node dist/bench/boxes.js --data BCCD --work WORK --start rs=RUN --start simclr=RUN     what starts are worth, without torchvision
//   node dist/bench/boxes.js --data BCCD --work WORK --table
// The data is Pascal VOC's layout with the lists train, val and test. The seconds of CPU of "rescaled train", evaluations on validation pictures
// included, are what torchvision's training may take. Both are measured on the test part by COCO's numbers. Results are lines of
// WORK/boxes.jsonl; what stands there is not run again. Linux only: the seconds are read from /proc.
import { execFile } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { promisify } from 'node:util';
import { Command } from 'commander';
import { openDetection, truthOf } from '../src/data/annotations/detection.js';
import { UsageError } from '../src/errors.js';
import { packageRoot } from '../src/package-root.js';
import { finalWeights, loadConfig } from '../src/run/config.js';
import { cocoAp } from '../src/tasks/detect/coco-ap.js';
import { estimate } from './estimate.js';
import { knownResults } from './known.js';
import { benchOptions } from './options.js';

interface Options {
  data: string;
  work: string;
  seeds: number;
  python: string;
  epochs?: string;
  from?: string;
  start?: string[];
  size: number;
  table?: boolean;
}

interface Result {
  /** `rescaled` and `torchvision`, or the names of starts and `scratch`. */
  side: string;
  seed: number;
  ap: number;
  ap50: number;
  ap75: number;
  cpuSeconds: number;
  seconds: number;
  pictures: number;
}

/** What torchvision_boxes.py writes. */
interface Found {
  pictures: number;
  found: { picture: string; boxes: number[][]; scores: number[]; labels: number[] }[];
}

const options = await benchOptions<Options>(
  new Command('boxes')
    .requiredOption('--data <folder>', "Pascal VOC's layout with train, val and test")
    .requiredOption('--work <folder>', 'where runs and results lie')
    .option('--seeds <n>', '', Number, 3)
    .option('--python <program>', 'with torch and torchvision', 'python3')
    .option('--epochs <n>', 'of this package; default those of detect-quick')
    .option(
      '--from <run>',
      'a run of resnet-18 --width 0.5, which both trunks start from; WORK must be a folder of its own',
    )
    .option(
      '--start <name=run>',
      'may be repeated; random weights of the same network are added',
      (one: string, all: string[] = []) => [...all, one],
    )
    .option('--size <pixels>', 'the long side, on both sides', Number, 256)
    .option('--table', 'print what is known'),
  ({ from, start }) => {
    for (const text of start ?? [])
      if (!/^[^=]+=.+$/.test(text)) throw new UsageError(`Expected --start NAME=RUN but received ${text}.`);
    if (from !== undefined && !existsSync(finalWeights(from)))
      throw new UsageError(`Expected --from a finished run but there is no ${finalWeights(from)}.`);
  },
);
const { data, work, seeds, python } = options;
const file = join(work, 'boxes.jsonl');
const known = (): Result[] => knownResults(file);
if (options.table === true) {
  console.log(table(known()));
  process.exit();
}
mkdirSync(work, { recursive: true });
const run = promisify(execFile);
const opened = await openDetection(data, { valSplit: 0.2 });
if (opened.test === undefined) throw new Error(`Expected a test part in ${data}.`);

if (options.start !== undefined) {
  const named = options.start.map((text) => /^([^=]+)=(.+)$/.exec(text)!.slice(1) as [string, string]);
  const { model, modelOptions } = loadConfig(named[0]![1]);
  const network = [
    '-m',
    model,
    '--width',
    String(modelOptions.width),
    '--stem-stride',
    String(modelOptions.stemStride),
  ];
  for (let seed = 0; seed < seeds; seed++) {
    for (const [name, start] of named) await once(name, seed, () => trained(name, seed, ['--from', start]));
    await once('scratch', seed, () => trained('scratch', seed, network));
  }
  console.log(table(known()));
  process.exit();
}

for (let seed = 0; seed < seeds; seed++) {
  await once('rescaled', seed, () =>
    trained('rescaled', seed, options.from === undefined ? [] : ['--from', options.from]),
  );
  const { cpuSeconds } = known().find((one) => one.side === 'rescaled' && one.seed === seed)!;
  await once('torchvision', seed, async () => {
    const out = join(work, `torchvision-${seed}.json`);
    await run(
      python,
      [
        join(packageRoot, 'bench', 'torchvision_boxes.py'),
        ...[data, '--size', String(options.size), '--cpu-seconds', String(cpuSeconds), '--seed', String(seed)],
        ...['--classes', opened.classes.join(','), '--out', out],
        ...(options.from === undefined ? [] : ['--from', finalWeights(options.from)]),
      ],
      { maxBuffer: 2 ** 28, env: { ...process.env, OMP_NUM_THREADS: '1' } },
    );
    const { found, pictures } = JSON.parse(readFileSync(out, 'utf8')) as Found;
    return { ...measured(found), pictures };
  });
}

/** A training of this package. @param own options of this side */
async function trained(
  name: string,
  seed: number,
  own: readonly string[],
): Promise<Omit<Result, 'side' | 'seed' | 'cpuSeconds' | 'seconds'>> {
  const out = join(work, `${name}-${seed}`);
  rmSync(out, { recursive: true, force: true });
  await run(
    process.execPath,
    [
      ...[join(packageRoot, 'dist', 'src', 'cli', 'main.js'), 'train', data, '--out', out, '--seed', String(seed)],
      ...['--threads', '1', '--workers', '1', ...(options.epochs === undefined ? [] : ['--epochs', options.epochs])],
      ...['--size', String(options.size), ...own],
    ],
    { maxBuffer: 2 ** 28 },
  );
  const { ap, ap50, ap75, epochs } = JSON.parse(readFileSync(join(out, 'report.json'), 'utf8')) as Record<
    string,
    number
  >;
  return { ap: ap!, ap50: ap50!, ap75: ap75!, pictures: epochs! * opened.train!.length };
}

/** Runs one side unless it is known, and adds its line. */
async function once(
  side: Result['side'],
  seed: number,
  work: () => Promise<Omit<Result, 'side' | 'seed' | 'cpuSeconds' | 'seconds'>>,
): Promise<void> {
  if (known().some((one) => one.side === side && one.seed === seed)) return;
  const [began, used] = [performance.now(), childSeconds()];
  const found = await work();
  const result: Result = {
    ...{ side, seed, ...found },
    ...{ cpuSeconds: childSeconds() - used, seconds: (performance.now() - began) / 1000 },
  };
  appendFileSync(file, `${JSON.stringify(result)}\n`);
  console.log(JSON.stringify(result));
}

/** Seconds of CPU of children that have ended (proc(5): cutime and cstime, in hundredths). */
function childSeconds(): number {
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[13]) + Number(fields[14])) / 100;
}

/** COCO's numbers of torchvision's boxes. */
function measured(found: Found['found']): { ap: number; ap50: number; ap75: number } {
  const test = opened.test!;
  const by = new Map(found.map((one) => [one.picture, one]));
  const truths = Array.from({ length: test.length }, (_, i) => truthOf(test, i));
  const predictions = truths.map((_, i) => {
    const path = test.describe(i);
    const { boxes, scores, labels } = by.get(basename(path, extname(path)))!;
    return { boxes: boxes.flat(), scores, classes: labels };
  });
  const { ap, ap50, ap75 } = cocoAp(truths, predictions, { classes: opened.classes.length }).stats;
  return { ap, ap50, ap75 };
}

/** A Markdown table: mean and 95 % interval over seeds, and the paired difference. */
function table(results: readonly Result[]): string {
  const of = (side: Result['side']): Result[] => results.filter((one) => one.side === side);
  const lines = [
    '| | AP, % | AP50, % | AP75, % | pictures | seconds of CPU |',
    '| --- | --- | --- | --- | --- | --- |',
  ];
  const figures = ['ap', 'ap50', 'ap75'] as const;
  const mean = (values: readonly number[]): string =>
    Math.round(values.reduce((sum, value) => sum + value, 0) / values.length).toLocaleString('en');
  for (const side of new Set(results.map((one) => one.side))) {
    const own = of(side);
    if (own.length === 0) continue;
    const cells = figures.map((figure) => estimate(own.map((one) => 100 * one[figure])));
    const costs = [mean(own.map(({ pictures }) => pictures)), mean(own.map(({ cpuSeconds }) => cpuSeconds))];
    lines.push(`| ${[side, ...cells, ...costs].join(' | ')} |`);
  }
  const pairs = of('rescaled').flatMap((one) => {
    const other = of('torchvision').find(({ seed }) => seed === one.seed);
    return other === undefined ? [] : [[one, other] as const];
  });
  if (pairs.length > 0) {
    const cells = figures.map((figure) => estimate(pairs.map(([one, other]) => 100 * (one[figure] - other[figure]))));
    lines.push(`| difference, by seed | ${cells.join(' | ')} | | |`);
  }
  return lines.join('\n');
}
