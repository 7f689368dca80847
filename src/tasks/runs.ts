import type { Dataset } from '../data/dataset.js';
import type { TrainingData } from '../data/unlabelled.js';
import { loadConfig, type RunConfig } from '../run/config.js';
import type { TrainEvent } from '../run/events.js';
import * as rates from '../train/find-rate/find.js';
import * as open from '../train/open.js';
import type { LearnOptions, TrainOptions } from '../train/options.js';
import * as score from '../train/score.js';
import * as start from '../train/start.js';
import type { Ranks } from '../train/step/ranks.js';
import { followRun, resumeRun, trainRun } from '../train/train.js';
import { taskNamed } from './index.js';

/** Saves and stops at the next step. */
interface Stoppable {
  signal?: AbortSignal;
}

/** The processes that train a run together. */
interface Shared extends Stoppable {
  ranks?: Ranks;
}

/**
 * Trains on a folder of pictures and writes the run folder `out`: run.json, pictures.tsv.gz, metrics.csv, events.jsonl, tensorboard/,
 * checkpoints/ and weights.safetensors. Runs in the calling thread, which is busy during each step; a program with
 * other work calls it in a worker thread or a process.
 *
 * ```ts
 * const stop = new AbortController();
 * const events = train({ data: 'pictures', out: 'runs/first', recipe: 'quick' }, { signal: stop.signal });
 * for await (const event of events) console.log(event);
 * ```
 */
export function train(options: TrainOptions, stoppable: Shared = {}): AsyncGenerator<TrainEvent> {
  return trainRun(taskNamed(options.task), options, stoppable);
}

/**
 * Goes on with a run from its last checkpoint, as if it had never stopped.
 * @param options.data where its data lies now, if not where it lay
 */
export async function* resumeTraining(
  run: string,
  options: Shared & { data?: string } = {},
): AsyncGenerator<TrainEvent> {
  yield* resumeRun(taskNamed(loadConfig(run).task.name), run, options);
}

/** Takes part in the run of rank 0, of `train` or `resumeTraining`; writes nothing. @param options.localRank among the ranks of this machine */
export const followTraining = (ranks: Ranks, options: Stoppable & { localRank: number }): AsyncGenerator<TrainEvent> =>
  followRun(ranks, taskNamed, options);

/** How the loss of a training moves while its rate rises; see `findRate` of train/find-rate/find.ts. */
export const findRate = (
  options: LearnOptions,
  range: Parameters<typeof rates.findRate>[2],
  stoppable: Stoppable = {},
): ReturnType<typeof rates.findRate> => rates.findRate(taskNamed(options.task), options, range, stoppable);

/** The configuration of a run with these options, which may start from weights. */
export const resolveRun = (options: TrainOptions, dataset: TrainingData): Promise<RunConfig> =>
  start.resolveRun(taskNamed(options.task), options, dataset);

/** The data that a run with these options trains and is measured on. */
export const openTrainingData = (options: open.DataOptions & Pick<TrainOptions, 'task'>): Promise<TrainingData> =>
  open.openTrainingData(taskNamed(options.task), options);

/** The data of a run that exists; see `openRunData` of train/open.ts. */
export const openRunData = (config: RunConfig, words?: open.RunDataWords): Promise<Dataset> =>
  open.openRunData(taskNamed(config.task.name), config, words);

/** How good the last checkpoint of a run is; see `scoreRun` of train/score.ts. */
export async function scoreRun(
  run: string,
  options: Parameters<typeof score.scoreRun>[2],
): Promise<score.RunScores | undefined> {
  return score.scoreRun(taskNamed(loadConfig(run).task.name), run, options);
}
