import { RescaledError } from '../errors.js';
import type { Crop } from './crop.js';

/** A picture in memory: 8-bit RGB, shape [height, width, 3], row-major, channels innermost. */
export interface Pixels {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** A picture of which no more is decoded than is looked at. */
export interface Undecoded {
  readonly width: number;
  readonly height: number;
  /** The pixels of a part, good until the next call. */
  cut(crop: Crop): Pixels;
}

/** A rectangle in pixel units, [x0, y0, x1, y1]: x1 and y1 are outside. Edges may lie between pixels. */
export type Box = readonly [x0: number, y0: number, x1: number, y1: number];

/**
 * Wraps bytes [height, width, 3] as a picture.
 * @throws RescaledError when the sides are not positive integers or the byte count is not 3 x width x height.
 */
export function pixelsOf(data: Uint8Array, width: number, height: number): Pixels {
  if (!Number.isInteger(width) || !Number.isInteger(height) || width < 1 || height < 1) {
    throw new RescaledError(`Expected picture sides of at least one pixel but received ${width} x ${height}.`);
  }
  if (data.length !== 3 * width * height) {
    throw new RescaledError(
      `Expected ${3 * width * height} bytes for an RGB picture of ${width} x ${height} but received ${data.length}.`,
    );
  }
  return { data, width, height };
}

/** RGB from one grey byte a pixel: R = G = B. `grey` is [height, width]. */
export function fromGrey(grey: Uint8Array, width: number, height: number): Pixels {
  const count = width * height;
  const data = new Uint8Array(3 * count);
  for (let i = 0, o = 0; i < count; i++, o += 3) {
    const value = grey[i]!;
    data[o] = value;
    data[o + 1] = value;
    data[o + 2] = value;
  }
  return { data, width, height };
}

/** Mirrors an RGB picture left to right, in place: column x becomes column width - 1 - x. */
export function flipInPlace(data: Uint8Array, width: number, height: number): void {
  for (let y = 0; y < height; y++) {
    let left = y * width * 3;
    let right = left + (width - 1) * 3;
    for (; left < right; left += 3, right -= 3) {
      for (let c = 0; c < 3; c++) {
        const byte = data[left + c]!;
        data[left + c] = data[right + c]!;
        data[right + c] = byte;
      }
    }
  }
}

/**
 * A width x height window whose upper left corner lies at (x, y) of the picture; what falls outside is black (0).
 * x and y are integers and may be negative.
 */
export function windowOf(pixels: Pixels, x: number, y: number, width: number, height: number): Uint8Array {
  const out = new Uint8Array(3 * width * height);
  const x0 = Math.max(0, x);
  const x1 = Math.min(pixels.width, x + width);
  const y1 = Math.min(pixels.height, y + height);
  if (x1 <= x0) return out;
  for (let row = Math.max(0, y); row < y1; row++) {
    const from = (row * pixels.width + x0) * 3;
    out.set(pixels.data.subarray(from, from + (x1 - x0) * 3), ((row - y) * width + (x0 - x)) * 3);
  }
  return out;
}
