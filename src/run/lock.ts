import { join } from 'node:path';
import { UsageError } from '../errors.js';
import { takeLock } from '../lock.js';

/**
 * Takes a run folder for this process, so that two trainings never write into one.
 * @returns what gives it back
 * @throws UsageError when another process trains there
 */
export function lockRun(run: string): Promise<() => void> {
  // A process that was just killed takes a moment to go.
  return takeLock(join(run, '.lock'), {
    timeoutMs: 3000,
    pollMs: 50,
    busy: (pid) => new UsageError(`Process ${pid ?? '?'} is training in ${run}. Wait for it, or choose another --out.`),
  });
}
