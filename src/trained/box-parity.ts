import { evalSample } from '../augment/view.js';
import { readPixels, type Source } from '../data/sources/source.js';
import type { ExportedOutput } from '../deploy/metadata.js';
import type { Parity } from '../deploy/parity.js';
import { OnnxSession } from '../deploy/session.js';
import { anchorsFor, type Decoder, detectionsOf } from '../models/detect/index.js';
import { noGrad, scope } from '../torch/index.js';
import { Normaliser } from '../train/index.js';
import { type LoadedModel, preprocessFor } from './load.js';

/** Boxes that are taken for the same differ by less, pixels of the network's picture. */
const SAME = 0.1;

/**
 * Runs the exported file of a detector on up to `pictures` pictures and compares its boxes with those made of the model's own outputs.
 * `maxAbsDiff` is the largest difference of the scores of boxes that both have.
 */
export async function boxParity(
  loaded: LoadedModel,
  bytes: Uint8Array,
  { labels, detector }: Extract<ExportedOutput, { kind: 'boxes' }>,
  source: Source,
  pictures: number,
): Promise<Parity> {
  const { model, size } = loaded;
  const preprocess = preprocessFor(loaded);
  const decoder: Decoder = {
    options: { ...detector, classes: labels.length },
    size,
    ...anchorsFor(detector, size, model.totalStride),
  };
  const session = await OnnxSession.create(bytes, 'the exported file');
  const normaliser = new Normaliser('cpu', loaded.input);
  let [maxAbsDiff, agreeing, all, compared] = [0, 0, 0, 0];
  try {
    for (let i = 0; i < Math.min(pictures, source.length); i++) {
      const { image } = evalSample(await readPixels(source, i, size), preprocess);
      const values = scope(() => noGrad(() => model.forward(normaliser.input(image, 1, size)).data())) as Float32Array;
      const ours = detectionsOf(values, decoder, detector.predict);
      const theirs = (await session.run(image, 1)).boxes!;
      for (let k = 0; k < ours.scores.length; k++, all++) {
        const near = (j: number): boolean =>
          theirs.classes[j] === ours.classes[k] &&
          [0, 1, 2, 3].every((side) => Math.abs(theirs.boxes[4 * j + side]! - ours.boxes[4 * k + side]!) < SAME);
        const other = [...theirs.scores.keys()].find(near);
        if (other === undefined) continue;
        agreeing++;
        maxAbsDiff = Math.max(maxAbsDiff, Math.abs(theirs.scores[other]! - ours.scores[k]!));
      }
      compared++;
    }
  } finally {
    normaliser.dispose();
    await session.close();
  }
  return { maxAbsDiff, boxAgreement: all === 0 ? 1 : agreeing / all, pictures: compared };
}
