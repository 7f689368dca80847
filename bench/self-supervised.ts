// What is worth more on other pictures, supervised learning or learning without labels: the study of docs/transfer.md.
//   node dist/bench/self-supervised.js --data FASHION_MNIST --photographs CLOTHING --work WORK [--device cuda --parallel 4]
//   node dist/bench/self-supervised.js ... --only pretrain      one stage: prepare, pretrain, transfer; table prints what is known
// The same network sees as many pictures of five classes of Fashion-MNIST in each of four ways, and is then moved to three other sets: the
// other five classes, photographs of clothes, drawings. Each stage goes on where it was stopped; WORK/transfer/report.html has the result.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { UsageError } from '../src/errors.js';
import { packageRoot } from '../src/package-root.js';
import { finalWeights, isRun, lastCheckpoint } from '../src/run/config.js';
import { benchOptions } from './options.js';
import { prepare, TARGETS } from './self-supervised/sets.js';
import { tables } from './self-supervised/table.js';

const STAGES = ['prepare', 'pretrain', 'transfer', 'table'] as const;
const NAMES: readonly string[] = ['baseline', 'rs', 'simclr', 'simclrv2'];

interface Options {
  data: string;
  photographs: string;
  work: string;
  only?: string;
  ways?: string;
  device: string;
  parallel: number;
  threads: number;
  passes: number;
  grid: string;
  methods: string;
}
const options = await benchOptions<Options>(
  new Command('self-supervised')
    .requiredOption('--data <folder>', 'Fashion-MNIST as IDX files')
    .requiredOption('--photographs <folder>', 'class folders in train/, validation/ and test/')
    .requiredOption('--work <folder>', 'where sets, runs and results lie')
    .option('--only <stage>', STAGES.join(', '))
    .option('--ways <names>', 'some of the ways of learning, such as rs,simclr')
    .option('--device <name>', '', 'cpu')
    .option('--parallel <n>', 'trainings at a time', Number, 1)
    .option('--threads <n>', 'of all of them', Number, 2)
    .option(
      '--passes <n>',
      'over the pictures with labels; without labels half as many, of two views each',
      Number,
      160,
    )
    .option('--grid <name>', 'of rescaled transfer', 'rates')
    .option('--methods <names>', 'of rescaled transfer', 'linear,knn,finetune'),
  ({ only, ways }) => {
    if (only !== undefined && !(STAGES as readonly string[]).includes(only))
      throw new UsageError(`Expected --only ${STAGES.join(' or ')} but received ${only}.`);
    for (const name of ways?.split(',') ?? [])
      if (!NAMES.includes(name)) throw new UsageError(`Expected --ways ${NAMES.join(', ')} but received ${name}.`);
  },
);
const { work, device, parallel, threads, passes } = options;
const ways = options.ways?.split(',') ?? NAMES;
const asked = (stage: (typeof STAGES)[number]): boolean => options.only === undefined || options.only === stage;

/** The ways of learning: what is written after `rescaled`. As many pictures go through the network in each. */
const WAYS: Readonly<Record<string, readonly string[]>> = {
  baseline: [
    ...['train', '-r', 'resnet-baseline', '-e', String(passes)],
    // At 30, 60 and 80 of 90 epochs, as there.
    ...['--set', `stepEpochs=${[30, 60, 80].map((at) => Math.round((at * passes) / 90)).join(',')}`],
  ],
  // As in the paper's transfer study: without EMA, and a network too small for stochastic depth.
  rs: ['train', '-r', 'resnet-rs', '-e', String(passes), '--set', 'averaging=none'],
  simclr: ['pretrain', '--method', 'simclr', '-e', String(passes / 2)],
  simclrv2: ['pretrain', '--method', 'simclrv2', '-e', String(passes / 2)],
};
const NETWORK = ['-m', 'resnet-rs-14', '--width', '0.25', '--size', '32'];

mkdirSync(join(work, 'runs'), { recursive: true });
if (asked('prepare')) await prepare(work, options.data, options.photographs);
if (asked('pretrain')) {
  const waiting = [...ways];
  await Promise.all(
    Array.from({ length: parallel }, async () => {
      for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) await pretrain(name);
    }),
  );
}
if (asked('transfer'))
  await rescaled(
    ...['transfer', ...ways.map((name) => `${name}=${join(work, 'runs', name)}`), 'scratch'],
    ...['--to', ...TARGETS.map((name) => join(work, name)), '--grid', options.grid, '--methods', options.methods],
    ...['--workers', String(parallel), '--threads', String(threads), '--device', device, '-o', join(work, 'transfer')],
  );
if (asked('table')) console.log(tables(join(work, 'transfer')));

async function pretrain(name: string): Promise<void> {
  const run = join(work, 'runs', name);
  if (existsSync(finalWeights(run))) return;
  if (isRun(run) && existsSync(lastCheckpoint(run))) return rescaled('train', '--resume', run);
  rmSync(run, { recursive: true, force: true });
  const [command, ...rest] = WAYS[name]!;
  const share = String(Math.max(1, Math.floor(threads / parallel)));
  await rescaled(
    ...[
      command!,
      join(work, 'first'),
      ...NETWORK,
      '-b',
      '256',
      ...rest,
      '--eval-every',
      String(Math.max(1, Math.round(passes / 16))),
    ],
    ...['--seed', '0', '--device', device, '--threads', share, '--workers', share, '-o', run],
  );
}

async function rescaled(...words: string[]): Promise<void> {
  const child = spawn(process.execPath, [join(packageRoot, 'dist', 'src', 'cli', 'main.js'), ...words], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
  if (code !== 0) throw new Error(`rescaled ${words.join(' ')} ended with exit code ${code}.`);
}
