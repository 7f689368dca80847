import { answerOf, runChild } from '../../child/run.js';
import type { MeasuredFile, MeasureJob } from './measure-process.js';

/**
 * Measures an exported classifier, whatever its precision, on labelled pictures in a process of its own.
 * @param asked `data` may be left out for a file that lies in a run folder: the pictures that the run did not learn from
 */
export async function measureFile(
  asked: MeasureJob['task'],
  { signal, onMessage }: { signal?: AbortSignal; onMessage?: (message: MeasureJob['message']) => void } = {},
): Promise<MeasuredFile> {
  const end = await runChild<MeasureJob>({
    ...{ module: new URL('./measure-process.js', import.meta.url), task: asked },
    ...(signal && { killSignal: signal }),
    ...(onMessage && { onMessage }),
  });
  signal?.throwIfAborted();
  return answerOf(end, { who: 'The process that measures', memory: 'measure on fewer pictures' });
}
