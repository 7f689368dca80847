import { RescaledError } from '../errors.js';

/**
 * Ctrl-C (SIGINT) and SIGTERM while `work` runs: the first aborts `stop`, a further one `kill`. For work that has
 * nothing to save, let `stop` end it at once.
 * @param say told at the first one, for work that saves before it stops
 */
export async function untilInterrupted<T>(
  work: (stop: AbortSignal, kill: AbortSignal) => Promise<T>,
  say: (text: string) => void = () => {},
): Promise<T> {
  const [stop, kill] = [new AbortController(), new AbortController()];
  const interrupt = (): void => {
    if (stop.signal.aborted) return kill.abort();
    say('saving and stopping (once more to stop at once) ...');
    stop.abort();
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  try {
    return await work(stop.signal, kill.signal);
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}

/**
 * The same for work that leaves nothing when it is stopped: the first signal ends it.
 * @throws RescaledError that says so
 */
export function untilStopped<T>(work: (stop: AbortSignal) => Promise<T>, left: string): Promise<T> {
  return untilInterrupted(async (stop) => {
    try {
      return await work(stop);
    } catch (error) {
      throw stop.aborted ? new RescaledError(`Stopped: ${left}.`, { cause: error }) : error;
    }
  });
}
