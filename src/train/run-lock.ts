import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { UsageError } from '../errors.js';

const held = new Set<string>();

/**
 * Takes a run folder for this process, so that two trainings never write into one; a lock left by a process that has died is taken over.
 * @returns what gives it back
 * @throws UsageError when another process trains there
 */
export async function lockRun(run: string): Promise<() => void> {
  const path = join(run, '.lock');
  // A process that was just killed takes a moment to go.
  for (const deadline = Date.now() + 3000; ; ) {
    try {
      writeFileSync(path, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const pid = Number(read(path));
      if (pid === process.pid ? !held.has(path) : !isAlive(pid)) rmSync(path, { force: true });
      else if (Date.now() > deadline) throw new UsageError(`Process ${pid} is training in ${run}. Wait for it, or choose another --out.`);
      else await sleep(50);
    }
  }
  held.add(path);
  return () => {
    held.delete(path);
    rmSync(path, { force: true });
  };
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    // A dead process whose parent has not asked after it still answers.
    return !/^\d+ \(.*\) [ZX]/.test(read(`/proc/${pid}/stat`));
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
