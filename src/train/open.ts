import { withCache } from '../data/cached.js';
import type { Dataset } from '../data/dataset.js';
import { UsageError } from '../errors.js';
import type { RunConfig } from '../run/config.js';
import type { TrainEvent } from '../run/events.js';
import { engineInfo } from '../torch/index.js';
import type { TrainOptions } from './options.js';
import type { Task } from './task.js';

/** The data of a run that exists. */
export function openRunData(task: Task, config: RunConfig): Promise<Dataset> {
  const { path, ...picked } = config.data;
  return openTrainingData(task, { data: path, seed: config.seed, ...picked });
}

/** The data that a run with these options trains and is measured on. */
export function openTrainingData(
  task: Task,
  { data, ...options }: Pick<TrainOptions, 'data' | 'seed' | 'valSplit' | 'limitTrain' | 'limitVal'>,
): Promise<Dataset> {
  const { seed, valSplit, limitTrain, limitVal } = options;
  return task.openData(data, { seed, valSplit, limitTrain, limitVal, cache: true });
}

/** The same pictures, decoded once and kept on disk where that is possible; see `withCache`. */
export async function* cached(
  dataset: Dataset,
  size: number,
  signal?: AbortSignal,
): AsyncGenerator<TrainEvent, Dataset> {
  const decoding = withCache(dataset, size, signal);
  for (let turn = await decoding.next(); ; turn = await decoding.next()) {
    if (turn.done === true) return turn.value;
    yield { type: 'decoding', step: 0, ...turn.value };
  }
}

/** @throws UsageError when the engine has no such device */
export function checkDevice(device: string): void {
  const { devices } = engineInfo();
  if (!devices.includes(device) && !devices.includes(`${device}:0`))
    throw new UsageError(
      `Expected one of ${devices.join(', ')} for the device but received "${device}". ` +
        '"rescaled doctor" lists what this engine has.',
    );
}
