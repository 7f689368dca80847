import { deathText } from '../child/death.js';
import { untilInterrupted } from '../child/interrupt.js';
import { runChild } from '../child/run.js';
import { RescaledError } from '../errors.js';
import type { TrainEvent } from '../run/events.js';
import type { Choice, ChoiceJob, ChoiceTask } from './probe.js';

export type { Alternative, Choice, ChoiceTask } from './probe.js';

/**
 * Chooses model, size, recipe, batch and length of a run for its data and this machine, where they are not given. Pictures are decoded for
 * the cache on the way, and a few steps of the training are measured, in a process of its own.
 * @returns undefined when it was interrupted
 */
export async function chooseRun(
  task: ChoiceTask,
  onEvent: (event: TrainEvent) => void = () => {},
): Promise<Choice | undefined> {
  const module = new URL('./probe.js', import.meta.url);
  const end = await untilInterrupted((stop, kill) =>
    runChild<ChoiceJob>({ module, task, signal: stop, killSignal: kill, onMessage: onEvent }),
  );
  if (end.type === 'answer') return end.answer ?? undefined;
  if (end.type === 'failed') throw end.error;
  throw new RescaledError(
    deathText(end.death, {
      who: 'The process that measures before training',
      memory: 'name a smaller network with --model, --width and --size',
    }),
  );
}
