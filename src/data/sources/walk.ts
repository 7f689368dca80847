import type { Dirent, Stats } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { RescaledError, UsageError } from '../../errors.js';
import { endingsText } from '../../part-words.js';
import { PICTURE_EXTENSIONS } from '../decoding/decode.js';

/** A picture file below some folder: its path from there, with `/` on every system, and its size in bytes. */
export interface FoundFile {
  path: string;
  size: number;
  /** What changes when its content does, even where its size stays: times in milliseconds and the inode. */
  modified: number;
  changed: number;
  inode: number;
}

/** The last sentence of errors about folders without pictures. */
export const ENDINGS = 'Pictures end in .jpg, .png, .webp, .gif, .tif, .avif or .bmp.';

/** Compares by code units: the same order on every machine and in every language setting. */
export function byName(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Whether the file name ends like a picture's (.jpg, .png, ...; see PICTURE_EXTENSIONS). */
export function isPictureName(name: string): boolean {
  return PICTURE_EXTENSIONS.has(extname(name).toLowerCase());
}

/** Counts a file that is passed over by its ending. */
export function passOver(endings: Record<string, number>, name: string): void {
  const ending = extname(name).toLowerCase();
  endings[ending] = (endings[ending] ?? 0) + 1;
}

/** Adds the counts of `more`. */
export function addEndings(endings: Record<string, number>, more: Readonly<Record<string, number>>): void {
  for (const [ending, count] of Object.entries(more)) endings[ending] = (endings[ending] ?? 0) + count;
}

/** ` (2 other files: 1 .pdf, 1 .txt)`, or nothing. */
export function othersText(endings: Readonly<Record<string, number>>): string {
  const count = Object.values(endings).reduce((sum, n) => sum + n, 0);
  return count === 0 ? '' : ` (${count} other file${count === 1 ? '' : 's'}: ${endingsText(endings)})`;
}

/**
 * Entries of a folder sorted by name, without hidden ones (names that start with a dot, and what macOS puts beside them
 * in archives).
 * @throws UsageError when it is missing or no folder (exit 2); RescaledError when it may not be read (exit 1)
 */
export async function listFolder(folder: string): Promise<Dirent[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries
      .filter(({ name }) => !name.startsWith('.') && name !== '__MACOSX')
      .sort((a, b) => byName(a.name, b.name));
  } catch (error) {
    throw folderError(folder, error as NodeJS.ErrnoException);
  }
}

function folderError(folder: string, error: NodeJS.ErrnoException): RescaledError {
  const cause = { cause: error };
  if (error.code === 'ENOENT')
    return new UsageError(`Expected a folder at ${folder} but there is none. Check the path.`, cause);
  if (error.code === 'ENOTDIR') {
    return new UsageError(
      `Expected a folder at ${folder} but it is a file. Give the folder that holds the pictures.`,
      cause,
    );
  }
  if (error.code === 'EACCES' || error.code === 'EPERM') {
    return new RescaledError(
      `Cannot read the folder ${folder}: permission denied. Make it readable for this user.`,
      cause,
    );
  }
  return new RescaledError(`Cannot read the folder ${folder}: ${error.message}`, cause);
}

/** What a folder entry is once links are followed: `missing` for a link that leads nowhere or in circles. */
export async function follow(path: string): Promise<Stats | 'missing'> {
  try {
    return await stat(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ELOOP') return 'missing';
    if (code === 'EACCES' || code === 'EPERM') {
      throw new RescaledError(`Cannot read ${path}: permission denied. Make it readable for this user.`, {
        cause: error,
      });
    }
    throw new RescaledError(`Cannot read ${path}: ${(error as Error).message}`, { cause: error });
  }
}

/** Whether a path leads to a folder, through links too. */
export async function isFolder(path: string): Promise<boolean> {
  const found = await follow(path);
  return found !== 'missing' && found.isDirectory();
}

/** Whether an entry leads to a folder: of links alone the file system is asked. */
async function leadsToFolder(folder: string, entry: Dirent): Promise<boolean> {
  return entry.isDirectory() || (!entry.isFile() && (await isFolder(join(folder, entry.name))));
}

/** Names of the folders in a folder, sorted. */
export async function foldersIn(folder: string): Promise<string[]> {
  const names: string[] = [];
  for (const entry of await listFolder(folder)) if (await leadsToFolder(folder, entry)) names.push(entry.name);
  return names;
}

/**
 * Whether any file below a folder has a path like this; no file is asked for its size or times, which takes most of the time of `findFiles`.
 * @param wanted is given paths from the folder, with `/`
 */
export async function anyFile(folder: string, wanted: (path: string) => boolean): Promise<boolean> {
  const inside = new Set<string>();
  const visit = async (path: string, prefix: string): Promise<boolean> => {
    const entries = await listFolder(path);
    const real = await realpath(path);
    if (inside.has(real)) return false;
    inside.add(real);
    for (const entry of entries)
      if (
        (await leadsToFolder(path, entry))
          ? await visit(join(path, entry.name), `${prefix}${entry.name}/`)
          : wanted(prefix + entry.name)
      )
        return true;
    inside.delete(real);
    return false;
  };
  return visit(folder, '');
}

/**
 * All picture files below a folder, sub-folders included, sorted by path. Links to files and folders are followed; a
 * folder that contains itself through links is entered once. Hidden entries are skipped.
 * @returns the pictures, and how many other files (or dead links) were passed over, by ending
 */
export const findPictures = (folder: string): Promise<{ files: FoundFile[]; ignored: Record<string, number> }> =>
  findFiles(folder, isPictureName);

/** The same for files of other names. */
export async function findFiles(
  folder: string,
  wanted: (name: string) => boolean,
): Promise<{ files: FoundFile[]; ignored: Record<string, number> }> {
  const files: FoundFile[] = [];
  const ignored: Record<string, number> = {};
  const inside = new Set<string>();
  const visit = async (path: string, prefix: string): Promise<void> => {
    const entries = await listFolder(path);
    const real = await realpath(path);
    if (inside.has(real)) return;
    inside.add(real);
    // Network file systems answer slowly: many questions at a time, answers kept in order.
    for (let start = 0; start < entries.length; start += 64) {
      const part = entries.slice(start, start + 64);
      const stats = await Promise.all(
        part.map((entry) => (entry.isDirectory() ? 'folder' : follow(join(path, entry.name)))),
      );
      for (let i = 0; i < part.length; i++) {
        const { name } = part[i]!;
        const found = stats[i]!;
        if (found === 'folder' || (found !== 'missing' && typeof found !== 'string' && found.isDirectory())) {
          await visit(join(path, name), `${prefix}${name}/`);
        } else if (found !== 'missing' && typeof found !== 'string' && found.isFile() && wanted(name)) {
          files.push({
            path: prefix + name,
            size: found.size,
            modified: found.mtimeMs,
            changed: found.ctimeMs,
            inode: found.ino,
          });
        } else passOver(ignored, name);
      }
    }
    inside.delete(real);
  };
  await visit(folder, '');
  files.sort((a, b) => byName(a.path, b.path));
  return { files, ignored };
}
