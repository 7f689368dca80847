import type { Command } from 'commander';
import { preprocessOptions } from '../augment/preprocess.js';
import { openDataset } from '../data/dataset.js';
import { BatchLoader } from '../data/loader.js';
import { RescaledError, UsageError } from '../errors.js';
import { setThreads } from '../torch/index.js';
import { evaluate, loadConfig, Normaliser } from '../train/index.js';
import { loadModel } from './load-model.js';
import { integer, number } from './options.js';

interface EvalFlags {
  best?: boolean;
  batch: number;
  threads?: number;
  workers: number;
  maxBroken: number;
  json?: boolean;
}

export function register(program: Command): void {
  program
    .command('eval')
    .description('measure a trained model on the test pictures of a data set')
    .argument('<model>', 'run folder, or weights file (.safetensors) that rescaled wrote')
    .argument('[data]', "data as for train; the run's own by default")
    .option('--best', "the weights of the best epoch in place of the last one's")
    .option('-b, --batch <n>', 'pictures at a time', integer, 64)
    .option('--threads <n>', 'threads of the engine', integer)
    .option('--workers <n>', 'threads that decode pictures', integer, 1)
    .option('--max-broken <share>', 'share of broken pictures above which it fails', number, 0.01)
    .option('--json', 'print the figures as JSON')
    .addHelpText('after', '\nExamples:\n  rescaled eval runs/flowers-1\n  rescaled eval runs/flowers-1/weights.safetensors other-flowers --json')
    .action(run);
}

async function run(target: string, data: string | undefined, flags: EvalFlags): Promise<void> {
  for (const [name, value, least] of [['--threads', flags.threads ?? 1, 1], ['--batch', flags.batch, 1], ['--workers', flags.workers, 0]] as const)
    if (value < least) throw new UsageError(`Expected a whole number of at least ${least} for ${name} but received ${value}.`);
  const loaded = loadModel(target, flags.best === true ? 'best' : 'final');
  const own = loaded.data;
  const path = data ?? (loaded.run === undefined ? undefined : loadConfig(loaded.run).data.path);
  if (path === undefined) throw new UsageError(`Expected the data to measure on: rescaled eval ${target} DATA.`);
  // On the data of its training, the pictures that were set aside then; known by content, wherever it lies now.
  let dataset = await openDataset(path, {
    need: 'val',
    seed: own?.seed,
    valSplit: own?.valSplit,
    limitVal: own?.limitVal,
  });
  if (dataset.fingerprint !== own?.fingerprint) {
    if (data === undefined)
      throw new RescaledError(`Expected the data that the model was trained on, but ${path} has changed since: its test pictures may be others, training pictures among them. Name the data to measure on, or put it back.`);
    dataset = await openDataset(path, { need: 'val' });
    if (dataset.split !== undefined)
      console.error(`note: ${path} has no test part of its own; ${100 * dataset.split.valSplit} % of it, picked by seed ${dataset.split.seed}, is measured`);
  }
  if (dataset.classes.join('\n') !== loaded.classes.join('\n'))
    throw new UsageError(`Expected the classes that the model knows (${loaded.classes.join(', ')}) but ${path} has ${dataset.classes.join(', ')}.`);
  if (flags.threads !== undefined) setThreads(flags.threads);
  const { size, evalCrop } = loaded;
  const loader = new BatchLoader({ source: dataset.val, batch: flags.batch, mode: 'eval', preprocess: preprocessOptions({ size, evalCrop }), seed: 0, workers: flags.workers });
  loader.onBroken = (_, file, reason) => console.error(`left out, cannot be read: ${file}: ${reason}`);
  const normaliser = new Normaliser('cpu');
  const began = performance.now();
  const result = await evaluate(loaded.model, loader, { classes: loaded.classes.length, size, normaliser });
  const seconds = (performance.now() - began) / 1000;
  await loader.close();
  normaliser.dispose();
  loaded.model.dispose();
  if (loader.broken.size > flags.maxBroken * dataset.val.length)
    throw new RescaledError(`${loader.broken.size} of ${dataset.val.length} pictures cannot be read, more than the allowed ${100 * flags.maxBroken} % (--max-broken).`);
  const figures = {
    top1: result.top1,
    top5: result.top5,
    loss: result.loss,
    images: result.images,
    broken: loader.broken.size,
    weights: loaded.weights,
    file: loaded.path,
    size,
    evalCrop,
    imagesPerSecond: result.images / seconds,
  };
  if (flags.json === true) console.log(JSON.stringify({ ...figures, confusion: result.confusion, classes: loaded.classes }, null, 2));
  else
    console.log(
      `top-1 ${(100 * result.top1).toFixed(2)} %, top-5 ${(100 * result.top5).toFixed(2)} %, loss ${result.loss.toFixed(4)}\n` +
        `  ${loaded.weights === 'ema' ? 'EMA' : 'raw'} weights of ${loaded.path}, ${result.images} pictures at ${size} pixels, crop ${evalCrop}, ${figures.imagesPerSecond.toFixed(0)} images/s`,
    );
}
