// Reading shards against reading the folder they were packed of, both sides in turn:
//   npm run bench:shards -- DATA [--rounds 7 --size 64 --shard 32MB --workers 1]
// The training pictures of DATA (class folders) are packed into a temporary folder. Then, round by round, each side is read whole: the bytes
// alone, in order and in random order (8 reads under way), and as a training reads them, decoded, cropped and put into batches in random order.
// Nothing comes from the cache of decoded pictures; files are in the system's memory from the first round on, which is not counted.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { preprocessOptions } from '../src/augment/preprocess.js';
import { Random } from '../src/augment/random.js';
import { wholeOption } from '../src/checks.js';
import { integer } from '../src/cli/options.js';
import { table } from '../src/cli/table.js';
import { openDataset } from '../src/data/dataset.js';
import { LABELS } from '../src/data/loading/labels.js';
import { BatchLoader } from '../src/data/loading/loader.js';
import { packShards } from '../src/data/pack.js';
import type { Source } from '../src/data/sources/source.js';
import { UsageError } from '../src/errors.js';
import { benchOptions } from './options.js';

interface Options {
  rounds: number;
  size: number;
  shard: number;
  workers: number;
}

const command = new Command('npm run bench:shards --')
  .description('Reading shards against reading the folder they were packed of.')
  .argument('<data>', 'class folders, as for "rescaled train"')
  .option('--rounds <n>', 'times that each side is read', integer, 7)
  .option('--size <pixels>', 'of the network', integer, 64)
  .option('--shard <bytes>', 'size of a shard', integer, 32e6)
  .option('--workers <n>', 'threads that decode', integer, 1);
const { rounds, size, shard, workers } = await benchOptions<Options>(command, (options) => {
  wholeOption('--rounds', options.rounds, 1, 1000);
  wholeOption('--size', options.size, 8, 4096);
  wholeOption('--shard', options.shard, 1024, 1e12);
  wholeOption('--workers', options.workers, 0, 256);
});

const UNDER_WAY = 8;

/** Pictures a second. */
async function timed(pictures: number, work: () => Promise<void>): Promise<number> {
  const begun = performance.now();
  await work();
  return (1000 * pictures) / (performance.now() - begun);
}

async function read(source: Source, order: Uint32Array): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: UNDER_WAY }, async () => {
      while (next < order.length) await source.encoded!.read(order[next++]!);
    }),
  );
}

async function batches(source: Source, epoch: number): Promise<void> {
  const preprocess = preprocessOptions({ size });
  await using loader = new BatchLoader({
    ...{ source, targets: LABELS, batch: 64, mode: 'train', preprocess, seed: 1, workers },
    rest: 'spread',
  });
  for await (const _ of loader.batches(epoch));
}

const out = mkdtempSync(join(tmpdir(), 'rescaled-bench-shards-'));
try {
  const [data] = command.args as [string];
  for await (const _ of packShards([data], { out, size: shard }));
  const [folder, shards] = [(await openDataset(data)).train!, (await openDataset(out)).train!];
  if (folder.encoded === undefined) throw new UsageError('Expected class folders but received IDX files.');
  const n = Math.min(folder.length, shards.length);
  const inOrder = Uint32Array.from({ length: n }, (_, i) => i);
  const kinds: [string, (source: Source, round: number) => Promise<void>][] = [
    ['bytes, in order', (source) => read(source, inOrder)],
    ['bytes, random order', (source, round) => read(source, new Random(2, round).permutation(n))],
    ['batches, random order', batches],
  ];
  const rows = [['', 'folder /s', 'shards /s', 'ratio', 'lowest', 'highest']];
  for (const [name, work] of kinds) {
    const speeds: [number, number][] = [];
    for (let round = 0; round <= rounds; round++) {
      const sides = round % 2 === 0 ? [folder, shards] : [shards, folder];
      const found: number[] = [];
      for (const side of sides) found.push(await timed(n, () => work(side, round)));
      if (round > 0) speeds.push((round % 2 === 0 ? found : found.reverse()) as [number, number]);
    }
    const middle = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1]!;
    const ratios = speeds.map(([a, b]) => b / a).sort((a, b) => a - b);
    rows.push([
      name,
      ...[middle(speeds.map(([a]) => a)), middle(speeds.map(([, b]) => b))].map((speed) => speed.toFixed(0)),
      ...[middle([...ratios]), ratios[0]!, ratios.at(-1)!].map((ratio) => ratio.toFixed(2)),
    ]);
  }
  console.log(`${n} training pictures of ${data}, ${size} pixels, ${workers} threads, ${rounds} rounds\n`);
  console.log(table(rows, 1));
} finally {
  rmSync(out, { recursive: true, force: true });
}
