import { untilInterrupted } from '../../child/interrupt.js';
import type { TrainEvent } from '../../run/events.js';
import { trainApart } from '../../trained/apart.js';
import type { RunFigures } from '../../trained/finish.js';
import type { TrainTask } from '../../trained/train-process.js';

/**
 * Trains in a process of its own; see `trainApart`. SIGINT and SIGTERM make it save and stop; a second one ends it at once.
 * @returns the figures, or undefined when it was stopped
 */
export const runTrainer = (
  task: TrainTask,
  onEvent: (event: TrainEvent) => void,
  onNote: (text: string) => void,
): Promise<RunFigures | undefined> =>
  untilInterrupted((signal, killSignal) => trainApart(task, { signal, killSignal, onEvent, onNote }), onNote);
