import { existsSync } from 'node:fs';
import { deathText } from '../child/death.js';
import { runChild } from '../child/run.js';
import { RescaledError } from '../errors.js';
import { lastCheckpoint } from '../run/config.js';
import type { TrainEvent } from '../run/events.js';
import { commandLine } from '../suggest.js';
import type { RunFigures } from './finish.js';
import { runOf, type TrainJob, type TrainTask } from './train-process.js';

export interface ApartOptions {
  /** Saves and stops. */
  signal?: AbortSignal;
  /** Ends it at once. */
  killSignal?: AbortSignal;
  onEvent?: (event: TrainEvent) => void;
  onNote?: (text: string) => void;
}

/**
 * Trains and finishes a run in a process of its own, so that the event loop of this one stays free.
 * @returns the figures, or undefined when it was stopped
 * @throws what the training throws; RescaledError when its process dies
 */
export async function trainApart(
  task: TrainTask,
  { signal, killSignal, onEvent = () => {}, onNote = () => {} }: ApartOptions = {},
): Promise<RunFigures | undefined> {
  const end = await runChild<TrainJob>({
    module: new URL('./train-process.js', import.meta.url),
    task,
    ...(signal && { signal }),
    ...(killSignal && { killSignal }),
    onMessage: (message) => (message.type === 'event' ? onEvent(message.event) : onNote(message.text)),
  });
  if (end.type === 'answer') return end.answer;
  if (end.type === 'failed') throw end.error;
  const run = task.type === 'follow' ? undefined : runOf(task);
  throw new RescaledError(
    deathText(end.death, {
      who: 'The training process',
      memory: 'try a smaller --batch or --size',
      kept:
        run === undefined
          ? 'Rank 0 has the run.'
          : existsSync(lastCheckpoint(run))
            ? `Its last checkpoint is kept: go on with "rescaled train --resume ${commandLine([run])}".`
            : 'It had no checkpoint yet.',
    }),
  );
}
