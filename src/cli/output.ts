import { existsSync, realpathSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { UsageError } from '../errors.js';

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
