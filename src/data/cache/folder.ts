import {
  accessSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statfsSync,
  statSync,
  utimesSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { systemReason, userCache } from '../../files.js';

/** Most bytes of one cache: a data set that needs more is decoded anew in each epoch. */
export const MOST_BYTES = 2 * 2 ** 30;
/** The same of clips, which cannot be decoded anew in each epoch. */
export const MOST_CLIP_BYTES = 6 * 2 ** 30;
/** Most bytes of all caches together; those that were not used for longest go first. */
const TOTAL_BYTES = 8 * 2 ** 30;
/**
 * A cache that was opened since is left alone. (One that is removed all the same stays whole for the processes that
 * have it open.)
 */
const IN_USE_MS = 60 * 60_000;

/**
 * A cache that was not opened for that long goes with the next that is made: its pictures have changed, or nobody
 * trains on them.
 */
const STALE_MS = 30 * 24 * 60 * 60_000;

/** Endings of caches' names: decoded pictures, and what was learned of them on the way. */
const ENDING = '.pixels';
export const FACTS_ENDING = '.facts';

/**
 * Where decoded pictures are kept: `RESCALED_CACHE`, else below the user's cache folder; undefined when it is `off`.
 */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const own = env['RESCALED_CACHE'];
  if (own === 'off') return undefined;
  if (own !== undefined && own !== '') return resolve(own);
  return join(userCache(env), 'rescaled', 'pixels');
}

export const cacheFile = (folder: string, key: string): string => join(folder, `${key}${ENDING}`);

/** Tells that a cache is in use. */
export function touch(path: string): void {
  try {
    utimesSync(path, new Date(), new Date());
  } catch {
    // Read-only, or just gone: it still serves.
  }
}

/** Caches there are, those not used for longest first. */
export function listCaches(folder: string): { path: string; bytes: number; usedMs: number }[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith(ENDING) || name.endsWith(FACTS_ENDING))
    .flatMap((name) => {
      const path = join(folder, name);
      const facts = statSync(path, { throwIfNoEntry: false });
      return facts === undefined ? [] : [{ path, bytes: facts.size, usedMs: facts.mtimeMs }];
    })
    .sort((a, b) => a.usedMs - b.usedMs);
}

/**
 * Makes the folder, and room in it for a cache of `bytes` at `path`: half of the free disk may be taken, and older
 * caches go when all together would exceed their bound.
 * @returns why there is no room, a sentence without a full stop; undefined when there is
 */
export function makeRoom(path: string, bytes: number): string | undefined {
  const folder = dirname(path);
  const problem = folderProblem(folder);
  if (problem !== undefined) return problem;
  removeLeftovers(folder);
  const { bavail, bsize } = statfsSync(folder);
  if (bytes > (bavail * bsize) / 2)
    return `the ${megabytes(bytes)} would take more than half of what is free in ${folder}`;
  const others = listCaches(folder).filter((other) => other.path !== path);
  let total = bytes + others.reduce((sum, other) => sum + other.bytes, 0);
  for (const { path: other, bytes: size, usedMs } of others) {
    const unusedMs = Date.now() - usedMs;
    if (total <= TOTAL_BYTES && unusedMs < STALE_MS) break;
    if (unusedMs < IN_USE_MS)
      return `the caches in ${folder} take ${megabytes(total - bytes)} and all were used within the hour`;
    rmSync(other, { force: true });
    total -= size;
  }
  return undefined;
}

/** Makes the folder. @returns why nothing can be kept there; undefined when something can */
export function folderProblem(folder: string): string | undefined {
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK);
    return undefined;
  } catch (error) {
    return `${folder} cannot be written to: ${systemReason(error)}`;
  }
}

/** Half-written caches of processes that were killed. */
function removeLeftovers(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (!name.endsWith('.tmp')) continue;
    const facts = lstatSync(join(folder, name), { throwIfNoEntry: false });
    if (facts !== undefined && Date.now() - facts.mtimeMs > IN_USE_MS) rmSync(join(folder, name), { force: true });
  }
}

export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(bytes < 10e6 ? 1 : 0)} MB`;
