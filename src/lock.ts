import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { RescaledError } from './errors.js';

interface Holder {
  readonly pid: number;
  readonly host: string;
}

/**
 * How often a holder shows that it lives, for those on other machines, and after how long without a sign they take it
 * for dead.
 */
const BEAT_MS = 15_000;
const SILENT_MS = 5 * 60_000;

/**
 * Locks that this process holds: its number alone does not tell, since an earlier process may have had it (common in
 * containers).
 */
const held = new Set<string>();

export interface LockOptions {
  timeoutMs?: number;
  pollMs?: number;
  /** Called once, with the holder's process id, when another process has the lock. */
  waiting?: (pid: number) => void;
  /** What is thrown when the holder keeps it for longer than `timeoutMs`. */
  busy?: (pid: number | undefined) => Error;
}

const stillHeld =
  (path: string) =>
  (pid: number | undefined): Error =>
    new RescaledError(
      `Expected the other build to end, but process ${pid ?? '?'} still holds ${path}. If no build is running, delete that file.`,
    );

/** Runs `work` while holding the lock file at `path`; see `takeLock`. */
export async function withLock<T>(path: string, work: () => Promise<T>, options: LockOptions = {}): Promise<T> {
  const release = await takeLock(path, options);
  try {
    return await work();
  } finally {
    release();
  }
}

/**
 * Takes the lock file at `path`, so that two processes never write into one folder at once. A lock left by a process
 * that has died is taken over.
 * @returns what gives it back
 * @throws what `busy` makes after `timeoutMs` of waiting
 */
export async function takeLock(path: string, options: LockOptions = {}): Promise<() => void> {
  const deadline = Date.now() + (options.timeoutMs ?? 30 * 60_000);
  let told = false;
  while (!tryTake(path)) {
    const holder = readHolder(path);
    if (holder === 'abandoned') {
      takeAway(path);
      continue;
    }
    if (holder !== undefined && !told) {
      options.waiting?.(holder.pid);
      told = true;
    }
    if (Date.now() > deadline) {
      throw (options.busy ?? stillHeld(path))(holder?.pid);
    }
    await sleep(options.pollMs ?? 250);
  }
  held.add(path);
  const beat = setInterval(() => touch(path), BEAT_MS).unref();
  return () => {
    clearInterval(beat);
    held.delete(path);
    rmSync(path, { force: true });
  };
}

/** Whether a process that lives has the lock at `path`. */
export function isLocked(path: string): boolean {
  const holder = readHolder(path);
  return holder !== undefined && holder !== 'abandoned';
}

const ownText = (): string => JSON.stringify({ pid: process.pid, host: hostname() } satisfies Holder);

/** Writes the same again, so that the disk's own clock, which all machines see alike, says when. */
function touch(path: string): void {
  try {
    writeFileSync(path, ownText(), { flag: 'r+' });
  } catch {
    // It was taken away, or the disk is not there just now: the next beat tells.
  }
}

/** Milliseconds since the file was written, by the clock of the disk that it lies on. */
function silence(path: string): number {
  const probe = `${path}.${process.pid}.now`;
  try {
    writeFileSync(probe, '');
    return statSync(probe).mtimeMs - statSync(path).mtimeMs;
  } catch {
    return 0;
  } finally {
    rmSync(probe, { force: true });
  }
}

function tryTake(path: string): boolean {
  try {
    writeFileSync(path, ownText(), { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Who holds the lock; undefined when it has just gone or is being written. */
function readHolder(path: string, lock = path): Holder | 'abandoned' | undefined {
  let text: string;
  let age: number;
  try {
    text = readFileSync(path, 'utf8');
    age = Date.now() - statSync(path).mtimeMs;
  } catch {
    return undefined;
  }
  let holder: Holder;
  try {
    holder = JSON.parse(text) as Holder;
  } catch {
    // Created but not yet written, or its writer died in between.
    return age > 10_000 ? 'abandoned' : undefined;
  }
  if (holder.host !== hostname()) return silence(path) > SILENT_MS ? 'abandoned' : holder; // Another machine on a shared disk.
  return (holder.pid === process.pid ? held.has(lock) : isAlive(holder.pid)) ? holder : 'abandoned';
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  try {
    // A dead process whose parent has not asked after it still answers.
    return !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return true; // No /proc here, or it has gone just now: the next look tells.
  }
}

/** Removes an abandoned lock. Of two processes that both saw it, the rename lets one win. */
function takeAway(path: string): void {
  const aside = `${path}.${process.pid}.old`;
  try {
    renameSync(path, aside);
  } catch {
    return; // Somebody else was quicker.
  }
  if (readHolder(aside, path) === 'abandoned') {
    rmSync(aside, { force: true });
    return;
  }
  // Between our look and the rename a live process had taken the lock: give it back.
  renameSync(aside, path);
}
