import { join } from 'node:path';
import { RescaledError, UsageError } from '../errors.js';
import { takeLock } from '../lock.js';

/**
 * Takes a run folder for this process, so that two trainings never write into one.
 * @returns what gives it back
 * @throws UsageError when another process trains there
 */
export async function lockRun(run: string): Promise<() => void> {
  // A process that was just killed takes a moment to go.
  try {
    return await takeLock(join(run, '.lock'), {
      timeoutMs: 3000,
      pollMs: 50,
      busy: (pid) =>
        new UsageError(`Process ${pid ?? '?'} is training in ${run}. Wait for it, or choose another --out.`),
    });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EACCES' && code !== 'EPERM' && code !== 'EROFS') throw error;
    const why = code === 'EROFS' ? 'the disk is read-only' : 'permission denied';
    throw new RescaledError(
      `Expected to write in ${run} but cannot: ${why}. Copy the run to a folder of your own, or make it writable for this user.`,
      { cause: error },
    );
  }
}
