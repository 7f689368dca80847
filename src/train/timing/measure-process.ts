// The process that measures one model and does nothing else. measureApart() starts it.
import { isOutOfMemory } from '../../child/death.js';
import type { TaskHandler } from '../../child/messages.js';
import { type Measured, type MeasureOptions, measureModel } from './measure.js';

export interface MeasureTask {
  model: string;
  options: MeasureOptions;
}

export interface MeasureJob {
  task: MeasureTask;
  message: never;
  answer: { measured: Measured } | 'out of memory';
}

export const handle: TaskHandler<MeasureJob> = async ({ model, options }, { signal }) => {
  // A parent that has gone needs no figures, and nothing is lost.
  signal.addEventListener('abort', () => process.exit(1));
  try {
    return { measured: await measureModel(model, options) };
  } catch (error) {
    if (isOutOfMemory(error)) return 'out of memory';
    throw error;
  }
};
