import { deathText, killedBySystem } from '../../child/death.js';
import { runChild } from '../../child/run.js';
import { RescaledError } from '../../errors.js';
import type { Measured } from './measure.js';
import type { MeasureJob, MeasureTask } from './measure-process.js';

export interface MeasureApartOptions {
  /** Ends the measurement at once, since nothing is lost. */
  signal?: AbortSignal;
  /** When memory runs out: what was predicted, and what to do about it. */
  memory?: string;
}

/**
 * Measures one model in a process of its own, which should be alone on the machine.
 * @throws RescaledError when it runs out of memory (no smaller batch is tried) or is stopped
 */
export async function measureApart(
  task: MeasureTask,
  { signal, memory = 'choose a smaller batch or size' }: MeasureApartOptions = {},
): Promise<Measured> {
  const { model, options } = task;
  const outOfMemory = (how: string): RescaledError =>
    new RescaledError(`${model} ran out of memory in a training step at batch ${options.batch} (${how}); ${memory}.`);
  const module = new URL('./measure-process.js', import.meta.url);
  const end = await runChild<MeasureJob>({ module, task, killSignal: signal });
  if (end.type === 'answer') {
    if (end.answer === 'out of memory') throw outOfMemory('the engine could not get more');
    return end.answer.measured;
  }
  if (signal?.aborted === true) throw new RescaledError('Stopped before the measurement ended.');
  if (end.type === 'failed') throw end.error;
  if (killedBySystem(end.death)) throw outOfMemory('the system ended the process');
  throw new RescaledError(deathText(end.death, { who: `The process that measured ${model}`, memory }));
}
