import { join } from 'node:path';
import type { Command } from 'commander';
import { wholeOption } from '../../checks.js';
import { untilStopped } from '../../child/interrupt.js';
import type { Dataset } from '../../data/dataset.js';
import { onnxFile } from '../../deploy/model-file.js';
import { isFloat16Near, type Parity } from '../../deploy/parity.js';
import { requireRuntime } from '../../deploy/session.js';
import { type RescaledError, UsageError } from '../../errors.js';
import { loadConfig, type RunConfig, withDataAt } from '../../run/config.js';
import { commandLine } from '../../suggest.js';
import { dataToCompare, exportModel, trainingFacts } from '../../trained/export.js';
import { type ExportedInt8, exportInt8 } from '../../trained/files/int8.js';
import { type LoadedModel, loadModel } from '../../trained/load.js';
import { integer } from '../options.js';
import { checkOutput } from '../output.js';

interface ExportFlags {
  out?: string;
  best?: boolean;
  json?: boolean;
  int8?: boolean;
  float16?: boolean;
  calibrate?: string;
  calibrationPictures?: number;
  data?: string;
  threads?: number;
  force?: boolean;
}

export function register(program: Command): void {
  program
    .command('export')
    .description('write a run as one ONNX file that takes raw pixels, and compare it with the model')
    .argument('<run>', 'run folder')
    .option('-o, --out <file>', 'where to write; default model.onnx in the run, model.int8.onnx, model.float16.onnx')
    .option('--best', "the weights of the best epoch in place of the last one's")
    .option('--int8', 'of classifiers: weights and activations in int8, a quarter of the bytes and faster on CPUs')
    .option('--float16', 'weights and activations in float16, half of the bytes, for GPUs and the web')
    .option(
      '--calibrate <folder>',
      'with --int8: pictures in place of training pictures to take the ranges of values from; no labels are needed',
    )
    .option('--calibration-pictures <n>', 'with --int8: how many; default 256', integer)
    .option('--data <folder>', "where the run's data lies now, if not where it lay in training")
    .option('--threads <n>', 'with --int8: threads of ONNX Runtime', integer)
    .option('--force', 'with --int8 and --float16: write over a file that is there')
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n' +
        '  rescaled export runs/flowers-1\n' +
        '  rescaled export runs/flowers-1 --best -o flowers.onnx\n' +
        '  rescaled export runs/flowers-1 --int8\n' +
        '  rescaled export runs/flowers-1 --int8 --calibrate photographs',
    )
    .action(run);
}

/** Whatever ends it before its end leaves nothing, also while it is being prepared. */
const run = (target: string, flags: ExportFlags): Promise<void> =>
  untilStopped((signal) => write(target, flags, signal), 'no file was written');

async function write(target: string, flags: ExportFlags, signal: AbortSignal): Promise<void> {
  check(flags);
  await requireRuntime();
  const loaded = await loadModel(target, flags.best === true ? 'best' : 'final');
  try {
    if (loaded.run === undefined) throw new UsageError(`Expected a run folder but received the file ${target}.`);
    const kind = flags.int8 === true ? 'int8' : flags.float16 === true ? 'float16' : undefined;
    const path = flags.out ?? (kind === undefined ? onnxFile(target) : join(target, `model.${kind}.onnx`));
    checkOutput(path, { endings: ['.onnx'], force: kind === undefined || flags.force === true });
    const config = loadConfig(target);
    const compared = await dataToCompare(config, flags.data);
    const dataset = 'gone' in compared ? undefined : compared.dataset;
    if ('gone' in compared) tellGone(compared.gone, target, flags);
    else if (dataset!.fingerprint !== config.data.fingerprint)
      console.error(
        `note: ${withDataAt(config, flags.data).data.path} is not as it was in training; the comparison uses what is there now`,
      );
    signal.throwIfAborted();
    if (kind === 'int8') await writeInt8(loaded, path, config, dataset, { ...flags, signal });
    else await writeFloat(loaded, path, config, dataset ?? 'synthetic', { ...flags, signal });
  } finally {
    loaded.model.dispose();
  }
}

function check({ int8, float16, calibrate, calibrationPictures, threads, force }: ExportFlags): void {
  if (int8 === true && float16 === true)
    throw new UsageError(
      'Expected --int8 or --float16 but received both: they are two files. Export twice, with one of them each; ' +
        '-o FILE names where each is to lie.',
    );
  for (const [name, value] of [
    ['--calibrate', calibrate],
    ['--calibration-pictures', calibrationPictures],
    ['--threads', threads],
  ] as const)
    if (value !== undefined && int8 !== true) throw new UsageError(`Expected ${name} with --int8. Leave it out.`);
  if (force === true && int8 !== true && float16 !== true)
    throw new UsageError('Expected --force with --int8 or --float16: a float32 file is replaced anyway. Leave it out.');
  wholeOption('--threads', threads, 1, 1024);
}

/** Without the run's data other pictures calibrate, or are compared. @throws UsageError for int8 without any */
function tellGone({ message }: RescaledError, run: string, { int8, calibrate, data: _, ...flags }: ExportFlags): void {
  const again = [
    'rescaled',
    'export',
    run,
    ...(int8 === true ? ['--int8'] : flags.float16 === true ? ['--float16'] : []),
  ];
  const elsewhere = `If it lies elsewhere now: ${commandLine(again)} --data FOLDER.`;
  if (int8 !== true)
    return console.error(`note: ${message} Pictures made by chance are compared in place of its own. ${elsewhere}`);
  if (calibrate === undefined)
    throw new UsageError(
      `${message} int8 is calibrated on its pictures. ${elsewhere} Else name pictures like those that the network will see, ` +
        `with or without labels: ${commandLine(again)} --calibrate FOLDER`,
    );
  console.error(`note: ${message} Accuracy is not measured. ${elsewhere}`);
}

async function writeFloat(
  loaded: LoadedModel,
  path: string,
  config: RunConfig,
  dataset: Dataset | 'synthetic',
  { json, float16 = false, signal }: ExportFlags & { signal: AbortSignal },
): Promise<void> {
  const clips = loaded.task.clips === true;
  const exported = await exportModel(loaded, path, trainingFacts(config), dataset, { float16, signal });
  const { parity } = exported;
  if (float16 && !isFloat16Near(parity!))
    console.error(
      'note: float16 is further from the model than rounding explains: some of its values leave the range of float16 (65504). Export in float32.',
    );
  if (json === true) return console.log(JSON.stringify(exported, null, 2));
  console.log(
    `${path}  ${megabytes(exported.bytes)}, ${float16 ? 'float16, ' : ''}opset 13\n` +
      (exported.labels === undefined ? '' : `${exported.labels}  the names of its classes\n`) +
      `compared with the model on ${parity!.pictures} ${parity!.synthetic === true ? 'synthetic' : 'real'} ${clips ? 'clips' : 'pictures'}: ` +
      `${parityText(parity!, loaded.task.name === 'depth' ? ' m' : '')}\n` +
      (float16
        ? 'float16 is for GPUs and the web: on a CPU ONNX Runtime computes it in float32, no faster than the float32 file\n'
        : '') +
      `next: rescaled predict ${commandLine([path])} ${clips ? 'VIDEO' : 'PICTURES'}...`,
  );
}

async function writeInt8(
  loaded: LoadedModel,
  path: string,
  config: RunConfig,
  dataset: Dataset | undefined,
  { json, calibrate, calibrationPictures, data, threads, signal }: ExportFlags & { signal: AbortSignal },
): Promise<void> {
  const exported = await exportInt8(loaded, path, trainingFacts(config), dataset, {
    ...{ calibrate, calibrationPictures, data, threads, signal },
    onNote: (text) => console.error(text),
  });
  if (json === true) return console.log(JSON.stringify(exported, null, 2));
  console.log(int8Text(exported) + `\nnext: rescaled predict ${commandLine([path])} PICTURES...`);
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
const percent = (share: number, digits: number): string => `${(100 * share).toFixed(digits)} %`;
const points = (share: number): string => `${share > 0 ? '+' : ''}${(100 * share).toFixed(2)}`;

/** So many of the layers that are furthest off are named, and of those in float32. */
const WORST = 3;
const NAMED = 6;

function int8Text({ path, bytes, float32Bytes, labels, precision, parity, errors, speed }: ExportedInt8): string {
  const { calibration, layers, float32, chosenOn, top1 } = precision;
  const worst = errors
    .filter(({ sqnr }) => sqnr !== undefined)
    .sort((a, b) => a.sqnr! - b.sqnr!)
    .slice(0, WORST)
    .map(({ layer, sqnr }) => `${layer} ${sqnr!.toFixed(1)} dB`);
  return [
    `${path}  ${megabytes(bytes)}, int8, ${percent(bytes / float32Bytes, 1)} of the float32 file's bytes, opset 13`,
    `${labels}  the names of its classes`,
    `calibrated on ${calibration.pictures} ${calibration.of} pictures (${calibration.method}); ` +
      (float32.length === 0
        ? `all ${layers} layers in int8`
        : `${layers - float32.length} of ${layers} layers in int8, left in float32: ${listed(float32)}`),
    `noisiest layers (signal over noise): ${worst.join(', ')}`,
    top1 === undefined
      ? `no labelled pictures to measure on; on ${chosenOn.pictures} others ${percent(parity.top1Agreement, 2)} get the same class as in float32`
      : `top-1 on ${top1.pictures} ${top1.part} pictures: float32 ${percent(top1.float32, 2)}, int8 ${percent(top1.int8, 2)}: ` +
        `${points(top1.change)} points (95 % ${points(top1.low)} to ${points(top1.high)})`,
    `compared with float32 on them: same class for ${percent(parity.top1Agreement, 2)}, largest difference of a logit ` +
      `${parity.maxAbsDiff.toExponential(1)}, of a probability ${parity.maxAbsDiffProbabilities.toExponential(1)}` +
      (speed === undefined ? '' : `, ${speed.toFixed(2)} times as fast as float32 on this machine`),
    ...(speed !== undefined && speed < WORTH
      ? [
          'int8 saves bytes but hardly time with this network on this machine: --float16 halves the bytes and keeps the answers',
        ]
      : []),
  ].join('\n');
}

/** Times as fast as float32; less is hardly worth rounding. */
const WORTH = 1.2;

const listed = (names: readonly string[]): string =>
  names.slice(0, NAMED).join(', ') + (names.length > NAMED ? ` and ${names.length - NAMED} more` : '');

/** @param unit of the numbers of other outputs than classes' */
function parityText(parity: Parity, unit: string): string {
  const { maxAbsDiff, maxAbsDiffProbabilities, top1Agreement, boxAgreement, boxes, pixelAgreement } = parity;
  const most = maxAbsDiff.toExponential(1);
  if (maxAbsDiffProbabilities !== undefined && top1Agreement !== undefined)
    return (
      `largest difference of a logit ${most}, of a probability ${maxAbsDiffProbabilities.toExponential(1)}, ` +
      `same class for ${percent(top1Agreement, 1)}`
    );
  if (boxes === 0) return 'the model finds no boxes on them, so that nothing could be compared';
  if (boxAgreement !== undefined)
    return `${percent(boxAgreement, 2)} of its boxes the same, largest difference of a score ${most}`;
  if (pixelAgreement !== undefined)
    return `same class for ${percent(pixelAgreement, 3)} of the pixels, largest difference of a logit ${most}`;
  return `largest difference of an output ${most}${unit}`;
}
