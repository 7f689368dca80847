import { evalSample } from '../augment/view.js';
import { BrokenPicture } from '../data/decoding/decode.js';
import { readPixels, type Source } from '../data/sources/source.js';
import type { ExportedOutput } from '../deploy/metadata.js';
import type { Parity } from '../deploy/parity.js';
import { OnnxSession, type Outputs } from '../deploy/session.js';
import { anchorsFor, type Decoder, detectionsOf } from '../models/detect/index.js';
import { noGrad, scope } from '../torch/index.js';
import { Normaliser } from '../train/index.js';
import { type LoadedModel, preprocessFor } from './load.js';

/** An exported file beside the model that it is of, and pictures. */
export interface Beside {
  readonly loaded: LoadedModel;
  readonly bytes: Uint8Array;
  readonly source: Source;
  /** At most so many. */
  readonly pictures: number;
  readonly signal?: AbortSignal;
}

/** Boxes that are taken for the same differ by less, pixels of the network's picture. */
const SAME = 0.1;

/**
 * Runs the exported file of a detector and compares its boxes with those made of the model's own outputs.
 * `maxAbsDiff` is the largest difference of the scores of boxes that both have.
 */
export async function boxParity(
  beside: Beside,
  { labels, detector }: Extract<ExportedOutput, { kind: 'boxes' }>,
): Promise<Parity> {
  const { model, size } = beside.loaded;
  const decoder: Decoder = {
    options: { ...detector, classes: labels.length },
    size,
    ...anchorsFor(detector, size, model.totalStride),
  };
  let [maxAbsDiff, agreeing, all] = [0, 0, 0];
  const compared = await onPictures(beside, (values, { boxes }) => {
    const ours = detectionsOf(values, decoder, detector.predict);
    const theirs = boxes!;
    for (let k = 0; k < ours.scores.length; k++, all++) {
      const near = (j: number): boolean =>
        theirs.classes[j] === ours.classes[k] &&
        [0, 1, 2, 3].every((side) => Math.abs(theirs.boxes[4 * j + side]! - ours.boxes[4 * k + side]!) < SAME);
      const other = [...theirs.scores.keys()].find(near);
      if (other === undefined) continue;
      agreeing++;
      maxAbsDiff = Math.max(maxAbsDiff, Math.abs(theirs.scores[other]! - ours.scores[k]!));
    }
  });
  return { maxAbsDiff, boxAgreement: all === 0 ? 1 : agreeing / all, boxes: all, pictures: compared };
}

/** A picture says as much as thousands of classes: of so many pictures every pixel is compared. */
const MAP_PICTURES = 32;

/** The same for masks and depth: of each pixel the logits and the class, or the metres. */
export async function mapParity(beside: Beside): Promise<Parity> {
  const plane = beside.loaded.size ** 2;
  let [maxAbsDiff, largest, agreeing, all] = [0, 0, 0, 0];
  const pictures = Math.min(MAP_PICTURES, beside.pictures);
  const compared = await onPictures({ ...beside, pictures }, (ours, { values, classes }) => {
    for (let i = 0; i < ours.length; i++) {
      const difference = Math.abs(ours[i]! - values[i]!);
      largest = Math.max(largest, Math.abs(ours[i]!));
      // What is not finite on either side is as far as can be.
      maxAbsDiff = difference < Number.POSITIVE_INFINITY ? Math.max(maxAbsDiff, difference) : Number.POSITIVE_INFINITY;
    }
    if (classes === undefined) return;
    all += plane;
    for (let i = 0; i < plane; i++) {
      let best = 0;
      for (let at = plane + i; at < ours.length; at += plane)
        if (ours[at]! > ours[best * plane + i]!) best = (at - i) / plane;
      if (best === classes[i]) agreeing++;
    }
  });
  return { maxAbsDiff, largest, ...(all > 0 && { pixelAgreement: agreeing / all }), pictures: compared };
}

/**
 * Runs both on pictures one by one; those that cannot be read are passed over.
 * @param compare told of the model's outputs and the file's
 * @returns how many there were
 */
async function onPictures(
  { loaded, bytes, source, pictures, signal }: Beside,
  compare: (ours: Float32Array, theirs: Outputs) => void,
): Promise<number> {
  const { model, size } = loaded;
  const preprocess = preprocessFor(loaded);
  const session = await OnnxSession.create(bytes, 'the exported file');
  const normaliser = new Normaliser('cpu', loaded.input);
  let compared = 0;
  try {
    for (let i = 0; i < source.length && compared < pictures; i++) {
      signal?.throwIfAborted();
      const pixels = await readPixels(source, i, size).catch((error: unknown) => {
        if (!(error instanceof BrokenPicture)) throw error;
      });
      if (pixels === undefined) continue;
      const { image } = evalSample(pixels, preprocess);
      compared++;
      const values = scope(() => noGrad(() => model.forward(normaliser.input(image, 1, size)).data())) as Float32Array;
      compare(values, await session.run(image, 1));
    }
  } finally {
    normaliser.dispose();
    await session.close();
  }
  return compared;
}
