import { existsSync, readdirSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Dataset } from '../data/dataset.js';
import { pathsOf } from '../data/sources/source.js';
import { UsageError } from '../errors.js';
import { makeFolder } from '../files.js';
import { isRun, lastCheckpoint, loadConfig, type RunConfig, saveConfig, withDataAt } from '../run/config.js';
import type { TrainEvent } from '../run/events.js';
import { lockRun } from '../run/lock.js';
import { RunLog } from '../run/logs.js';
import { saveCopies, savePictures } from '../run/pictures.js';
import { commandLine } from '../suggest.js';
import { engineInfo } from '../torch/index.js';
import { leavableKinds, lookForCopies, runCopies, withoutLeftOut } from './copies.js';
import { trainLoop } from './loop.js';
import { checkDevice, looked, openResumedData, openTrainingData } from './open.js';
import type { TrainOptions } from './options.js';
import { resolveRun } from './start.js';
import { Ranks } from './step/ranks.js';
import type { Task } from './task.js';

/** Trains a task by these options and writes the run folder `options.out`. */
export async function* trainRun(
  task: Task,
  options: TrainOptions,
  { signal, ranks = new Ranks() }: Together = {},
): AsyncGenerator<TrainEvent> {
  const leaveOut = leavableKinds(options.leaveOut);
  let dataset = await openTrainingData(task, options);
  let config = withParts(await resolveRun(task, options, dataset, signal), ranks);
  checkDevice(config.device);
  checkOut(options.out);
  const broken = yield* looked(dataset, config, { verify: options.verify, signal });
  const copies = yield* lookForCopies(dataset, config.data.path, leaveOut, signal);
  if (copies !== undefined && leaveOut.length > 0) {
    dataset = { ...dataset, ...withoutLeftOut(dataset, copies) };
    const without = await resolveRun(task, options, dataset, signal);
    config = { ...withParts(without, ranks), leftOut: copies.leftOut };
  }
  makeFolder(options.out);
  const unlock = await lockRun(options.out);
  try {
    // Another training may have had the folder in between.
    checkOut(options.out);
    saveConfig(options.out, config);
    keepPictures(options.out, dataset);
    if (copies !== undefined) saveCopies(options.out, runCopies(copies, dataset));
    const { out } = options;
    await ranks.fromChief<Begun>('run', { config, out: resolve(out), resume: false });
    yield* logged(task, config, out, trainLoop(task, config, { out, dataset, broken, signal, ranks }));
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
  { signal, data, ranks = new Ranks() }: Together & { data?: string } = {},
): AsyncGenerator<TrainEvent> {
  const unlock = await lockRun(run);
  try {
    let config = withDataAt(loadConfig(run), data);
    const dataset = await openResumedData(task, config, run, data === undefined ? 'its run.json' : '--data');
    if (ranks.world > 1 && config.parts === undefined)
      throw new UsageError(
        `Expected a run that was begun by several processes but ${run} was begun by one. Go on with it in one, or begin anew.`,
      );
    if (data !== undefined) saveConfig(run, config);
    // Steps on pairs are those of the whole batch: as many parts as there are ranks.
    if (task.pairs === true && config.parts !== undefined) config = { ...config, parts: ranks.world };
    await ranks.fromChief<Begun>('run', { config, out: resolve(run), resume: true });
    yield* logged(task, config, run, trainLoop(task, config, { out: run, resume: true, dataset, signal, ranks }));
  } finally {
    unlock();
  }
}

interface Together {
  signal?: AbortSignal;
  /** The processes that train it together. */
  ranks?: Ranks;
}

/** What rank 0 tells the others of the run, once it has its folder. */
interface Begun {
  config: RunConfig;
  /** The run's folder. */
  out: string;
  resume: boolean;
}

/**
 * The run of rank 0 on another rank, which writes nothing and needs no options: rank 0's count. Its events are those of a run.
 * @param taskOf the task of a name
 */
export async function* followRun(
  ranks: Ranks,
  taskOf: (name: string) => Task,
  { signal, localRank }: { signal?: AbortSignal; localRank: number },
): AsyncGenerator<TrainEvent> {
  const begun = await ranks.fromChief<Begun>('run', undefined);
  const { resume, out } = begun;
  const device = /^cuda/.test(begun.config.device) ? ownCard(localRank) : begun.config.device;
  const config = { ...begun.config, device };
  const task = taskOf(config.task.name);
  const dataset = await openResumedData(task, config, out);
  yield* trainLoop(task, config, { out, resume, dataset, signal, ranks });
}

/** A launcher may show each process all cards of the machine, or its own alone. */
function ownCard(localRank: number): string {
  const cards = engineInfo().devices.filter((device) => device.startsWith('cuda'));
  return cards[localRank % cards.length] ?? `cuda:${localRank}`;
}

/** @throws UsageError for a training that several processes cannot share */
function withParts(config: RunConfig, ranks: Ranks): RunConfig {
  if (ranks.world === 1) return config;
  const { batch, accumulate } = config.recipe.values;
  const parts = ranks.partsFor(accumulate);
  if (batch < 2 * parts)
    throw new UsageError(
      `Expected a batch of at least ${2 * parts}, two pictures for each of ${parts} parts, but it is ${batch}. Raise --batch, or start fewer ranks.`,
    );
  return { ...config, parts };
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
