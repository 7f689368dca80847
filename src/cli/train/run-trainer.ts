import { existsSync } from 'node:fs';
import { deathText } from '../../child/death.js';
import { untilInterrupted } from '../../child/interrupt.js';
import { runChild } from '../../child/run.js';
import { RescaledError } from '../../errors.js';
import { lastCheckpoint } from '../../run/config.js';
import type { TrainEvent } from '../../run/events.js';
import type { RunFigures } from '../../trained/finish.js';
import type { TrainJob, TrainTask } from './train-process.js';

/**
 * Trains in a process of its own, so that the event loop of this one stays free. SIGINT and SIGTERM make it save and
 * stop; a second one ends it at once.
 * @returns the figures, or undefined when it was stopped
 * @throws what the training throws; RescaledError when its process dies
 */
export async function runTrainer(
  task: TrainTask,
  onEvent: (event: TrainEvent) => void,
  onNote: (text: string) => void,
): Promise<RunFigures | undefined> {
  const module = new URL('./train-process.js', import.meta.url);
  const end = await untilInterrupted(
    (signal, killSignal) =>
      runChild<TrainJob>({
        module,
        task,
        signal,
        killSignal,
        onMessage: (message) => (message.type === 'event' ? onEvent(message.event) : onNote(message.text)),
      }),
    onNote,
  );
  if (end.type === 'answer') return end.answer;
  if (end.type === 'failed') throw end.error;
  const run = task.type === 'train' ? task.options.out : task.run;
  throw new RescaledError(
    deathText(end.death, {
      who: 'The training process',
      memory: 'try a smaller --batch or --size',
      kept: existsSync(lastCheckpoint(run))
        ? `Its last checkpoint is kept: go on with "rescaled train --resume ${run}".`
        : 'It had no checkpoint yet.',
    }),
  );
}
