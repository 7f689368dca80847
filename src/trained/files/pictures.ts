import type { PreprocessOptions } from '../../augment/preprocess.js';
import { Random } from '../../augment/random.js';
import { evalSample } from '../../augment/view.js';
import { BrokenPicture } from '../../data/decoding/decode.js';
import { look, picturesOfGiven } from '../../data/given.js';
import { LABELS } from '../../data/loading/labels.js';
import { BatchLoader } from '../../data/loading/loader.js';
import type { Source } from '../../data/sources/source.js';
import { type Item, itemOf } from '../../deploy/inputs.js';
import { decodePicture, ofPixels } from '../../deploy/picture.js';
import type { Views } from '../../deploy/quantise/probe.js';
import { UsageError } from '../../errors.js';

const BATCH = 16;

export interface Labelled extends Views {
  readonly labels?: Int32Array;
}

/** The first `count` of a shuffle of `length` numbers, a function of the seed. */
export function chosen(length: number, count: number, seed: number): Uint32Array {
  return new Random(seed).permutation(length).subarray(0, count);
}

/** A batch. */
export interface Seen {
  images: Uint8Array;
  n: number;
  labels?: Int32Array;
}

/** The pictures of a source as the network sees them. Broken ones are told and left out. */
export async function* batchesOf(
  source: Source,
  preprocess: PreprocessOptions,
  say: (text: string) => void,
): AsyncGenerator<Seen> {
  const common = { source, targets: LABELS, batch: BATCH, mode: 'eval', preprocess, seed: 0, workers: 1 } as const;
  const loader = new BatchLoader(common);
  loader.onBroken = (_, path, reason) => say(`left out, cannot be read: ${path}: ${reason}`);
  try {
    for await (const { images, n, targets } of loader.batches(0))
      if (n > 0) yield { images, n, labels: targets.labels };
  } finally {
    await loader.close();
  }
}

/** The same of pictures in memory. */
export async function* asBatches({ images, n, size, labels }: Labelled): AsyncGenerator<Seen> {
  const each = 3 * size * size;
  for (let from = 0; from < n; from += BATCH) {
    const to = Math.min(n, from + BATCH);
    const part = { images: images.subarray(from * each, to * each), n: to - from };
    yield { ...part, ...(labels && { labels: labels.subarray(from, to) }) };
  }
}

/** All of them in memory. */
export async function viewsOf(
  source: Source,
  view: Required<PreprocessOptions>,
  say: (text: string) => void,
): Promise<Required<Labelled>> {
  const { size } = view;
  const images = new Uint8Array(source.length * 3 * size * size);
  const labels = new Int32Array(source.length);
  let n = 0;
  for await (const batch of batchesOf(source, view, say)) {
    images.set(batch.images.subarray(0, batch.n * 3 * size * size), n * 3 * size * size);
    labels.set(batch.labels!.subarray(0, batch.n), n);
    n += batch.n;
  }
  return { images: images.subarray(0, n * 3 * size * size), n, size, labels: labels.subarray(0, n) };
}

/** All pictures of a folder or pattern, in an order that chance gives. @throws UsageError where there are none */
export async function foundIn(folder: string, seed: number): Promise<Item[]> {
  const given = await look(folder);
  if (given.kind === 'missing')
    throw new UsageError(
      `Expected a folder of pictures to calibrate on at ${folder} but there is nothing. Check the path.`,
    );
  const items: Item[] = [];
  for await (const found of picturesOfGiven(given)) items.push(itemOf(found));
  return Array.from(chosen(items.length, items.length, seed), (i) => items[i]!);
}

/** `viewsOf` pictures that need no labels. */
export async function viewsOfItems(
  items: readonly Item[],
  view: Required<PreprocessOptions>,
  say: (text: string) => void,
): Promise<Views> {
  const { size } = view;
  const each = 3 * size * size;
  const images = new Uint8Array(items.length * each);
  let n = 0;
  for (const { path, picture, error } of items) {
    if (picture === undefined) {
      say(`left out, cannot be read: ${path}: ${error}`);
      continue;
    }
    try {
      const { pixels } =
        typeof picture === 'function'
          ? ofPixels(await picture(size))
          : await decodePicture(picture, path, { targetSize: size });
      images.set(evalSample(pixels, view).image, n++ * each);
    } catch (thrown) {
      if (!(thrown instanceof BrokenPicture)) throw thrown;
      say(`left out, cannot be read: ${path}: ${thrown.reason}`);
    }
  }
  return { images: images.subarray(0, n * each), n, size };
}
