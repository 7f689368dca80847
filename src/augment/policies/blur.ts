import { pictureKernels } from '../kernels.js';

/** Pixels that the blur reaches each way at this size: 1 at 32, 4 at 96, 8 at 160, 11 at 224. (simclr data_util.py.) */
export const blurRadius = (size: number): number => Math.floor(Math.floor(size / 10) / 2);

/** Weights of the taps -radius .. radius: exp(-x^2 / (2 sigma^2)), made to sum to 1. */
export function blurKernel(radius: number, sigma: number): Float32Array {
  const kernel = Float32Array.from({ length: 2 * radius + 1 }, (_, t) =>
    Math.exp(-((t - radius) ** 2) / (2 * sigma ** 2)),
  );
  const sum = kernel.reduce((a, b) => a + b, 0);
  return kernel.map((weight) => weight / sum);
}

// Kept between calls; hold nothing from call to call.
let padded = new Float32Array(0);
let between = new Float32Array(0);

/**
 * Gaussian blur of numbers from 0 to 1, [H, W, 3] in float32, in place: along the rows, then along the columns,
 * each summed in float64, with zeros outside the picture, so that its borders darken (padding SAME of simclr data_util.py, gaussian_blur). The
 * kernel has 2 `blurRadius(height)` + 1 taps, whatever the sigma (in pixels).
 */
export function blurInPlace(picture: Float32Array, width: number, height: number, sigma: number): void {
  const radius = blurRadius(height);
  if (radius === 0) return;
  const kernel = blurKernel(radius, sigma);
  const kernels = pictureKernels();
  if (kernels !== undefined) return kernels.blur(picture, width, height, kernel);
  const row = 3 * width;
  const margin = 3 * radius;
  if (between.length < picture.length) between = new Float32Array(picture.length);
  if (padded.length < row + 2 * margin) padded = new Float32Array(row + 2 * margin);
  const [line, rows, taps] = [padded.subarray(0, row + 2 * margin), between, kernel.length];
  line.fill(0);
  for (let y = 0; y < height; y++) {
    line.set(picture.subarray(y * row, (y + 1) * row), margin);
    for (let i = 0, o = y * row; i < row; i++, o++) {
      let sum = 0;
      for (let t = 0, p = i; t < taps; t++, p += 3) sum += kernel[t]! * line[p]!;
      rows[o] = sum;
    }
  }
  for (let y = 0; y < height; y++) {
    const first = Math.max(0, radius - y);
    const last = Math.min(taps, height + radius - y);
    for (let i = 0, o = y * row; i < row; i++, o++) {
      let sum = 0;
      for (let t = first, p = (y + first - radius) * row + i; t < last; t++, p += row) sum += kernel[t]! * rows[p]!;
      // The weights are rounded to float32, so that their sum may lie above 1.
      picture[o] = sum > 1 ? 1 : sum;
    }
  }
}
