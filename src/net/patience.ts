import { setTimeout as sleep } from 'node:timers/promises';
import { RescaledError } from '../errors.js';
import { PassingError } from './request.js';

export interface Patience {
  /** Tries in a row that bring nothing. */
  tries?: number;
  /** The first pause; each further one is twice as long. */
  pauseMs?: number;
  /** The longest pause that a server may ask for. */
  longestMs?: number;
}

export interface Reporting {
  /** Bytes so far, and of how many where that is known. */
  progress?: (done: number, of: number | undefined) => void;
  /** A line for the person who waits. */
  say?: (text: string) => void;
  signal?: AbortSignal;
}

/** However much each brings: a server that breaks off after every few bytes is not asked for ever. */
const MOST_TRIES = 100;

/**
 * Calls `work` until it succeeds or fails for good.
 * @param brought how much there is; more of it renews the patience
 * @throws RescaledError when there is no use in waiting
 */
export async function patiently<T>(
  work: () => Promise<T>,
  { tries = 5, pauseMs = 1000, longestMs = 120_000 }: Patience,
  { say, signal }: Reporting,
  brought: () => number = () => 0,
): Promise<T> {
  let before = brought();
  for (let failures = 0, all = 1; ; all++) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof PassingError)) throw error;
      failures = brought() > before ? 1 : failures + 1;
      before = brought();
      if (failures >= tries || all >= MOST_TRIES)
        throw new RescaledError(`Gave up after ${all} tries: ${error.message}. Try again later.`, { cause: error });
      const wait = Math.max(error.waitMs ?? 0, pauseMs * 2 ** (failures - 1));
      if (wait > longestMs)
        throw new RescaledError(
          `${error.message}, and asks to wait ${Math.ceil(wait / 1000)} s. Try again after that time.`,
          { cause: error },
        );
      say?.(`${error.message}; trying again in ${Math.ceil(wait / 1000)} s`);
      await sleep(wait, undefined, { signal });
    }
  }
}
