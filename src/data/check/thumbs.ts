import type { Pixels } from '../../augment/pixels.js';
import { resample } from '../../augment/resample.js';

/** Side of the brightness that two pictures are compared by, in pixels. */
export const SIDE = 32;
/** Side of the colour. */
export const COLOUR_SIDE = 8;
/** Frequencies of the cosine transform, in each direction. */
const WAVES = 8;
export const LUMA = SIDE * SIDE;
export const COLOUR = 2 * COLOUR_SIDE * COLOUR_SIDE;
export const LOW = WAVES * WAVES;

/** Rows of the cosine transform (DCT-II, orthonormal), [wave, place]. */
const COSINES = Float32Array.from({ length: WAVES * SIDE }, (_, k) => {
  const [wave, place] = [Math.floor(k / SIDE), k % SIDE];
  return Math.sqrt((wave === 0 ? 1 : 2) / SIDE) * Math.cos((Math.PI * (place + 0.5) * wave) / SIDE);
});

/** Bits of waves that change sign when a picture is mirrored: those that are odd from left to right. */
export const MIRROR = 0xaaaaaaaa | 0;

/**
 * Small views of many pictures in a few typed arrays, 1.3 kB a picture. Each is squeezed to a square, so that a picture
 * and its rescaled copy look alike, and a crop is a box of it:
 *
 * - brightness (ITU-R BT.601) at 32 x 32, colour (Cb, Cr) at 8 x 8;
 * - the 63 lowest waves of the brightness's cosine transform without its mean, as a unit vector times 127, and their
 *   signs: a perceptual hash (pHash; Zauner 2010, section 3.2.1, with signs in place of a median), whose mirror image is
 *   the same with every other bit changed.
 */
export class Thumbs {
  readonly luma: Uint8Array;
  readonly colour: Uint8Array;
  /** The lowest waves, [wave from top to bottom, wave from left to right]. */
  readonly low: Int8Array;
  /** Their signs: a bit each, four rows a word. */
  readonly signs: Int32Array;
  /** Standard deviation of the brightness, in grey levels. */
  readonly contrast: Float32Array;

  constructor(count: number) {
    this.luma = new Uint8Array(LUMA * count);
    this.colour = new Uint8Array(COLOUR * count);
    this.low = new Int8Array(LOW * count);
    this.signs = new Int32Array(2 * count);
    this.contrast = new Float32Array(count);
  }

  lumaOf(i: number): Uint8Array {
    return this.luma.subarray(LUMA * i, LUMA * (i + 1));
  }

  /** Cb, then Cr. */
  colourOf(i: number): Uint8Array {
    return this.colour.subarray(COLOUR * i, COLOUR * (i + 1));
  }

  set(i: number, pixels: Pixels): void {
    const rgb = resample(pixels, [0, 0, pixels.width, pixels.height], SIDE, SIDE, 'bilinear');
    const luma = this.lumaOf(i);
    const colour = this.colourOf(i);
    const sums = new Float32Array(COLOUR);
    const step = SIDE / COLOUR_SIDE;
    let [sum, squares] = [0, 0];
    for (let y = 0, p = 0; y < SIDE; y++)
      for (let x = 0; x < SIDE; x++, p++) {
        const [r, g, b] = [rgb[3 * p]!, rgb[3 * p + 1]!, rgb[3 * p + 2]!];
        const bright = 0.299 * r + 0.587 * g + 0.114 * b;
        luma[p] = Math.round(bright);
        sum += bright;
        squares += bright * bright;
        const cell = Math.floor(y / step) * COLOUR_SIDE + Math.floor(x / step);
        sums[cell]! += 0.564 * (b - bright);
        sums[cell + COLOUR / 2]! += 0.713 * (r - bright);
      }
    for (let k = 0; k < COLOUR; k++) colour[k] = Math.round(128 + sums[k]! / (step * step));
    this.contrast[i] = Math.sqrt(Math.max(0, squares / LUMA - (sum / LUMA) ** 2));
    this.#waves(i, luma);
  }

  #waves(i: number, luma: Uint8Array): void {
    for (let y = 0; y < SIDE; y++)
      for (let u = 0; u < WAVES; u++) {
        let sum = 0;
        for (let x = 0; x < SIDE; x++) sum += luma[y * SIDE + x]! * COSINES[u * SIDE + x]!;
        rows[y * WAVES + u] = sum;
      }
    let power = 0;
    for (let v = 0; v < WAVES; v++)
      for (let u = 0; u < WAVES; u++) {
        let sum = 0;
        for (let y = 0; y < SIDE; y++) sum += rows[y * WAVES + u]! * COSINES[v * SIDE + y]!;
        waves[v * WAVES + u] = sum;
        if (u + v > 0) power += sum * sum;
      }
    this.signs.fill(0, 2 * i, 2 * i + 2);
    const scale = 127 / Math.sqrt(Math.max(1e-6, power));
    for (let k = 1; k < LOW; k++) {
      this.low[LOW * i + k] = Math.round(scale * waves[k]!);
      if (waves[k]! > 0) this.signs[2 * i + (k >> 5)]! |= 1 << (k & 31);
    }
  }
}

const rows = new Float32Array(SIDE * WAVES);
const waves = new Float32Array(LOW);

/**
 * Correlation of the lowest waves of two pictures, from -1 to 1: as they stand, and of one with the other's mirror image.
 */
export function lowCorrelation({ low }: Thumbs, i: number, j: number): { straight: number; mirrored: number } {
  let [even, odd] = [0, 0];
  for (let a = LOW * i, b = LOW * j, end = a + LOW; a < end; a += 2, b += 2) {
    even += low[a]! * low[b]!;
    odd += low[a + 1]! * low[b + 1]!;
  }
  return { straight: (even + odd) / 127 ** 2, mirrored: (even - odd) / 127 ** 2 };
}
