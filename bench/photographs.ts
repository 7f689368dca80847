// Training from scratch on photographs, Rescaled's default recipe against timm's parts: the same network (ResNet-RS-14 x0.5), pixels,
// pictures and wall time, one thread each, two runs at a time. First both sides train for two epochs side by side on the first set, which says
// how many epochs timm has in the time of Rescaled's; then, on each set, timm's recipes (bench/timm_photographs.py) are tried once each and the best on
// the validation pictures is kept, while Rescaled has its default and no try; then both train with more seeds, and the test pictures are
// measured once a run.
//   npm run bench:photographs -- DATA... --python PATH [--views 18000 --seeds 3 --size 96 --out results.jsonl]
// DATA are folders with train/, validation/ and test/ of class folders. Results are kept in --out, line by line: what is there is not done
// again. Needs a Python with timm.
import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { Command } from 'commander';
import { wholeOption } from '../src/checks.js';
import { integer } from '../src/cli/options.js';
import { UsageError } from '../src/errors.js';
import { packageRoot } from '../src/package-root.js';
import { benchOptions } from './options.js';

interface Options {
  python: string;
  recipes: string;
  views: number;
  seeds: number;
  size: number;
  out: string;
}

const KNOWN = ['defaults', 'a3', 'small', 'adamw'];

const command = new Command('npm run bench:photographs --')
  .description("Rescaled's default recipe against timm's parts, at equal wall time.")
  .argument('<data...>', 'folders with train/, validation/ and test/')
  .requiredOption('--python <path>', 'a Python with timm')
  .option('--recipes <name,...>', 'of timm, to choose from', KNOWN.join(','))
  .option('--views <n>', 'training pictures that a run of Rescaled sees, each as often as it is seen', integer, 18_000)
  .option('--seeds <n>', 'of what is compared', integer, 3)
  .option('--size <n>', 'side of the pictures', integer, 96)
  .option('--out <file>', 'results, line by line', 'photographs.jsonl');
const { python, recipes, views, seeds, size, out } = await benchOptions<Options>(command, (options) => {
  wholeOption('--views', options.views, 100, 100_000_000);
  for (const name of options.recipes.split(','))
    if (!KNOWN.includes(name))
      throw new UsageError(`Expected some of ${KNOWN.join(', ')} for --recipes but received "${name}".`);
  wholeOption('--seeds', options.seeds, 2, 100);
  wholeOption('--size', options.size, 32, 512);
  for (const folder of command.args)
    for (const part of ['train', 'validation', 'test'])
      if (!existsSync(join(folder, part))) throw new UsageError(`Expected ${part}/ in ${folder} but it is not there.`);
});

const RECIPES = recipes.split(',');
const OURS = 'rescaled';

interface Result {
  set: string;
  side: string;
  seed: number;
  epochs: number;
  validation: number;
  test: number;
  seconds: number;
}
/** How long an epoch of timm takes, in epochs of Rescaled beside it. */
interface Speed {
  side: string;
  ratio: number;
}

const kept: (Result | Speed)[] = existsSync(out)
  ? readFileSync(out, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line))
  : [];
const keep = <T extends Result | Speed>(line: T): T => {
  kept.push(line);
  appendFileSync(out, `${JSON.stringify(line)}\n`);
  console.error(JSON.stringify(line));
  return line;
};

/** The JSON lines that a program prints. */
async function linesOf(program: string, args: string[]): Promise<Record<string, unknown>[]> {
  // Both sides' OpenMP waits as briefly as Rescaled's, so that other work slows neither down more than the other.
  const env = { GOMP_SPINCOUNT: '20000', ...process.env };
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
  let said = '';
  child.stderr.on('data', (text: Buffer) => {
    said = (said + text.toString()).slice(-2000);
  });
  const lines: Record<string, unknown>[] = [];
  for await (const line of createInterface({ input: child.stdout }))
    if (line.startsWith('{')) lines.push(JSON.parse(line));
  const code = await new Promise((done) => (child.exitCode === null ? child.once('exit', done) : done(child.exitCode)));
  if (code !== 0) throw new Error(`${basename(program)} left with code ${String(code)}: ${said}`);
  return lines;
}

const work = mkdtempSync(join(tmpdir(), 'rescaled-photographs-'));
let runs = 0;

/** Trains by Rescaled's command line: what a user types. */
async function ours(set: string, seed: number, epochs: number): Promise<Record<string, unknown>[]> {
  const folder = join(work, String(runs++));
  const cli = join(packageRoot, 'dist', 'src', 'cli', 'main.js');
  const args = ['-m', 'resnet-rs-14', '--width', '0.5', '--size', size, '-r', 'quick', '-e', epochs, '--seed', seed];
  try {
    return await linesOf(process.execPath, [
      ...[cli, 'train', set, ...args.map(String), '--threads', '1', '--workers', '1'],
      ...['-o', folder, '--json'],
    ]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const peer = (set: string, recipe: string, seed: number, epochs: number, stopAfter?: number) =>
  linesOf(python, [
    ...[join(packageRoot, 'bench', 'timm_photographs.py'), set, '--recipe', recipe, '--epochs', String(epochs)],
    ...['--seed', String(seed), '--size', String(size), '--threads', '1', '--workers', '1'],
    ...(stopAfter === undefined ? [] : ['--stop-after', String(stopAfter)]),
  ]);

/** Seconds of the second epoch: the first starts threads. */
const secondEpoch = (lines: Record<string, unknown>[]): number =>
  lines
    .filter((line) => line['epoch'] === 2 && line['seconds'] !== undefined)
    .map((line) => Number(line['seconds']))[0]!;

/** Ratios of timm's recipes, on the first set. Rescaled's time is without its evaluation, as the peer's. */
async function speeds(folder: string): Promise<Map<string, number>> {
  const known = kept.filter((line): line is Speed => 'ratio' in line);
  for (const side of RECIPES) {
    if (known.some((line) => line.side === side)) continue;
    const [mine, theirs] = await Promise.all([ours(folder, 0, 2), peer(folder, side, 0, 10, 2)]);
    const epoch = mine.find((line) => line['type'] === 'epoch' && line['epoch'] === 2)!;
    const images = Number(mine.find((line) => line['type'] === 'start')!['trainImages']);
    const ratio = (secondEpoch(theirs) * Number(epoch['imagesPerSecond'])) / images;
    known.push(keep({ side, ratio }));
  }
  return new Map(known.map(({ side, ratio }) => [side, ratio]));
}

const epochsOf = (folder: string, ratio: number): number => {
  const pictures = readdirSync(join(folder, 'train')).reduce(
    (sum, name) => sum + readdirSync(join(folder, 'train', name)).length,
    0,
  );
  return Math.max(2, Math.round(Math.round(views / pictures) / ratio));
};

async function result(folder: string, side: string, seed: number, ratio: number): Promise<Result> {
  const set = basename(folder);
  const known = kept.find(
    (line): line is Result => 'test' in line && line.set === set && line.side === side && line.seed === seed,
  );
  if (known !== undefined) return known;
  const epochs = epochsOf(folder, ratio);
  if (side === OURS) {
    const lines = await ours(folder, seed, epochs);
    const figures = lines.find((line) => line['type'] === 'figures')!;
    const validation = (figures['validation'] as { top1: number }).top1;
    const [test, took] = [Number(figures['top1']), Number(figures['seconds'])];
    return keep({ set, side, seed, epochs, validation: 100 * validation, test: 100 * test, seconds: took });
  }
  const last = (await peer(folder, side, seed, epochs)).at(-1)!;
  const [validation, test, took] = ['validation', 'test', 'seconds'].map((key) => Number(last[key]));
  return keep({ set, side, seed, epochs, validation: validation!, test: test!, seconds: took! });
}

const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const deviation = (values: number[]): number =>
  Math.sqrt(values.reduce((sum, value) => sum + (value - mean(values)) ** 2, 0) / (values.length - 1));
/** Student's t at 97.5 % for so many degrees of freedom, Welch's being at least the smaller sample's. */
const T = [Number.NaN, 12.71, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];

try {
  for (const given of command.args) {
    const folder = resolve(given);
    const set = basename(folder);
    const ratios = await speeds(resolve(command.args[0]!));
    const queue: (() => Promise<unknown>)[] = [];
    const mine: Promise<Result>[] = [];
    const tries: Promise<Result>[] = [];
    // Two at a time, one of each side while there are both.
    const later = (side: string, seed: number, ratio: number): Promise<Result> =>
      new Promise((done, failed) => queue.push(() => result(folder, side, seed, ratio).then(done, failed)));
    const drain = (): Promise<unknown> =>
      Promise.all(
        [1, 2].map(async () => {
          for (let job = queue.shift(); job !== undefined; job = queue.shift()) await job();
        }),
      );
    for (let k = 0; k < Math.max(seeds, RECIPES.length); k++) {
      if (k < RECIPES.length) tries.push(later(RECIPES[k]!, 0, ratios.get(RECIPES[k]!)!));
      if (k < seeds) mine.push(later(OURS, k, 1));
    }
    await drain();
    const best = (await Promise.all(tries)).reduce((a, b) => (b.validation > a.validation ? b : a));
    const more = Array.from({ length: seeds - 1 }, (_, k) => later(best.side, k + 1, ratios.get(best.side)!));
    await drain();
    const testsOf = (results: Result[]): number[] => results.map(({ test }) => test);
    const own = testsOf(await Promise.all(mine));
    const theirs = [best.test, ...testsOf(await Promise.all(more))];
    const difference = mean(own) - mean(theirs);
    const error = Math.sqrt((deviation(own) ** 2 + deviation(theirs) ** 2) / seeds);
    const interval = (T[Math.min(10, 2 * (seeds - 1))] ?? 1.96) * error;
    console.log(
      `${set}: Rescaled ${mean(own).toFixed(1)} % (${own.map((value) => value.toFixed(1)).join(', ')}), timm with "${best.side}" ` +
        `${mean(theirs).toFixed(1)} % (${theirs.map((value) => value.toFixed(1)).join(', ')}): ` +
        `${difference >= 0 ? '+' : ''}${difference.toFixed(1)} +- ${interval.toFixed(1)} points`,
    );
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
