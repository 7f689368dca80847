import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { RescaledError } from '../../errors.js';
import type { Measured } from '../../train/index.js';
import type { FromMeasurer, ToMeasurer } from './measure-process.js';

/**
 * Measures one model in a process of its own, started as training's is. Ctrl-C ends it.
 * @param need what the model is predicted to need, for the message when memory runs out
 * @throws RescaledError when it runs out of memory: no smaller batch is tried
 */
export async function runMeasurer(task: ToMeasurer, need: string): Promise<Measured> {
  const child = fork(fileURLToPath(new URL('./measure-process.js', import.meta.url)));
  let interrupted = false;
  const interrupt = (): void => {
    interrupted = true;
    child.kill('SIGKILL');
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  const { model, options } = task;
  const outOfMemory = (how: string): RescaledError =>
    new RescaledError(
      `${model} ran out of memory in a training step at batch ${options.batch} (${how}); ` +
        `it was predicted to need ${need}. Choose a smaller --batch or --size.`,
    );
  try {
    return await new Promise<Measured>((resolve, reject) => {
      child.on('message', (message: FromMeasurer) => {
        if (message.type === 'done') resolve(message.measured);
        else if (message.type === 'out of memory') reject(outOfMemory('the engine could not get more'));
        else if (message.stack === undefined)
          reject(new RescaledError(message.message, { exitCode: message.exitCode === 2 ? 2 : 1 }));
        else reject(Object.assign(new Error(message.message), { stack: message.stack }));
      });
      child.on('error', reject);
      child.on('exit', (code, signal) => {
        if (interrupted) reject(new RescaledError('Stopped before the measurement ended.'));
        else if (signal === 'SIGKILL') reject(outOfMemory('the system ended the process'));
        else reject(new RescaledError(`The process that measured ${model} left with ${signal ?? `code ${code}`}.`));
      });
      child.send(task);
    });
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}
