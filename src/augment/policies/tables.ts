import { kernelsFor } from '../kernels.js';
import type { Pixels } from '../pixels.js';

/**
 * Whose arithmetic an operation follows where the two differ in bytes: the TensorFlow reference (single precision,
 * results truncated) or Pillow (double precision or integers, results of its C code).
 */
export type Arithmetic = 'tensorflow' | 'pillow';

// Operations of one table a channel. `out` may be the picture's own bytes. Tables are kept between calls and filled
// anew in each.
const tables = new Uint8Array(768);
const [red, green, blue] = [tables.subarray(0, 256), tables.subarray(256, 512), tables.subarray(512)];
const TABLES = [red, green, blue] as const;
const allCounts = new Int32Array(768);
const counts = [allCounts.subarray(0, 256), allCounts.subarray(256, 512), allCounts.subarray(512)] as const;
const fround = Math.fround;

/** As the reference casts after clipping: below 0 is 0, above 255 is 255, the rest loses its fraction. */
export const truncate8 = (value: number): number => (value <= 0 ? 0 : value >= 255 ? 255 : Math.trunc(value));

/** out[i] = table[source[i]] for every byte, with a table for each channel: `red`, `green` and `blue`. */
function mapChannels(source: Pixels, out: Uint8Array): void {
  const { data } = source;
  const kernels = kernelsFor(data);
  if (kernels !== undefined) return kernels.mapBytes(data, out, tables);
  for (let i = 0; i < data.length; i += 3) {
    out[i] = red[data[i]!]!;
    out[i + 1] = green[data[i + 1]!]!;
    out[i + 2] = blue[data[i + 2]!]!;
  }
}

function fillAll(source: Pixels, out: Uint8Array, mapped: (byte: number) => number): void {
  for (let i = 0; i < 256; i++) red[i] = green[i] = blue[i] = mapped(i);
  mapChannels(source, out);
}

function countBytes({ data }: Pixels): void {
  const kernels = kernelsFor(data);
  if (kernels !== undefined) return kernels.countBytes(data, allCounts);
  const [r, g, b] = counts;
  r.fill(0);
  g.fill(0);
  b.fill(0);
  for (let i = 0; i < data.length; i += 3) {
    r[data[i]!]!++;
    g[data[i + 1]!]!++;
    b[data[i + 2]!]!++;
  }
}

/**
 * Each channel stretched so that its lowest value becomes 0 and its highest 255: v x s + o with s = 255 / (high - low),
 * o = -low x s, truncated. A channel of one value stays. TensorFlow computes in single precision, Pillow in double:
 * some entries differ by one.
 */
export function autoContrast(source: Pixels, out: Uint8Array, arithmetic: Arithmetic): void {
  const round = arithmetic === 'pillow' ? (value: number) => value : fround;
  countBytes(source);
  TABLES.forEach((table, channel) => {
    const count = counts[channel]!;
    let low = 0;
    while (low < 255 && count[low] === 0) low++;
    let high = 255;
    while (high > 0 && count[high] === 0) high--;
    const scale = round(255 / (high - low));
    const offset = round(-low * scale);
    for (let i = 0; i < 256; i++) table[i] = high > low ? truncate8(round(round(i * scale) + offset)) : i;
  });
  mapChannels(source, out);
}

/**
 * Each channel's histogram flattened: with step = floor((pixels - pixels of the highest value) / 255), value v becomes
 * floor((pixels below v + floor(step / 2)) / step), at most 255. A channel with step 0 stays. The same bytes in
 * TensorFlow and Pillow.
 */
export function equalize(source: Pixels, out: Uint8Array): void {
  countBytes(source);
  TABLES.forEach((table, channel) => {
    const count = counts[channel]!;
    let high = 255;
    while (high > 0 && count[high] === 0) high--;
    const step = Math.floor((source.width * source.height - count[high]!) / 255);
    let below = step >> 1;
    for (let i = 0; i < 256; i++) {
      table[i] = step === 0 ? i : Math.min(255, Math.floor(below / step));
      below += count[i]!;
    }
  });
  mapChannels(source, out);
}

/** v becomes 255 - v. */
export function invert(source: Pixels, out: Uint8Array): void {
  fillAll(source, out, (v) => 255 - v);
}

/**
 * Keeps the upper `bits` bits of each value, 0 to 8. Quirk of the reference: TensorFlow's 8-bit shifts stop at 7
 * places, so with 0 bits the highest one is still kept (0 or 128); Pillow gives black. More than 8 bits, which the
 * reference's rule asks for above magnitude 20, leaves the picture as it is (our choice: there the reference shifts by
 * a negative number).
 */
export function posterize(source: Pixels, out: Uint8Array, bits: number, arithmetic: Arithmetic): void {
  const kept = Math.min(8, Math.max(arithmetic === 'pillow' ? 0 : 1, bits));
  const mask = (0xff << (8 - kept)) & 0xff;
  fillAll(source, out, (v) => v & mask);
}

/**
 * v becomes 255 - v where v >= threshold. Quirk of the reference: the threshold, 256 from magnitude 10 on, meets 8-bit
 * pixels. We saturate it at 255, as the same operation does in tensorflow/models official/vision/ops/augment.py, so
 * that pure 255 turns black; Pillow compares whole numbers, and 256 changes nothing.
 */
export function solarize(source: Pixels, out: Uint8Array, threshold: number, arithmetic: Arithmetic): void {
  const limit = arithmetic === 'pillow' ? threshold : Math.min(255, threshold);
  fillAll(source, out, (v) => (v < limit ? v : 255 - v));
}

/** v becomes min(255, v + addition) where v < 128. */
export function solarizeAdd(source: Pixels, out: Uint8Array, addition: number): void {
  fillAll(source, out, (v) => (v < 128 ? Math.max(0, Math.min(255, v + addition)) : v));
}

/**
 * The table of a blend with one value: d + f x (v - d) in single precision, clipped and truncated; a factor of 0 gives
 * d, of 1 the picture. TensorFlow and Pillow agree on this.
 */
function blendWithValue(source: Pixels, out: Uint8Array, value: number, factor: number): void {
  const f = fround(factor);
  fillAll(source, out, (v) => (f === 1 ? v : truncate8(fround(value + fround(f * (v - value))))));
}

/** Blend with black: factor 0 is black, 1 the picture, above 1 brighter. */
export function brightness(source: Pixels, out: Uint8Array, factor: number): void {
  blendWithValue(source, out, 0, factor);
}

/**
 * Blend with one grey: factor 0 is that grey, 1 the picture, above 1 more contrast. In Pillow the grey is the rounded
 * mean of the grey picture. Quirk of the reference: its "mean" is the sum of the histogram's 256 counts divided by 256,
 * which is H x W / 256 whatever the picture shows, clipped to 255: 100 at 160 pixels, 196 at 224, 255 from 256 on.
 */
export function contrast(source: Pixels, out: Uint8Array, factor: number, arithmetic: Arithmetic): void {
  const { data, width, height } = source;
  let value = Math.min(255, Math.floor((width * height) / 256));
  if (arithmetic === 'pillow') {
    let sum = 0;
    for (let i = 0; i < data.length; i += 3) sum += pillowGrey(data[i]!, data[i + 1]!, data[i + 2]!);
    value = Math.floor(sum / (width * height) + 0.5);
  }
  blendWithValue(source, out, value, factor);
}

/** Pillow's grey of a pixel: 0.299 R + 0.587 G + 0.114 B in 16-bit fixed point, rounded. */
export function pillowGrey(r: number, g: number, b: number): number {
  return (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16;
}
