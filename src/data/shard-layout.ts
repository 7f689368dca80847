import { existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import picomatch from 'picomatch';
import { UsageError } from '../errors.js';
import type { PartName } from './parts.js';
import { expandBraces } from './shards/braces.js';
import { MANIFEST, type Manifest, readClassList, readManifest } from './shards/manifest.js';
import { partOf } from './sources/part-names.js';
import { byName, foldersIn, isPictureName, listFolder } from './sources/walk.js';

/** Shards that were found, before any is looked into. */
export interface FoundShards {
  /** For people: the folder's name. */
  name: string;
  /** Folder that the shards' names start from. */
  root: string;
  shards: { name: string; at: string; part: PartName | undefined; bytes?: number; sha256?: string }[];
  /** Names of the class numbers, where a manifest or `classes.txt` has them. */
  classes?: readonly string[];
  /** Where these stand. */
  classesIn?: string;
}

const TAR = /\.tar$/i;
const PACKED = /\.(?:tar\.(?:gz|bz2|xz|zst|lz4)|tgz|tbz2?|txz)$/i;

/** Whether a path names shards by its form alone: a tar archive or a pattern of them. */
export const namesShards = (path: string): boolean => TAR.test(path) || PACKED.test(path);

/**
 * Tar shards that a path leads to: a folder of them, one with folders of parts (`train/`, `val/`) of them, a manifest or a folder with one, a
 * single archive, or a pattern in braces (`train-{000000..000123}.tar`) or with `*`. The part of a shard is said by its manifest, its folder
 * or a word of its name. A folder with pictures or class folders is none, whatever archives lie beside them.
 * @returns undefined where it leads to something else
 * @throws UsageError for archives that are packed, and patterns without shards
 */
export async function findShards(path: string): Promise<FoundShards | undefined> {
  if (basename(path) === MANIFEST) return fromManifest(dirname(resolve(path)));
  if (isDirectory(path)) return inFolder(resolve(path));
  return namesShards(path) ? byPattern(path) : undefined;
}

/** What cannot be looked at is told by whoever opens it. */
function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

async function inFolder(folder: string): Promise<FoundShards | undefined> {
  const names = (await listFolder(folder)).map(({ name }) => name);
  if (names.includes(MANIFEST)) return fromManifest(folder);
  const own = names.filter((name) => TAR.test(name));
  const folders = await foldersIn(folder);
  const parts: FoundShards['shards'] = [];
  for (const part of folders) {
    const inside = (await listFolder(join(folder, part))).map(({ name }) => name).filter((name) => TAR.test(name));
    if (partOf(part) === undefined) continue;
    for (const name of inside)
      parts.push({ name: `${part}/${name}`, at: join(folder, part, name), part: partOf(part) });
  }
  if (parts.length > 0) return { ...(await withClasses(folder)), shards: parts };
  if (own.length === 0 && folders.length === 0) refusePacked(folder, names);
  if (own.length === 0 || folders.length > 0 || names.some(isPictureName)) return undefined;
  return {
    ...(await withClasses(folder)),
    shards: own.map((name) => ({ name, at: join(folder, name), part: partIn(name) })),
  };
}

function refusePacked(folder: string, names: readonly string[]): void {
  const packed = names.find((name) => PACKED.test(name));
  if (packed !== undefined) throw packedError(join(folder, packed));
}

const packedError = (path: string): UsageError =>
  new UsageError(
    `Expected plain tar archives but ${path} is packed: pictures cannot be read out of its middle. ` +
      'Unpack that layer alone ("gzip -d", "zstd -d"); pictures are compressed already.',
  );

async function byPattern(path: string): Promise<FoundShards> {
  if (PACKED.test(path)) throw packedError(path);
  let found: string[];
  if (existsSync(path)) found = [resolve(path)];
  else if (/[*?[\]]/.test(path)) found = await matching(path);
  else if (/[{}]/.test(path)) {
    found = expandBraces(path).map((one) => resolve(one));
    const missing = found.filter((one) => !existsSync(one));
    if (missing.length > 0)
      throw new UsageError(
        `Expected all ${found.length} shards of ${path} but ${missing[0]} is missing${missing.length > 1 ? `, and ${missing.length - 1} more` : ''}. ` +
          'Correct the pattern, or add them.',
      );
  } else throw new UsageError(`Expected a shard at ${path} but there is nothing. Check the path.`);
  const root = found.map((one) => dirname(one)).reduce(common);
  return {
    ...(await withClasses(root)),
    shards: [...new Set(found)].map((at) => {
      const name = at
        .slice(root.length + 1)
        .split(sep)
        .join('/');
      return { name, at, part: partIn(name) };
    }),
  };
}

/** The folder that both lie in. */
function common(a: string, b: string): string {
  let folder = a;
  while (folder !== b && !b.startsWith(folder + sep) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}

/** `*` stands for names in one folder. */
async function matching(path: string): Promise<string[]> {
  const folder = dirname(path);
  if (/[*?[\]{}]/.test(folder))
    throw new UsageError(`Expected a pattern in the names of the shards alone but received ${path}. Name the folder.`);
  const matches = picomatch(basename(path), { posix: true });
  const names = (await listFolder(folder)).map(({ name }) => name).filter((name) => TAR.test(name) && matches(name));
  if (names.length === 0) throw new UsageError(`Expected shards for the pattern ${path} but it takes none.`);
  return names.map((name) => resolve(folder, name));
}

async function fromManifest(folder: string): Promise<FoundShards> {
  const path = join(folder, MANIFEST);
  const manifest = readManifest(await readFile(path, 'utf8'), path);
  for (const { name, bytes } of manifest.shards) {
    const found = statSync(join(folder, name), { throwIfNoEntry: false });
    if (found?.size !== bytes)
      throw new UsageError(
        `Expected ${name} of ${bytes} bytes, as ${path} says, but ${found === undefined ? 'it is missing' : `it has ${found.size}`}. ` +
          'Copy it again, or pack anew.',
      );
  }
  return { name: basename(folder), root: folder, ...ofManifest(manifest, path, (name) => join(folder, name)) };
}

/** @param at where a shard of this name lies */
export function ofManifest(
  { shards, classes }: Manifest,
  path: string,
  at: (name: string) => string,
): Pick<FoundShards, 'shards' | 'classes' | 'classesIn'> {
  return {
    shards: shards.map(({ name, part, bytes, sha256 }) => ({ name, at: at(name), part, bytes, sha256 })),
    ...(classes && { classes, classesIn: path }),
  };
}

async function withClasses(root: string): Promise<Pick<FoundShards, 'name' | 'root' | 'classes' | 'classesIn'>> {
  const manifest = join(root, MANIFEST);
  const path = existsSync(manifest) ? manifest : join(root, 'classes.txt');
  const text = existsSync(path) ? await readFile(path, 'utf8') : undefined;
  const classes =
    text === undefined ? undefined : path === manifest ? readManifest(text, path).classes : readClassList(text, path);
  return { name: basename(root), root, ...(classes && { classes, classesIn: path }) };
}

/** The part that a word of a shard's name says: `train-000000.tar`, `imagenet1k-validation-00.tar`, `val/0.tar`. */
export function partIn(name: string): PartName | undefined {
  const words = name.replace(TAR, '').split(/[/._-]+/);
  return words.map((word) => partOf(word.replace(/\d+$/, ''))).find((part) => part !== undefined);
}

/** Sorted by name: their order is that of the pictures' numbers. */
export const sorted = (shards: FoundShards['shards']): FoundShards['shards'] =>
  [...shards].sort((a, b) => byName(a.name, b.name));
