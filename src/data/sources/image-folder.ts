import { basename, join } from 'node:path';
import { UsageError } from '../../errors.js';
import { checkShare, splitByClass } from '../choose.js';
import type { DatasetParts, NeededParts } from '../parts.js';
import { PathTable } from './path-table.js';
import { openSource, type Source, sharedInts, subset } from './source.js';
import { byName, ENDINGS, type FoundFile, findPictures, follow, isPictureName, listFolder } from './walk.js';

/** Names of the folder with validation pictures, in order of preference. */
const VALIDATION_FOLDERS = ['val', 'valid', 'validation', 'test'];
const EXAMPLE = 'Expected one folder per class, such as cat/001.jpg and dog/001.jpg';

interface ClassFolders {
  /** Path from the dataset's folder: 'train', or '' for the dataset's folder itself. */
  readonly prefix: string;
  readonly classes: string[];
  /** Pictures of each class; paths start from the dataset's folder. */
  readonly files: FoundFile[][];
  readonly ignored: number;
}

/**
 * Opens a folder of pictures: `train/` and `val/` (or `valid/`, `validation/`, `test/`) with one folder per class in
 * each, or one folder of class folders that is split class by class (`valSplit`, see `splitByClass`). Classes are
 * sorted by name.
 * @throws UsageError on any other layout; the message says what was expected, what was found and what to do
 */
export async function openImageFolder(
  folder: string,
  need: NeededParts,
  valSplit: number,
  seed: number,
): Promise<DatasetParts> {
  const folders = new Set<string>();
  for (const entry of await listFolder(folder)) {
    if (await isFolder(join(folder, entry.name))) folders.add(entry.name);
  }
  const valName = VALIDATION_FOLDERS.find((name) => folders.has(name));
  const hasTrain = folders.has('train');
  const name = basename(folder);
  // Without train/, a folder called "test" may be a class like any other; one with nothing else is the validation part
  // alone.
  const valAlone =
    !hasTrain && valName !== undefined && [...folders].every((folderName) => VALIDATION_FOLDERS.includes(folderName));
  if (valAlone && need !== 'val') {
    throw new UsageError(
      `Expected ${folder} to hold train/ next to ${valName}/ but there is no train/. Add it, ` +
        'or give the folder that holds both.',
    );
  }
  if (valName !== undefined && (hasTrain || valAlone)) {
    const train = hasTrain ? await readClassFolders(folder, 'train') : undefined;
    const val = await readClassFolders(folder, valName);
    if (train !== undefined) checkSameClasses(folder, train, val, valName);
    const classes = train?.classes ?? val.classes;
    return {
      kind: 'image-folder',
      classes,
      ...(train && { train: sourceOf(folder, `${name}/train`, classes, train) }),
      val: sourceOf(folder, `${name}/${valName}`, classes, val, train?.files.flat().length ?? 0),
      split: undefined,
      ignoredFiles: (train?.ignored ?? 0) + val.ignored,
      identity: [train, val].flatMap((part) => part?.files.flat() ?? []),
    };
  }
  checkShare(valSplit);
  const found = await readClassFolders(folder, hasTrain ? 'train' : '');
  const all = sourceOf(folder, name, found.classes, found);
  const flat = found.files.flat();
  const parts = splitByClass(all.labels, found.classes.length, (i) => flat[i]!.path, valSplit, seed);
  if (parts.val.length === 0) {
    throw new UsageError(
      `Expected at least two pictures in some class of ${folder} to set one aside for validation, ` +
        'but every class has one. Add pictures.',
    );
  }
  return {
    kind: 'image-folder',
    classes: found.classes,
    train: named(subset(all, parts.train), `${name}/train`),
    val: named(subset(all, parts.val), `${name}/val`),
    split: { valSplit, seed },
    ignoredFiles: found.ignored,
    identity: flat,
  };
}

function named(source: Source, name: string): Source {
  return openSource({ ...source.spec, name });
}

async function isFolder(path: string): Promise<boolean> {
  const found = await follow(path);
  return found !== 'missing' && found.isDirectory();
}

async function readClassFolders(root: string, prefix: string): Promise<ClassFolders> {
  const folder = join(root, prefix);
  const classes: string[] = [];
  const files: FoundFile[][] = [];
  let ignored = 0;
  let loose = 0;
  for (const { name } of await listFolder(folder)) {
    const path = join(folder, name);
    if (await isFolder(path)) {
      const found = await findPictures(path);
      classes.push(name);
      const start = prefix === '' ? name : `${prefix}/${name}`;
      files.push(found.files.map((file) => ({ ...file, path: `${start}/${file.path}` })));
      ignored += found.ignored;
    } else {
      if (isPictureName(name)) loose++;
      ignored++;
    }
  }
  const total = files.reduce((sum, list) => sum + list.length, 0);
  if (classes.length === 0 && loose > 0) {
    throw new UsageError(
      `${EXAMPLE}, but ${count(loose, 'picture')} lie${loose === 1 ? 's' : ''} directly in ${folder}. ` +
        'Move each picture into a folder named after its class.',
    );
  }
  if (total === 0) {
    const others = ignored > 0 ? ` (${count(ignored, 'other file')})` : '';
    throw new UsageError(`${EXAMPLE}, but ${folder} has no pictures${others}. ${ENDINGS}`);
  }
  if (prefix === '' || prefix === 'train') {
    if (classes.length === 1) {
      throw new UsageError(
        `Expected at least two class folders in ${folder} but found one, "${classes[0]}". ` +
          'A classifier needs something to tell apart.',
      );
    }
    const empty = classes.filter((_, i) => files[i]!.length === 0);
    if (empty.length > 0) {
      throw new UsageError(
        `Expected pictures in every class folder of ${folder} but ${quoted(empty)} ` +
          `ha${empty.length === 1 ? 's' : 've'} none. ` +
          'Add pictures or remove the folder.',
      );
    }
  }
  return { prefix, classes, files, ignored };
}

function checkSameClasses(folder: string, train: ClassFolders, val: ClassFolders, valName: string): void {
  const unknown = val.classes.filter((name, i) => !train.classes.includes(name) && val.files[i]!.length > 0);
  if (unknown.length > 0) {
    throw new UsageError(
      `Expected the classes of ${join(folder, valName)} among the ${train.classes.length} of ` +
        `${join(folder, 'train')} but ${quoted(unknown)} ` +
        `${unknown.length === 1 ? 'is' : 'are'} not there. ` +
        `Rename or remove ${unknown.length === 1 ? 'it' : 'them'}, or add training pictures.`,
    );
  }
}

/** @param firstId the number of its first picture among all of the data set */
function sourceOf(root: string, name: string, classes: string[], found: ClassFolders, firstId = 0): Source {
  const labels: number[] = [];
  const paths: string[] = [];
  found.classes.forEach((className, i) => {
    const label = classes.indexOf(className);
    for (const file of found.files[i]!) {
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

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}

/** `"a", "b", "c" and 4 more`. */
function quoted(names: string[]): string {
  const shown = [...names]
    .sort(byName)
    .slice(0, 3)
    .map((name) => `"${name}"`);
  return names.length > 3 ? `${shown.join(', ')} and ${names.length - 3} more` : shown.join(', ');
}
