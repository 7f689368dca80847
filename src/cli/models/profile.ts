import { availableParallelism, totalmem } from 'node:os';
import type { Command } from 'commander';
import { RescaledError, UsageError } from '../../errors.js';
import { availableMemory } from '../../memory.js';
import { type ModelCost, modelCost } from '../../models/index.js';
import type { MeasureOptions } from '../../train/index.js';
import { integer } from '../options.js';
import { tellNext } from '../words.js';
import { checkCounts, measureCost } from './measuring.js';
import { bytes, layersCsv, layersTable, type ModelProfile, profileCsv, profileTable } from './profile-tables.js';

interface ProfileFlags {
  size?: number;
  batch: number;
  measure?: boolean;
  layers?: boolean;
  ema?: boolean;
  precision: string;
  json?: boolean;
  csv?: boolean;
  runs?: number;
  threads?: number;
  device?: string;
}

export function register(program: Command): void {
  program
    .command('profile')
    .description(
      'what a model costs: parameters, multiply-adds, activations, training memory; with --measure also speed',
    )
    .argument('<model...>', 'resnet-rs-50, resnet-rs-101@192, ... (see "rescaled models")')
    .option('--size <pixels>', "side of the pictures or clips; the model's published size by default", integer)
    .option('-b, --batch <n>', 'pictures in a training step', integer, 32)
    .option(
      '--measure',
      'measure a training step, inference and memory, each model in a process of its own (needs the engine)',
    )
    .option('--layers', 'every layer with its output and counts')
    .option('--ema', 'count a moving average of the weights into the predicted memory')
    .option('--precision <name>', 'of the training step: float32 or bfloat16', 'float32')
    .option('--runs <n>', 'timed runs with --measure, default 5; two more warm up', integer)
    .option('--threads <n>', 'threads of the engine with --measure, default one for each core', integer)
    .option('--device <name>', 'cpu, cuda, cuda:0, mps, auto; with --measure')
    .option('--json', 'print as JSON')
    .option('--csv', 'print as CSV')
    .addHelpText(
      'after',
      `
Counts are for one picture or clip. FLOPs here are 2 for each multiply-add, as in the ResNet-RS paper. Without --measure nothing is run: libtorch is not needed.

Examples:
  rescaled profile resnet-rs-50 resnet-rs-101@192
  rescaled profile resnet-50 --size 160 --batch 16 --measure
  rescaled profile resnet-rs-50 --layers --csv
  rescaled profile resnet3d-50@8x112 --batch 8`,
    )
    .action(run);
}

async function run(models: string[], flags: ProfileFlags): Promise<void> {
  check(models, flags);
  const { size, batch, ema = false } = flags;
  const precision = precisionOf(flags.precision);
  // All of them first: a mistyped name is told before anything is measured.
  const costs = models.map((model) =>
    modelCost(model, { batch, ema, precision, ...(size === undefined ? {} : { size }) }),
  );
  const profiles: ModelProfile[] = [];
  for (const cost of costs) {
    const profile = profileOf(cost, flags.layers === true);
    if (flags.measure === true) profile.measured = await measured(cost, precision, flags);
    profiles.push(profile);
  }
  if (flags.json === true) console.log(JSON.stringify(profiles, null, 2));
  else if (flags.csv === true) console.log(flags.layers === true ? layersCsv(costs) : profileCsv(profiles));
  else {
    console.log(profileTable(profiles));
    if (flags.layers === true) for (const cost of costs) console.log(`\n${layersTable(cost)}`);
    if (costs.length === 1 && costs[0]!.frames === undefined)
      tellNext('rescaled', 'train', 'PICTURES', '-m', costs[0]!.model);
  }
}

function check(models: readonly string[], flags: ProfileFlags): void {
  checkCounts(flags);
  if (flags.json === true && flags.csv === true)
    throw new UsageError('Expected either --json or --csv but received both.');
  for (const option of ['runs', 'threads', 'device'] as const)
    if (flags[option] !== undefined && flags.measure !== true)
      throw new UsageError(`Expected --measure beside --${option}: without it nothing is run.`);
  if (flags.size === undefined) return;
  for (const model of models)
    if (/@/.test(model) && !new RegExp(`@(\\d+x)?${flags.size}$`).test(model))
      throw new UsageError(`Expected one size for ${model} but --size says ${flags.size}. Leave one of them out.`);
}

function profileOf({ layers, ...cost }: ModelCost, withLayers: boolean): ModelProfile {
  return withLayers ? { ...cost, layers } : cost;
}

function precisionOf(asked: string): 'float32' | 'bfloat16' {
  if (asked === 'float32' || asked === 'bfloat16') return asked;
  throw new UsageError(`Expected float32 or bfloat16 for --precision but received "${asked}".`);
}

async function measured(
  cost: ModelCost,
  precision: 'float32' | 'bfloat16',
  flags: ProfileFlags,
): Promise<NonNullable<ModelProfile['measured']>> {
  const options: MeasureOptions = {
    size: cost.size,
    batch: cost.batch,
    runs: flags.runs ?? 5,
    threads: flags.threads ?? availableParallelism(),
    device: flags.device ?? 'cpu',
    precision,
  };
  const need = bytes(cost.trainMemoryBytes);
  if (options.device === 'cpu' && cost.trainMemoryBytes > totalmem())
    throw new RescaledError(
      `${cost.model} at batch ${cost.batch} is predicted to need ${need}, ` +
        `more than the ${bytes(totalmem())} of this machine: it was not run. Choose a smaller --batch or --size.`,
    );
  if (options.device === 'cpu' && cost.trainMemoryBytes > availableMemory())
    console.error(
      `rescaled: warning: ${cost.model} at batch ${cost.batch} is predicted to need ${need}, ` +
        `and ${bytes(availableMemory())} are free.`,
    );
  const { train, inference, peakMemoryBytes } = await measureCost(cost, options);
  return {
    trainStepMs: train.median,
    trainStepMsLow: train.low,
    trainStepMsHigh: train.high,
    inferenceMs: inference.median,
    inferenceMsLow: inference.low,
    inferenceMsHigh: inference.high,
    trainImagesPerSecond: (1000 * cost.batch) / train.median,
    inferenceImagesPerSecond: (1000 * cost.batch) / inference.median,
    peakMemoryBytes,
    runs: options.runs,
    threads: options.threads,
    device: options.device,
  };
}
