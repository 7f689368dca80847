// What a shorter busy waiting of OpenMP's threads is worth beside other work, and what it costs without: the same small
// training with libgomp's own spin count and with ours, alone and beside as many processes that never rest as there are
// cores. Both sides wait while the other trains and take turns by the second, so that both meet the same moods of the
// machine.
//   npm run bench:busy [-- --rounds 5 --turns 6 --seconds 1 --threads 2 --busy 0,2 --json]
// Where the libtorch has another OpenMP than libgomp both sides are the same.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Command, InvalidArgumentError } from 'commander';
import { numberOption, wholeOption } from '../src/checks.js';
import { integer, number } from '../src/cli/options.js';
import { packageRoot } from '../src/package-root.js';
import { median } from './median.js';
import { benchOptions } from './options.js';

const cores = availableParallelism();
interface Options {
  rounds: number;
  turns: number;
  seconds: number;
  threads: number;
  busy: number[];
  json?: boolean;
}
const { rounds, turns, seconds, threads, busy, json } = await benchOptions<Options>(
  new Command('npm run bench:busy --')
    .description("A small training alone and beside busy processes, with libgomp's spin count and with ours.")
    .option('--rounds <n>', 'ratios of each place', integer, 5)
    .option('--turns <n>', 'turns of each side in a round', integer, 6)
    .option('--seconds <n>', 'of a turn', number, 1)
    .option('--threads <n>', 'threads of the engine', integer, cores)
    .option('--busy <n,...>', 'numbers of busy processes', counts, [0, cores])
    .option('--json', 'print the figures as JSON'),
  (options) => {
    wholeOption('--rounds', options.rounds, 1, 1000);
    wholeOption('--turns', options.turns, 1, 1000);
    numberOption('--seconds', options.seconds, 0.1, 3600);
    wholeOption('--threads', options.threads, 1, 1024);
  },
);

function counts(text: string): number[] {
  const all = text.split(',').map(Number);
  if (all.some((n) => !Number.isInteger(n) || n < 0 || n > 1024))
    throw new InvalidArgumentError('expected whole numbers with commas between.');
  return all;
}

/** libgomp's own value (libgomp/env.c), which counts as one that the user has set. */
const LIBGOMPS_OWN = { GOMP_SPINCOUNT: '300000' };
const { GOMP_SPINCOUNT: _spin, OMP_WAIT_POLICY: _policy, ...clean } = process.env;

interface Work {
  images: number;
  seconds: number;
}

/** A training that rests until its turn. */
class Side {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  constructor(folder: string, env: NodeJS.ProcessEnv) {
    const script = join(packageRoot, 'dist', 'bench', 'busy-train.js');
    this.#child = spawn(process.execPath, [script, folder, String(threads)], {
      env: { ...clean, ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
  }
  async line(): Promise<string> {
    const next = await this.#lines.next();
    if (next.done === true) throw new Error('one side ended before its time; its message stands above');
    return next.value;
  }
  async turn(): Promise<Work> {
    this.#child.stdin!.write(`${seconds}\n`);
    const [images, took] = (await this.line()).split(' ').map(Number);
    return { images: images!, seconds: took! };
  }
  end(): void {
    this.#child.kill('SIGKILL');
  }
}

async function beside(processes: number, body: () => Promise<void>): Promise<void> {
  const children = Array.from({ length: processes }, () =>
    spawn(process.execPath, ['--eval', 'for (;;);'], { stdio: 'ignore' }),
  );
  const end = (): void => {
    for (const child of children) child.kill('SIGKILL');
  };
  process.once('exit', end);
  try {
    await body();
  } finally {
    process.off('exit', end);
    end();
  }
}
// Ended from outside it leaves nothing busy behind.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

const speed = (work: Work[]): number =>
  work.reduce((sum, { images }) => sum + images, 0) / work.reduce((sum, { seconds }) => sum + seconds, 0);

interface Round {
  before: number;
  now: number;
}
async function round(before: Side, now: Side): Promise<Round> {
  const [ofBefore, ofNow]: [Work[], Work[]] = [[], []];
  for (let i = 0; i < turns; i++) {
    if (i % 2 === 0) ofBefore.push(await before.turn());
    ofNow.push(await now.turn());
    if (i % 2 === 1) ofBefore.push(await before.turn());
  }
  return { before: speed(ofBefore), now: speed(ofNow) };
}

const work = mkdtempSync(join(tmpdir(), 'rescaled-busy-'));
const before = new Side(join(work, 'before'), LIBGOMPS_OWN);
const now = new Side(join(work, 'now'), {});
const found = new Map<number, Round[]>(busy.map((processes) => [processes, []]));
const place = (processes: number): string =>
  processes === 0 ? 'alone' : `beside ${processes} busy process${processes === 1 ? '' : 'es'}`;
try {
  await Promise.all([before.line(), now.line()]);
  for (let i = 0; i < rounds; i++)
    for (const [processes, all] of found)
      await beside(processes, async () => {
        const result = await round(before, now);
        all.push(result);
        console.error(
          `round ${i + 1}, ${place(processes)}: ${result.before.toFixed(0)} pictures/s before, ${result.now.toFixed(0)} now`,
        );
      });
} finally {
  before.end();
  now.end();
  rmSync(work, { recursive: true, force: true });
}

const result = [...found].map(([processes, all]) => {
  const ratios = all.map((each) => each.now / each.before);
  return {
    busy: processes,
    before: median(all.map((each) => each.before)),
    now: median(all.map((each) => each.now)),
    ratio: median(ratios),
    lowest: Math.min(...ratios),
    highest: Math.max(...ratios),
  };
});
if (json === true)
  console.log(JSON.stringify({ processor: cpus()[0]?.model, cores, threads, rounds, result }, null, 2));
else
  for (const { busy: processes, ratio, lowest, highest, ...speeds } of result)
    console.log(
      `${place(processes)}: ${speeds.before.toFixed(0)} pictures/s with libgomp's spin count, ` +
        `${speeds.now.toFixed(0)} with ours; ${ratio.toFixed(2)} times as fast ` +
        `(${lowest.toFixed(2)} to ${highest.toFixed(2)})`,
    );
