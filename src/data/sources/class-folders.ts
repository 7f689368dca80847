import { dirname, join } from 'node:path';
import { UsageError } from '../../errors.js';
import { PathTable } from './path-table.js';
import { openSource, type Source, sharedInts } from './source.js';
import {
  addEndings,
  byName,
  ENDINGS,
  type FoundFile,
  findPictures,
  foldersIn,
  isFolder,
  isPictureName,
  listFolder,
  othersText,
  passOver,
} from './walk.js';

export const EXAMPLE = 'Expected one folder per class, such as cat/001.jpg and dog/001.jpg';

/** Class folders and what is in them. */
export interface ClassFolders {
  /** Path from the dataset's folder: 'train', or '' for the dataset's folder itself. */
  readonly prefix: string;
  readonly classes: string[];
  /** Pictures of each class; paths start from the dataset's folder. */
  readonly files: FoundFile[][];
  /** Files that were passed over, by ending. */
  readonly ignored: Readonly<Record<string, number>>;
}

/**
 * Reads the class folders in `prefix` below `root`.
 * @param toTrain every class must have pictures, and there must be two of them
 * @throws UsageError where there are no pictures in class folders
 */
export async function readClassFolders(root: string, prefix: string, toTrain: boolean): Promise<ClassFolders> {
  const folder = join(root, prefix);
  const classes: string[] = [];
  const files: FoundFile[][] = [];
  const ignored: Record<string, number> = {};
  let loose = 0;
  for (const { name } of await listFolder(folder)) {
    const path = join(folder, name);
    if (await isFolder(path)) {
      const found = await findPictures(path);
      classes.push(name);
      const start = prefix === '' ? name : `${prefix}/${name}`;
      files.push(found.files.map((file) => ({ ...file, path: `${start}/${file.path}` })));
      addEndings(ignored, found.ignored);
    } else {
      if (isPictureName(name)) loose++;
      passOver(ignored, name);
    }
  }
  const total = files.reduce((sum, list) => sum + list.length, 0);
  if (classes.length === 0 && loose > 0) {
    throw new UsageError(
      `${EXAMPLE}, but ${count(loose, 'picture')} lie${loose === 1 ? 's' : ''} directly in ${folder}. ` +
        'Move each picture into a folder named after its class.',
    );
  }
  if (total === 0) throw new UsageError(`${EXAMPLE}, but ${folder} has no pictures${othersText(ignored)}. ${ENDINGS}`);
  if (toTrain) {
    if (classes.length === 1) {
      const inner = await foldersIn(join(folder, classes[0]!));
      if (inner.length > 1 && !files[0]!.some(({ path }) => dirname(path) === join(prefix, classes[0]!)))
        throw new UsageError(
          `Expected the class folders directly in ${folder} but it holds ${classes[0]}/ alone, and that ${quoted(inner)}. ` +
            `Move them up, out of ${join(folder, classes[0]!)}.`,
        );
      throw new UsageError(
        `Expected at least two class folders in ${folder} but found one, "${classes[0]}". ` +
          'A classifier needs something to tell apart.',
      );
    }
    const empty = classes.filter((_, i) => files[i]!.length === 0);
    if (empty.length > 0) {
      throw new UsageError(
        `Expected pictures in every class folder of ${folder} but ${quoted(empty)} ` +
          `ha${empty.length === 1 ? 's' : 've'} none${othersText(ignored)}. ` +
          'Add pictures or remove the folder.',
      );
    }
  }
  return { prefix, classes, files, ignored };
}

/** @param firstId the number of its first picture among all of the data set */
export function sourceOf(
  root: string,
  name: string,
  classes: string[],
  found: readonly ClassFolders[],
  firstId = 0,
): Source {
  const labels: number[] = [];
  const paths: string[] = [];
  for (const part of found)
    part.classes.forEach((className, i) => {
      const label = classes.indexOf(className);
      for (const file of part.files[i]!) {
        labels.push(label);
        paths.push(file.path);
      }
    });
  const ids = sharedInts(labels.map((_, i) => firstId + i));
  return openSource({
    kind: 'files',
    name,
    classes,
    labels: sharedInts(labels),
    root,
    paths: PathTable.from(paths),
    ids,
  });
}

export function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}

/** `"a", "b", "c" and 4 more`. */
export function quoted(names: readonly string[]): string {
  const shown = [...names]
    .sort(byName)
    .slice(0, 3)
    .map((name) => `"${name}"`);
  return names.length > 3 ? `${shown.join(', ')} and ${names.length - 3} more` : shown.join(', ');
}
