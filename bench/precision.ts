// Whether networks learn as well with precision=auto as in float32, and in float32 by Winograd's method as without it, paired by seed: docs/precision.md.
//   node dist/bench/precision.js --set fashion --data /usr/share/datasets/fashion-mnist --work WORK [--seeds 5] [--threads 1]
//   node dist/bench/precision.js --set photographs --data CLOTHING --work WORK
//   node dist/bench/precision.js --set winograd --data /usr/share/datasets/fashion-mnist --work WORK
//   node dist/bench/precision.js --set fashion --work WORK --table
// Results are lines of WORK/SET.jsonl; what stands there is not run again, so that it may be stopped and goes on.
import { appendFileSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { RescaledError, UsageError } from '../src/errors.js';
import type { RunConfig } from '../src/run/config.js';
import { plural } from '../src/suggest.js';
import { trainApart } from '../src/trained/apart.js';
import { estimate } from './estimate.js';
import { knownResults } from './known.js';
import { benchOptions } from './options.js';

/** Small networks on few pictures; on Fashion-MNIST the default recipe, on photographs `quick`, which so few steps ask for. */
const SETS = {
  fashion: { model: 'resnet-rs-14', width: 0.375, size: 28, batch: 64, epochs: 6, limitTrain: 6000, limitVal: 5000 },
  photographs: { model: 'resnet-rs-14', width: 0.25, size: 96, batch: 32, epochs: 30, recipe: 'quick' },
  /** A network whose convolutions are nearly all 3x3. */
  winograd: { model: 'resnet-18', width: 0.5, size: 28, batch: 64, epochs: 6, limitTrain: 6000, limitVal: 5000 },
} as const;
type Side = 'float32' | 'auto' | 'plain' | 'winograd';
/** What is compared, the usual first. */
const SIDES: Record<keyof typeof SETS, readonly [Side, Side]> = {
  fashion: ['float32', 'auto'],
  photographs: ['float32', 'auto'],
  winograd: ['plain', 'winograd'],
};

interface Result {
  precision: Side;
  /** What it came to, with its reason. */
  resolved: string;
  why: string;
  seed: number;
  top1: number;
  /** On test pictures, of the averaged weights as `top1` is; and the mean over the last epoch while training. */
  loss: number;
  trainLoss: number;
  /** Of the whole run. */
  seconds: number;
}
interface Options {
  set: keyof typeof SETS;
  data?: string;
  work: string;
  seeds: number;
  threads: number;
  table?: boolean;
}
const { set, data, work, seeds, threads, ...options } = await benchOptions<Options>(
  new Command('precision')
    .requiredOption('--set <name>', Object.keys(SETS).join(', '))
    .option('--data <folder>', 'Fashion-MNIST, or a folder of photographs by class')
    .requiredOption('--work <folder>', 'where runs and results lie')
    .option('--seeds <n>', '', Number, 5)
    .option('--threads <n>', 'of a training', Number, 1)
    .option('--table', 'print what is known'),
  (given) => {
    if (!Object.hasOwn(SETS, given.set))
      throw new UsageError(`Expected --set ${Object.keys(SETS).join(' or ')} but received ${given.set}.`);
    if (!Number.isInteger(given.seeds) || given.seeds < 1)
      throw new UsageError(`Expected --seeds of at least 1 but received ${given.seeds}.`);
    if (given.table !== true && given.data === undefined)
      throw new UsageError('Expected --data, or --table to print what is known.');
  },
);
const file = join(work, `${set}.jsonl`);
if (options.table !== true) {
  mkdirSync(work, { recursive: true });
  try {
    for (let seed = 0; seed < seeds; seed++)
      for (const precision of SIDES[set]) {
        if (knownResults<Result>(file).some((one) => one.seed === seed && one.precision === precision)) continue;
        const line = JSON.stringify(await trial(precision, seed));
        appendFileSync(file, `${line}\n`);
        console.log(line);
      }
  } catch (error) {
    if (!(error instanceof RescaledError)) throw error;
    console.error(error.message);
    process.exit(error.exitCode);
  }
}
console.log(table(knownResults<Result>(file)));

async function trial(precision: Result['precision'], seed: number): Promise<Result> {
  const out = join(work, 'runs', set, `${precision}-${seed}`);
  rmSync(out, { recursive: true, force: true });
  const began = performance.now();
  const { epochs } = SETS[set];
  // The child inherits it.
  process.env['RESCALED_CONVOLUTIONS'] = precision === 'plain' ? 'pytorch' : '';
  await trainApart({
    type: 'train',
    options: {
      ...SETS[set],
      data: data!,
      out,
      seed,
      threads,
      workers: 1,
      evalEvery: epochs,
      settings: { precision: precision === 'auto' ? 'auto' : 'float32' },
    },
  });
  const report = JSON.parse(readFileSync(join(out, 'report.json'), 'utf8')) as { top1: number };
  const [names, ...lines] = readFileSync(join(out, 'metrics.csv'), 'utf8').trim().split('\n');
  const last = (name: string): number => Number(lines.at(-1)!.split(',')[names!.split(',').indexOf(name)]);
  const { recipe } = JSON.parse(readFileSync(join(out, 'run.json'), 'utf8')) as RunConfig;
  return {
    ...{ precision, resolved: recipe.values.precision, why: recipe.sources.precision, seed },
    ...{
      top1: report.top1,
      loss: last('lossEma'),
      trainLoss: last('trainLoss'),
      seconds: (performance.now() - began) / 1000,
    },
  };
}

/** Means with 95 % intervals over seeds (Student's t), and the difference within each seed. */
function table(results: readonly Result[]): string {
  const of = (precision: Result['precision']) => results.filter((one) => one.precision === precision);
  const [usual, other] = SIDES[set];
  const both = of(other).flatMap((own) => {
    const plain = of(usual).find(({ seed }) => seed === own.seed);
    return plain === undefined ? [] : [[plain, own] as const];
  });
  if (both.length === 0) return 'No seed is there on both sides yet.';
  const top1 = (side: 0 | 1): string => estimate(both.map((pair) => 100 * pair[side].top1));
  const resolved = [...new Set(both.map(([, own]) => own.resolved))].join(', ');
  return [
    `| set | seeds | ${usual}, top-1 % | ${other} (${resolved}), top-1 % | difference | of the loss | of the loss in training |`,
    '| --- | --- | --- | --- | --- | --- | --- |',
    `| ${[
      set,
      plural(both.length, 'seed'),
      top1(0),
      top1(1),
      estimate(both.map(([plain, own]) => 100 * (own.top1 - plain.top1))),
      estimate(both.map(([plain, own]) => own.loss - plain.loss)),
      estimate(both.map(([plain, own]) => own.trainLoss - plain.trainLoss)),
    ].join(' | ')} |`,
  ].join('\n');
}
