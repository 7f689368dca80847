// Loading, from JPEG files to augmented batches, against Pillow with torchvision's transforms, one process and thread each, both sides in turn; and
// how it grows with threads:
//   taskset -c 1 npm run bench:loading -- DATA --python PATH [--sizes 160,224 --pictures 600 --rounds 9]
//   npm run bench:loading -- DATA --workers 1,2
// DATA is what "rescaled train" takes. Nothing comes from the cache of decoded pictures; files are in the system's memory from the first round on,
// which is not counted. Rates are by the second of CPU, all threads together, which other work on the machine changes less than those by the
// clock, which stand beside them. Without --python there is no peer.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Command } from 'commander';
import { augmentPlan } from '../src/augment/policies/plan.js';
import { preprocessOptions } from '../src/augment/preprocess.js';
import { wholeOption } from '../src/checks.js';
import { integer } from '../src/cli/options.js';
import { table } from '../src/cli/table.js';
import { openDataset } from '../src/data/dataset.js';
import { LABELS } from '../src/data/loading/labels.js';
import { BatchLoader } from '../src/data/loading/loader.js';
import { type Source, subset } from '../src/data/sources/source.js';
import { UsageError } from '../src/errors.js';
import { packageRoot } from '../src/package-root.js';
import { addon } from '../src/torch/addon.js';
import { median } from './median.js';
import { benchOptions } from './options.js';

interface Options {
  python?: string;
  sizes: readonly number[];
  pictures: number;
  rounds: number;
  workers: readonly number[];
}

const list = (text: string): number[] => text.split(',').map(Number);
const command = new Command('npm run bench:loading --')
  .description('From JPEG files to augmented batches, against torchvision with Pillow.')
  .argument('<data>', 'class folders, as for "rescaled train"')
  .option('--python <path>', 'a Python with torchvision; none: no peer')
  .option('--sizes <pixels>', 'of the network, with commas', list, [160, 224])
  .option('--pictures <n>', 'of which a round makes a view each', integer, 600)
  .option('--rounds <n>', 'of each side', integer, 9)
  .option('--workers <n>', 'threads, with commas; a column each', list, [1]);
const BATCH = 100;
let train: Source | undefined;
const { python, sizes, pictures, rounds, workers } = await benchOptions<Options>(command, async (options) => {
  for (const size of options.sizes) wholeOption('--sizes', size, 8, 1024);
  for (const count of options.workers) wholeOption('--workers', count, 1, 256);
  wholeOption('--pictures', options.pictures, 100, 1_000_000);
  wholeOption('--rounds', options.rounds, 1, 1000);
  const [data] = command.args as [string];
  ({ train } = await openDataset(data));
  if (train?.encoded === undefined) throw new UsageError(`Expected training pictures of files in ${data}.`);
  if (train.length < BATCH)
    throw new UsageError(`Expected at least ${BATCH} training pictures in ${data} but it has ${train.length}.`);
  if (options.python === undefined) return;
  const { status, error } = spawnSync(options.python, ['-c', 'import PIL, torchvision'], { stdio: 'ignore' });
  if (error !== undefined || status !== 0)
    throw new UsageError(`Expected a Python with Pillow and torchvision for --python but received ${options.python}.`);
});

interface Taken {
  seconds: number;
  cpu: number;
}

const data = command.args[0]!;
const all = train!;
const n = Math.floor(Math.min(pictures, all.length) / BATCH) * BATCH;
// Spread over the classes.
const source = subset(
  all,
  Array.from({ length: n }, (_, i) => Math.floor((i * all.length) / n)),
);
addon(); // as in a training: its threads then have its decoder and its loops

function loaderOf(size: number, augmented: boolean, threads: number) {
  const augment = augmentPlan({ policy: augmented ? 'randaugment' : 'none', magnitude: 10 });
  const preprocess = preprocessOptions({ size, augment });
  return new BatchLoader({
    source,
    targets: LABELS,
    batch: BATCH,
    mode: 'train',
    preprocess,
    seed: 1,
    workers: threads,
  });
}

async function ours(loader: ReturnType<typeof loaderOf>, round: number): Promise<Taken> {
  const [began, before] = [performance.now(), process.cpuUsage()];
  for await (const _ of loader.batches(round));
  const { user, system } = process.cpuUsage(before);
  return { seconds: (performance.now() - began) / 1000, cpu: (user + system) / 1e6 };
}

const folder = mkdtempSync(join(tmpdir(), 'rescaled-loading-'));
const loaders: ReturnType<typeof loaderOf>[] = [];
try {
  const files = join(folder, 'files.json');
  writeFileSync(files, JSON.stringify(Array.from({ length: n }, (_, i) => source.describe(i))));
  const peer =
    python === undefined
      ? undefined
      : spawn(python, [join(packageRoot, 'bench', 'torchvision_loading.py'), files], {
          stdio: ['pipe', 'pipe', 'inherit'],
        });
  const answers = peer && createInterface({ input: peer.stdout })[Symbol.asyncIterator]();
  const theirs = async (work: string, size: number, seed: number): Promise<Taken> => {
    peer!.stdin.write(`${work} ${size} ${seed}\n`);
    const { value, done } = await answers!.next();
    if (done === true) throw new Error('The Python program has ended; its message stands above.');
    return JSON.parse(value) as Taken;
  };

  console.log(
    `${n} photographs of ${data}, ${rounds} rounds, ${cpus()[0]?.model}, ${availableParallelism()} cores to run on; ` +
      'medians, and the ratio to torchvision (lowest to highest of the rounds)\n',
  );
  const rows = [['', '', 'threads', '/s of CPU', '/s', 'torchvision /s of CPU', '/s', 'ratio by CPU', 'by the clock']];
  const middle = (values: Taken[], of: keyof Taken): string => (n / median(values.map((one) => one[of]))).toFixed(0);
  const ratio = (mine: Taken[], other: Taken[], of: keyof Taken): string => {
    const all = mine.map((one, i) => other[i]![of] / one[of]);
    return `${median(all).toFixed(2)} (${Math.min(...all).toFixed(2)} to ${Math.max(...all).toFixed(2)})`;
  };
  if (peer !== undefined) {
    const decoded: Taken[] = [];
    for (let round = 0; round <= rounds; round++) decoded.push(await theirs('decode', 8, round));
    const counted = decoded.slice(1);
    rows.push(['decoding alone', '', '', '', '', middle(counted, 'cpu'), middle(counted, 'seconds'), '', '']);
  }
  for (const size of sizes)
    for (const work of ['view', 'randaugment']) {
      const mine = workers.map((threads) => loaderOf(size, work === 'randaugment', threads));
      loaders.push(...mine);
      const taken: Taken[][] = mine.map(() => []);
      const other: Taken[] = [];
      // The first round starts threads and warms both sides up.
      for (let round = 0; round <= rounds; round++) {
        for (const [k, loader] of mine.entries()) taken[k]!.push(await ours(loader, round));
        if (peer !== undefined) other.push(await theirs(work, size, round));
      }
      for (const times of [...taken, other]) times.shift();
      for (const [k, threads] of workers.entries())
        rows.push([
          ...[`${size} pixels`, work, `${threads}`, middle(taken[k]!, 'cpu'), middle(taken[k]!, 'seconds')],
          ...(peer === undefined ? ['', '', '', ''] : [middle(other, 'cpu'), middle(other, 'seconds')]),
          ...(peer === undefined ? [] : [ratio(taken[k]!, other, 'cpu'), ratio(taken[k]!, other, 'seconds')]),
        ]);
      for (const loader of mine) await loader.close();
    }
  peer?.stdin.end();
  console.log(table(rows, 2));
} finally {
  for (const loader of loaders) await loader.close();
  rmSync(folder, { recursive: true, force: true });
}
