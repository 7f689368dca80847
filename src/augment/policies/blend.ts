import { kernelsFor } from '../kernels.js';
import type { Pixels } from '../pixels.js';
import { type Arithmetic, pillowGrey, truncate8 } from './tables.js';

const fround = Math.fround;

/** Tables of the reference's grey: byte / 255 x weight in single precision. */
const greyPart = (weight: number) =>
  Float32Array.from({ length: 256 }, (_, v) => fround(fround(v * fround(1 / 255)) * fround(weight)));
const greyParts = Float32Array.from([...greyPart(0.2989), ...greyPart(0.587), ...greyPart(0.114)]);
const [greyRed, greyGreen, greyBlue] = [
  greyParts.subarray(0, 256),
  greyParts.subarray(256, 512),
  greyParts.subarray(512),
];

/**
 * TensorFlow's `rgb_to_grayscale` of 8-bit pixels: 0.2989 R + 0.587 G + 0.114 B on the 0 to 1 scale, times 255.5,
 * truncated.
 */
function tensorflowGrey(r: number, g: number, b: number): number {
  return fround(fround(fround(greyRed[r]! + greyGreen[g]!) + greyBlue[b]!) * 255.5) | 0;
}

/** difference[256 + (v - d)] = factor x (v - d) in single precision. */
const difference = new Float32Array(512);
function prepareBlend(factor: number): void {
  const f = fround(factor);
  for (let i = 0; i < 512; i++) difference[i] = f * (i - 256);
}

/** d + f x (v - d), clipped and truncated, after `prepareBlend(f)`. */
const blended = (d: number, v: number): number => truncate8(fround(d + difference[256 + v - d]!));

/**
 * Blend with the picture's own grey: factor 0 is grey, 1 the picture, above 1 more colour. TensorFlow and Pillow differ
 * in how they round the grey. `out` may be the picture's own bytes.
 */
export function color(source: Pixels, out: Uint8Array, factor: number, arithmetic: Arithmetic): void {
  const { data, width, height } = source;
  const parts = arithmetic === 'pillow' ? undefined : greyParts;
  const kernels = kernelsFor(data);
  if (kernels !== undefined) return kernels.color(data, out, width, height, factor, parts);
  const greyOf = arithmetic === 'pillow' ? pillowGrey : tensorflowGrey;
  prepareBlend(factor);
  for (let i = 0; i < data.length; i += 3) {
    const r = data[i]!;
    const g = data[i + 1]!;
    const b = data[i + 2]!;
    const grey = greyOf(r, g, b);
    out[i] = blended(grey, r);
    out[i + 1] = blended(grey, g);
    out[i + 2] = blended(grey, b);
  }
}

/**
 * Sums of the smoothing kernel [1 1 1; 1 5 1; 1 1 1], at most 13 x 255, divided by 13: cut off, and rounded as Pillow
 * does.
 */
const sums = { length: 13 * 255 + 1 };
const cutOff = Uint8Array.from(sums, (_, sum) => Math.floor(sum / 13));
const rounded = Uint8Array.from(sums, (_, sum) => Math.floor((2 * sum + 13) / 26));

/** v / 13 and 5 v / 13 in single precision. */
const thirteenth = Float32Array.from({ length: 256 }, (_, v) => v * fround(1 / 13));
const fiveThirteenths = Float32Array.from({ length: 256 }, (_, v) => v * fround(5 / 13));

/**
 * Blend with the smoothed picture: factor 0 is smooth, 1 the picture, above 1 sharper. Pixels on the border are not
 * smoothed and so stay.
 *
 * Quirk of the reference: it truncates the smoothed value, a sum of nine products in single precision in reading order,
 * which for a plain area of some values falls just below the value and loses one level. Pillow rounds. `out` must be
 * other memory.
 */
export function sharpness(source: Pixels, out: Uint8Array, factor: number, arithmetic: Arithmetic): void {
  const { data, width, height } = source;
  const kernels = kernelsFor(data);
  if (kernels !== undefined) return kernels.sharpness(data, out, width, height, factor, arithmetic === 'pillow');
  out.set(data);
  if (width < 3 || height < 3) return;
  prepareBlend(factor);
  const pitch = 3 * width;
  const smooth = arithmetic === 'pillow' ? rounded : cutOff;
  for (let y = 1; y < height - 1; y++) {
    for (let i = y * pitch + 3; i < (y + 1) * pitch - 3; i++) {
      const above = i - pitch;
      const below = i + pitch;
      const centre = data[i]!;
      const sum =
        data[above - 3]! +
        data[above]! +
        data[above + 3]! +
        data[i - 3]! +
        5 * centre +
        data[i + 3]! +
        data[below - 3]! +
        data[below]! +
        data[below + 3]!;
      let degenerate = smooth[sum]!;
      // Single precision errs by far less than 1/13, so it can only matter where the exact quotient is whole.
      if (smooth === cutOff && degenerate * 13 === sum) degenerate = singlePrecision(data, i, pitch);
      out[i] = blended(degenerate, centre);
    }
  }
}

/**
 * The reference's smoothed value: nine products summed in reading order, clipped (nine times 255 comes to a little
 * more), cut off.
 */
function singlePrecision(data: Uint8Array, i: number, pitch: number): number {
  const above = i - pitch;
  const below = i + pitch;
  let sum = fround(thirteenth[data[above - 3]!]! + thirteenth[data[above]!]!);
  sum = fround(sum + thirteenth[data[above + 3]!]!);
  sum = fround(sum + thirteenth[data[i - 3]!]!);
  sum = fround(sum + fiveThirteenths[data[i]!]!);
  sum = fround(sum + thirteenth[data[i + 3]!]!);
  sum = fround(sum + thirteenth[data[below - 3]!]!);
  sum = fround(sum + thirteenth[data[below]!]!);
  sum = fround(sum + thirteenth[data[below + 3]!]!);
  return sum >= 255 ? 255 : sum | 0;
}
