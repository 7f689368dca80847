import { existsSync, readdirSync, statSync } from 'node:fs';
import { UsageError } from '../errors.js';
import { makeFolder } from '../files.js';
import { isRun, lastCheckpoint, loadConfig, saveConfig, type TrainOptions } from '../run/config.js';
import type { TrainEvent } from '../run/events.js';
import { lockRun } from '../run/lock.js';
import { RunLog } from '../run/logs.js';
import { checkDevice, openTrainingData, trainLoop } from './loop.js';
import { resolveRun } from './start.js';

/**
 * Trains on a folder of pictures and writes the run folder `out`: run.json, metrics.csv, events.jsonl, tensorboard/,
 * checkpoints/ and weights.safetensors. Runs in the calling thread, which is busy during each step; a program with
 * other work calls it in a worker thread or a process.
 *
 * ```ts
 * const stop = new AbortController();
 * for await (const event of train({ data: 'pictures', out: 'runs/first', recipe: 'quick' }, { signal: stop.signal })) console.log(event);
 * ```
 */
export async function* train(
  options: TrainOptions,
  { signal }: { signal?: AbortSignal } = {},
): AsyncGenerator<TrainEvent> {
  const dataset = await openTrainingData(options);
  const config = await resolveRun(options, dataset);
  checkDevice(config.device);
  checkOut(options.out);
  makeFolder(options.out);
  const unlock = await lockRun(options.out);
  try {
    saveConfig(options.out, config);
    yield* logged(options.out, trainLoop(config, { out: options.out, dataset, signal }));
  } finally {
    unlock();
  }
}

/** Goes on with a run from its last checkpoint, as if it had never stopped. */
export async function* resumeTraining(
  run: string,
  { signal }: { signal?: AbortSignal } = {},
): AsyncGenerator<TrainEvent> {
  const config = loadConfig(run);
  const unlock = await lockRun(run);
  try {
    yield* logged(run, trainLoop(config, { out: run, resume: true, signal }));
  } finally {
    unlock();
  }
}

/**
 * A new or empty folder, or a run that ended before its first checkpoint: that one has nothing to lose and begins anew.
 */
function checkOut(out: string): void {
  if (!existsSync(out)) return;
  if (!statSync(out).isDirectory())
    throw new UsageError(`Expected a folder for the output but ${out} is a file. Choose another --out.`);
  if (isRun(out) && existsSync(lastCheckpoint(out)))
    throw new UsageError(
      `There is already a run in ${out}. Go on with "rescaled train --resume ${out}", or choose another --out.`,
    );
  if (!isRun(out) && readdirSync(out).length > 0)
    throw new UsageError(
      `Expected a new or a run's folder for the output but ${out} holds other files. Choose another --out.`,
    );
}

/** Writes the logs on the way; the first event says where the run stands. */
async function* logged(run: string, events: AsyncGenerator<TrainEvent>): AsyncGenerator<TrainEvent> {
  let log: RunLog | undefined;
  for await (const event of events) {
    if (event.type === 'start') log = new RunLog(run, event.resumed ? event : undefined);
    log?.write(event);
    yield event;
  }
}
