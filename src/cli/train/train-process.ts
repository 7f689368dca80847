// The process that trains. The command line starts it, so that its own event loop stays free, and talks to it by
// messages.
import { RescaledError } from '../../errors.js';
import { resumeTraining, train } from '../../tasks/runs.js';
import type { TrainEvent, TrainOptions } from '../../train/index.js';
import { finishRun, type RunFigures } from './finish-run.js';

export type ToTrainer = { type: 'train'; options: TrainOptions } | { type: 'resume'; run: string } | { type: 'stop' };
export type FromTrainer =
  | { type: 'event'; event: TrainEvent }
  | { type: 'note'; text: string }
  | { type: 'done'; figures: RunFigures }
  | { type: 'stopped' }
  | { type: 'failed'; message: string; exitCode: number; stack?: string };

const stop = new AbortController();
const send = (message: FromTrainer): void => {
  // The parent may have gone a moment ago: the callback takes the error, and 'disconnect' saves.
  if (process.connected) process.send!(message, () => {});
};

// The terminal sends Ctrl-C to the whole group; the parent decides. When the parent is gone, save and leave.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => stop.abort());
process.on('disconnect', () => stop.abort());
process.on('error', () => stop.abort());

process.on('message', (message: ToTrainer) => {
  if (message.type === 'stop') stop.abort();
  else void work(message);
});

async function work(message: Exclude<ToTrainer, { type: 'stop' }>): Promise<void> {
  try {
    const run = message.type === 'train' ? message.options.out : message.run;
    const events =
      message.type === 'train'
        ? train(message.options, { signal: stop.signal })
        : resumeTraining(run, { signal: stop.signal });
    let finished = false;
    for await (const event of events) {
      send({ type: 'event', event });
      if (event.type === 'end') finished = true;
      // A step blocks this thread; between steps, let the messages in.
      await new Promise(setImmediate);
    }
    if (!finished) send({ type: 'stopped' });
    else send({ type: 'done', figures: await finishRun(run, (text) => send({ type: 'note', text })) });
  } catch (error) {
    const known = error instanceof RescaledError;
    send({
      type: 'failed',
      message: (error as Error).message,
      exitCode: known ? error.exitCode : 1,
      ...(known ? {} : { stack: (error as Error).stack ?? '' }),
    });
  }
  // The parent hangs up when it has read the last message.
}
