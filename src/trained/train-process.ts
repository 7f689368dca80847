// The process that trains and finishes a run. trainApart() starts it.
import type { TaskHandler } from '../child/messages.js';
import { watchIndexing } from '../data/shard-data.js';
import type { TrainEvent } from '../run/events.js';
import { resumeTraining, train } from '../tasks/runs.js';
import type { TrainOptions } from '../train/index.js';
import { finishRun, type RunFigures } from './finish.js';

export type TrainTask = { type: 'train'; options: TrainOptions } | { type: 'resume'; run: string; data?: string };

export interface TrainJob {
  task: TrainTask;
  message: { type: 'event'; event: TrainEvent } | { type: 'note'; text: string };
  /** Undefined when it was stopped. */
  answer: RunFigures | undefined;
}

export const handle: TaskHandler<TrainJob> = async (task, { signal, send, letMessagesIn }) => {
  const run = task.type === 'train' ? task.options.out : task.run;
  const events =
    task.type === 'train' ? train(task.options, { signal }) : resumeTraining(run, { signal, data: task.data });
  watchIndexing((done, of) => send({ type: 'event', event: { type: 'indexing', step: 0, done, of } }));
  let finished = false;
  for await (const event of events) {
    send({ type: 'event', event });
    if (event.type === 'end') finished = true;
    await letMessagesIn();
  }
  return finished ? finishRun(run, (text) => send({ type: 'note', text })) : undefined;
};
