import { join } from 'node:path';
import { UsageError } from '../../errors.js';
import type { PartName } from '../parts.js';
import { findIdxFiles } from './idx.js';
import { partOf } from './part-names.js';
import { findPictures, foldersIn, isPictureName, listFolder } from './walk.js';

/** How a folder of pictures is laid out. */
export interface Layout {
  readonly folder: string;
  /** Folders of parts, where it has any; else its folders are classes. */
  readonly parted: boolean;
  readonly parts: Readonly<Partial<Record<PartName, string>>>;
  readonly folders: readonly string[];
  readonly notes: readonly string[];
  /** Folders in one of its folders. */
  subfolders(name: string): Promise<string[]>;
  /** How many pictures lie in one of its folders, however deep. */
  pictures(name: string): Promise<number>;
}

/**
 * Which folders are parts. Without a training part a folder called "test" may be a class like any other, and so may one
 * called "train" that holds pictures beside folders of other names; parts alone are parts.
 * @throws UsageError where two folders could be the same part
 */
export async function layoutOf(folder: string): Promise<Layout> {
  const folders = await foldersIn(folder);
  const subfolders = (name: string): Promise<string[]> => foldersIn(join(folder, name));
  const named = (part: PartName): string[] => folders.filter((name) => partOf(name) === part);
  const others = folders.filter((name) => partOf(name) === undefined);
  const train = named('train');
  let hasTrain = train.length > 0 && others.length === 0;
  for (const name of train) hasTrain ||= (await subfolders(name)).length > 0;
  const parted = hasTrain || (folders.length > 0 && others.length === 0 && train.length === 0);
  const parts: Partial<Record<PartName, string>> = {};
  if (parted)
    for (const part of ['train', 'val', 'test'] as const) {
      const [name, second] = named(part);
      if (second !== undefined)
        throw new UsageError(
          `Expected one ${WORDS[part]} part in ${folder} but ${name}/ and ${second}/ could both be it. Rename or move one.`,
        );
      if (name !== undefined) parts[part] = name;
    }
  const notes =
    parted && others.length > 0
      ? [
          `${others.map((name) => `${name}/`).join(', ')} beside ${parts.train}/ ${others.length === 1 ? 'is' : 'are'} not used`,
        ]
      : [];
  const pictures = async (name: string): Promise<number> => (await findPictures(join(folder, name))).files.length;
  return { folder, parted, parts, folders, notes, subfolders, pictures };
}

const WORDS = { train: 'training', val: 'validation', test: 'test' };

/**
 * Refuses a folder around a data set, and a folder of data sets: their folders are no classes.
 * @throws UsageError which names the folder to give instead
 */
export async function checkLayout({ folder, folders }: Layout): Promise<void> {
  const [only] = folders;
  if (folders.length === 1 && !(await hasPictures(join(folder, only!)))) {
    const inner = await dataSetIn(join(folder, only!));
    if (inner !== undefined)
      throw new UsageError(
        `Expected class folders in ${folder} but it holds ${only}/ alone, and the data set lies in ${inner}. Give ${inner}.`,
      );
  }
  if (folders.length < 2) return;
  const sets: string[] = [];
  for (const name of folders) if (await isDataSet(join(folder, name))) sets.push(name);
  if (sets.length > 0)
    throw new UsageError(
      `Expected class folders in ${folder} but ${sets.map((name) => `${name}/`).join(', ')} ` +
        `${sets.length === 1 ? 'is a data set' : 'are data sets'} with parts of ${sets.length === 1 ? 'its' : 'their'} own. ` +
        `Give one: ${join(folder, sets[0]!)}.`,
    );
}

async function hasPictures(folder: string): Promise<boolean> {
  return (await listFolder(folder)).some(({ name }) => isPictureName(name));
}

/** Whether a folder has a training part beside another one, or IDX files. */
async function isDataSet(folder: string): Promise<boolean> {
  const names = (await listFolder(folder)).map(({ name }) => name);
  if (names.some((name) => /-images-idx3-ubyte(?:\.gz)?$/.test(name)) && findIdxFiles(folder, names) !== undefined)
    return true;
  const parts = new Set((await foldersIn(folder)).map(partOf));
  return parts.has('train') && (parts.has('val') || parts.has('test'));
}

/** The first folder, going inwards, that holds parts or more than one folder; undefined where there is none. */
async function dataSetIn(folder: string): Promise<string | undefined> {
  for (let at = folder, depth = 0; depth < 8; depth++) {
    if (await isDataSet(at)) return at;
    const inner = await foldersIn(at);
    if (inner.length > 1) return at;
    if (inner.length === 0 || (await hasPictures(at))) return undefined;
    if (partOf(inner[0]!) === 'train') return at;
    at = join(at, inner[0]!);
  }
  return undefined;
}
