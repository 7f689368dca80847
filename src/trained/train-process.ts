// The process that trains and finishes a run. trainApart() starts it.
import type { TaskHandler } from '../child/messages.js';
import { watchIndexing } from '../data/shard-data.js';
import { joinRanks, settleLibrary } from '../ranks/join.js';
import type { RankPlace } from '../ranks/place.js';
import type { TrainEvent } from '../run/events.js';
import { followTraining, resumeTraining, train } from '../tasks/runs.js';
import type { TrainOptions } from '../train/index.js';
import { Ranks } from '../train/step/ranks.js';
import { finishRun, type RunFigures } from './finish.js';

export type TrainTask = (
  | { type: 'train'; options: TrainOptions }
  | { type: 'resume'; run: string; data?: string }
  /** Takes part in the run of rank 0. */
  | { type: 'follow' }
) & {
  /** Of several processes that train one run. */
  place?: RankPlace;
};

export interface TrainJob {
  task: TrainTask;
  message: { type: 'event'; event: TrainEvent } | { type: 'note'; text: string };
  /** Undefined when it was stopped. */
  answer: RunFigures | undefined;
}

export const handle: TaskHandler<TrainJob> = async (task, job) => {
  const { place } = task;
  if (place === undefined) return work(task, job, new Ranks());
  settleLibrary();
  const ranks = new Ranks(await joinRanks(place, process.env, job.signal));
  try {
    return await work(task, job, ranks);
  } catch (error) {
    await ranks.fail(error);
    throw error;
  }
};

const work = async (
  task: TrainTask,
  { signal, send, letMessagesIn }: Parameters<TaskHandler<TrainJob>>[1],
  ranks: Ranks,
): Promise<RunFigures | undefined> => {
  watchIndexing((done, of) => send({ type: 'event', event: { type: 'indexing', step: 0, done, of } }));
  let finished = false;
  for await (const event of eventsOf(task, ranks, signal)) {
    send({ type: 'event', event });
    if (event.type === 'end') finished = true;
    await letMessagesIn();
  }
  // Rank 0 measures, exports and reports alone.
  await ranks.leave();
  if (task.type === 'follow' || !finished) return undefined;
  return finishRun(runOf(task), (text) => send({ type: 'note', text }));
};

/** The folder of the run. */
export const runOf = (task: Exclude<TrainTask, { type: 'follow' }>): string =>
  task.type === 'train' ? task.options.out : task.run;

function eventsOf(task: TrainTask, ranks: Ranks, signal: AbortSignal): AsyncGenerator<TrainEvent> {
  switch (task.type) {
    case 'train':
      return train(task.options, { signal, ranks });
    case 'resume':
      return resumeTraining(task.run, { signal, data: task.data, ranks });
    case 'follow':
      return followTraining(ranks, { signal, localRank: task.place?.localRank ?? 0 });
  }
}
