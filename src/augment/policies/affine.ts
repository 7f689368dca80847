import { kernelsFor } from '../kernels.js';
import type { Pixels } from '../pixels.js';

/** Maps a point of the result to a point of the picture: x' = a x + b y + c, y' = d x + e y + f. Units: pixels. */
export type Affine = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

/** The colour where the result shows no part of the picture. */
export type Fill = readonly [r: number, g: number, b: number];

/**
 * How points between pixels are read. In both of Pillow's the centre of the first pixel is (0.5, 0.5); in TensorFlow's
 * it is (0, 0).
 */
export type Sampling = 'tensorflow-nearest' | 'pillow-nearest' | 'pillow-bilinear';

const fround = Math.fround;

export const shearX = (slope: number): Affine => [1, slope, 0, 0, 1, 0];
export const shearY = (slope: number): Affine => [1, 0, 0, slope, 1, 0];
export const translateX = (pixels: number): Affine => [1, 0, pixels, 0, 1, 0];
export const translateY = (pixels: number): Affine => [1, 0, 0, 0, 1, pixels];

/**
 * Rotation counter-clockwise about the centre of the picture: about ((W - 1) / 2, (H - 1) / 2) in single precision as
 * tf.contrib.image.rotate, or about (W / 2, H / 2) with cosine and sine rounded to 15 digits as Pillow's Image.rotate.
 * Both points are the same place.
 */
export function rotation(degrees: number, width: number, height: number, sampling: Sampling): Affine {
  if (sampling === 'tensorflow-nearest') {
    const radians = fround(fround(degrees) * fround(Math.PI / 180));
    const cos = fround(Math.cos(radians));
    const sin = fround(Math.sin(radians));
    const [w, h] = [width - 1, height - 1];
    const c = fround(fround(w - fround(fround(cos * w) - fround(sin * h))) / 2);
    const f = fround(fround(h - fround(fround(sin * w) + fround(cos * h))) / 2);
    return [cos, -sin, c, sin, cos, f];
  }
  const radians = (-(((degrees % 360) + 360) % 360) * Math.PI) / 180;
  const round15 = (value: number) => Number(value.toFixed(15));
  const cos = round15(Math.cos(radians));
  const sin = round15(Math.sin(radians));
  const [x, y] = [width / 2, height / 2];
  return [cos, sin, cos * -x + sin * -y + x, -sin, cos, -sin * -x + cos * -y + y];
}

/**
 * The picture through an affine map, in its own size. `out` [H, W, 3] must be other memory than the picture's.
 *
 * `tensorflow-nearest`: x' and y' in single precision, rounded half away from zero (tf.contrib.image.transform with its
 * default interpolation). `pillow-nearest`: 16-bit fixed point steps from pixel centre to pixel centre, rounded down
 * (Image.transform, NEAREST). `pillow-bilinear`: the four pixels around a point weighted by distance in double
 * precision, truncated; beyond the outermost pixel centres the outermost pixels go on (Image.transform, BILINEAR).
 */
export function transform(source: Pixels, out: Uint8Array, map: Affine, sampling: Sampling, fill: Fill): void {
  if (sampling === 'tensorflow-nearest') tensorflowNearest(source, out, map, fill);
  else if (sampling === 'pillow-nearest') pillowNearest(source, out, map, fill);
  else pillowBilinear(source, out, map, fill);
}

// a x and d x of every column, kept between calls.
let columnX = new Float32Array(0);
let columnY = new Float32Array(0);

function tensorflowNearest({ data, width, height }: Pixels, out: Uint8Array, map: Affine, fill: Fill): void {
  const kernels = kernelsFor(data);
  if (kernels !== undefined)
    return kernels.nearest(data, out, width, height, Float32Array.from(map), Uint8Array.from(fill));
  const [red, green, blue] = fill;
  if (columnX.length < width) {
    columnX = new Float32Array(width);
    columnY = new Float32Array(width);
  }
  for (let x = 0; x < width; x++) {
    columnX[x] = fround(map[0]) * x;
    columnY[x] = fround(map[3]) * x;
  }
  const b = fround(map[1]);
  const c = fround(map[2]);
  const e = fround(map[4]);
  const f = fround(map[5]);
  const right = width - 0.5;
  const bottom = height - 0.5;
  let o = 0;
  for (let y = 0; y < height; y++) {
    const by = fround(b * y);
    const ey = fround(e * y);
    for (let x = 0; x < width; x++, o += 3) {
      const px = fround(fround(columnX[x]! + by) + c);
      const py = fround(fround(columnY[x]! + ey) + f);
      // Half away from zero: -0.5 is already outside, W - 0.5 too.
      if (px > -0.5 && px < right && py > -0.5 && py < bottom) {
        const i = (((py + 0.5) | 0) * width + ((px + 0.5) | 0)) * 3;
        out[o] = data[i]!;
        out[o + 1] = data[i + 1]!;
        out[o + 2] = data[i + 2]!;
      } else {
        out[o] = red;
        out[o + 1] = green;
        out[o + 2] = blue;
      }
    }
  }
}

const fixed = (value: number): number => Math.floor(value * 65536 + 0.5) | 0;

function pillowNearest({ data, width, height }: Pixels, out: Uint8Array, [a, b, c, d, e, f]: Affine, fill: Fill): void {
  const stepX = fixed(a);
  const stepY = fixed(d);
  let rowX = fixed(c + a * 0.5 + b * 0.5);
  let rowY = fixed(f + d * 0.5 + e * 0.5);
  const kernels = kernelsFor(data);
  if (kernels !== undefined) {
    const steps = Int32Array.of(stepX, fixed(b), rowX, stepY, fixed(e), rowY);
    return kernels.nearestFixed(data, out, width, height, steps, Uint8Array.from(fill));
  }
  const [red, green, blue] = fill;
  let o = 0;
  for (let row = 0; row < height; row++) {
    let px = rowX;
    let py = rowY;
    for (let column = 0; column < width; column++, o += 3, px += stepX, py += stepY) {
      const x = px >> 16;
      const y = py >> 16;
      if (x >= 0 && x < width && y >= 0 && y < height) {
        const i = (y * width + x) * 3;
        out[o] = data[i]!;
        out[o + 1] = data[i + 1]!;
        out[o + 2] = data[i + 2]!;
      } else {
        out[o] = red;
        out[o + 1] = green;
        out[o + 2] = blue;
      }
    }
    rowX += fixed(b);
    rowY += fixed(e);
  }
}

function pillowBilinear({ data, width, height }: Pixels, out: Uint8Array, map: Affine, fill: Fill): void {
  const kernels = kernelsFor(data);
  if (kernels !== undefined)
    return kernels.bilinear(data, out, width, height, Float64Array.from(map), Uint8Array.from(fill));
  const [a, b, c, d, e, f] = map;
  const pitch = 3 * width;
  let o = 0;
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++, o += 3) {
      const x = a * (column + 0.5) + b * (row + 0.5) + c;
      const y = d * (column + 0.5) + e * (row + 0.5) + f;
      if (x < 0 || x >= width || y < 0 || y >= height) {
        out[o] = fill[0];
        out[o + 1] = fill[1];
        out[o + 2] = fill[2];
        continue;
      }
      const left = Math.floor(x - 0.5);
      const top = Math.floor(y - 0.5);
      const dx = x - 0.5 - left;
      const dy = y - 0.5 - top;
      const i0 = Math.max(0, left) * 3;
      const i1 = Math.min(width - 1, left + 1) * 3;
      const above = Math.max(0, top) * pitch;
      const below = Math.min(height - 1, top + 1) * pitch;
      for (let k = 0; k < 3; k++) {
        const p = data[above + i0 + k]!;
        const upper = p + (data[above + i1 + k]! - p) * dx;
        const q = data[below + i0 + k]!;
        const lower = q + (data[below + i1 + k]! - q) * dx;
        out[o + k] = (upper + (lower - upper) * dy) | 0;
      }
    }
  }
}
