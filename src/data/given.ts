import type { Stats } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import picomatch from 'picomatch';
import { RescaledError, UsageError } from '../errors.js';
import { findAddresses } from './shard-addresses.js';
import { indexShards, unlabelledSource } from './shard-data.js';
import { type FoundShards, findShards, namesShards } from './shard-layout.js';
import { byName, ENDINGS, follow, isPictureName, listFolder, othersText, passOver } from './sources/walk.js';

/** A picture that was found, or a place that cannot be looked into and why. */
export interface Found {
  path: string;
  /** Its way below the folder that was given, or that a pattern starts from, with `/`; none of a file that was named, or lies in a shard. */
  below?: string;
  error?: string;
  /** Reads it, where it is no file of its own but lies in a shard. */
  read?: () => Promise<Uint8Array>;
}

/** Files that were passed over, by ending; counted while the pictures are walked. */
export type Ignored = Record<string, number>;

/** What a path stands for: tar shards, a file or folder that is there, else a pattern, else a file that is not there. */
export type Given =
  | { kind: 'file'; path: string }
  | { kind: 'missing'; path: string }
  | { kind: 'folder'; path: string }
  | { kind: 'glob'; path: string; pattern: Pattern }
  | { kind: 'shards'; path: string; shards: FoundShards };

/** A glob taken apart. */
export interface Pattern {
  /** The folder that it starts from, `.` for the working folder. */
  base: string;
  /** What stands before the paths that it finds: its base as it was typed, with a separator; may be empty. */
  prefix: string;
  /** Whether it takes this path below the base (`/` on every system). */
  matches(path: string): boolean;
  /** Names below the base that a path may have at most to be taken. */
  depth: number;
}

/** @returns undefined for a path without `*`, `?`, `[]`, `{}` or the like */
export function patternOf(text: string): Pattern | undefined {
  const typed = sep === '\\' ? text.replaceAll('\\', '/') : text;
  const { base, glob, isGlob, prefix: dot } = picomatch.scan(typed);
  if (!isGlob || glob === '') return undefined;
  const start = base === '' && typed.startsWith('/') ? '/' : base;
  const prefix = dot + (start === '' || start.endsWith('/') ? start : `${start}/`);
  // A brace may hold separators: then the number of names is not that of the pattern.
  const depth = /\*\*|[{(][^})]*\//.test(glob) ? Infinity : glob.split('/').length;
  // As a shell does: `[!a]` is any character but a.
  return { base: start === '' ? '.' : start, prefix, matches: picomatch(glob, { posix: true }), depth };
}

/** Files with special characters in their names come before patterns: `a[1].jpg` is that file where it is there. */
export async function look(path: string): Promise<Given> {
  const addresses = await findAddresses(path);
  if (addresses !== undefined) return { kind: 'shards', path, shards: addresses };
  let found: Stats | undefined;
  try {
    found = await stat(path);
  } catch (error) {
    const pattern = patternOf(path);
    if (pattern !== undefined && namesShards(path)) return { kind: 'shards', path, shards: (await findShards(path))! };
    // What may not be read is told by whoever opens it.
    if (pattern === undefined) {
      const { code } = error as NodeJS.ErrnoException;
      return { kind: code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP' ? 'missing' : 'file', path };
    }
    return { kind: 'glob', path, pattern };
  }
  const shards = found.isDirectory() || namesShards(path) ? await shardsAt(path) : undefined;
  if (shards !== undefined) return { kind: 'shards', path, shards };
  return { kind: found.isDirectory() ? 'folder' : 'file', path };
}

/** A folder that may not be read is told by the walk. */
async function shardsAt(path: string): Promise<FoundShards | undefined> {
  try {
    return await findShards(path);
  } catch (error) {
    if (error instanceof UsageError || !(error instanceof RescaledError)) throw error;
    return undefined;
  }
}

/**
 * The pictures that a path stands for, one by one, so that memory does not grow with their number: of a folder those at
 * any depth, of a pattern those that it takes; a folder that it takes is taken whole, as a shell gives it. Sorted by path. A file that
 * is named is taken whatever its ending; in folders and by patterns only names that end like a picture's are.
 * @throws UsageError for a folder or pattern without pictures
 */
export async function* picturesOfGiven(given: Given, ignored: Ignored = {}): AsyncGenerator<Found> {
  if (given.kind === 'file' || given.kind === 'missing') return yield { path: given.path };
  if (given.kind === 'shards') return yield* picturesOfShards(given.shards);
  const own: Ignored = {};
  let count = 0;
  for await (const found of given.kind === 'folder'
    ? walk(given.path, (path) => join(given.path, path), undefined, own)
    : walk(given.pattern.base, (path) => given.pattern.prefix + path, given.pattern, own)) {
    count++;
    yield found;
  }
  for (const [ending, n] of Object.entries(own)) ignored[ending] = (ignored[ending] ?? 0) + n;
  if (count > 0) return;
  throw new UsageError(
    given.kind === 'folder'
      ? `Expected pictures in ${given.path} but found none${othersText(own)}. ${ENDINGS}`
      : `Expected pictures for the pattern ${given.path} but it takes none${othersText(own)}. ${ENDINGS}`,
  );
}

async function* picturesOfShards(found: FoundShards): AsyncGenerator<Found> {
  const source = unlabelledSource(await indexShards(found));
  for (let i = 0; i < source.length; i++) yield { path: source.describe(i), read: () => source.encoded!.read(i) };
}

/**
 * The walk of `findPictures` in the same order, without a list: a folder's names are held while it is walked.
 * @param shown the path to give for one below the folder
 */
async function* walk(
  folder: string,
  shown: (path: string) => string,
  pattern: Pattern | undefined,
  ignored: Ignored,
): AsyncGenerator<Found> {
  const inside = new Set<string>();
  async function* visit(prefix: string, depth: number, whole: boolean): AsyncGenerator<Found> {
    const path = join(folder, prefix);
    let entries: { name: string; folder: boolean; file: boolean; error?: string }[];
    let real: string;
    try {
      entries = await listed(path);
      real = await realpath(path);
    } catch (error) {
      // A pattern that starts from no folder takes nothing.
      if (prefix === '' && pattern !== undefined && error instanceof UsageError) return;
      if (!(error instanceof RescaledError || (error as NodeJS.ErrnoException).code !== undefined)) throw error;
      return yield { path: shown(prefix), error: (error as Error).message };
    }
    if (inside.has(real)) return;
    inside.add(real);
    for (const { name, folder: isFolder, file, error } of entries) {
      const below = prefix + name;
      const taken = whole || pattern!.matches(below);
      if (isFolder) {
        if (taken || depth < pattern!.depth) yield* visit(`${below}/`, depth + 1, taken);
      } else if (!taken) continue;
      else if (error !== undefined) yield { path: shown(below), error };
      else if (file && isPictureName(name)) yield { path: shown(below), below };
      else passOver(ignored, name);
    }
    inside.delete(real);
  }
  yield* visit('', 1, pattern === undefined);
}

/** Entries in the order of the paths below them: `a-b.jpg` before what lies in `a/`, since `-` comes before `/`. */
async function listed(path: string) {
  const entries = await listFolder(path);
  const found: { name: string; folder: boolean; file: boolean; error?: string }[] = [];
  for (const entry of entries) {
    const { name } = entry;
    if (!entry.isSymbolicLink() && (entry.isDirectory() || entry.isFile())) {
      found.push({ name, folder: entry.isDirectory(), file: entry.isFile() });
      continue;
    }
    try {
      const target = await follow(join(path, name));
      const there = target !== 'missing';
      found.push({ name, folder: there && target.isDirectory(), file: there && target.isFile() });
    } catch (error) {
      found.push({ name, folder: false, file: false, error: (error as Error).message });
    }
  }
  const key = ({ name, folder }: { name: string; folder: boolean }): string => (folder ? `${name}/` : name);
  return found.sort((a, b) => byName(key(a), key(b)));
}
