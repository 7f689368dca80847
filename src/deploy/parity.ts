import { readFile } from 'node:fs/promises';
import { RescaledError } from '../errors.js';
import { OnnxSession, type SessionOptions } from './session.js';

export interface ParityInput extends SessionOptions {
  /** The exported file or its path. */
  onnx: Uint8Array | string;
  /** Raw pixels [n, S, S, 3], RGB; of clips [n, T, S, S, 3]. */
  images: Uint8Array;
  n: number;
  /** Side S of the pictures in pixels. */
  size: number;
  /** Frames T of a clip; undefined of pictures. */
  frames?: number;
  /** What the trained model gives for the same pictures, logits or numbers, [n, K]. */
  referenceLogits: Float32Array;
  /** Number K of classes, or of numbers. */
  classes: number;
  /** Pictures a run. Default 16. */
  batch?: number;
}

/** How far the exported file is from the trained model. */
export interface Parity {
  /** Largest |output - reference| over all pictures and outputs. */
  maxAbsDiff: number;
  /** Largest |reference|; absent of boxes. */
  largest?: number;
  /** Of classes: the same of softmax(logits). */
  maxAbsDiffProbabilities?: number;
  /** Of classes: share of pictures for which both name the same class first, 0 to 1. */
  top1Agreement?: number;
  /** Of boxes: share of the model's boxes that the file gives too, of the same class and at nearly the same place. */
  boxAgreement?: number;
  /** Of boxes: how many the model gives on these pictures. */
  boxes?: number;
  /** Of masks: share of the pixels for which both name the same class. */
  pixelAgreement?: number;
  /** Number of pictures compared. */
  pictures: number;
  /** They were made by chance, since the run's own were not at hand. */
  synthetic?: true;
}

/**
 * Runs the exported file on pictures and compares it with the trained model's logits. A value that is not finite on
 * either side gives a difference of Infinity.
 * @throws RescaledError when sizes do not fit
 */
export async function checkParity(input: ParityInput): Promise<Parity> {
  const { images, n, size, frames, referenceLogits, classes, batch = 16 } = input;
  if (n < 1 || referenceLogits.length !== n * classes) {
    throw new RescaledError(
      `Expected ${n} x ${classes} reference logits, at least one row, but received ${referenceLogits.length} numbers.`,
    );
  }
  const most = referenceLogits.reduce((sum, value) => Math.max(sum, Math.abs(value)), 0);
  const bytes = typeof input.onnx === 'string' ? await readFile(input.onnx) : input.onnx;
  const session = await OnnxSession.create(
    bytes,
    typeof input.onnx === 'string' ? input.onnx : 'the exported file',
    input,
  );
  try {
    if (session.size !== size || session.width !== classes || session.frames !== frames) {
      throw new RescaledError(
        `Expected a file for ${inputText(frames, size)} and ${classes} ${session.output === 'logits' ? 'classes' : 'numbers'} ` +
          `but it takes ${inputText(session.frames, session.size)} and has ${session.width}.`,
      );
    }
    const ofClasses = session.output === 'logits';
    const pixels = (frames ?? 1) * size * size * 3;
    let maxAbsDiff = 0;
    let maxAbsDiffProbabilities = 0;
    let agreeing = 0;
    for (let start = 0; start < n; start += batch) {
      const count = Math.min(batch, n - start);
      const { values, probabilities } = await session.run(
        images.subarray(start * pixels, (start + count) * pixels),
        count,
      );
      for (let i = 0; i < count; i++) {
        const reference = referenceLogits.subarray((start + i) * classes, (start + i + 1) * classes);
        const ours = values.subarray(i * classes, (i + 1) * classes);
        maxAbsDiff = Math.max(maxAbsDiff, largestDifference(ours, reference));
        if (!ofClasses) continue;
        const shares = probabilities.subarray(i * classes, (i + 1) * classes);
        maxAbsDiffProbabilities = Math.max(maxAbsDiffProbabilities, largestDifference(shares, softmax(reference)));
        if (largest(ours) === largest(reference)) agreeing++;
      }
    }
    return {
      ...{ maxAbsDiff, largest: most },
      ...(ofClasses ? { maxAbsDiffProbabilities, top1Agreement: agreeing / n } : {}),
      pictures: n,
    };
  } finally {
    await session.close();
  }
}

/**
 * Whether a file in float16 is as near to the model as rounding explains. A float16 is off by 2^-11 at most, which grows with the layers that it
 * passes: allowed are 2 % of the largest output, and 2 % of boxes or pixels that change. More means that values left its range.
 */
export function isFloat16Near({ maxAbsDiff, largest, boxAgreement, pixelAgreement }: Parity): boolean {
  const share = boxAgreement ?? pixelAgreement ?? 1;
  return share >= 0.98 && (largest === undefined || maxAbsDiff <= 0.02 * largest);
}

const inputText = (frames: number | undefined, size: number): string =>
  `${frames === undefined ? 'pictures' : `clips of ${frames} frames`} of ${size} x ${size}`;

/** Largest |a - b|; Infinity where one is not finite. */
export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i]! - b[i]!);
    if (!(difference < Infinity)) return Infinity;
    if (difference > most) most = difference;
  }
  return most;
}

function largest(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}

/** exp(x_k - max) / sum, in float64 */
function softmax(logits: Float32Array): Float64Array {
  const most = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const powers = Float64Array.from(logits, (value) => Math.exp(value - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((value) => value / sum);
}
