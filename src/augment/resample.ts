import { RescaledError } from '../errors.js';
import type { Crop } from './crop.js';
import { type Axis, kernelsFor } from './kernels.js';
import type { Box, Pixels } from './pixels.js';

/** Interpolation: `bilinear` (triangle, support 1) or `bicubic` (Keys' cubic with a = -0.5, support 2). */
export type Filter = 'bicubic' | 'bilinear';

/** Weights are integers of this many fractional bits: 32 less 8 of the pixel less 2 for sign and overshoot. */
const PRECISION_BITS = 22;
const HALF = 1 << (PRECISION_BITS - 1);

function triangle(x: number): number {
  const d = Math.abs(x);
  return d < 1 ? 1 - d : 0;
}

function cubic(x: number): number {
  const d = Math.abs(x);
  if (d < 1) return (1.5 * d - 2.5) * d * d + 1;
  if (d < 2) return (((d - 5) * d + 8) * d - 4) * -0.5;
  return 0;
}

// Of an axis, output i is the sum over t < taps[i] of weights[i * stride + t] x input[first[i] + t].
// Grown and kept between calls, so that a batch allocates nothing but its results. They hold nothing from call to call.
const axisX: Axis = { first: new Int32Array(0), taps: new Int32Array(0), weights: new Int32Array(0), stride: 0 };
const axisY: Axis = { first: new Int32Array(0), taps: new Int32Array(0), weights: new Int32Array(0), stride: 0 };
let real = new Float64Array(64);
let between = new Uint8Array(0);

/**
 * Fills the weights of one axis. An output pixel's filter is centred at start + (i + 0.5) x scale and, when shrinking,
 * widened by scale = (end - start) / output (antialiasing); weights are normalised to sum 1, then rounded to 22
 * fractional bits.
 * @param skip outputs before the first that is wanted
 */
function prepare(
  axis: Axis,
  input: number,
  start: number,
  end: number,
  output: number,
  filter: Filter,
  skip: number,
  wanted: number,
): void {
  const weightOf = filter === 'bicubic' ? cubic : triangle;
  // Pillow holds the box in single precision; the same rounding here keeps the bytes equal for boxes between pixels.
  const from = Math.fround(start);
  const scale = Math.fround(Math.fround(end) - from) / output;
  const widening = Math.max(scale, 1);
  const support = (filter === 'bicubic' ? 2 : 1) * widening;
  const stride = Math.ceil(support) * 2 + 1;
  if (axis.first.length < wanted) {
    axis.first = new Int32Array(wanted);
    axis.taps = new Int32Array(wanted);
  }
  if (axis.weights.length < wanted * stride) axis.weights = new Int32Array(wanted * stride);
  if (real.length < stride) real = new Float64Array(stride);
  axis.stride = stride;
  const { first, taps, weights } = axis;
  const narrowing = 1 / widening;
  for (let i = 0; i < wanted; i++) {
    const centre = from + (skip + i + 0.5) * scale;
    const low = Math.max(0, Math.trunc(centre - support + 0.5));
    const count = Math.min(input, Math.trunc(centre + support + 0.5)) - low;
    let sum = 0;
    for (let t = 0; t < count; t++) {
      const weight = weightOf((t + low - centre + 0.5) * narrowing);
      real[t] = weight;
      sum += weight;
    }
    const row = i * stride;
    for (let t = 0; t < count; t++) {
      const weight = (sum === 0 ? real[t]! : real[t]! / sum) * (1 << PRECISION_BITS);
      weights[row + t] = Math.trunc(weight < 0 ? weight - 0.5 : weight + 0.5);
    }
    first[i] = low;
    taps[i] = count;
  }
}

function clip8(sum: number): number {
  const value = sum >> PRECISION_BITS;
  return value < 0 ? 0 : value > 255 ? 255 : value;
}

/**
 * `rows` rows of `pixels` pixels, `pitch` bytes apart from byte `offset` on, each resampled to `width` pixels by `axisX`, into `target`
 * [rows, width, 3].
 */
function resampleRows(
  source: Uint8Array,
  offset: number,
  pitch: number,
  pixels: number,
  rows: number,
  target: Uint8Array,
  width: number,
): void {
  const { first, taps, weights, stride } = axisX;
  const kernels = kernelsFor(source);
  if (kernels !== undefined)
    return kernels.resampleRows(source, offset, pitch, pixels, rows, target, width, first, taps, weights, stride);
  let o = 0;
  for (let y = 0; y < rows; y++) {
    const row = y * pitch + offset;
    for (let x = 0; x < width; x++) {
      let p = row + first[x]! * 3;
      let w = x * stride;
      const stop = w + taps[x]!;
      let r = HALF;
      let g = HALF;
      let b = HALF;
      for (; w < stop; w++, p += 3) {
        const weight = weights[w]!;
        r = (r + Math.imul(source[p]!, weight)) | 0;
        g = (g + Math.imul(source[p + 1]!, weight)) | 0;
        b = (b + Math.imul(source[p + 2]!, weight)) | 0;
      }
      target[o] = clip8(r);
      target[o + 1] = clip8(g);
      target[o + 2] = clip8(b);
      o += 3;
    }
  }
}

/**
 * `rows` rows of `bytes` bytes, `pitch` bytes apart from byte `offset` on, resampled to `height` rows by `axisY`.
 */
function resampleColumns(
  source: Uint8Array,
  offset: number,
  pitch: number,
  bytes: number,
  rows: number,
  target: Uint8Array,
  height: number,
): void {
  const { first, taps, weights, stride } = axisY;
  const kernels = kernelsFor(source);
  if (kernels !== undefined)
    return kernels.resampleColumns(source, offset, pitch, bytes, rows, target, height, first, taps, weights, stride);
  let o = 0;
  for (let y = 0; y < height; y++) {
    const w0 = y * stride;
    const stop = w0 + taps[y]!;
    const row = first[y]! * pitch + offset;
    // Three bytes a turn: `bytes` is a multiple of three, and three sums share one weight load.
    for (let i = 0; i < bytes; i += 3) {
      let p = row + i;
      let r = HALF;
      let g = HALF;
      let b = HALF;
      for (let w = w0; w < stop; w++, p += pitch) {
        const weight = weights[w]!;
        r = (r + Math.imul(source[p]!, weight)) | 0;
        g = (g + Math.imul(source[p + 1]!, weight)) | 0;
        b = (b + Math.imul(source[p + 2]!, weight)) | 0;
      }
      target[o] = clip8(r);
      target[o + 1] = clip8(g);
      target[o + 2] = clip8(b);
      o += 3;
    }
  }
}

/**
 * The part `box` of a picture, resampled to width x height with antialiasing: rows first, then columns, each rounded to
 * 8 bits. Gives the same bytes as Pillow's `Image.resize((width, height), filter, box=box)`. A pass that would change
 * nothing (same size, whole-pixel edges) is left out. Note that pixels just outside the box take part at its edges, as
 * in Pillow.
 *
 * @returns bytes [height, width, 3]
 * @throws RescaledError when the box does not lie within the picture, is empty, or the sides are not positive integers.
 */
export function resample(
  pixels: Pixels,
  box: Box,
  width: number,
  height: number,
  filter: Filter = 'bicubic',
): Uint8Array {
  const [x0, y0, x1, y1] = box;
  if (!(x0 >= 0 && y0 >= 0 && x1 <= pixels.width && y1 <= pixels.height && x0 < x1 && y0 < y1)) {
    throw new RescaledError(
      `Expected a box within the picture of ${pixels.width} x ${pixels.height} but received [${box.join(', ')}].`,
    );
  }
  if (!Number.isInteger(width) || !Number.isInteger(height) || width < 1 || height < 1) {
    throw new RescaledError(
      `Expected a target size of whole pixels, at least 1 x 1, but received ${width} x ${height}.`,
    );
  }
  return resampled(pixels, 0, pixels.width * 3, box, width, height, filter, { x: 0, y: 0, width, height });
}

/**
 * A crop of whole pixels, resampled to width x height. As if it had been cut out before: pixels outside have no part in
 * it.
 * @param window the part of the result that is made, within it; default: all of it
 * @throws RescaledError when the crop does not lie within the picture
 */
export function resampleCrop(
  pixels: Pixels,
  crop: Crop,
  width: number,
  height: number,
  filter: Filter,
  window: Crop = { x: 0, y: 0, width, height },
): Uint8Array {
  const { x, y, width: w, height: h } = crop;
  if (!(x >= 0 && y >= 0 && w >= 1 && h >= 1 && x + w <= pixels.width && y + h <= pixels.height)) {
    throw new RescaledError(
      `Expected a crop within the picture of ${pixels.width} x ${pixels.height} but received ${w} x ${h} at ${x}, ${y}.`,
    );
  }
  const part = { data: pixels.data, width: w, height: h };
  return resampled(part, (y * pixels.width + x) * 3, pixels.width * 3, [0, 0, w, h], width, height, filter, window);
}

/**
 * @param offset of the first byte @param pitch bytes from row to row: the picture may be a part of a larger one
 * @param window the part of the result that is wanted
 */
function resampled(
  pixels: Pixels,
  offset: number,
  pitch: number,
  [x0, y0, x1, y1]: Box,
  width: number,
  height: number,
  filter: Filter,
  window: Crop,
): Uint8Array {
  const { data } = pixels;
  const out = new Uint8Array(3 * window.width * window.height);
  const bytes = window.width * 3;
  const keepX = Number.isInteger(x0) && x1 - x0 === width;
  const keepY = Number.isInteger(y0) && y1 - y0 === height;
  const left = (x0 + window.x) * 3;
  const upper = y0 + window.y;
  if (keepX && keepY) {
    for (let y = 0; y < window.height; y++) {
      const from = offset + (upper + y) * pitch + left;
      out.set(data.subarray(from, from + bytes), y * bytes);
    }
    return out;
  }
  if (!keepY) prepare(axisY, pixels.height, y0, y1, height, filter, window.y, window.height);
  if (keepX) {
    resampleColumns(data, offset + left, pitch, bytes, pixels.height, out, window.height);
    return out;
  }
  prepare(axisX, pixels.width, x0, x1, width, filter, window.x, window.width);
  if (keepY) {
    resampleRows(data, offset + upper * pitch, pitch, pixels.width, window.height, out, window.width);
    return out;
  }
  // Only the rows that the second pass will read.
  const top = axisY.first[0]!;
  const bottom = axisY.first[window.height - 1]! + axisY.taps[window.height - 1]!;
  const rows = bottom - top;
  for (let y = 0; y < window.height; y++) axisY.first[y]! -= top;
  if (between.length < rows * bytes) between = new Uint8Array(rows * bytes);
  resampleRows(data, offset + top * pitch, pitch, pixels.width, rows, between, window.width);
  resampleColumns(between, 0, bytes, bytes, rows, out, window.height);
  return out;
}
