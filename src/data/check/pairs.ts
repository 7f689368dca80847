import { setImmediate as breathe } from 'node:timers/promises';
import { Aligner, type Likeness } from './align.js';
import { lowCorrelation, MIRROR, type Thumbs } from './thumbs.js';

/** Two pictures, by their numbers among the thumbnails, of which one is a changed copy of the other. */
export interface NearPair {
  a: number;
  b: number;
  mirrored: boolean;
  likeness: Likeness;
}

/** Bits of 63 by which the hashes of a pair may differ. */
const MOST_BITS = 20;
/** Correlation of the lowest waves: less is not looked at more closely. */
const LEAST_LOW = 0.66;
/** Correlation at half size after alignment: the same. */
const LEAST_HALF = 0.9;
/** In grey levels: what varies less is of one colour, and like everything that is. */
export const LEAST_CONTRAST = 5;
/** Between two breaths, in which signals are heard. */
const BREATH_MS = 50;

/**
 * All pairs of near copies. Every hash is compared with every other, as it stands and mirrored, which takes a few
 * nanoseconds a pair; what is near is compared by its lowest waves, and what is like there is aligned, which takes most
 * of the time. It grows with the square of the number of pictures; docs/checking.md has figures.
 */
export async function* nearPairs(
  thumbs: Thumbs,
  which: Int32Array,
  signal?: AbortSignal,
): AsyncGenerator<number, NearPair[]> {
  const sharp = which.filter((i) => thumbs.contrast[i]! >= LEAST_CONTRAST);
  const high = Int32Array.from(sharp, (i) => thumbs.signs[2 * i]!);
  const low = Int32Array.from(sharp, (i) => thumbs.signs[2 * i + 1]!);
  const aligner = new Aligner(thumbs);
  const pairs: NearPair[] = [];
  let rested = performance.now();
  for (let k = 0; k < sharp.length; k++) {
    for (const { other, mirrored } of alike(high, low, k)) {
      const [a, b] = [sharp[k]!, sharp[other]!];
      const { straight, mirrored: mirror } = lowCorrelation(thumbs, a, b);
      if ((mirrored ? mirror : straight) < LEAST_LOW) continue;
      const likeness = aligner.compare(a, b, mirrored, LEAST_HALF);
      if (likeness !== undefined && isCopy(likeness)) pairs.push({ a, b, mirrored, likeness });
    }
    if (performance.now() - rested < BREATH_MS) continue;
    yield k / sharp.length;
    await breathe();
    rested = performance.now();
    signal?.throwIfAborted();
  }
  return pairs;
}

/** Which of the pictures after k have a hash like its own, or like that of its mirror image. */
function alike(high: Int32Array, low: Int32Array, k: number): { other: number; mirrored: boolean }[] {
  const found: { other: number; mirrored: boolean }[] = [];
  const [h, l] = [high[k]!, low[k]!];
  const [mh, ml] = [h ^ MIRROR, l ^ MIRROR];
  for (let other = k + 1; other < high.length; other++) {
    const [oh, ol] = [high[other]!, low[other]!];
    if (bits(h ^ oh) + bits(l ^ ol) <= MOST_BITS) found.push({ other, mirrored: false });
    if (bits(mh ^ oh) + bits(ml ^ ol) <= MOST_BITS) found.push({ other, mirrored: true });
  }
  return found;
}

/** How many bits are set (Warren, Hacker's Delight, section 5-1). */
function bits(word: number): number {
  let v = word - ((word >>> 1) & 0x55555555);
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
  return Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** Pixels of a thumbnail by which an alignment may miss. */
const INEXACT = 0.3;

/**
 * Whether what is left of the difference is what re-encoding, another size and an inexact alignment leave, and the
 * alignment is that of a crop: one picture lies within the other. Two views of one thing pass in brightness, and differ
 * in detail; the same cut in another colour differs in colour.
 */
export function isCopy(likeness: Likeness): boolean {
  const { correlation, gain, shade, detail, detailDifference, colour } = likeness;
  return (
    correlation >= 0.965 &&
    gain > 0.8 &&
    gain < 1.25 &&
    shade <= 10 &&
    colour <= (correlation >= 0.99 ? 9 : 6) &&
    detailDifference <= 0.56 * detail + 1 &&
    isCrop(likeness.alignment)
  );
}

function isCrop({ stretchX, shiftX, stretchY, shiftY }: Likeness['alignment']): boolean {
  const inside = (stretch: number, shift: number): boolean => Math.abs(shift) <= Math.abs(stretch) + INEXACT;
  const oneWay = Math.max(stretchX, stretchY) <= INEXACT || Math.min(stretchX, stretchY) >= -INEXACT;
  return oneWay && inside(stretchX, shiftX) && inside(stretchY, shiftY);
}
