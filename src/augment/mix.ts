import { RescaledError, UsageError } from '../errors.js';
import type { Box } from './pixels.js';
import type { Random } from './random.js';

/**
 * How the pictures of a batch are mixed: picture i with picture partners[i], which gives the share 1 - lambda.
 * With `box` (CutMix) the partner's pixels stand within the box; without (mixup) all pixels are weighted.
 */
export interface Mix {
  readonly lambda: number;
  readonly partners: Uint32Array;
  readonly box?: Box;
}

/** Beta distributions' alpha of mixup and CutMix; 0 is off. */
export interface MixOptions {
  readonly mixup: number;
  readonly cutmix: number;
}

/**
 * A number of the symmetric Beta(alpha, alpha) distribution: mean 1/2, variance 1 / (4 (2 alpha + 1)). Jöhnk's method
 * up to alpha = 1, in logarithms, so that a small alpha does not underflow; a ratio of two gamma numbers (Marsaglia and
 * Tsang) above.
 */
export function symmetricBeta(alpha: number, random: Random): number {
  if (!(alpha > 0 && alpha <= 1000))
    throw new UsageError(`Expected an alpha above 0 and up to 1000 but received ${alpha}.`);
  if (alpha > 1) {
    const first = gamma(alpha, random);
    return first / (first + gamma(alpha, random));
  }
  for (;;) {
    const x = Math.log(1 - random.uniform()) / alpha;
    const y = Math.log(1 - random.uniform()) / alpha;
    const most = Math.max(x, y);
    if (most + Math.log(Math.exp(x - most) + Math.exp(y - most)) <= 0) return 1 / (1 + Math.exp(y - x));
  }
}

/** Gamma(alpha, 1) for alpha > 1 (Marsaglia and Tsang, "A simple method for generating gamma variables", 2000). */
function gamma(alpha: number, random: Random): number {
  const d = alpha - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = random.normal();
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - random.uniform()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
}

/**
 * Draws the mix of one batch of n pictures: mixup (Zhang et al., arXiv 1710.09412) with lambda of Beta(alpha, alpha),
 * or CutMix (Yun et al., arXiv 1905.04899) with a box of area 1 - lambda around an even place, cut off at the borders,
 * and lambda then set to the share that is left. Where both are on, each with probability 1/2. One lambda and one box a
 * batch; partners are a random permutation.
 * @returns undefined when both are off
 */
export function drawMix(
  { mixup, cutmix }: MixOptions,
  n: number,
  width: number,
  height: number,
  random: Random,
): Mix | undefined {
  if (mixup === 0 && cutmix === 0) return undefined;
  const cut = cutmix > 0 && (mixup === 0 || random.int(2) === 1);
  const lambda = symmetricBeta(cut ? cutmix : mixup, random);
  if (!cut) return { lambda, partners: random.permutation(n) };
  const side = Math.sqrt(1 - lambda);
  const halfWidth = Math.floor(width * side) / 2;
  const halfHeight = Math.floor(height * side) / 2;
  const x = random.int(width);
  const y = random.int(height);
  const box: Box = [
    Math.max(0, Math.floor(x - halfWidth)),
    Math.max(0, Math.floor(y - halfHeight)),
    Math.min(width, Math.floor(x + halfWidth)),
    Math.min(height, Math.floor(y + halfHeight)),
  ];
  const area = (box[2] - box[0]) * (box[3] - box[1]);
  return { lambda: 1 - area / (width * height), partners: random.permutation(n), box };
}

/**
 * The mixed batch: lambda x picture + (1 - lambda) x partner, bytes rounded; with a box, the partner's pixels in it.
 * The batch is not changed.
 * @param images [n, H, W, channels], channels innermost
 */
export function mixImages<T extends Uint8Array | Float32Array>(
  images: T,
  n: number,
  width: number,
  height: number,
  mix: Mix,
): T {
  const size = images.length / n;
  const channels = size / (width * height);
  if (!Number.isInteger(channels) || channels < 1 || mix.partners.length !== n)
    throw new RescaledError(
      `Expected ${n} pictures of ${width} x ${height} and a mix of as many ` +
        `but received ${images.length} values and ${mix.partners.length} partners.`,
    );
  const out = images.slice() as T;
  const { lambda, partners, box } = mix;
  const half = images instanceof Uint8Array ? 0.5 : 0; // a byte array cuts the fraction off
  for (let k = 0; k < n; k++) {
    const mine = k * size;
    const theirs = partners[k]! * size;
    if (box === undefined) {
      for (let i = 0; i < size; i++)
        out[mine + i] = lambda * images[mine + i]! + (1 - lambda) * images[theirs + i]! + half;
      continue;
    }
    for (let y = box[1]; y < box[3]; y++) {
      const from = (y * width + box[0]) * channels;
      const to = (y * width + box[2]) * channels;
      out.set(images.subarray(theirs + from, theirs + to), mine + from);
    }
  }
  return out;
}

/**
 * The partner of each label: the loss of a mixed batch is lambda x loss(labels) + (1 - lambda) x loss(partners'
 * labels).
 */
export function mixLabels(labels: Int32Array, mix: Mix): Int32Array {
  return Int32Array.from(mix.partners, (partner) => labels[partner]!);
}

/**
 * Soft targets of a mixed batch: lambda x one-hot(label) + (1 - lambda) x one-hot(partner's label).
 * @returns [n, classes]
 */
export function mixTargets(labels: Int32Array, classes: number, mix: Mix): Float32Array {
  const targets = new Float32Array(labels.length * classes);
  mixLabels(labels, mix).forEach((partner, i) => {
    const label = labels[i]!;
    if (label < 0 || label >= classes)
      throw new RescaledError(`Expected labels from 0 to ${classes - 1} but received ${label}.`);
    targets[i * classes + label]! += mix.lambda;
    targets[i * classes + partner]! += 1 - mix.lambda;
  });
  return targets;
}
