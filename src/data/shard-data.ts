import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type RescaledError, UsageError } from '../errors.js';
import { isAddress } from '../files.js';
import { plural } from '../suggest.js';
import { cacheFolder, touch } from './cache/folder.js';
import { splitByClass } from './choose.js';
import type { DatasetParts, NeededParts, PartName, TakenPart } from './parts.js';
import { type FoundShards, sorted } from './shard-layout.js';
import { type IndexedShard, indexLocal } from './shards/local.js';
import { indexRemote } from './shards/remote.js';
import type { ShardLabel } from './shards/samples.js';
import { shardSetOf } from './shards/set.js';
import { stampsKey } from './sources/disk-key.js';
import { openSource, pathsOf, type Source, subset } from './sources/source.js';
import { addEndings } from './sources/walk.js';

/** Shards that are looked into at a time. */
const AT_ONCE = 4;
const STALE_MS = 90 * 24 * 60 * 60_000;
/** A class number above is a mistake: ImageNet-21k has 21,843 classes. */
const MOST_CLASSES = 200_000;

const ORDER: readonly (PartName | undefined)[] = ['train', undefined, 'val', 'test'];
const WORDS = { train: 'training', val: 'validation', test: 'test' };

/** Shards with their indexes, those of a part side by side. */
export interface OpenedShards {
  found: FoundShards;
  shards: (IndexedShard & { name: string; part: PartName | undefined })[];
  /** A name of the pictures as they lie there now. */
  key: string;
  /** What tells their content from another. */
  identity: string;
}

/** Progress shorter than this is not worth a line. */
const TELL_AFTER_MS = 1000;

let watcher: ((done: number, of: number) => void) | undefined;

/** For the process that opens data on the way to something else: told after each shard, once that takes long. */
export function watchIndexing(told: ((done: number, of: number) => void) | undefined): void {
  watcher = told;
}

function tellWatcher(): (done: number, of: number) => void {
  const began = performance.now();
  return (done, of) => {
    if (performance.now() - began > TELL_AFTER_MS) watcher?.(done, of);
  };
}

/** Reads the indexes of shards, and makes those that are missing. @param onShard told after each one; by default as `watchIndexing` says */
export async function indexShards(
  found: FoundShards,
  onShard: (done: number, of: number) => void = tellWatcher(),
): Promise<OpenedShards> {
  const wanted = ORDER.flatMap((part) => sorted(found.shards).filter((shard) => shard.part === part));
  const cache = cacheFolder();
  const fallback = cache === undefined ? undefined : join(cache, 'shards');
  const shards: OpenedShards['shards'] = new Array(wanted.length);
  let [next, done] = [0, 0];
  const work = async (): Promise<void> => {
    while (next < wanted.length) {
      const k = next++;
      const { at, name, part, bytes } = wanted[k]!;
      const indexed = isAddress(at) ? await indexRemote(at, fallback, bytes) : await indexLocal(at, fallback);
      shards[k] = { ...indexed, name, part };
      onShard(++done, wanted.length);
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, wanted.length) }, work));
  if (fallback !== undefined) tidy(fallback, shards);
  const hash = createHash('sha256');
  for (const { name, facts } of shards) hash.update(`${name}\0${facts.digest}\0`);
  const key = stampsKey(
    found.root,
    shards.map(({ name, version }) => `${name}\0${version}`),
  );
  return { found, shards, key, identity: hash.digest('hex') };
}

/** Indexes in the cache that were not used for long go. */
function tidy(folder: string, shards: readonly IndexedShard[]): void {
  const own = new Set(shards.map(({ index }) => index));
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    const path = join(folder, name);
    const facts = lstatSync(path, { throwIfNoEntry: false });
    if (own.has(path)) touch(path);
    else if (facts?.isFile() === true && Date.now() - facts.mtimeMs > STALE_MS) rmSync(path, { force: true });
  }
}

/** All pictures of shards, whatever their labels: they are not looked at. */
export function unlabelledSource({ found, shards }: OpenedShards): Source {
  const set = shardSetOf(found.root, shards);
  const count = shards.reduce((sum, { facts }) => sum + facts.count, 0);
  const labels = new Int32Array(new SharedArrayBuffer(4 * count));
  return openSource({ kind: 'shards', name: found.name, classes: [''], labels, set, ids: 0 });
}

/**
 * Opens shards as a data set: parts as a folder has them (see `openImageFolder`), labels from `.cls` or `.json`. Class numbers are named by
 * a manifest or `classes.txt`; without one they are their own names. Without a validation or test part training pictures are set aside,
 * class by class.
 * @param take to measure on them; see `TakenPart`
 */
export async function openShards(
  found: FoundShards,
  { need, take, valSplit, seed }: { need: NeededParts; take: TakenPart | undefined; valSplit: number; seed: number },
): Promise<DatasetParts> {
  const opened = await indexShards(found);
  const { shards, identity, key } = opened;
  const set = shardSetOf(found.root, shards);
  const { classes, labelOf } = classesOf(opened);
  const own = new Set(shards.map(({ part }) => part));
  if (own.has(undefined) && own.size > 1) {
    const strange = shards.find(({ part }) => part === undefined)!;
    throw new UsageError(
      `Expected the part of each shard of ${found.root} in its name, as of train-000000.tar, or of none, but ${strange.name} ` +
        'does not say it. Rename it, or put the shards into folders train/ and val/.',
    );
  }
  const parted = !own.has(undefined);
  const source = (parts: readonly (PartName | undefined)[], name: string): Source => {
    const mine = shards.map((shard, k) => ({ ...shard, k })).filter(({ part }) => parts.includes(part));
    const starts = new Float64Array(set.starts);
    const count = mine.reduce((sum, { facts }) => sum + facts.count, 0);
    const labels = new Int32Array(new SharedArrayBuffer(4 * count));
    const together = mine.every(({ k }, n) => k === mine[0]!.k + n);
    const ids = together ? starts[mine[0]!.k]! : new Int32Array(new SharedArrayBuffer(4 * count));
    let at = 0;
    for (const { k, facts } of mine)
      for (const [i, label] of facts.labels.entries()) {
        if (label === 0) throw unlabelled(opened, k);
        labels[at] = labelOf(facts.known[label - 1]!);
        if (typeof ids !== 'number') ids[at] = starts[k]! + i;
        at++;
      }
    return openSource({ kind: 'shards', name: `${found.name}/${name}`, classes, labels, set, ids });
  };
  const ignored: Record<string, number> = {};
  for (const { facts } of shards) addEndings(ignored, facts.ignored);
  const pictures = shards.reduce((sum, { facts }) => sum + facts.count, 0);
  const common = { kind: 'shards' as const, classes, ignored, identity, onDisk: { key, count: pictures } };
  const has = (part: PartName): boolean => own.has(part);
  const there = (['test', 'val', 'train'] as const).filter(has);

  if (take !== undefined) {
    const chosen = !parted ? [undefined] : takenParts(opened, take, there);
    if (!parted && take !== 'all' && take !== 'every')
      throw new UsageError(
        `Expected a ${take} part in ${found.root} but its shards have no parts. Without --split all of them are measured.`,
      );
    const [only] = chosen;
    return {
      ...common,
      val: source(chosen, only ?? 'all'),
      measured: chosen.length === 1 && only !== undefined ? only : 'all',
      split: undefined,
      notes: [],
    };
  }
  if (parted && !has('train') && need !== 'val')
    throw new UsageError(
      `Expected shards to train on in ${found.root} but there are none beside those of the ${WORDS[there[0]!]} part. ` +
        'Add train-000000.tar and so on, or give the folder that holds both.',
    );
  const notes: string[] = [];
  const unmeasured = has('test') && has('train') && !labelled(opened, 'test');
  if (unmeasured) notes.push('the test shards have no labels and are not measured');
  const measured = has('val') ? 'val' : has('test') && !unmeasured ? 'test' : undefined;
  if (measured !== undefined) {
    const train = has('train') ? source(['train'], 'train') : undefined;
    if (train !== undefined && need !== 'val') checkTrainable(train, found.root);
    return {
      ...common,
      ...(train && { train }),
      val: source([measured], measured),
      ...(measured === 'val' && has('test') && !unmeasured && { test: source(['test'], 'test') }),
      measured,
      split: undefined,
      notes,
    };
  }
  const all = source(parted ? ['train'] : [undefined], 'train');
  checkTrainable(all, found.root);
  const names = pathsOf(all)!;
  const split = splitByClass(all.labels, classes.length, (i) => names[i]!, valSplit, seed);
  if (split.val.length === 0)
    throw new UsageError(
      `Expected at least two pictures of some class in ${found.root} to set one aside for validation. Add pictures.`,
    );
  return {
    ...common,
    train: subset(all, split.train),
    val: openSource({ ...subset(all, split.val).spec, name: `${found.name}/val` }),
    measured: 'val',
    split: { valSplit, seed },
    notes: unmeasured ? [`${notes[0]}. ${100 * valSplit} % of the training pictures are set aside for validation`] : [],
  };
}

function takenParts(opened: OpenedShards, take: TakenPart, there: readonly PartName[]): PartName[] {
  const { root } = opened.found;
  if (take === 'every') return [...there].reverse().filter((part) => part !== 'test' || labelled(opened, part));
  if (take === 'all') {
    const first = there.find((part) => part !== 'test' || labelled(opened, part));
    if (first !== undefined) return [first];
    throw new UsageError(
      `Expected labels in the shards of ${root} but their pictures have none to be measured against. "rescaled predict" says ` +
        'what they show.',
    );
  }
  if (there.includes(take)) return [take];
  throw new UsageError(
    `Expected a ${take} part in ${root} but it has ${there.join(' and ')}. Choose --split ${there.join(' or ')}.`,
  );
}

const labelled = ({ shards }: OpenedShards, wanted: PartName): boolean =>
  shards.some(({ part, facts }) => part === wanted && facts.known.length > 0);

function unlabelled({ shards }: OpenedShards, k: number): RescaledError {
  const { at, facts } = shards[k]!;
  const without = facts.labels.reduce((sum, label) => sum + (label === 0 ? 1 : 0), 0);
  return new UsageError(
    `Expected a class for each picture, in a .cls file or a .json file with "cls", "label" or "class", but ${without} of the ` +
      `${plural(facts.count, 'picture')} of ${at} have none. "rescaled predict" says what they show.`,
  );
}

/** A class that is named and has no picture is none to learn from; numbers may leave some out. */
function checkTrainable({ labels, classes }: Source, root: string): void {
  if (new Set(labels).size >= 2) return;
  throw new UsageError(
    `Expected pictures of at least two classes in ${root} but all are of "${classes[labels[0]!]}". ` +
      'A classifier needs something to tell apart.',
  );
}

/** The classes of all shards, and the number among them that a label says. */
export function classesOf({ found, shards }: OpenedShards): {
  classes: readonly string[];
  labelOf: (label: ShardLabel) => number;
} {
  const known = new Map<ShardLabel, string>();
  for (const { facts, at } of shards) for (const label of facts.known) if (!known.has(label)) known.set(label, at);
  const numbers = [...known.keys()].filter((label) => typeof label === 'number');
  const names = [...known.keys()].filter((label) => typeof label === 'string');
  const listed = found.classes;
  if (numbers.length > 0 && names.length > 0)
    throw new UsageError(
      `Expected class numbers or class names but ${known.get(numbers[0]!)} has the number ${numbers[0]} and ` +
        `${known.get(names[0]!)} the name "${names[0]}". Write all of them as one or the other.`,
    );
  if (names.length > 0) {
    const classes = listed ?? [...names].sort();
    const numberOf = new Map(classes.map((name, k) => [name, k]));
    const strange = names.find((name) => !numberOf.has(name));
    if (strange !== undefined)
      throw new UsageError(
        `Expected the classes of ${found.classesIn} but ${known.get(strange)} has a picture of "${strange}". Add it there, or correct the label.`,
      );
    return { classes, labelOf: (label) => numberOf.get(String(label))! };
  }
  const largest = numbers.reduce((most, label) => Math.max(most, label), -1);
  const most = listed?.length ?? MOST_CLASSES;
  if (largest >= most)
    throw new UsageError(
      `Expected class numbers 0 to ${most - 1}${listed ? `, as ${found.classesIn} names ${plural(most, 'class', 'classes')},` : ''} but ` +
        `${known.get(largest)} has ${largest}. Correct the labels${listed ? ', or list every class' : ''}.`,
    );
  return {
    classes: listed ?? Array.from({ length: largest + 1 }, (_, k) => String(k)),
    labelOf: (label) => Number(label),
  };
}
