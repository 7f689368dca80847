import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { basename, dirname, relative, resolve, sep } from 'node:path';
import { UsageError } from '../errors.js';
import { type Dataset, openDataset } from './dataset.js';
import { type Given, type Ignored, look, picturesOfGiven } from './given.js';
import { indexShards, unlabelledSource } from './shard-data.js';
import type { FoundShards } from './shard-layout.js';
import { diskKey } from './sources/disk-key.js';
import { findIdxFiles } from './sources/idx.js';
import { PathTable } from './sources/path-table.js';
import { type IdxSpec, joined, openSource, type Source, sharedInts } from './sources/source.js';
import { type FoundFile, listFolder } from './sources/walk.js';

/** Pictures of a folder that make one part: labels are written and thrown away a part at a time. */
export const PART_PICTURES = 10_000;

/** Some of the pictures of a pool, one after the other. */
export interface PoolPart {
  /** Fit for a file name, and no other part's. */
  readonly name: string;
  /** Its pictures are those from `begin` to before `end`. */
  readonly begin: number;
  readonly end: number;
}

/** Pictures whose labels, if they have any, are not looked at. */
export interface Pool {
  readonly source: Source;
  readonly parts: readonly PoolPart[];
  /** Picture i by a name that stays when the pool is moved: its path from the folder that was given. */
  key(i: number): string;
  /** sha256 (hex) over the keys and sizes of a part's pictures: the same pictures give the same. */
  identity(part: PoolPart): string;
  /** What each path that was given is of, in the order of the pictures; for the cache of decoded pictures. */
  readonly members: readonly PoolMember[];
}

/** The pictures of one path. `dataset.val` are these pictures. */
export interface PoolMember {
  readonly stem: string;
  readonly dataset: Pick<Dataset, 'val' | 'onDisk'>;
  readonly keys: (i: number) => string;
  /** Bytes of picture i as it lies encoded; 0 where it has no own. */
  readonly size: (i: number) => number;
  /** Where its parts end. */
  readonly ends: readonly number[];
  /** Names of its parts, where they have their own. */
  readonly names?: readonly string[];
}

/**
 * Opens pictures for which no labels are asked: folders at any depth, patterns, single pictures, folders of IDX files, and
 * tar shards: folders and patterns of them, addresses.
 * @throws UsageError for a path that leads to no picture
 */
export async function openPool(paths: readonly string[]): Promise<Pool> {
  if (paths.length === 0) throw new UsageError('Expected pictures without labels but received no path.');
  const members: PoolMember[] = [];
  for (const path of paths) members.push(await openMember(path));
  return poolOf(members);
}

async function openMember(path: string): Promise<PoolMember> {
  const given = await look(path);
  if (given.kind === 'shards') return shardsMember(given.shards);
  if (given.kind === 'missing')
    throw new UsageError(
      `Expected pictures without labels at ${path} but there is nothing. Give a folder, a picture or a pattern.`,
    );
  if (given.kind === 'folder') {
    const names = (await listFolder(path)).map(({ name }) => name);
    const idx = findIdxFiles(path, names);
    if (idx !== undefined) return idxMember(path, idx.train !== undefined);
  }
  return filesMember(given);
}

/** Each shard is a part. */
async function shardsMember(found: FoundShards): Promise<PoolMember> {
  const opened = await indexShards(found);
  const val = unlabelledSource(opened);
  const { encoded } = val;
  const ends: number[] = [];
  for (const { facts } of opened.shards) ends.push((ends.at(-1) ?? 0) + facts.count);
  return {
    stem: found.name,
    dataset: { val, onDisk: { key: opened.key, count: val.length } },
    keys: encoded!.name!,
    size: encoded!.size!,
    ends,
    names: opened.shards.map(({ name }) => name.replace(/\.tar$/i, '')),
  };
}

/** The training pictures of IDX files, else those there are. */
async function idxMember(path: string, training: boolean): Promise<PoolMember> {
  const { val } = await openDataset(path, { take: training ? 'train' : 'all', cache: true });
  const { positions } = val.spec as IdxSpec;
  // By their places in the file: without a test file the data set has them in another order.
  const keys = (i: number): string => String(positions[i]);
  return { stem: basename(resolve(path)), dataset: { val }, keys, size: () => 0, ends: chunks(val.length) };
}

async function filesMember(given: Exclude<Given, { kind: 'shards' }>): Promise<PoolMember> {
  const root = given.kind === 'folder' ? given.path : given.kind === 'glob' ? given.pattern.base : dirname(given.path);
  const folder = resolve(root);
  const files: FoundFile[] = [];
  const ignored: Ignored = {};
  for await (const { path, error } of picturesOfGiven(given, ignored)) {
    if (error !== undefined) throw new UsageError(`Cannot look into ${path}: ${error}`);
    const found = await stat(path);
    files.push({
      path: relative(folder, resolve(path)).split(sep).join('/'),
      size: found.size,
      modified: found.mtimeMs,
      changed: found.ctimeMs,
      inode: found.ino,
    });
  }
  const table = PathTable.from(files.map(({ path }) => path));
  const paths = new PathTable(table);
  const count = files.length;
  const val = openSource({
    kind: 'files',
    name: basename(folder),
    classes: [''],
    labels: sharedInts(new Int32Array(count)),
    root: folder,
    paths: table,
    ids: sharedInts(Int32Array.from({ length: count }, (_, i) => i)),
  });
  const sizes = Float64Array.from(files, ({ size }) => size);
  return {
    stem: given.kind === 'folder' ? basename(folder) : 'pictures',
    dataset: { val, onDisk: { key: diskKey(folder, files), count } },
    keys: (i) => paths.at(i),
    size: (i) => sizes[i]!,
    ends: chunks(count),
  };
}

const chunks = (count: number): number[] =>
  Array.from({ length: Math.ceil(count / PART_PICTURES) }, (_, k) => Math.min(count, (k + 1) * PART_PICTURES));

/** Members one after the other. */
export function poolOf(members: readonly PoolMember[]): Pool {
  const starts: number[] = [];
  let total = 0;
  const parts: PoolPart[] = [];
  const names = new Set<string>();
  for (const { stem, ends, names: own, dataset } of members) {
    starts.push(total);
    let begin = total;
    for (const [k, end] of ends.entries()) {
      const wanted = (own?.[k] ?? `${stem}-${String(k).padStart(5, '0')}`).replace(/[^\w.-]+/g, '_');
      let name = wanted;
      for (let n = 2; names.has(name); n++) name = `${wanted}.${n}`;
      names.add(name);
      parts.push({ name, begin, end: starts.at(-1)! + end });
      begin = starts.at(-1)! + end;
    }
    total += dataset.val.length;
  }
  const at = (i: number): [PoolMember, number] => {
    const k = starts.findLastIndex((start) => start <= i);
    return [members[k]!, i - starts[k]!];
  };
  const key = (i: number): string => {
    const [member, own] = at(i);
    return member.keys(own);
  };
  return {
    source:
      members.length === 1
        ? members[0]!.dataset.val
        : joined(
            'pool',
            members.map(({ dataset }) => dataset.val),
          ),
    parts,
    key,
    identity({ begin, end }) {
      const hash = createHash('sha256');
      for (let i = begin; i < end; i++) {
        const [member, own] = at(i);
        hash.update(`${member.keys(own)}\0${member.size(own)}\0`);
      }
      return hash.digest('hex');
    },
    members,
  };
}
