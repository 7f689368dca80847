// How much a training loses beside other work, and what a shorter busy waiting of OpenMP's threads is worth there: the
// same small training with libgomp's own spin count and with ours, on a machine of its own and beside as many processes
// that never rest as there are cores. Both sides in turn, the order changing from round to round.
//   npm run bench:busy [-- --rounds 5 --seconds 8 --threads 2 --json]
// Where the libtorch has another OpenMP than libgomp both sides are the same.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Command } from 'commander';
import { wholeOption } from '../src/checks.js';
import { integer } from '../src/cli/options.js';
import { packageRoot } from '../src/package-root.js';
import { benchOptions } from './options.js';

interface Options {
  rounds: number;
  seconds: number;
  threads: number;
  json?: boolean;
}
const { rounds, seconds, threads, json } = await benchOptions<Options>(
  new Command('npm run bench:busy --')
    .description("A small training alone and beside busy processes, with libgomp's spin count and with ours.")
    .option('--rounds <n>', 'pairs of trainings, alone and beside other work', integer, 5)
    .option('--seconds <n>', 'timed seconds of each training', integer, 8)
    .option('--threads <n>', 'threads of the engine', integer, availableParallelism())
    .option('--json', 'print the figures as JSON'),
  (options) => {
    wholeOption('--rounds', options.rounds, 1, 1000);
    wholeOption('--seconds', options.seconds, 1, 3600);
    wholeOption('--threads', options.threads, 1, 1024);
  },
);

/** libgomp's own value (libgomp/env.c), which counts as one that the user has set. */
const DEFAULT_SPIN_COUNT = '300000';
const work = mkdtempSync(join(tmpdir(), 'rescaled-busy-'));
const { GOMP_SPINCOUNT: _spin, OMP_WAIT_POLICY: _policy, ...clean } = process.env;
let runs = 0;

/** Pictures a second. */
async function training(env: NodeJS.ProcessEnv): Promise<number> {
  const script = join(packageRoot, 'dist', 'bench', 'busy-train.js');
  const args = [script, join(work, String(runs++)), String(seconds), String(threads)];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env });
  return Number(stdout);
}
const before = (): Promise<number> => training({ ...clean, GOMP_SPINCOUNT: DEFAULT_SPIN_COUNT });
const now = (): Promise<number> => training(clean);

interface Pair {
  before: number;
  now: number;
}
async function pair(nowFirst: boolean): Promise<Pair> {
  const first = await (nowFirst ? now() : before());
  const second = await (nowFirst ? before() : now());
  return nowFirst ? { before: second, now: first } : { before: first, now: second };
}

async function beside<T>(processes: number, body: () => Promise<T>): Promise<T> {
  const busy: ChildProcess[] = Array.from({ length: processes }, () =>
    spawn(process.execPath, ['--eval', 'for (;;);'], { stdio: 'ignore' }),
  );
  try {
    return await body();
  } finally {
    for (const child of busy) child.kill('SIGKILL');
  }
}

const median = (values: number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
const cores = availableParallelism();
const places = { alone: 0, [`beside ${cores} busy processes`]: cores };
const pairs: Record<string, Pair[]> = Object.fromEntries(Object.keys(places).map((place) => [place, []]));
try {
  for (let round = 0; round < rounds; round++)
    for (const [place, processes] of Object.entries(places)) {
      const found = await beside(processes, () => pair(round % 2 === 1));
      pairs[place]!.push(found);
      console.error(
        `round ${round + 1}, ${place}: ${found.before.toFixed(0)} images/s before, ${found.now.toFixed(0)} now`,
      );
    }
} finally {
  rmSync(work, { recursive: true, force: true });
}

const result = Object.entries(pairs).map(([place, found]) => {
  const ratios = found.map((each) => each.now / each.before);
  return {
    place,
    before: median(found.map((each) => each.before)),
    now: median(found.map((each) => each.now)),
    ratio: median(ratios),
    lowest: Math.min(...ratios),
    highest: Math.max(...ratios),
  };
});
if (json === true)
  console.log(JSON.stringify({ processor: cpus()[0]?.model, cores, threads, rounds, result }, null, 2));
else
  for (const { place, ratio, lowest, highest, ...speed } of result)
    console.log(
      `${place}: ${speed.before.toFixed(0)} images/s with libgomp's spin count, ${speed.now.toFixed(0)} with ours; ` +
        `${ratio.toFixed(2)} times as fast (${lowest.toFixed(2)} to ${highest.toFixed(2)})`,
    );
