import { type Command, Option } from 'commander';
import { wholeOption } from '../../checks.js';
import { untilStopped } from '../../child/interrupt.js';
import type { PartName } from '../../data/dataset.js';
import { UsageError } from '../../errors.js';
import { pathWithin } from '../../files.js';
import { type Metric, showMetric } from '../../metric.js';
import { picturesOf } from '../../part-words.js';
import { wilson } from '../../report/statistics.js';
import { setThreads } from '../../torch/index.js';
import { measureFile } from '../../trained/files/measure.js';
import { loadModel, shownMetrics } from '../../trained/load.js';
import { measureOn, WEIGHTS, writeMeasured } from '../../trained/measured.js';
import { weightsPath } from '../named-weights.js';
import { integer, number } from '../options.js';
import { checkOutput } from '../output.js';
import { percent, tellNext } from '../words.js';
import { type BoxFlags, checkResults, formatOption, resultsOption, writeResults } from './box-files.js';

interface EvalFlags extends BoxFlags {
  from?: string;
  model?: string;
  select?: string;
  size?: number;
  crop?: number;
  best?: boolean;
  batch: number;
  threads?: number;
  workers: number;
  maxBroken?: number;
  split?: PartName;
  report?: string;
  json?: boolean;
}

export function register(program: Command): void {
  program
    .command('eval')
    .description('measure a trained model on labelled pictures')
    .argument('[model]', 'run folder, weights file or ONNX file; left out with --from')
    .argument('[data]', "folder of class folders, or data as for train; the run's own test pictures by default")
    .option(
      '--from <weights>',
      'weights from elsewhere: a file, or a name of "rescaled weights list", which is fetched',
    )
    .option('-m, --model <name>', 'which model the weights are of, where the file does not say')
    .option('--select <key>', 'which weights of a checkpoint with several, such as state_dict_ema')
    .option('--size <pixels>', "side of the pictures; the file's or the model's by default", integer)
    .option('--crop <share>', "share of the shorter side that is kept; the file's or 0.875 by default", number)
    .option('--best', "the weights of the best epoch in place of the last one's")
    .addOption(
      new Option('--split <part>', 'which part of the data; its test part, or all of a folder without parts').choices([
        'train',
        'val',
        'test',
      ]),
    )
    .option('--report <file>', 'write a page with classes, confusion and the worst mistakes')
    .addOption(resultsOption())
    .addOption(formatOption())
    .option('--force', 'write over what --results names')
    .option('-b, --batch <n>', 'pictures at a time', integer, 64)
    .option('--threads <n>', 'threads of the engine', integer)
    .option('--workers <n>', 'threads that decode pictures', integer, 1)
    .option(
      '--max-broken <share>',
      "share of broken pictures above which it fails; 0.01 by default, of the run's own what its training allowed",
      number,
    )
    .option('--json', 'print the figures as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n' +
        '  rescaled eval runs/flowers-1\n' +
        '  rescaled eval runs/flowers-1 new-flowers --report new-flowers.html\n' +
        '  rescaled eval runs/flowers-1/model.int8.onnx\n' +
        '  rescaled eval runs/flowers-1/weights.safetensors other-flowers --split val --json\n' +
        '  rescaled eval --from resnetrs50.pth -m resnet-rs-50 imagenet --size 224 --crop 0.91\n' +
        '  rescaled eval --from resnetrs50.tf_in1k imagenet',
    )
    .action(run);
}

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
  if (/\.onnx$/i.test(target)) return evalFile(target, data, flags);
  if (flags.crop !== undefined && !(flags.crop > 0 && flags.crop <= 1))
    throw new UsageError(`Expected a share above 0 and at most 1 for --crop but received ${flags.crop}.`);
  if (flags.report !== undefined) checkOutput(flags.report, { endings: ['.html'], force: true });
  const format = checkResults(flags);
  const loaded = await loadModel(await weightsPath(target), flags.best === true ? 'best' : 'final', {
    model: flags.model,
    size: flags.size,
    evalCrop: flags.crop,
    select: flags.select,
  });
  for (const text of loaded.taken ?? []) console.error(`note: ${text}`);
  const { task, settings, size, evalCrop, fit } = loaded;
  if (format !== undefined && task.boxes === undefined)
    throw new UsageError(`Expected no --results for ${loaded.path}: it finds no boxes. Leave it out.`);
  if (flags.threads !== undefined) setThreads(flags.threads);
  const measured = await measureOn(loaded, {
    ...flags,
    data,
    onNote: (text) => console.error(`note: ${text}`),
    onBroken: (file, reason) => console.error(`left out, cannot be read: ${file}: ${reason}`),
  });
  if (flags.report !== undefined) await writeMeasured(flags.report, loaded, measured);
  loaded.model.dispose();
  const { result, part } = measured;
  if (format !== undefined) {
    const { source, path } = measured;
    const pictureAt = (i: number): string => pathWithin(path, source.describe(i));
    console.error(writeResults(flags.results!, format, task.boxes!(result, settings, source), pictureAt, path));
  }
  const figures = {
    ...result.scores,
    broken: measured.broken.length,
    weights: loaded.weights,
    file: loaded.path,
    size,
    evalCrop,
    imagesPerSecond: result.scores.images / measured.seconds,
    part,
    ignoredFiles: measured.ignoredFiles,
    ignoredEndings: measured.ignoredEndings,
    notes: measured.notes,
  };
  const metrics = shownMetrics(task, settings, result.scores);
  if (flags.json === true) {
    console.log(JSON.stringify({ ...figures, ...task.told(result, settings) }, null, 2));
    return;
  }
  const noun = task.clips === true ? 'video' : 'picture';
  const text = task.text?.(result, settings);
  const show = (metric: Metric, i: number): string =>
    `${metric.title} ${showMetric(metric, result.scores[metric.name]!)}` +
    (i === 0 && text?.primary !== undefined ? ` (${text.primary})` : '');
  console.log(
    `${metrics.map(show).join(', ')}\n` +
      `  ${WEIGHTS[loaded.weights ?? 'unknown']} of ${loaded.path}, ${picturesOf(part, result.scores.images, String, noun)} at ${size} pixels, ` +
      `${fit === 'letterbox' ? 'whole pictures' : `crop ${evalCrop}`}, ${figures.imagesPerSecond.toFixed(0)} ${noun}s/s`,
  );
  for (const line of text?.lines ?? []) console.log(line);
  if (flags.report !== undefined) console.log(`\nreport   ${flags.report}`);
  else tellNext('rescaled', ...process.argv.slice(2), '--report', 'eval.html');
}

/** An exported classifier says itself how it looks at pictures. */
async function evalFile(file: string, data: string | undefined, flags: EvalFlags): Promise<void> {
  const { model, select, size, crop, best, report, results, split, maxBroken, threads } = flags;
  for (const [name, value] of Object.entries({ model, select, size, crop, best, report, results }))
    if (value !== undefined)
      throw new UsageError(
        `Expected no --${name} for the ONNX file ${file}: that is for runs and weights. Leave it out.`,
      );
  const measured = await untilStopped(
    (signal) =>
      measureFile(
        { file, data, split, maxBroken, threads },
        {
          signal,
          onMessage: ({ type, text }) => console.error(type === 'note' ? `note: ${text}` : text),
        },
      ),
    'nothing was measured',
  );
  const { scores, part, precision, seconds, ...facts } = measured;
  const imagesPerSecond = scores.images / seconds;
  if (flags.json === true)
    return console.log(JSON.stringify({ ...scores, file, part, precision, imagesPerSecond, ...facts }, null, 2));
  const { low, high } = wilson(Math.round(scores.top1 * scores.images), scores.images)!;
  console.log(
    `top-1 ${percent(scores.top1)} (95 % ${percent(low)} to ${percent(high)}), top-5 ${percent(scores.top5)}, loss ${scores.loss.toFixed(3)}\n` +
      `  ${precision.type} of ${file}, ${picturesOf(part, scores.images)} at ${facts.size} pixels, crop ${facts.evalCrop}, ` +
      `${imagesPerSecond.toFixed(0)} pictures/s`,
  );
}
