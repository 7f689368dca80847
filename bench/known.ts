import { existsSync, readFileSync } from 'node:fs';

/** The results of a study that goes on: a line of JSON each; none where the file is not there yet. */
export function knownResults<T>(file: string): T[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);
}
