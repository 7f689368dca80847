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
export const MOST_BITS = 20;
/** Correlation of the lowest waves: less is not looked at more closely. */
const LEAST_LOW = 0.66;
/** Correlation at half size after alignment: the same. */
const LEAST_HALF = 0.9;
/** In grey levels: what varies less is of one colour, and like everything that is. */
export const LEAST_CONTRAST = 5;
/** Between two breaths, in which signals are heard. */
const BREATH_MS = 50;

/** Which pairs are looked for: of a picture with side 1 and one with side 2, say; 3 stands on both. */
export type Sides = Uint8Array;

/**
 * All pairs of near copies. Every hash is compared with every other, as it stands and mirrored, which takes one or two
 * nanoseconds a pair; what is near is compared by its lowest waves, and what is like there is aligned. No index would
 * spare the first step: hashes within 20 of 63 bits, or waves within a correlation of 0.66, are too wide a
 * neighbourhood to leave much of a set out. docs/checking.md has figures.
 * @param which of the pictures are compared
 * @param sides of each picture of `thumbs`, where only pairs across them are wanted
 */
export async function* nearPairs(
  thumbs: Thumbs,
  which: Int32Array,
  { sides, signal }: { sides?: Sides; signal?: AbortSignal } = {},
): AsyncGenerator<number, NearPair[]> {
  const sharp = which.filter((i) => thumbs.contrast[i]! >= LEAST_CONTRAST);
  const hashes = new Hashes(thumbs, sharp, sides);
  const tones = Float32Array.from({ length: 3 * thumbs.contrast.length }, (_, k) =>
    toneOf(thumbs, Math.floor(k / 3), k % 3),
  );
  const aligner = new Aligner(thumbs);
  const pairs: NearPair[] = [];
  let rested = performance.now();
  for (let k = 0; k < sharp.length; k++) {
    for (const { other, mirrored } of hashes.like(k)) {
      const [a, b] = [sharp[k]!, sharp[other]!];
      const { straight, mirrored: mirror } = lowCorrelation(thumbs, a, b);
      if ((mirrored ? mirror : straight) < LEAST_LOW || !sameTones(thumbs, tones, a, b)) continue;
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

/** Mean brightness, Cb or Cr, in levels. */
function toneOf(thumbs: Thumbs, i: number, channel: number): number {
  const colour = thumbs.colourOf(i);
  const half = colour.length / 2;
  const values = channel === 0 ? thumbs.lumaOf(i) : colour.subarray(half * (channel - 1), half * channel);
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/**
 * Whether brightness, colour and contrast as a whole are near enough for a copy. Of 1,500 copies, cropped by up to 5 % a
 * border, none differed by more than 20 levels of brightness, 7.3 of colour and a factor of 1.32 in contrast.
 */
function sameTones({ contrast }: Thumbs, tones: Float32Array, a: number, b: number): boolean {
  const apart = (channel: number): number => Math.abs(tones[3 * a + channel]! - tones[3 * b + channel]!);
  const [one, other] = [contrast[a]!, contrast[b]!];
  return apart(0) <= 32 && apart(1) + apart(2) <= 24 && one <= 1.6 * other && other <= 1.6 * one;
}

/** Every second bit. */
const EVEN = 0x55555555;

/**
 * The hashes of some pictures, laid out so that one comparison answers for a picture and its mirror image: bits of the
 * waves that are even from left to right in one word, of those that are odd, which change with the mirror image, in the
 * other. With e and o of them different, e + o differ as they stand and e + 32 - o mirrored.
 */
export class Hashes {
  readonly #even: Int32Array;
  readonly #odd: Int32Array;
  readonly #sides: Sides | undefined;

  constructor({ signs }: Pick<Thumbs, 'signs'>, which: Int32Array, sides?: Sides) {
    this.#even = which.map((i) => (signs[2 * i]! & EVEN) | ((signs[2 * i + 1]! & EVEN) << 1));
    this.#odd = which.map((i) => ((signs[2 * i]! >>> 1) & EVEN) | (signs[2 * i + 1]! & MIRROR));
    if (sides !== undefined) this.#sides = Uint8Array.from(which, (i) => sides[i]!);
  }

  /** Which of the pictures after k have a hash like its own, or like that of its mirror image. */
  like(k: number): { other: number; mirrored: boolean }[] {
    const [evens, odds, sides] = [this.#even, this.#odd, this.#sides];
    const found: { other: number; mirrored: boolean }[] = [];
    const [even, odd] = [evens[k]!, odds[k]!];
    const side = sides === undefined ? 0 : sides[k]!;
    const across = ((side & 1) << 1) | (side >> 1);
    for (let other = k + 1; other < evens.length; other++) {
      if (sides !== undefined && (sides[other]! & across) === 0) continue;
      const e = bits(even ^ evens[other]!);
      if (e > MOST_BITS) continue;
      const o = bits(odd ^ odds[other]!);
      if (e + o <= MOST_BITS) found.push({ other, mirrored: false });
      if (e + 32 - o <= MOST_BITS) found.push({ other, mirrored: true });
    }
    return found;
  }
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
