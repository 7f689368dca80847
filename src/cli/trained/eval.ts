import type { Command } from 'commander';
import { wholeOption } from '../../checks.js';
import { RescaledError, UsageError } from '../../errors.js';
import { showMetric } from '../../metric.js';
import { loadConfig } from '../../run/config.js';
import { setThreads } from '../../torch/index.js';
import { integer, number } from '../options.js';
import { loadModel, measure } from './load-model.js';

interface EvalFlags {
  from?: string;
  model?: string;
  select?: string;
  size?: number;
  crop?: number;
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
    .argument('[model]', 'run folder or weights file; left out with --from')
    .argument('[data]', "data as for train; the run's own by default")
    .option('--from <file>', 'weights from elsewhere: safetensors, PyTorch, Keras or TensorFlow')
    .option('-m, --model <name>', 'which model the weights are of, where the file does not say')
    .option('--select <key>', 'which weights of a checkpoint with several, such as state_dict_ema')
    .option('--size <pixels>', "side of the pictures; the file's or the model's by default", integer)
    .option('--crop <share>', "share of the shorter side that is kept; the file's or 0.875 by default", number)
    .option('--best', "the weights of the best epoch in place of the last one's")
    .option('-b, --batch <n>', 'pictures at a time', integer, 64)
    .option('--threads <n>', 'threads of the engine', integer)
    .option('--workers <n>', 'threads that decode pictures', integer, 1)
    .option('--max-broken <share>', 'share of broken pictures above which it fails', number, 0.01)
    .option('--json', 'print the figures as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n' +
        '  rescaled eval runs/flowers-1\n' +
        '  rescaled eval runs/flowers-1/weights.safetensors other-flowers --json\n' +
        '  rescaled eval --from resnetrs50.pth -m resnet-rs-50 imagenet --size 224 --crop 0.91',
    )
    .action(run);
}

const WEIGHTS = { ema: 'EMA weights', raw: 'raw weights', unknown: 'weights' };

async function run(first: string | undefined, second: string | undefined, flags: EvalFlags): Promise<void> {
  if (flags.from !== undefined && second !== undefined)
    throw new UsageError(`Expected the data alone beside --from but received ${first} and ${second}.`);
  const target = flags.from ?? first;
  if (target === undefined)
    throw new UsageError(
      'Expected a run folder or a weights file: rescaled eval MODEL [DATA]. See "rescaled eval --help".',
    );
  const data = flags.from === undefined ? second : first;
  for (const [name, value, least] of [
    ['--threads', flags.threads ?? 1, 1],
    ['--batch', flags.batch, 1],
    ['--workers', flags.workers, 0],
  ] as const)
    if (value < least)
      throw new UsageError(`Expected a whole number of at least ${least} for ${name} but received ${value}.`);
  wholeOption('--size', flags.size, 8, 4096);
  if (flags.crop !== undefined && !(flags.crop > 0 && flags.crop <= 1))
    throw new UsageError(`Expected a share above 0 and at most 1 for --crop but received ${flags.crop}.`);
  const loaded = await loadModel(target, flags.best === true ? 'best' : 'final', {
    model: flags.model,
    size: flags.size,
    evalCrop: flags.crop,
    select: flags.select,
  });
  for (const text of loaded.taken ?? []) console.error(`note: ${text}`);
  const { task, settings } = loaded;
  const own = loaded.data;
  const path = data ?? (loaded.run === undefined ? undefined : loadConfig(loaded.run).data.path);
  if (path === undefined) throw new UsageError(`Expected the data to measure on: rescaled eval ${target} DATA.`);
  // On the data of its training, the pictures that were set aside then; known by content, wherever it lies now.
  let dataset = await task.openData(path, {
    need: 'val',
    seed: own?.seed,
    valSplit: own?.valSplit,
    limitVal: own?.limitVal,
  });
  if (dataset.fingerprint !== own?.fingerprint) {
    if (data === undefined)
      throw new RescaledError(
        `Expected the data that the model was trained on, but ${path} has changed since: ` +
          'its test pictures may be others, training pictures among them. Name the data to measure on, ' +
          'or put it back.',
      );
    dataset = await task.openData(path, { need: 'val' });
    if (dataset.split !== undefined)
      console.error(
        `note: ${path} has no test part of its own; ${100 * dataset.split.valSplit} % of it, ` +
          `picked by seed ${dataset.split.seed}, is measured`,
      );
  }
  const note = task.fits(settings, dataset, { weights: loaded.path, data: path });
  if (note !== undefined) console.error(`note: ${note}`);
  if (flags.threads !== undefined) setThreads(flags.threads);
  const result = await measure(loaded, dataset.val, {
    batch: flags.batch,
    workers: flags.workers,
    onBroken: (file, reason) => console.error(`left out, cannot be read: ${file}: ${reason}`),
  });
  loaded.model.dispose();
  if (result.broken > flags.maxBroken * dataset.val.length)
    throw new RescaledError(
      `${result.broken} of ${dataset.val.length} pictures cannot be read, ` +
        `more than the allowed ${100 * flags.maxBroken} % (--max-broken).`,
    );
  const { size, evalCrop } = loaded;
  const figures = {
    ...result.scores,
    broken: result.broken,
    weights: loaded.weights,
    file: loaded.path,
    size,
    evalCrop,
    imagesPerSecond: result.scores.images / result.seconds,
  };
  if (flags.json === true) console.log(JSON.stringify({ ...figures, ...task.told(result, settings) }, null, 2));
  else
    console.log(
      `${task.metrics.map((metric) => `${metric.title} ${showMetric(metric, result.scores[metric.name]!)}`).join(', ')}\n` +
        `  ${WEIGHTS[loaded.weights ?? 'unknown']} of ${loaded.path}, ${result.scores.images} pictures at ${size} pixels, ` +
        `crop ${evalCrop}, ${figures.imagesPerSecond.toFixed(0)} images/s`,
    );
}
