import { mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { Random } from '../../src/augment/random.js';
import { FASHION_CLASSES } from '../../src/data/sources/idx.js';
import { type Pictures, readFashion, writeFashion } from '../idx.js';

/** A set cut into labelled pictures, a heap, and what is measured on. */
export interface Prepared {
  /** Labelled pictures to learn from beside validation pictures. */
  labelled: string;
  labelledImages: number;
  /** All pictures with their labels, beside the same validation pictures. */
  everything: string;
  everythingImages: number;
  pool: string;
  test: string;
  testFlags: readonly string[];
  classes: readonly string[];
  /** The hidden class of a picture of the heap. */
  hidden(key: string): string;
  /** Labelled pictures of a step, and the network. */
  batch: number;
  flags: readonly string[];
}

interface Set {
  prepare(data: string, work: string, options: { seed: number; open: boolean }): Promise<Prepared>;
}

/** Classes of an open heap that are asked for; the others are foreign. */
const ASKED = 8;
/** Pictures of class k of an open heap, as a share of those there are. */
const shareOf = (k: number): number => 10 ** (-k / (ASKED - 1));
/** Pictures of foreign classes in an open heap. */
const FOREIGN = 0.2;

export const SETS: Readonly<Record<string, Set>> = {
  'fashion-250': { prepare: (data, work, options) => fashion(data, work, { ...options, labels: 250 }) },
  'fashion-2500': { prepare: (data, work, options) => fashion(data, work, { ...options, labels: 2500 }) },
  'clothing-20': { prepare: clothing },
};

/** Fashion-MNIST: 55,000 training pictures are the heap, some of them labelled; the last 5,000 validate. */
async function fashion(
  data: string,
  work: string,
  { seed, open, labels }: { seed: number; open: boolean; labels: number },
): Promise<Prepared> {
  const [train, tests] = [readFashion(data, 'train'), readFashion(data, 't10k')];
  const [{ classOf }, { classOf: testClass }] = [train, tests];
  const count = open ? ASKED : 10;
  const classes = FASHION_CLASSES.slice(0, count);
  const order = [...new Random(seed, 9).permutation(55_000)];
  const first = (of: (k: number) => number, most: (k: number) => number): number[] => {
    const taken = new Array<number>(10).fill(0);
    return order.filter((i) => taken[of(i)]!++ < most(of(i)));
  };
  const labelled = first(
    (i) => classOf[i]!,
    (k) => (k < count ? labels / 10 : 0),
  );
  let heap = order;
  if (open) {
    const asked = first(
      (i) => classOf[i]!,
      (k) => (k < ASKED ? Math.round(5500 * shareOf(k)) : 0),
    );
    const foreign = order
      .filter((i) => classOf[i]! >= ASKED)
      .slice(0, Math.round((FOREIGN / (1 - FOREIGN)) * asked.length));
    const chosen = new Set([...asked, ...foreign]);
    heap = order.filter((i) => chosen.has(i));
  }
  const validation = Array.from({ length: 5000 }, (_, i) => 55_000 + i).filter((i) => classOf[i]! < count);
  const tested = Array.from({ length: 10_000 }, (_, i) => i).filter((i) => testClass[i]! < count);
  const folder = join(work, `${open ? 'open-' : ''}${seed}`);
  const put = (name: string, stem: 'train' | 't10k', from: Pictures, list: readonly number[]): string => {
    const into = join(folder, name);
    writeFashion(into, stem, from, list);
    writeFileSync(join(into, 'classes.txt'), `${FASHION_CLASSES.slice(0, name === 'pool' ? 10 : count).join('\n')}\n`);
    return into;
  };
  for (const name of ['labelled', 'everything']) put(name, 't10k', train, validation);
  const everything = open ? heap.filter((i) => classOf[i]! < count) : order;
  return {
    labelled: put('labelled', 'train', train, labelled),
    labelledImages: labelled.length,
    everything: put('everything', 'train', train, everything),
    everythingImages: everything.length,
    pool: put('pool', 'train', train, heap),
    test: put('test', 't10k', tests, tested),
    testFlags: [],
    classes,
    hidden: (key) => FASHION_CLASSES[classOf[heap[Number(key)]!]!]!,
    batch: 64,
    flags: ['-m', 'resnet-rs-14', '--width', '0.25'],
  };
}

/** Photographs in class folders: the first 20 of each class are labelled, all training pictures are the heap. */
async function clothing(data: string, work: string, { open }: { seed: number; open: boolean }): Promise<Prepared> {
  const root = resolve(data);
  const names = readdirSync(join(root, 'train')).sort();
  const classes = open ? names.slice(0, ASKED) : names;
  const pictures = (part: string, name: string): string[] =>
    readdirSync(join(root, part, name))
      .sort()
      .map((file) => join(root, part, name, file));
  const folder = join(work, open ? 'open' : 'all');
  rmSync(folder, { recursive: true, force: true });
  const link = (into: string, files: readonly string[], named = (file: string): string => basename(file)): void => {
    mkdirSync(into, { recursive: true });
    for (const file of files) symlinkSync(file, join(into, named(file)));
  };
  const hidden = new Map<string, string>();
  let [labelledImages, everythingImages] = [0, 0];
  const heap: [string, string][] = [];
  for (const [k, name] of names.entries()) {
    const train = pictures('train', name);
    if (k >= classes.length) continue;
    for (const whole of ['labelled', 'everything'])
      link(join(folder, whole, 'validation', name), pictures('validation', name));
    link(join(folder, 'labelled', 'train', name), train.slice(0, 20));
    link(join(folder, 'everything', 'train', name), train);
    link(join(folder, 'test', name), pictures('test', name));
    labelledImages += Math.min(20, train.length);
    everythingImages += train.length;
    const most = open ? Math.max(20, Math.round(train.length * shareOf(k))) : train.length;
    heap.push(...train.slice(0, most).map((file): [string, string] => [file, name]));
  }
  if (open) {
    const foreign = names
      .slice(classes.length)
      .flatMap((name) => pictures('train', name).map((file): [string, string] => [file, name]));
    heap.push(...foreign.slice(0, Math.round((FOREIGN / (1 - FOREIGN)) * heap.length)));
  }
  const order = new Random(5).permutation(heap.length);
  order.forEach((at, i) => {
    const [file, name] = heap[at]!;
    const key = `${String(i).padStart(5, '0')}.jpg`;
    hidden.set(key, name);
    link(join(folder, 'pool'), [file], () => key);
  });
  return {
    labelled: join(folder, 'labelled'),
    labelledImages,
    everything: join(folder, 'everything'),
    everythingImages,
    pool: join(folder, 'pool'),
    test: join(folder, 'test'),
    testFlags: [],
    classes,
    hidden: (key) => hidden.get(key)!,
    batch: 32,
    flags: ['-m', 'resnet-rs-14', '--width', '0.25', '--size', '32'],
  };
}
