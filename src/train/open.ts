import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { isPart } from '../augment/clips/packed.js';
import { numberOption } from '../checks.js';
import { cacheFolder, listCaches, megabytes } from '../data/cache/folder.js';
import { type CacheProgress, unlabelledWithCache, withCache } from '../data/cached.js';
import { withoutPictures } from '../data/check/copies.js';
import type { Dataset } from '../data/dataset.js';
import { lookAt } from '../data/look.js';
import { openPool } from '../data/pool.js';
import { hasClips } from '../data/sources/source.js';
import { type TrainingData, type Unlabelled, unlabelledOf } from '../data/unlabelled.js';
import { CLIP_LIMITS } from '../data/video/limits.js';
import { errorOf, RescaledError, UsageError } from '../errors.js';
import { isAddress } from '../files.js';
import { readPseudoLabels } from '../labels/read.js';
import type { RunConfig } from '../run/config.js';
import type { TrainEvent } from '../run/events.js';
import { commandLine, listed, plural } from '../suggest.js';
import { engineInfo } from '../torch/index.js';
import { refuseBroken } from './broken.js';
import type { TrainOptions } from './options.js';
import type { Task } from './task.js';

/** For messages about a run's data. */
export interface RunDataWords {
  /** Who says where it lies. */
  by?: 'its run.json' | '--data';
  /** What to do where it lies elsewhere now. */
  how?: string;
}

/**
 * The labelled pictures of a run that exists.
 * @throws RescaledError which says whose data it is, where they cannot be opened
 */
export async function openRunData(task: Task, config: RunConfig, words: RunDataWords = {}): Promise<Dataset> {
  const { path, ...picked } = config.data;
  const { seed, maxBroken, strict } = config;
  const open = () => openTrainingData(task, { data: path, seed, ...picked, maxBroken, strict });
  return withoutPictures(await asRunData(path, open, words), config.leftOut);
}

/** @throws UsageError for data whose classes are not those that the run learned */
export function checkClasses({ task, data }: RunConfig, { classes }: Dataset): void {
  const known: unknown = (task as { classes?: unknown }).classes;
  if (!Array.isArray(known) || !known.every((name) => typeof name === 'string')) return;
  if (known.join('\n') !== classes.join('\n'))
    throw new UsageError(
      `Expected the data that the run was trained on, with ${plural(known.length, 'class', 'classes')} (${listed(known)}), but ${data.path} has ` +
        `${classes.length} (${listed(classes)}).`,
    );
}

/**
 * Opens what a run was trained on.
 * @throws RescaledError which says whose data it is, where it cannot be opened
 */
export async function asRunData<T>(
  path: string,
  open: () => Promise<T>,
  { by = 'its run.json', how }: RunDataWords = {},
): Promise<T> {
  const then = how === undefined ? '' : ` ${how}`;
  if (!isAddress(path) && !/[*?[\]{}]/.test(path) && !existsSync(path))
    throw new UsageError(
      `Expected the data that the run was trained on at ${path}, as ${by} says, but there is nothing.${then}`,
    );
  try {
    return await open();
  } catch (error) {
    if (!(error instanceof RescaledError)) throw error;
    const text = `${error.message} That is the data that the run was trained on, as ${by} says.${then}`;
    throw errorOf(text, { exitCode: error.exitCode, cause: error });
  }
}

/**
 * The same with the pictures without labels that the run learns from.
 * @throws RescaledError when they, or their labels, have changed
 */
export async function withUnlabelled({ unlabelled: known }: RunConfig, dataset: Dataset): Promise<TrainingData> {
  if (known === undefined) return dataset;
  const unlabelled = await openUnlabelled(known.paths, known.labels, dataset).catch((error: unknown) => {
    if (!(error instanceof RescaledError)) throw error;
    const text = `${error.message} The run learns from these pictures without labels, as its run.json says. Put them back, or start a new run.`;
    throw errorOf(text, { exitCode: error.exitCode, cause: error });
  });
  if (unlabelled.fingerprint !== known.fingerprint)
    throw new RescaledError(
      `Expected the pictures without labels that the run began with, but ${known.paths.join(', ')}` +
        `${known.labels === undefined ? ' has' : ` or ${known.labels} has`} changed since. ` +
        'Start a new run, or put them back.',
    );
  return { ...dataset, unlabelled };
}

async function openUnlabelled(
  paths: readonly string[],
  folder: string | undefined,
  { classes }: Dataset,
): Promise<Unlabelled> {
  const pool = await openPool(paths);
  if (folder === undefined) return unlabelledOf(pool);
  const labels = await readPseudoLabels(folder, pool, classes);
  if (labels.positions.length === 0)
    throw new UsageError(
      `Expected labels of some of the pictures without labels but ${folder} has none. Select more with "rescaled pseudo-label select".`,
    );
  const hash = createHash('sha256').update(labels.teacher);
  for (const array of [labels.positions, labels.copies, labels.classOf, labels.topClasses, labels.topProbabilities])
    hash.update(array);
  return unlabelledOf(pool, { ...labels, identity: hash.digest('hex') });
}

/** The data of a run that goes on. @throws RescaledError which says how to give another place */
export async function openResumedData(
  task: Task,
  config: RunConfig,
  run: string,
  by?: RunDataWords['by'],
): Promise<TrainingData> {
  const how = `If it lies elsewhere now: rescaled train --resume ${commandLine([run])} --data FOLDER.`;
  const dataset = await openRunData(task, config, { how, ...(by && { by }) });
  if (dataset.fingerprint !== config.data.fingerprint)
    throw new RescaledError(
      `Expected the data that the run began with, but ${config.data.path} has changed since or is another. ` +
        `Start a new run, or put the data back. ${how}`,
    );
  return withUnlabelled(config, dataset);
}

/**
 * Looks at all pictures before a run is made of them; see `lookAt`.
 * @returns those that cannot be read, path -> reason
 * @throws RescaledError when they are more than the run allows
 */
export async function* looked(
  dataset: Dataset,
  config: RunConfig,
  options: { verify?: boolean; signal?: AbortSignal },
): AsyncGenerator<TrainEvent, ReadonlyMap<string, string>> {
  const pictures = dataset.train!.length + dataset.val.length + (dataset.test?.length ?? 0);
  const noun = hasClips(dataset.val) ? 'video' : 'picture';
  const looking = lookAt(dataset, config.size, options);
  for (let turn = await looking.next(); ; turn = await looking.next()) {
    if (turn.done === true) {
      const check = `rescaled check ${commandLine([config.data.path])}`;
      refuseBroken(turn.value, pictures, config, check, noun);
      if (turn.value.size > 0)
        yield { type: 'advice', step: 0, text: `some ${noun}s cannot be read; "${check}" says what else may be wrong` };
      return turn.value;
    }
    const { type, done, of } = turn.value;
    yield { type, step: 0, done, of };
  }
}

/** The data that a run with these options trains and is measured on. */
export async function openTrainingData(
  task: Task,
  { data, unlabelled, labels, ...options }: DataOptions,
): Promise<TrainingData> {
  const { seed, valSplit, limitTrain, limitVal } = options;
  numberOption('--max-broken', options.maxBroken, 0, 1);
  const maxBroken = options.strict === true ? 0 : options.maxBroken;
  if (labels !== undefined && unlabelled === undefined)
    throw new UsageError('Expected --unlabelled with --labels: the pictures that these labels are of.');
  const dataset = await task.openData(data, { seed, valSplit, limitTrain, limitVal, maxBroken, cache: true });
  if (unlabelled === undefined) return dataset;
  if (task.unlabelled !== true)
    throw new UsageError(
      `Expected no --unlabelled with the task ${task.name}: it learns from labelled pictures alone.`,
    );
  return { ...dataset, unlabelled: await openUnlabelled(unlabelled, labels, dataset) };
}

/** The part of a training's options that says on what it is. */
export type DataOptions = Pick<
  TrainOptions,
  'data' | 'seed' | 'valSplit' | 'limitTrain' | 'limitVal' | 'unlabelled' | 'labels' | 'maxBroken' | 'strict'
>;

/** A smaller cache is not worth a line. */
const WORTH_TELLING = 10e6;

/** Bytes of the caches of this data set. */
function cachesOf({ onDisk }: Pick<Dataset, 'onDisk'>): number {
  const folder = cacheFolder();
  if (folder === undefined || onDisk === undefined) return 0;
  return listCaches(folder)
    .filter(({ path }) => basename(path).startsWith(onDisk.key))
    .reduce((sum, { bytes }) => sum + bytes, 0);
}

/** The same pictures, decoded once and kept on disk where that is possible; see `withCache`. */
export async function* cached(
  dataset: TrainingData,
  size: number,
  signal?: AbortSignal,
): AsyncGenerator<TrainEvent, TrainingData> {
  const members = dataset.unlabelled?.pool.members.map((member) => member.dataset) ?? [];
  const bytes = (): number => [dataset, ...members].reduce((sum, one) => sum + cachesOf(one), 0);
  const before = bytes();
  const labelled = yield* decoding(withCache(dataset, size, signal));
  const rest =
    dataset.unlabelled === undefined
      ? undefined
      : yield* decoding(unlabelledWithCache(dataset.unlabelled, size, signal));
  const more = bytes() - before;
  if (more > WORTH_TELLING)
    yield {
      type: 'advice',
      step: 0,
      text:
        `decoded ${hasClips(dataset.val) ? 'videos' : 'pictures'} are kept for the next training: ${megabytes(more)} more in ${cacheFolder()}; ` +
        'RESCALED_CACHE names another folder, RESCALED_CACHE=off switches it off',
    };
  const cut = cutOf(labelled, size);
  if (cut > 0)
    yield {
      type: 'advice',
      step: 0,
      text:
        `${plural(cut, 'video')} ${cut === 1 ? 'has' : 'have'} more than ${CLIP_LIMITS.frames} frames, of which the ` +
        `${CLIP_LIMITS.frames} in the middle are used; ` +
        'a list with start and end takes other parts (docs/video.md)',
    };
  const note = labelled.note ?? rest?.note;
  return { ...labelled, ...(rest && { unlabelled: rest.unlabelled }), ...(note !== undefined && { note }) };
}

/** Videos of which only the middle was kept, as far as they lie decoded. */
function cutOf({ train, val, test }: Pick<Dataset, 'train' | 'val' | 'test'>, size: number): number {
  let cut = 0;
  for (const source of [train, val, test]) {
    if (source === undefined || !hasClips(source)) continue;
    for (let i = 0; i < source.length; i++) {
      const packed = source.ready(i, size);
      if (packed !== undefined && isPart(packed)) cut++;
    }
  }
  return cut;
}

async function* decoding<R>(progress: AsyncGenerator<CacheProgress, R>): AsyncGenerator<TrainEvent, R> {
  for (;;) {
    const { done, value } = await progress.next();
    if (done === true) return value;
    yield { type: 'decoding', step: 0, ...value };
  }
}

/** `cuda` is its first card; `auto` the first device beside the CPU, or the CPU. */
export function deviceNamed(name: string | undefined): string {
  if (name === 'cuda') return 'cuda:0';
  if (name !== 'auto') return name ?? 'cpu';
  return engineInfo().devices.find((device) => device !== 'cpu') ?? 'cpu';
}

/** @throws UsageError when the engine has no such device */
export function checkDevice(device: string): void {
  const { devices } = engineInfo();
  if (!devices.includes(device) && !devices.includes(`${device}:0`)) {
    const gpu = devices.find((other) => other !== 'cpu');
    const meant = /^(gpu|cuda|mps|metal|nvidia)/i.test(device)
      ? gpu === undefined
        ? ' This engine knows no graphics card.'
        : ` Did you mean "${gpu}"?`
      : '';
    throw new UsageError(
      `Expected one of ${devices.join(', ')} or auto for the device but received "${device}".${meant} ` +
        '"rescaled doctor" lists what this engine has.',
    );
  }
}
