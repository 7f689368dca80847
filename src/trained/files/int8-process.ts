// The process that puts a file into int8 and measures it. exportInt8() starts it. libtorch is never loaded here.
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { preprocessOptions } from '../../augment/preprocess.js';
import type { TaskHandler } from '../../child/messages.js';
import type { Dataset } from '../../data/dataset.js';
import { type Source, subset } from '../../data/sources/source.js';
import { fromProperties, toProperties } from '../../deploy/metadata.js';
import { writeModel } from '../../deploy/model-file.js';
import { decodeModel, encodeModel } from '../../deploy/onnx/schema.js';
import { largestDifference } from '../../deploy/parity.js';
import type { LayerError } from '../../deploy/quantise/calibrate.js';
import { classesOf, type Limits, lower } from '../../deploy/quantise/lower.js';
import type { Int8Facts } from '../../deploy/quantise/precision.js';
import type { Views } from '../../deploy/quantise/probe.js';
import { OnnxSession, type SessionOptions } from '../../deploy/session.js';
import { UsageError } from '../../errors.js';
import { partWord } from '../../part-words.js';
import { quantile } from '../../report/draw/series.js';
import { pairedChange } from '../../report/statistics.js';
import { loadConfig, type RunConfig, withDataAt } from '../../run/config.js';
import { openRunData } from '../../tasks/runs.js';
import { checkClasses, learnedFrom } from '../../train/index.js';
import { asBatches, batchesOf, chosen, foundIn, type Labelled, type Seen, viewsOf, viewsOfItems } from './pictures.js';

export interface LowerJob {
  task: {
    /** The network in float32. */
    file: string;
    run: string;
    /** Where the file in int8 is to lie. */
    path: string;
    /** The names of its classes. */
    classes: readonly string[];
    /** Pictures to calibrate on in place of training pictures. */
    calibrate?: string;
    calibrationPictures: number;
    /** Where the run's data lies; undefined where it is gone. */
    data?: string;
    threads?: number;
  };
  message: string;
  answer: LoweredFile;
}

/** A file in int8, and what is known of it. */
export interface LoweredFile {
  bytes: number;
  precision: Int8Facts;
  /** Mean squared error of the answer over its mean square on calibration pictures held out, by method. */
  methodErrors: Readonly<Record<string, number>>;
  /** What int8 costs with all layers in it, on the pictures by which layers are put back. */
  costOfAll: Limits;
  /** How far each layer is off. */
  errors: readonly LayerError[];
  /** Against float32, on the pictures that are measured last. */
  parity: Int8Parity;
  /** How many times as fast as float32 it was here on up to 16 pictures, the median of runs in turn. */
  speed: number;
}

export interface Int8Parity {
  pictures: number;
  /** Share of the pictures that get the same class. */
  top1Agreement: number;
  maxAbsDiff: number;
  maxAbsDiffProbabilities: number;
}

/** Fewer pictures say too little of the values that a network has. */
export const LEAST_CALIBRATION = 16;
/** For so many to calibrate on there is one more by which the method is chosen. */
const PER_HELD_OUT = 4;
/**
 * Half a point of top-1, also as it will be measured: it is 0.2 points off by chance on 5,000 pictures of which 2 % change, so that no more than 0.2
 * may be expected. And answers of which a hundredth of the energy is noise.
 */
const LIMITS: Limits = { lost: 0.005, expected: 0.002, error: 0.01 };
/** So many pictures, and bytes of them, are enough to choose layers by. */
const MOST_JUDGED = 5000;
const MOST_JUDGED_BYTES = 2 ** 29;

/** Some pictures, and which these are in words. */
interface Part {
  readonly source: Source;
  readonly part: string;
}

export const handle: TaskHandler<LowerJob> = async (task, { send }) => {
  const { path, run, calibrate, calibrationPictures, threads } = task;
  const session: SessionOptions = threads === undefined ? {} : { threads };
  const file = await readFile(task.file);
  const model = decodeModel(file);
  const metadata = fromProperties(model.metadataProps, task.file);
  const { size, evalCrop, fit, interpolation } = metadata.preprocess;
  const view = preprocessOptions({ size, evalCrop, ...(fit && { fit }), filter: interpolation });
  const config = withDataAt(loadConfig(run), task.data);
  const dataset = task.data === undefined ? undefined : await openRunData(config);
  if (dataset !== undefined) checkClasses(config, dataset);

  const given = calibrate === undefined ? undefined : await foundIn(calibrate, config.seed);
  const source = given === undefined ? learnedFrom(config, dataset!).train : undefined;
  const there = given?.length ?? source!.length;
  const where = calibrate ?? `the training part of ${config.data.path}`;
  const wanted = Math.min(calibrationPictures, Math.floor((there * PER_HELD_OUT) / (PER_HELD_OUT + 1)));
  const held = Math.ceil(wanted / PER_HELD_OUT);
  const least = LEAST_CALIBRATION + LEAST_CALIBRATION / PER_HELD_OUT;
  const tooFew = (has: string): UsageError =>
    new UsageError(
      `Expected at least ${least} pictures that can be read, to calibrate int8 on and to choose how, but ${has}. ` +
        'Name more, without labels: --calibrate FOLDER.',
    );
  if (wanted < LEAST_CALIBRATION) throw tooFew(`${where} has ${there}`);
  const take = async (from: number, count: number): Promise<Views> =>
    given === undefined
      ? viewsOf(subset(source!, chosen(source!.length, from + count, config.seed).subarray(from)), view, send)
      : viewsOfItems(given.slice(from, from + count), view, send);
  const calibration = await take(0, wanted);
  const heldOut = await take(wanted, held);
  if (calibration.n < LEAST_CALIBRATION || heldOut.n * PER_HELD_OUT < LEAST_CALIBRATION)
    throw tooFew(`of ${wanted + held} that were taken of ${where} ${calibration.n + heldOut.n} can be read`);
  const most = Math.min(MOST_JUDGED, Math.max(LEAST_CALIBRATION, Math.floor(MOST_JUDGED_BYTES / (3 * size * size))));

  const parts = dataset && partsOf(config, dataset);
  const judged: Labelled =
    parts === undefined
      ? await take(wanted, Math.min(most, there - wanted))
      : await viewsOf(subset(parts.judged.source, chosen(parts.judged.source.length, most, config.seed)), view, send);
  const judgedPart = parts?.judged.part ?? 'other calibration';
  if (judged.labels === undefined)
    send(
      `no labelled pictures: layers are judged by how many of ${judged.n} others get a class that float32 finds less likely`,
    );
  const lowered = await lower(file, { calibration, heldOut, judged, limits: LIMITS, ...session, onNote: send });

  const int8 = encodeModel(lowered.model);
  send(`comparing float32 and int8 on ${parts === undefined ? judgedPart : parts.reported.part} pictures`);
  const reported = parts === undefined ? asBatches(judged) : batchesOf(parts.reported.source, view, send);
  const { parity, right, speed } = await compare(file, int8, reported, session);
  const precision: Int8Facts = {
    type: 'int8',
    calibration: {
      ...{ method: lowered.method, pictures: calibration.n },
      of: calibrate === undefined ? 'training' : basename(calibrate),
    },
    layers: lowered.layers,
    float32: [...lowered.float],
    chosenOn: {
      part: judgedPart,
      pictures: judged.n,
      labels: judged.labels !== undefined,
      ...lowered.cost,
    },
    ...(right && {
      top1: {
        ...{ part: parts!.reported.part, pictures: parity.pictures },
        ...{ float32: right.before / parity.pictures, int8: right.after / parity.pictures },
        ...pairedChange(right, parity.pictures),
      },
    }),
  };
  const whole = encodeModel({ ...lowered.model, metadataProps: toProperties({ ...metadata, precision }) });
  writeModel(path, whole, task.classes);
  const { methodErrors, costOfAll, errors } = lowered;
  return {
    bytes: whole.length,
    precision,
    methodErrors,
    costOfAll,
    errors,
    parity,
    speed,
  };
};

/**
 * By which pictures layers are chosen, and on which others the result is measured: the validation and the test part, or the part of the training
 * set aside and the one that was measured, or two halves of that one.
 */
function partsOf(config: RunConfig, dataset: Dataset): { judged: Part; reported: Part } {
  const { val, test } = dataset;
  const word = partWord(dataset.measured);
  if (test !== undefined)
    return { judged: { source: val, part: word }, reported: { source: test, part: partWord('test') } };
  const { minival } = learnedFrom(config, dataset);
  if (minival !== undefined)
    return { judged: { source: minival, part: 'minival' }, reported: { source: val, part: word } };
  const half = (which: number): Part => ({
    source: subset(
      val,
      Array.from({ length: (val.length + 1 - which) >> 1 }, (_, i) => 2 * i + which),
    ),
    part: `every other ${word}`.trim(),
  });
  return { judged: half(0), reported: half(1) };
}

/** Runs both files on the same pictures. */
async function compare(
  float: Uint8Array,
  int8: Uint8Array,
  batches: AsyncIterable<Seen>,
  options: SessionOptions,
): Promise<{
  parity: Int8Parity;
  right?: { before: number; after: number; won: number; lost: number };
  speed: number;
}> {
  const sessions = [
    await OnnxSession.create(float, 'the float32 file', options),
    await OnnxSession.create(int8, 'the int8 file', options),
  ] as const;
  const right = { before: 0, after: 0, won: 0, lost: 0 };
  let some: Seen | undefined;
  let speed = 1;
  let [pictures, same, maxAbsDiff, maxAbsDiffProbabilities, labelled] = [0, 0, 0, 0, false];
  try {
    for await (const { images, n, labels } of batches) {
      const before = await sessions[0].run(images, n);
      const after = await sessions[1].run(images, n);
      some ??= { images: images.slice(), n };
      maxAbsDiff = Math.max(maxAbsDiff, largestDifference(before.values, after.values));
      const probabilities = largestDifference(before.probabilities, after.probabilities);
      maxAbsDiffProbabilities = Math.max(maxAbsDiffProbabilities, probabilities);
      const [were, are] = [classesOf(before.values, n), classesOf(after.values, n)];
      for (let i = 0; i < n; i++) {
        same += Number(were[i] === are[i]);
        const [was, is] = [Number(were[i] === labels?.[i]), Number(are[i] === labels?.[i])];
        right.before += was;
        right.after += is;
        right.won += Number(is > was);
        right.lost += Number(was > is);
      }
      pictures += n;
      labelled ||= labels !== undefined;
    }
    if (some !== undefined) speed = await speedOf(sessions, some);
  } finally {
    for (const session of sessions) await session.close();
  }
  if (pictures === 0) throw new UsageError('Expected pictures to compare float32 and int8 on but none can be read.');
  const parity = { pictures, top1Agreement: same / pictures, maxAbsDiff, maxAbsDiffProbabilities };
  return { parity, speed, ...(labelled && { right }) };
}

const SPEED_SECONDS = 2;
const [LEAST_ROUNDS, MOST_ROUNDS] = [3, 21];

/** How many times as fast the second session is, the median of runs in turn, while no pictures are decoded beside them. */
async function speedOf([before, after]: readonly [OnnxSession, OnnxSession], { images, n }: Seen): Promise<number> {
  const ratios: number[] = [];
  const end = performance.now() + 1000 * SPEED_SECONDS;
  while (ratios.length < LEAST_ROUNDS || (ratios.length < MOST_ROUNDS && performance.now() < end)) {
    const began = performance.now();
    await before.run(images, n);
    const between = performance.now();
    await after.run(images, n);
    ratios.push((between - began) / (performance.now() - between));
  }
  return quantile(ratios, 0.5)!;
}
