import { readdirSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { isLocked } from '../../lock.js';
import { packageRoot } from '../../package-root.js';
import { lockName, stampName, statusOf } from './engine-file.js';
import { cachedEngineFolders, enginesFolder, subfolders } from './engine-places.js';

export interface CachedEngine {
  readonly folder: string;
  readonly bytes: number;
  /** Why this version of the package has no use for it: a sentence without a full stop. */
  readonly unused?: string;
}

/** Engines in the user's cache, of all versions of the package. */
export function listEngines(root: string = packageRoot, env: NodeJS.ProcessEnv = process.env): CachedEngine[] {
  const own = new Set(cachedEngineFolders(root, env));
  // Which libtorch is wanted just now does not make the others useless.
  const { RESCALED_LIBTORCH: _, ...rest } = env;
  return subfolders(enginesFolder(env)).map((name) => {
    const folder = join(enginesFolder(env), name);
    const unused = own.has(folder) ? statusOf(folder, root, rest).reason : 'another version of rescaled or Node-API';
    return { folder, bytes: bytesOf(folder), ...(unused === undefined ? {} : { unused }) };
  });
}

/**
 * Removes the engines that this version of the package has no use for, save those that are being built.
 * @returns those that are gone
 */
export function cleanEngines(root: string = packageRoot, env: NodeJS.ProcessEnv = process.env): CachedEngine[] {
  return listEngines(root, env).filter(({ folder, unused }) => {
    if (unused === undefined || isLocked(join(folder, lockName))) return false;
    // At once out of sight, so that nobody finds half of it.
    const aside = `${folder}.${process.pid}.old`;
    renameSync(folder, aside);
    rmSync(aside, { recursive: true, force: true });
    return true;
  });
}

/** Of several engines that fit, the one that setup was last run for is loaded: its stamp has the latest time. */
export function preferEngine(folder: string): void {
  try {
    utimesSync(join(folder, stampName), new Date(), new Date());
  } catch {
    // Read-only: it serves where no other does.
  }
}

function bytesOf(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, name }) => {
      return sum + (statSync(join(parentPath, name), { throwIfNoEntry: false })?.size ?? 0);
    }, 0);
}
