import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { RescaledError } from '../../errors.js';
import { lastCheckpoint, type TrainEvent } from '../../train/index.js';
import type { RunFigures } from './finish-run.js';
import type { FromTrainer, ToTrainer } from './train-process.js';

/** How long a stop may take before the process is ended: a step and a checkpoint of the largest models fit in. */
const GRACE_MS = 120_000;

/**
 * Trains in a process of its own. SIGINT and SIGTERM make it save and stop; a second one ends it at once.
 * @returns the figures, or undefined when it was stopped
 */
export async function runTrainer(
  task: Exclude<ToTrainer, { type: 'stop' }>,
  onEvent: (event: TrainEvent) => void,
  onNote: (text: string) => void,
): Promise<RunFigures | undefined> {
  const child = fork(fileURLToPath(new URL('./train-process.js', import.meta.url)));
  const run = task.type === 'train' ? task.options.out : task.run;
  let signals = 0;
  const interrupt = (): void => {
    signals++;
    if (signals > 1) child.kill('SIGKILL');
    else {
      onNote('saving and stopping (once more to stop at once) ...');
      if (child.connected) child.send({ type: 'stop' } satisfies ToTrainer, () => {});
      setTimeout(() => child.kill('SIGKILL'), GRACE_MS).unref();
    }
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  try {
    return await new Promise<RunFigures | undefined>((resolve, reject) => {
      child.on('message', (message: FromTrainer) => {
        if (message.type === 'event') onEvent(message.event);
        else if (message.type === 'note') onNote(message.text);
        else if (message.type === 'done') resolve(message.figures);
        else if (message.type === 'stopped') resolve(undefined);
        else
          reject(
            message.stack === undefined
              ? new RescaledError(message.message, { exitCode: message.exitCode === 2 ? 2 : 1 })
              : Object.assign(new Error(message.message), { stack: message.stack }),
          );
      });
      child.on('error', reject);
      child.on('exit', (code, signal) =>
        reject(
          new RescaledError(
            signal !== null
              ? `The training process was ended by ${signal}${signal === 'SIGKILL' && signals < 2 ? ' (out of memory? try a smaller --batch or --size)' : ''}. ${existsSync(lastCheckpoint(run)) ? `Its last checkpoint is kept: go on with "rescaled train --resume ${run}".` : 'It had no checkpoint yet.'}`
              : `The training process left with code ${code}.`,
          ),
        ),
      );
      child.send(task);
    });
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
    if (child.connected) child.disconnect();
  }
}
