import type { Random } from './random.js';

/** A crop in whole pixels. */
export interface Crop {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Sampling is tried this often before another crop is used instead (resnet_preprocessing.py, max_attempts). */
export const CROP_ATTEMPTS = 10;

/**
 * The evaluation crop: a centred square of side floor(S / (S + pad) x min(H, W)), pad = round(S x (1 / fraction - 1)),
 * whose upper left corner is (W - side + 1) // 2, (H - side + 1) // 2. With fraction 0.875: S = 160 -> pad 23, 224 ->
 * 32. A fraction of 1 takes the whole shorter side. (resnet_preprocessing.py, _decode_and_center_crop.)
 */
export function centreCrop(width: number, height: number, size: number, fraction: number): Crop {
  const pad = Math.round(size * (1 / fraction - 1));
  const side = Math.max(1, Math.floor((size * Math.min(width, height)) / (size + pad)));
  return { x: (width - side + 1) >> 1, y: (height - side + 1) >> 1, width: side, height: side };
}

/**
 * The training crop, distributed as TensorFlow's `sample_distorted_bounding_box` over the whole picture as the one
 * object: an aspect (width / height) uniform in `aspect`, a height uniform among the whole numbers whose area lies in
 * `area` x H x W and which fit, then a uniform place. Up to `attempts`; returns undefined when none fits or when the crop
 * is the whole picture, where the reference uses the centre crop and SimCLR the whole picture.
 *
 * Two facts of the reference kept on purpose. (1) min_object_covered = `minCovered` is measured against the whole
 * picture, so crops below that share are rejected: the released 0.1 makes the smallest area 0.1, not 0.08. (2) The
 * place is drawn from the first H - height (W - width) positions: the last one never comes.
 */
export function randomCrop(
  width: number,
  height: number,
  area: readonly [number, number],
  aspect: readonly [number, number],
  minCovered: number,
  random: Random,
  attempts = CROP_ATTEMPTS,
): Crop | undefined {
  const total = width * height;
  for (let attempt = 0; attempt < attempts; attempt++) {
    const ratio = aspect[0] + random.uniform() * (aspect[1] - aspect[0]);
    const size = sampleSize(width, height, area[0] * total, area[1] * total, ratio, random);
    if (size === undefined) continue;
    const [w, h] = size;
    const y = h < height ? random.int(height - h) : 0;
    const x = w < width ? random.int(width - w) : 0;
    if (w * h < minCovered * total) continue;
    return w === width && h === height ? undefined : { x, y, width: w, height: h };
  }
  return undefined;
}

/**
 * A [width, height] of the given aspect with its area between the limits (pixels) that fits the picture, or undefined.
 */
function sampleSize(
  width: number,
  height: number,
  minArea: number,
  maxArea: number,
  ratio: number,
  random: Random,
): [number, number] | undefined {
  const widthOf = (h: number) => Math.round(h * ratio);
  let tallest = Math.min(height, Math.round(Math.sqrt(maxArea / ratio)), Math.ceil((width + 0.5) / ratio));
  while (widthOf(tallest) > width) tallest--;
  const lowest = Math.min(tallest, Math.round(Math.sqrt(minArea / ratio)));
  const drawn = tallest > lowest ? lowest + random.int(tallest - lowest + 1) : lowest;
  // Rounding to whole pixels may leave the limits by a row, so the neighbours may stand in.
  for (const h of [drawn, drawn + 1, drawn - 1]) {
    const w = widthOf(h);
    const fits = w >= 1 && h >= 1 && w <= width && h <= height;
    if (fits && w * h >= minArea && w * h <= maxArea) return [w, h];
  }
  return undefined;
}
