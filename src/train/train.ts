import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { openDataset } from '../data/dataset.js';
import { UsageError } from '../errors.js';
import { lastCheckpoint, loadConfig, resolveConfig, runFile, saveConfig, type TrainOptions } from './config.js';
import type { TrainEvent } from './events.js';
import { RunLog } from './logs.js';
import { checkDevice, trainLoop } from './loop.js';
import { lockRun } from './run-lock.js';

/**
 * Trains on a folder of pictures and writes the run folder `out`: run.json, metrics.csv, events.jsonl, checkpoints/ and weights.safetensors.
 * Runs in the calling thread, which is busy during each step; a program with other work calls it in a worker thread or a process.
 *
 * ```ts
 * const stop = new AbortController();
 * for await (const event of train({ data: 'pictures', out: 'runs/first', recipe: 'quick' }, { signal: stop.signal })) console.log(event);
 * ```
 */
export async function* train(options: TrainOptions, { signal }: { signal?: AbortSignal } = {}): AsyncGenerator<TrainEvent> {
  const dataset = await openDataset(options.data, {
    need: 'both',
    seed: options.seed ?? 0,
    ...(options.valSplit === undefined ? {} : { valSplit: options.valSplit }),
    ...(options.limitTrain === undefined ? {} : { limitTrain: options.limitTrain }),
    ...(options.limitVal === undefined ? {} : { limitVal: options.limitVal }),
  });
  const config = resolveConfig(options, dataset);
  checkDevice(config.device);
  if (existsSync(options.out) && !statSync(options.out).isDirectory()) throw new UsageError(`Expected a folder for the output but ${options.out} is a file. Choose another --out.`);
  if (existsSync(options.out) && readdirSync(options.out).length > 0 && !existsSync(runFile(options.out)))
    throw new UsageError(`Expected a new or a run's folder for the output but ${options.out} holds other files. Choose another --out.`);
  // A run that ended before its first checkpoint has nothing to lose: it begins anew.
  if (existsSync(runFile(options.out)) && existsSync(lastCheckpoint(options.out)))
    throw new UsageError(`There is already a run in ${options.out}. Go on with "rescaled train --resume ${options.out}", or choose another --out.`);
  makeFolder(options.out);
  const unlock = await lockRun(options.out);
  try {
    saveConfig(options.out, config);
    yield* logged(new RunLog(options.out), trainLoop(config, { out: options.out, dataset, ...(signal === undefined ? {} : { signal }) }));
  } finally {
    unlock();
  }
}

/** Goes on with a run from its last checkpoint, as if it had never stopped. */
export async function* resumeTraining(run: string, { signal }: { signal?: AbortSignal } = {}): AsyncGenerator<TrainEvent> {
  const config = loadConfig(run);
  const unlock = await lockRun(run);
  try {
    let log: RunLog | undefined;
    for await (const event of trainLoop(config, { out: run, resume: true, ...(signal === undefined ? {} : { signal }) })) {
      if (event.type === 'start') log = new RunLog(run, event);
      log?.write(event);
      yield event;
    }
  } finally {
    unlock();
  }
}

/** Part by part: a recursive mkdir of Node never ends in places such as /proc that refuse new folders with "not found". */
function makeFolder(path: string): void {
  const folder = resolve(path);
  if (existsSync(folder)) return;
  makeFolder(dirname(folder));
  try {
    mkdirSync(folder);
  } catch (error) {
    if (!existsSync(folder)) throw new UsageError(`Expected to make the folder ${folder} but it cannot be made: ${(error as NodeJS.ErrnoException).code}. Choose another --out.`, { cause: error });
  }
}

async function* logged(log: RunLog, events: AsyncGenerator<TrainEvent>): AsyncGenerator<TrainEvent> {
  for await (const event of events) {
    log.write(event);
    yield event;
  }
}
