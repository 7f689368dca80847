import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { RescaledError, UsageError } from '../../errors.js';
import { splitByClass } from '../choose.js';
import type { DatasetParts, NeededParts } from '../parts.js';
import { readIdxFile } from './idx-file.js';
import { type IdxPixels, idxPixels } from './idx-pixels.js';
import { openSource, type Source, sharedInts, subset } from './source.js';

/** Class names of Fashion-MNIST in label order (github.com/zalandoresearch/fashion-mnist, README). */
export const FASHION_CLASSES = [
  'T-shirt/top',
  'Trouser',
  'Pullover',
  'Dress',
  'Coat',
  'Sandal',
  'Shirt',
  'Sneaker',
  'Bag',
  'Ankle boot',
] as const;

const PARTS = { train: 'train', val: 't10k' } as const;
type Part = keyof typeof PARTS;

/** The files of an MNIST-like dataset that are there. */
export interface IdxFiles {
  train?: { images: string; labels: string };
  val?: { images: string; labels: string };
}

/**
 * Finds `train-images-idx3-ubyte[.gz]` and its three siblings among the names of a folder; undefined when there are no
 * image files.
 * @throws UsageError when images lack their labels
 */
export function findIdxFiles(folder: string, names: readonly string[]): IdxFiles | undefined {
  const found: IdxFiles = {};
  for (const part of Object.keys(PARTS) as Part[]) {
    const pick = (stem: string) => [stem, `${stem}.gz`].find((name) => names.includes(name));
    const images = pick(`${PARTS[part]}-images-idx3-ubyte`);
    if (images === undefined) continue;
    const wanted = `${PARTS[part]}-labels-idx1-ubyte`;
    const labels = pick(wanted);
    if (labels === undefined) {
      throw new UsageError(
        `Expected ${wanted} or ${wanted}.gz beside ${images} in ${folder} but it is missing. Add it.`,
      );
    }
    found[part] = { images, labels };
  }
  return found.train === undefined && found.val === undefined ? undefined : found;
}

/**
 * Opens an MNIST-like folder: `train-...` for training and `t10k-...` for validation; with `train-...` alone it is
 * split class by class. With need = 'val' the training pictures are left on disk. Class names come from `classes.txt`
 * (one name a line), from Fashion-MNIST when the folder's name contains "fashion", else they are the label numbers.
 */
export async function openIdx(
  folder: string,
  files: IdxFiles,
  need: NeededParts,
  valSplit: number,
  seed: number,
  cache = false,
): Promise<DatasetParts> {
  if (need !== 'val' && files.train === undefined) {
    throw new UsageError(
      `Expected train-images-idx3-ubyte[.gz] and its labels in ${folder} but only the t10k files are there. Add them.`,
    );
  }
  const trainLabels = files.train && (await readLabels(join(folder, files.train.labels)));
  const valLabels = files.val && (await readLabels(join(folder, files.val.labels)));
  const classes = await classNames(folder, trainLabels ?? valLabels!);
  const present = [files.train, files.val].flatMap((pair) => (pair ? [pair.images, pair.labels] : []));
  const identity = await hashFiles(folder, present);
  let note: string | undefined;
  const open = async (part: Part, labels: Int32Array): Promise<Source> => {
    const images = await idxPixels(
      join(folder, files[part]!.images),
      cache ? `${identity.slice(0, 32)}-${part}` : undefined,
    );
    note ??= images.note;
    return openPart(folder, part, files[part]!, images, labels, classes);
  };
  const val = valLabels && (await open('val', valLabels));
  const train = trainLabels && (need !== 'val' || val === undefined) ? await open('train', trainLabels) : undefined;
  const common = {
    kind: 'idx' as const,
    classes,
    ignored: {},
    notes: [],
    identity,
    ...(note !== undefined && { note }),
  };
  if (val !== undefined) return { ...common, ...(train && { train }), val, measured: 'test', split: undefined };
  const parts = splitByClass(train!.labels, classes.length, String, valSplit, seed);
  if (parts.val.length === 0) {
    throw new UsageError(
      `Expected at least two pictures of some class in ${folder} to set one aside for validation. Add pictures.`,
    );
  }
  const name = basename(folder);
  return {
    ...common,
    train: openSource({ ...subset(train!, parts.train).spec, name: `${name}/train` }),
    val: openSource({ ...subset(train!, parts.val).spec, name: `${name}/val` }),
    measured: 'val',
    split: { valSplit, seed },
  };
}

async function readLabels(path: string): Promise<Int32Array> {
  const { data } = await readIdxFile(path, 1);
  return sharedInts(new Uint8Array(data));
}

function openPart(
  folder: string,
  part: Part,
  { images, labels: labelFile }: { images: string; labels: string },
  { shape, pixels }: IdxPixels,
  labels: Int32Array,
  classes: string[],
): Source {
  const [count, rows, columns] = shape;
  if (count !== labels.length) {
    throw new RescaledError(
      `Expected one label a picture in ${folder} but ${images} has ${count} pictures and ${labelFile} ` +
        `${labels.length} labels. ` +
        'Download both again.',
    );
  }
  if (count === 0 || rows === 0 || columns === 0) {
    throw new RescaledError(
      `Expected pictures in ${join(folder, images)} but it holds ${shape.join(' x ')}. Download it again.`,
    );
  }
  const wrong = labels.findIndex((label) => label >= classes.length);
  if (wrong >= 0) {
    throw new RescaledError(
      `Expected labels 0 to ${classes.length - 1} (${classes.length} classes) in ${join(folder, labelFile)} ` +
        `but picture ${wrong} has label ${labels[wrong]}. ` +
        'Correct the labels, or list every class in classes.txt.',
    );
  }
  const positions = sharedInts(Int32Array.from({ length: count }, (_, i) => i));
  const name = `${basename(folder)}/${PARTS[part]}`;
  return openSource({ kind: 'idx', name, classes, labels, pixels, rows, columns, positions, file: images });
}

async function classNames(folder: string, labels: Int32Array): Promise<string[]> {
  const path = join(folder, 'classes.txt');
  let text: string | undefined;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT') throw new RescaledError(`Cannot read ${path}: ${message}`, { cause: error });
  }
  const largest = labels.reduce((max, label) => Math.max(max, label), 0);
  let names: string[];
  if (text !== undefined)
    names = text
      .split(/\r?\n/)
      .map((line) => line.trim())
      .filter((line) => line !== '');
  else if (basename(folder).toLowerCase().includes('fashion')) names = [...FASHION_CLASSES];
  else names = Array.from({ length: Math.max(largest + 1, 10) }, (_, i) => String(i));
  if (new Set(names).size !== names.length) {
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    throw new UsageError(`Expected each class once in ${path} but "${twice}" comes twice. Correct it.`);
  }
  if (names.length < 2)
    throw new UsageError(`Expected at least two classes, one name a line, in ${path} but found ${names.length}.`);
  return names;
}

/** One sha256 over the files as they lie on disk, in the given order, each with its name. */
async function hashFiles(folder: string, names: string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const name of names) {
    hash.update(`${name}\0`);
    for await (const chunk of createReadStream(join(folder, name), { highWaterMark: 2 ** 20 }))
      hash.update(chunk as Buffer);
  }
  return hash.digest('hex');
}
