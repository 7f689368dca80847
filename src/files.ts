import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { RescaledError, UsageError } from './errors.js';

const IN_WORDS: Readonly<Record<string, string>> = {
  ENOSPC: 'no space is left on the disk',
  EDQUOT: "the user's quota of the disk is used up",
  ENOENT: 'its folder does not exist',
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  EROFS: 'the disk is mounted read-only',
  EEXIST: 'a file with this name is there',
  ENOTDIR: 'a part of its path is a file, not a folder',
  EISDIR: 'it is a folder',
  EMFILE: 'too many files are open',
  EIO: 'the disk reports an error',
  EFBIG: 'it is larger than the file system allows',
};

/** Why the system refused, in words, with its code: `no space is left on the disk (ENOSPC)`. */
export function systemReason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const words = code === undefined ? undefined : IN_WORDS[code];
  return words === undefined ? (code ?? message) : `${words} (${code})`;
}

/** What a disk or its owner refuses, whatever the program does. A missing file may be a fault of the program. */
const REFUSALS = ['ENOSPC', 'EDQUOT', 'EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EIO', 'EFBIG', 'EMFILE'];
const WRITING = ['mkdir', 'rename', 'copyfile', 'write', 'ftruncate', 'fsync'];

/** An error of the file system that its user can mend, in words; undefined for any other error. */
export function refusal(error: unknown): RescaledError | undefined {
  if (!(error instanceof Error) || error instanceof RescaledError) return undefined;
  const { code, syscall, path } = error as NodeJS.ErrnoException;
  if (code === undefined || syscall === undefined) return undefined;
  if (!REFUSALS.includes(code) && !(WRITING.includes(syscall) && (code === 'ENOENT' || code === 'EEXIST')))
    return undefined;
  const what = path === undefined ? 'a file' : path;
  return new RescaledError(
    `Expected to ${WRITING.includes(syscall) ? 'write' : 'use'} ${what} but the system refused: ${systemReason(error)}. ` +
      'Mend that, or choose another folder.',
    { cause: error },
  );
}

/** Where this user's programs keep what can be made again: `XDG_CACHE_HOME`, else ~/.cache. */
export function userCache(env: NodeJS.ProcessEnv): string {
  const xdg = env['XDG_CACHE_HOME'];
  return xdg !== undefined && isAbsolute(xdg) ? xdg : join(homedir(), '.cache');
}

/** What a file is made of. */
type Contents = Uint8Array | string | Iterable<Uint8Array>;

/**
 * Writes a file so that a reader sees the old file or the whole new one, also after a crash or power cut:
 * temporary file in the same folder, fsync, rename, fsync of the folder.
 * @throws RescaledError when the file system refuses
 */
export const writeFileAtomic = (path: string, contents: Contents): void => writeFilesAtomic([[path, contents]]);

/** The same of files of one folder that belong together: none is put in its place before all are written. */
export function writeFilesAtomic(files: readonly (readonly [path: string, contents: Contents])[]): void {
  const written: { path: string; temporary: string }[] = [];
  let at = '';
  try {
    for (const [path, contents] of files) {
      const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
      at = path;
      written.push({ path, temporary });
      writeWhole(temporary, contents);
    }
    for (const { path, temporary } of written) {
      at = path;
      renameSync(temporary, path);
    }
  } catch (error) {
    for (const { temporary } of written) rmSync(temporary, { force: true });
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (code === undefined || syscall === undefined) throw error;
    throw new RescaledError(
      `Expected to write ${at} but it cannot be written: ${systemReason(error)}. Nothing there was changed.`,
      {
        cause: error,
      },
    );
  }
  for (const folder of new Set(files.map(([path]) => dirname(path)))) syncFolder(folder);
}

function writeWhole(path: string, contents: Contents): void {
  const chunks: Iterable<Uint8Array> =
    typeof contents === 'string' ? [Buffer.from(contents)] : contents instanceof Uint8Array ? [contents] : contents;
  const file = openSync(path, 'w');
  try {
    for (const chunk of chunks) {
      let offset = 0;
      while (offset < chunk.byteLength) offset += writeSync(file, chunk, offset, chunk.byteLength - offset);
    }
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function syncFolder(folder: string): void {
  try {
    const handle = openSync(folder, 'r');
    try {
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
  } catch {
    // Some file systems and Windows cannot open or sync a folder; the rename itself is still atomic there.
  }
}

/**
 * Makes a folder that a person named as --out, with those above it. Part by part: a recursive mkdir of Node never ends
 * in places such as /proc that refuse new folders with "not found".
 * @throws UsageError when it cannot be made
 */
export function makeFolder(path: string): void {
  const folder = resolve(path);
  if (existsSync(folder)) return;
  makeFolder(dirname(folder));
  try {
    mkdirSync(folder);
  } catch (error) {
    if (!existsSync(folder))
      throw new UsageError(
        `Expected to make the folder ${folder} but it cannot be made: ${systemReason(error)}. Choose another --out.`,
        { cause: error },
      );
  }
}

/**
 * Texts of a page that may be passed on, without the places of this machine: paths of pictures begin in the data folder, and the folder itself
 * is named as `named`.
 */
export function withoutPlaces(folder: string, named: string): (text: string) => string {
  const whole = isAddress(folder) ? publicAddress(folder).replace(/\/(?:[^/]*\.(?:json|tar))?$/, '') : resolve(folder);
  const end = isAddress(folder) ? '/' : sep;
  const within = whole.endsWith(end) ? whole : whole + end;
  return (text) => text.replaceAll(within, '').replaceAll(whole, () => named);
}

/** Whether data is named by its address, and not by a path. */
export const isAddress = (path: string): boolean => /^https?:\/\//i.test(path);

/** An address without its query, which may be a key: for pages that are passed on. */
export const publicAddress = (address: string): string => address.replace(/[?#].*$/s, '');

/** A place of data as it is written down: a whole path, or an address. */
export const placeOf = (path: string): string => (isAddress(path) ? path : resolve(path));

/** The last name of a path or address: `flowers` of `https://host/flowers/shards.json?key=1` too. */
export function lastName(path: string): string {
  if (!isAddress(path)) return basename(resolve(path));
  const names = new URL(path).pathname.split('/').filter((name) => name !== '' && !/\.(?:json|tar)$/.test(name));
  return names.at(-1) ?? new URL(path).hostname;
}

/** A folder seen from another, where it is not named as the user typed it. */
export const seenFrom = (from: string, path: string): string =>
  isAddress(path) ? publicAddress(path) : isAbsolute(path) ? relative(resolve(from), path) || '.' : path;

/** The path below the data folder: a page that is passed on names no more of the machine than it must. */
export function pathWithin(folder: string | undefined, path: string): string {
  if (folder === undefined || isAddress(path)) return path;
  const short = relative(resolve(folder), resolve(path));
  return short.startsWith('..') || isAbsolute(short) ? path : short;
}
