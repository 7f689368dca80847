import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../errors.js';
import { isAddress } from '../files.js';
import type { Endings } from '../part-words.js';
import type { PartName } from './parts.js';
import { findAddresses } from './shard-addresses.js';
import { classesOf, indexShards, type OpenedShards } from './shard-data.js';
import { type FoundShards, findShards } from './shard-layout.js';
import { ShardSet, shardSetOf } from './shards/set.js';
import { addEndings } from './sources/walk.js';

export interface InspectedShard {
  name: string;
  part: PartName | undefined;
  pictures: number;
  /** Pictures that have a label. */
  labelled: number;
  bytes: number;
}

/** What is in shards. */
export interface InspectedShards {
  /** Folder or address. */
  root: string;
  /** In the order of the pictures' numbers. */
  shards: InspectedShard[];
  pictures: number;
  bytes: number;
  /** Names of the classes; none of pictures without labels. */
  classes: readonly string[];
  /** Of each part (`all` without parts), pictures of each class. */
  counts: { part: PartName | 'all'; pictures: number; labelled: number; byClass: number[] }[];
  /** Entries that are neither pictures nor labels, by ending. */
  ignored: Endings;
  /** Shards whose bytes are not those of the manifest; undefined where that was not looked at. */
  changed?: string[];
  /** Pictures, where they were asked for. */
  list?: { name: string; class?: string; bytes: number }[];
}

export interface InspectOptions {
  /** Names every picture. */
  list?: boolean;
  /** Reads all shards and compares them with the sha256 of the manifest; of shards on this machine. */
  verify?: boolean;
}

/**
 * Says what is in shards, and makes the indexes that are missing. Yields how many shards have been looked into.
 * @throws UsageError where there are no shards; RescaledError for one that cannot be read
 */
export async function* inspectShards(
  path: string,
  { list = false, verify = false }: InspectOptions = {},
): AsyncGenerator<{ done: number; of: number }, InspectedShards> {
  const found = (await findAddresses(path)) ?? (await findShards(path));
  if (found === undefined)
    throw new UsageError(
      `Expected tar shards in ${path} but there are none. Give a folder of .tar files, a pattern of them or an address; ` +
        '"rescaled shards pack" makes them of a folder of pictures.',
    );
  const opened = yield* indexed(found);
  const { shards } = opened;
  const { classes, labelOf } = classesOf(opened);
  const parts = [...new Set(shards.map(({ part }) => part))];
  const ignored: Record<string, number> = {};
  for (const { facts } of shards) addEndings(ignored, facts.ignored);
  const told = shards.map(({ name, part, bytes, facts }) => ({
    ...{ name, part, bytes, pictures: facts.count },
    labelled: facts.labels.reduce((sum, label) => sum + (label === 0 ? 0 : 1), 0),
  }));
  const counts = parts.map((part) => {
    const byClass = new Array<number>(classes.length).fill(0);
    for (const shard of shards)
      if (shard.part === part)
        for (const label of shard.facts.labels) if (label > 0) byClass[labelOf(shard.facts.known[label - 1]!)]!++;
    const mine = told.filter((shard) => shard.part === part);
    return {
      part: part ?? ('all' as const),
      pictures: mine.reduce((sum, { pictures }) => sum + pictures, 0),
      labelled: mine.reduce((sum, { labelled }) => sum + labelled, 0),
      byClass,
    };
  });
  return {
    root: found.root,
    shards: told,
    pictures: told.reduce((sum, { pictures }) => sum + pictures, 0),
    bytes: told.reduce((sum, { bytes }) => sum + bytes, 0),
    classes,
    counts,
    ignored,
    ...(verify && { changed: await changedOf(found) }),
    ...(list && { list: listOf(opened, classes, labelOf) }),
  };
}

async function* indexed(found: FoundShards): AsyncGenerator<{ done: number; of: number }, OpenedShards> {
  let wake: (() => void) | undefined;
  let last: { done: number; of: number } | undefined;
  let ended = false;
  const work = indexShards(found, (done, of) => {
    last = { done, of };
    wake?.();
  }).finally(() => {
    ended = true;
    wake?.();
  });
  work.catch(() => undefined); // thrown below
  while (!ended) {
    await new Promise<void>((resolve) => {
      wake = resolve;
      if (ended || last !== undefined) resolve();
    });
    if (last !== undefined) yield last;
    last = undefined;
  }
  return work;
}

function listOf(
  { found, shards }: OpenedShards,
  classes: readonly string[],
  labelOf: (label: number | string) => number,
): NonNullable<InspectedShards['list']> {
  const set = new ShardSet(shardSetOf(found.root, shards));
  let id = 0;
  return shards.flatMap(({ facts }) =>
    Array.from(facts.labels, (label) => {
      const own = id++;
      const named = label === 0 ? {} : { class: classes[labelOf(facts.known[label - 1]!)]! };
      return { name: set.name(own), ...named, bytes: set.size(own) };
    }),
  );
}

async function changedOf({ root, shards }: FoundShards): Promise<string[]> {
  if (isAddress(root) || shards.some(({ sha256 }) => sha256 === undefined))
    throw new UsageError(
      `Expected shards of "rescaled shards pack" on this machine for --verify, whose manifest has their sha256, but ${root} ` +
        `${isAddress(root) ? 'is an address' : 'has none'}.`,
    );
  const changed: string[] = [];
  for (const { name, sha256 } of shards) {
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(join(root, name), { highWaterMark: 2 ** 20 }))
      hash.update(chunk as Buffer);
    if (hash.digest('hex') !== sha256) changed.push(name);
  }
  return changed;
}
