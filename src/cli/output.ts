import { existsSync, mkdirSync, realpathSync, rmdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { UsageError } from '../errors.js';
import { makeFolder, systemReason } from '../files.js';

/**
 * Makes the first of runs/NAME-1, runs/NAME-2, ... that is not there yet: whoever starts at the same time gets the next.
 * @returns it, and what takes it away again as long as it is empty
 */
export function claimFolder(name: string): { folder: string; release: () => void } {
  makeFolder('runs');
  for (let i = 1; ; i++) {
    const folder = join('runs', `${name}-${i}`);
    try {
      mkdirSync(folder);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EEXIST') continue;
      throw new UsageError(
        `Expected to make the folder ${folder} but it cannot be made: ${systemReason(error)}. Choose an --out.`,
        {
          cause: error,
        },
      );
    }
    const release = (): void => {
      try {
        rmdirSync(folder);
        rmdirSync('runs');
      } catch {
        // Something lies there.
      }
    };
    return { folder, release };
  }
}

/** The first of runs/NAME-1, runs/NAME-2, ... that is not there yet. */
export function freeFolder(name: string): string {
  for (let i = 1; ; i++) {
    const folder = join('runs', `${name}-${i}`);
    if (!existsSync(folder)) return folder;
  }
}

/**
 * Checks a file to write before any work is done for it.
 * @param endings one of which its name must have; any by default
 * @param inputs files that are read: they are never written over
 * @throws UsageError saying what stands in the way
 */
export function checkOutput(
  path: string,
  {
    endings = [''],
    inputs = [],
    force = false,
  }: { endings?: readonly string[]; inputs?: readonly string[]; force?: boolean },
): void {
  if (!endings.some((ending) => path.toLowerCase().endsWith(ending)))
    throw new UsageError(`Expected a name that ends in ${endings.join(' or ')} to write but received "${path}".`);
  if (!existsSync(dirname(path))) throw new UsageError(`Expected to write ${path} but its folder does not exist.`);
  if (!existsSync(path)) return;
  if (statSync(path).isDirectory()) throw new UsageError(`Expected a file to write but ${path} is a folder.`);
  for (const input of inputs)
    if (existsSync(input) && realpathSync(input) === realpathSync(path))
      throw new UsageError(`Expected another file to write than the one that is read, ${input}.`);
  if (!force) throw new UsageError(`${path} exists already. --force replaces it.`);
}
