import { existsSync, readdirSync, statSync } from 'node:fs';
import type { Dataset } from '../data/dataset.js';
import { pathsOf } from '../data/sources/source.js';
import { UsageError } from '../errors.js';
import { makeFolder, placeOf } from '../files.js';
import { isRun, lastCheckpoint, loadConfig, type RunConfig, saveConfig } from '../run/config.js';
import type { TrainEvent } from '../run/events.js';
import { lockRun } from '../run/lock.js';
import { RunLog } from '../run/logs.js';
import { saveCopies, savePictures } from '../run/pictures.js';
import { commandLine } from '../suggest.js';
import { leavableKinds, lookForCopies, runCopies, withoutLeftOut } from './copies.js';
import { trainLoop } from './loop.js';
import { checkDevice, looked, openResumedData, openTrainingData } from './open.js';
import type { TrainOptions } from './options.js';
import { resolveRun } from './start.js';
import type { Task } from './task.js';

/** Trains a task by these options and writes the run folder `options.out`. */
export async function* trainRun(
  task: Task,
  options: TrainOptions,
  { signal }: { signal?: AbortSignal } = {},
): AsyncGenerator<TrainEvent> {
  const leaveOut = leavableKinds(options.leaveOut);
  let dataset = await openTrainingData(task, options);
  let config = await resolveRun(task, options, dataset, signal);
  checkDevice(config.device);
  checkOut(options.out);
  const broken = yield* looked(dataset, config, { verify: options.verify, signal });
  const copies = yield* lookForCopies(dataset, config.data.path, leaveOut, signal);
  if (copies !== undefined && leaveOut.length > 0) {
    dataset = { ...dataset, ...withoutLeftOut(dataset, copies) };
    config = { ...(await resolveRun(task, options, dataset, signal)), leftOut: copies.leftOut };
  }
  makeFolder(options.out);
  const unlock = await lockRun(options.out);
  try {
    // Another training may have had the folder in between.
    checkOut(options.out);
    saveConfig(options.out, config);
    keepPictures(options.out, dataset);
    if (copies !== undefined) saveCopies(options.out, runCopies(copies, dataset));
    yield* logged(task, config, options.out, trainLoop(task, config, { out: options.out, dataset, broken, signal }));
  } finally {
    unlock();
  }
}

/**
 * Goes on with a run of a task from its last checkpoint, as if it had never stopped.
 * @param options.data where its data lies now, if not where it lay; written into run.json
 */
export async function* resumeRun(
  task: Task,
  run: string,
  { signal, data }: { signal?: AbortSignal; data?: string } = {},
): AsyncGenerator<TrainEvent> {
  const unlock = await lockRun(run);
  try {
    let config = loadConfig(run);
    if (data !== undefined) config = { ...config, data: { ...config.data, path: placeOf(data) } };
    const dataset = await openResumedData(task, config, run);
    if (data !== undefined) saveConfig(run, config);
    yield* logged(task, config, run, trainLoop(task, config, { out: run, resume: true, dataset, signal }));
  } finally {
    unlock();
  }
}

/**
 * A new or empty folder, or a run that ended before its first checkpoint: that one has nothing to lose and begins anew.
 */
export function checkOut(out: string): void {
  if (!existsSync(out)) return;
  if (!statSync(out).isDirectory())
    throw new UsageError(`Expected a folder for the output but ${out} is a file. Choose another --out.`);
  if (isRun(out) && existsSync(lastCheckpoint(out)))
    throw new UsageError(
      `There is already a run in ${out}. Go on with "rescaled train --resume ${commandLine([out])}", or choose another --out.`,
    );
  if (!isRun(out) && readdirSync(out).some((name) => !name.startsWith('.lock')))
    throw new UsageError(
      `Expected a new or a run's folder for the output but ${out} holds other files. Choose another --out.`,
    );
}

/** Which pictures the run is made of, so that they are known when the folder has changed. */
function keepPictures(out: string, { train, val, test }: Dataset): void {
  const [trained, measured, tested] = [train, val, test].map((source) => (source === undefined ? [] : pathsOf(source)));
  if (trained === undefined || measured === undefined || tested === undefined) return;
  savePictures(out, { train: trained, val: measured, test: tested });
}

/** Writes the logs on the way; the first event says where the run stands. */
async function* logged(
  { figures, metrics }: Task,
  { recipe }: RunConfig,
  run: string,
  events: AsyncGenerator<TrainEvent>,
): AsyncGenerator<TrainEvent> {
  const names = { figures: figures(recipe.values), metrics: metrics.map(({ name }) => name) };
  let log: RunLog | undefined;
  for await (const event of events) {
    if (event.type === 'start') log = new RunLog(run, names, event.resumed ? event : undefined);
    log?.write(event);
    yield event;
  }
}
