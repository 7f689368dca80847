import { constants } from 'node:os';
import { RescaledError } from '../errors.js';

type Interrupt = 'SIGINT' | 'SIGTERM';

let last: Interrupt | undefined;

/** To be told by whoever handles one of these signals. */
export function interruptedBy(name: Interrupt): void {
  last = name;
}

/** The exit code of a command that such a signal has ended early, as shells give it: 128 and its number. Undefined where none came. */
export const interruptCode = (): number | undefined => last && 128 + constants.signals[last];

/** Forgets it, before a command. */
export function forgetInterrupt(): void {
  last = undefined;
}

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
  const interrupt = (name: Interrupt): void => {
    interruptedBy(name);
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
