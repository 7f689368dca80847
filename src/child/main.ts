// The child's side, which runChild() starts: imports the module named on its command line and lets it do the task. The
// module comes after the handlers of signals, since loading it may take a while.
import { type FromChild, type Job, packError, type TaskHandler, type ToChild } from './messages.js';

const stop = new AbortController();
const abort = (): void => stop.abort();
let spoken = false;

const send = (message: FromChild): void => {
  // The parent may have gone a moment ago: the callback takes the error, and 'disconnect' follows.
  if (process.connected) process.send!(message, () => {});
};

/** The parent hangs up when it has read it, and then this process ends, whatever threads and handles are left. */
function sayLast(message: FromChild): void {
  if (spoken) return;
  send(message);
  spoken = true;
  if (!process.connected) process.exit();
}

// The terminal sends Ctrl-C to the whole group; the parent decides. When the parent has gone, save and leave.
process.on('SIGINT', () => {});
process.on('SIGTERM', abort);
process.on('error', abort);
process.on('disconnect', () => {
  if (spoken) process.exit();
  abort();
});
process.on('message', (message: ToChild) => {
  if (message.type === 'stop') abort();
  else void work(message.task);
});
// Thrown where no handler waits for it, in an event or a promise.
process.on('uncaughtException', (error) => sayLast({ type: 'failed', error: packError(error) }));

async function work(task: unknown): Promise<void> {
  try {
    const answer = await (await handlerOf(process.argv[2]!))(task, {
      signal: stop.signal,
      send: (message) => send({ type: 'message', message }),
      letMessagesIn: () => new Promise((resolve) => setImmediate(resolve)),
    });
    sayLast({ type: 'answer', answer });
  } catch (error) {
    sayLast({ type: 'failed', error: packError(error) });
  }
}

async function handlerOf(module: string): Promise<TaskHandler<Job>> {
  const { handle } = (await import(module)) as { handle?: unknown };
  if (typeof handle !== 'function')
    throw new Error(`Expected ${module} to export "handle", the function that does its task, but it does not.`);
  return handle as TaskHandler<Job>;
}
