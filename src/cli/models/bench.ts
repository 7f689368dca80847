import { availableParallelism, totalmem } from 'node:os';
import type { Command } from 'commander';
import { UsageError } from '../../errors.js';
import { type ModelCost, modelCost } from '../../models/index.js';
import type { Precision } from '../../recipe/recipe.js';
import { engineInfo } from '../../torch/index.js';
import { deviceNamed } from '../../train/open.js';
import { bfloat16On } from '../../train/step/precision.js';
import { integer } from '../options.js';
import { table } from '../table.js';
import { tellNext } from '../words.js';
import { checkCounts, measureCost } from './measuring.js';
import { bytes } from './profile-tables.js';

interface BenchFlags {
  size?: number;
  batch: number;
  runs: number;
  threads?: number;
  device?: string;
  precision?: string;
  json?: boolean;
}

/** One row of `rescaled bench --json`. FLOPs are 2 a multiply-add; a training step counts three times the forward pass. */
interface BenchRow {
  model: string;
  size: number;
  batch: number;
  precision: Precision;
  threads: number;
  device: string;
  trainImagesPerSecond: number;
  inferenceImagesPerSecond: number;
  /** FLOP a second of the training step, and the most that one product of this machine was seen to reach. */
  trainFlops: number;
  limitFlops: number;
  /** trainFlops / limitFlops */
  share: number;
  peakMemoryBytes: number | null;
  predictedMemoryBytes: number;
}

const DEFAULT_MODELS = ['resnet-18@96', 'resnet-50@160', 'resnet-rs-50@160', 'efficientnet-b0@160'];

export function register(program: Command): void {
  program
    .command('bench')
    .description('how fast this machine trains and predicts, beside the most that it can compute')
    .argument('[model...]', `resnet-rs-50, resnet-rs-101@192, ...; default ${DEFAULT_MODELS.join(', ')}`)
    .option('--size <pixels>', "side of the pictures; the model's published size by default", integer)
    .option('-b, --batch <n>', 'pictures in a step', integer, 16)
    .option('--precision <name>', 'float32 or bfloat16; default both, where this machine is made for bfloat16')
    .option('--runs <n>', 'timed runs; two more warm up', integer, 5)
    .option('--threads <n>', 'threads of the engine, default one for each core', integer)
    .option('--device <name>', 'cpu, cuda, cuda:0, mps, auto; default cpu')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      `
Each row is measured in a process of its own, on random pictures. The limit is the fastest that one large matrix product or 3x3 convolution
came to on the same threads; a step also reads and writes memory between its products, so none reaches it. Leave the machine alone meanwhile.

Examples:
  rescaled bench
  rescaled bench resnet-rs-50@160 --batch 32 --threads 1
  rescaled bench resnet-50 --device cuda --batch 128`,
    )
    .action(run);
}

async function run(models: string[], flags: BenchFlags): Promise<void> {
  checkCounts(flags);
  const { size, batch, runs, threads = availableParallelism() } = flags;
  const costs = (models.length === 0 ? DEFAULT_MODELS : models).map((model) =>
    modelCost(model, { batch, ...(size === undefined ? {} : { size }) }),
  );
  const device = deviceNamed(flags.device);
  const precisions = precisionsOf(flags.precision, device);
  const halves = new Map(
    costs.map((cost) => [cost, modelCost(cost.model, { batch, size: cost.size, precision: 'bfloat16' })]),
  );
  for (const { model, trainMemoryBytes } of costs)
    if (device === 'cpu' && trainMemoryBytes > totalmem())
      throw new UsageError(
        `Expected a step that this machine has memory for but ${model} at batch ${batch} is predicted to need ${bytes(trainMemoryBytes)}. ` +
          'Choose a smaller --batch or --size.',
      );
  const rows: BenchRow[] = [];
  for (const cost of costs)
    for (const precision of precisions) {
      console.error(`${cost.model}, ${precision} ...`);
      rows.push(
        await measured(precision === 'bfloat16' ? halves.get(cost)! : cost, precision, {
          batch,
          runs,
          threads,
          device,
        }),
      );
    }
  if (flags.json === true) console.log(JSON.stringify(rows, null, 2));
  else {
    console.log(tableOf(rows));
    tellNext('rescaled', 'profile', rows[0]!.model, '--layers');
  }
}

function precisionsOf(asked: string | undefined, device: string): Precision[] {
  if (asked === 'float32' || asked === 'bfloat16') return [asked];
  if (asked !== undefined)
    throw new UsageError(`Expected float32 or bfloat16 for --precision but received "${asked}".`);
  return 'has' in bfloat16On(device) ? ['float32', 'bfloat16'] : ['float32'];
}

async function measured(
  cost: ModelCost,
  precision: Precision,
  where: { batch: number; runs: number; threads: number; device: string },
): Promise<BenchRow> {
  const options = { ...where, size: cost.size, precision, limit: true };
  const { train, inference, peakMemoryBytes, limit } = await measureCost(cost, options);
  const perSecond = (ms: number): number => (1000 * where.batch) / ms;
  const trainFlops = 3 * cost.flops * perSecond(train.median);
  return {
    ...{ model: cost.model, size: cost.size, batch: where.batch, precision },
    ...{ threads: where.threads, device: where.device },
    trainImagesPerSecond: perSecond(train.median),
    inferenceImagesPerSecond: perSecond(inference.median),
    ...{ trainFlops, limitFlops: limit!, share: trainFlops / limit! },
    peakMemoryBytes,
    predictedMemoryBytes: cost.trainMemoryBytes,
  };
}

function tableOf(rows: readonly BenchRow[]): string {
  const giga = (flops: number): string => (flops / 1e9).toFixed(0);
  const speed = (value: number): string => (value < 100 ? value.toFixed(1) : value.toFixed(0));
  const { threads, device, batch } = rows[0]!;
  return [
    table(
      [
        [
          ...['model', 'size', 'precision', 'training, pictures/s', 'GFLOP/s', 'limit', 'share'],
          ...['inference, pictures/s', 'memory', 'predicted'],
        ],
        ...rows.map((row) => [
          ...[row.model, String(row.size), row.precision, speed(row.trainImagesPerSecond)],
          ...[giga(row.trainFlops), giga(row.limitFlops), `${(100 * row.share).toFixed(0)} %`],
          speed(row.inferenceImagesPerSecond),
          row.peakMemoryBytes === null ? 'not measured' : bytes(row.peakMemoryBytes),
          bytes(row.predictedMemoryBytes),
        ]),
      ],
      1,
    ),
    `Batch ${batch}, ${threads} ${threads === 1 ? 'thread' : 'threads'}, ${device}, libtorch ${engineInfo().libtorch}. ` +
      'FLOPs are 2 a multiply-add, a training step three forward passes.',
    'The limit is the fastest large matrix product or convolution of this machine on these threads; memory is the growth of the process over training steps,',
    'predicted for each precision. Inference is the engine without gradients: an exported file runs faster in ONNX Runtime (rescaled export).',
  ].join('\n');
}
