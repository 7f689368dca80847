import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { cacheFolder, listCaches, megabytes } from '../data/cache/folder.js';
import { withCache } from '../data/cached.js';
import { withoutPictures } from '../data/check/copies.js';
import type { Dataset } from '../data/dataset.js';
import { lookAt } from '../data/look.js';
import { RescaledError, UsageError } from '../errors.js';
import { isAddress } from '../files.js';
import type { RunConfig } from '../run/config.js';
import type { TrainEvent } from '../run/events.js';
import { engineInfo } from '../torch/index.js';
import { refuseBroken } from './broken.js';
import type { TrainOptions } from './options.js';
import type { Task } from './task.js';

/** The data of a run that exists. */
export async function openRunData(task: Task, config: RunConfig): Promise<Dataset> {
  const { path, ...picked } = config.data;
  return withoutPictures(await openTrainingData(task, { data: path, seed: config.seed, ...picked }), config.leftOut);
}

/** The data of a run that goes on. @throws RescaledError which says how to give another place */
export async function openResumedData(task: Task, config: RunConfig, run: string): Promise<Dataset> {
  const how = `If it lies elsewhere now: rescaled train --resume ${run} --data FOLDER.`;
  const { path } = config.data;
  if (!isAddress(path) && !/[*?[\]{}]/.test(path) && !existsSync(path))
    throw new UsageError(`Expected the data of the run at ${config.data.path} but there is nothing. ${how}`);
  const dataset = await openRunData(task, config);
  if (dataset.fingerprint !== config.data.fingerprint)
    throw new RescaledError(
      `Expected the data that the run began with, but ${config.data.path} has changed since or is another. ` +
        `Start a new run, or put the data back. ${how}`,
    );
  return dataset;
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
  const looking = lookAt(dataset, config.size, options);
  for (let turn = await looking.next(); ; turn = await looking.next()) {
    if (turn.done === true) {
      const check = `rescaled check ${config.data.path}`;
      refuseBroken(turn.value, pictures, config, check);
      if (turn.value.size > 0)
        yield { type: 'advice', step: 0, text: `some pictures cannot be read; "${check}" says what else may be wrong` };
      return turn.value;
    }
    const { type, done, of } = turn.value;
    yield { type, step: 0, done, of };
  }
}

/** The data that a run with these options trains and is measured on. */
export function openTrainingData(
  task: Task,
  { data, ...options }: Pick<TrainOptions, 'data' | 'seed' | 'valSplit' | 'limitTrain' | 'limitVal'>,
): Promise<Dataset> {
  const { seed, valSplit, limitTrain, limitVal } = options;
  return task.openData(data, { seed, valSplit, limitTrain, limitVal, cache: true });
}

/** A smaller cache is not worth a line. */
const WORTH_TELLING = 10e6;

/** Bytes of the caches of this data set. */
function cachesOf({ onDisk }: Dataset): number {
  const folder = cacheFolder();
  if (folder === undefined || onDisk === undefined) return 0;
  return listCaches(folder)
    .filter(({ path }) => basename(path).startsWith(onDisk.key))
    .reduce((sum, { bytes }) => sum + bytes, 0);
}

/** The same pictures, decoded once and kept on disk where that is possible; see `withCache`. */
export async function* cached(
  dataset: Dataset,
  size: number,
  signal?: AbortSignal,
): AsyncGenerator<TrainEvent, Dataset> {
  const decoding = withCache(dataset, size, signal);
  const before = cachesOf(dataset);
  for (let turn = await decoding.next(); ; turn = await decoding.next()) {
    if (turn.done === true) {
      const bytes = cachesOf(dataset);
      if (bytes > before + WORTH_TELLING)
        yield {
          type: 'advice',
          step: 0,
          text:
            `decoded pictures are kept for the next training: ${megabytes(bytes - before)} more in ${cacheFolder()}; ` +
            'RESCALED_CACHE names another folder, RESCALED_CACHE=off switches it off',
        };
      return turn.value;
    }
    yield { type: 'decoding', step: 0, ...turn.value };
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
