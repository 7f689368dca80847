import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RescaledError, UsageError } from '../../../errors.js';
import type { PartName } from '../../parts.js';
import { partOf } from '../../sources/part-names.js';
import type { VocLists } from './voc.js';

/**
 * The lists of Pascal VOC: `ImageSets/Main/train.txt` (of masks `ImageSets/Segmentation`), `val.txt`, `test.txt`, a name a line;
 * `trainval.txt` where one of the first two is missing. Lists of one class (`cat_train.txt`) are for classifying.
 * @param files paths from `root`
 * @returns undefined where there are none
 * @throws UsageError for a picture that stands in two of them
 */
export async function readLists(
  root: string,
  files: readonly string[],
  which: 'Main' | 'Segmentation' = 'Main',
): Promise<VocLists | undefined> {
  const here = new RegExp(`(?:^|/)ImageSets/${which}/[^/]+\\.txt$`, 'i');
  const main = files.filter((path) => here.test(path));
  const found = new Map<PartName | 'trainval', string>();
  for (const path of main) {
    const name = path.slice(path.lastIndexOf('/') + 1, -4);
    const part = name.toLowerCase() === 'trainval' ? 'trainval' : name.includes('_') ? undefined : partOf(name);
    if (part === undefined) continue;
    if (found.has(part))
      throw new UsageError(
        `Expected one list a part in ${root} but ${found.get(part)} and ${path} are both of ${part}. Give the folder of one data set.`,
      );
    found.set(part, path);
  }
  const both = found.get('trainval');
  if (both !== undefined && !(found.has('train') && found.has('val'))) {
    found.delete('val');
    found.set('train', both);
  }
  found.delete('trainval');
  if (found.size === 0) return undefined;
  const parts = new Map<string, PartName[]>();
  for (const [part, path] of found as Map<PartName, string>)
    for (const name of await namesIn(join(root, path))) {
      const own = parts.get(name);
      if (own === undefined) parts.set(name, [part]);
      else if (!own.includes(part))
        throw new UsageError(
          `Expected each picture in one part but ${name} stands in ${found.get(own[0]!)} and in ${path}. ` +
            'What is measured on must not be learned from: take it out of one of them.',
        );
    }
  if (parts.size === 0)
    throw new UsageError(
      `Expected names of pictures in ${[...found.values()].join(' and ')} but found none. Fill or remove them.`,
    );
  return { parts, folder: [...found.values()][0]!.replace(/\/[^/]*$/, '') };
}

/** The first word of each line; a second one says whether a class is there. */
async function namesIn(path: string): Promise<string[]> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new RescaledError(`Cannot read the list ${path}: ${(error as Error).message}`, { cause: error });
  }
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  return lines.map((line) => line.trim().split(/\s+/)[0]!).filter((name) => name !== '');
}
