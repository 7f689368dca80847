import { type Crop, centreCrop, randomCrop } from './crop.js';
import { flipInPlace, type Pixels, type Undecoded, windowOf } from './pixels.js';
import { augmentInPlace } from './policies/plan.js';
import { type PreprocessOptions, REFERENCE_PREPROCESS } from './preprocess.js';
import type { Random } from './random.js';
import { type Filter, resampleCrop } from './resample.js';

/**
 * The geometry of one look at a picture: crop, resize, the S x S window at a shift, flip, in this order. It is drawn once and applied
 * to the picture and to what lies on the same grid: boxes, masks, depth (targets.ts). Plain data.
 *
 * A point (x, y) of the picture, in pixels with the first pixel's centre at 1/2, comes to
 * ```
 * u = (x - crop.x) * scaled.width / crop.width - shift.x,   v likewise,   flipped: u -> size - u
 * ```
 * Operations of an augmentation policy that move pixels (rotation, shear, translation) come after the view and are no
 * part of it: a task whose targets lie on the grid has to do without them, see `movesPixels`.
 */
export interface View {
  /** Sides of the picture as it was decoded: the grid of `crop`. */
  readonly width: number;
  readonly height: number;
  readonly crop: Crop;
  /** Side S of the result. */
  readonly size: number;
  /** What the crop is resized to, in pixels. Default: S x S. */
  readonly scaled?: { readonly width: number; readonly height: number };
  /** What is cut off on the left and at the top after the resize, in pixels; where it is negative, `fill` comes in. */
  readonly shift?: { readonly x: number; readonly y: number };
  /** Red, green, blue where the view looks past the picture. Default: black. */
  readonly fill?: readonly [number, number, number];
  readonly flip: boolean;
}

/** ImageNet's mean colour: what stands past the picture is then about 0 for a network that takes that mean from its pixels. */
export const MEAN_COLOUR = [124, 116, 104] as const;

/**
 * Where a view lies in its picture, as if the whole of it were filled: u = (x - crop.x) * S / crop.width - shift.x, and likewise down, before
 * any flip. The crop may reach past the picture and lie between pixels.
 */
export function frameOf({ crop, size, scaled, shift = { x: 0, y: 0 } }: View): {
  crop: Crop;
  shift: { readonly x: number; readonly y: number };
} {
  if (scaled === undefined) return { crop, shift };
  const [width, height] = [(crop.width * size) / scaled.width, (crop.height * size) / scaled.height];
  return { crop: { ...crop, width, height }, shift };
}

/** The view that evaluation has of a picture of these sides: the centre crop (`centreCrop`), or all of it. */
export function evalViewOf(width: number, height: number, options: PreprocessOptions): View {
  const { size, evalCrop, fit = REFERENCE_PREPROCESS.fit } = options;
  if (fit === 'letterbox') return wholeView(width, height, size, 1);
  return { width, height, crop: centreCrop(width, height, size, evalCrop), size, flip: false };
}

/**
 * The whole picture with its aspect kept, in the upper left corner: the longer side becomes `scale` x S, the shorter one is rounded. What is
 * left on the right and below is filled; what is too large is cut off there.
 */
function wholeView(width: number, height: number, size: number, scale: number): View {
  const ratio = (size * scale) / Math.max(width, height);
  const side = (length: number): number => Math.max(1, Math.round(length * ratio));
  return {
    width,
    height,
    crop: { x: 0, y: 0, width, height },
    size,
    scaled: { width: side(width), height: side(height) },
    shift: { x: 0, y: 0 },
    fill: MEAN_COLOUR,
    flip: false,
  };
}

/** The view of one training step: a random crop, the evaluation's at a random place, or the picture in a random size; and a flip. */
export function drawView(width: number, height: number, options: PreprocessOptions, random: Random): View {
  const placed = drawPlace(width, height, options, random);
  const flip = options.flip > 0 && random.uniform() < options.flip;
  if (!flip) return placed;
  const { scaled, shift, size } = placed;
  // What is filled stays on the right, as in evaluation.
  return scaled === undefined
    ? { ...placed, flip }
    : { ...placed, flip, shift: { ...shift!, x: scaled.width - size - shift!.x } };
}

function drawPlace(width: number, height: number, options: PreprocessOptions, random: Random): View {
  const {
    cropMode = REFERENCE_PREPROCESS.cropMode,
    minCovered = REFERENCE_PREPROCESS.minCovered,
    padding = REFERENCE_PREPROCESS.padding,
    cropAttempts = REFERENCE_PREPROCESS.cropAttempts,
    cropFallback = REFERENCE_PREPROCESS.cropFallback,
    scaleRange: [low, high] = REFERENCE_PREPROCESS.scaleRange,
  } = options;
  if (cropMode === 'scale') {
    const view = wholeView(width, height, options.size, low + random.uniform() * (high - low));
    const { scaled, size } = view;
    const place = (side: number): number => (side > size ? random.int(side - size + 1) : 0);
    return { ...view, shift: { x: place(scaled!.width), y: place(scaled!.height) } };
  }
  const centred = evalViewOf(width, height, options);
  if (cropMode === 'short-side') {
    // The side in pixels of the picture that the window shows.
    const least = Math.min(width, height);
    const side = Math.min(least, Math.max(1, Math.round(least / (low + random.uniform() * (high - low)))));
    const y = random.int(height - side + 1);
    const x = random.int(width - side + 1);
    return { ...centred, crop: { x, y, width: side, height: side } };
  }
  if (cropMode === 'none') return centred;
  if (cropMode === 'inception') {
    const crop =
      randomCrop(width, height, options.cropArea, options.cropAspect, minCovered, random, cropAttempts) ??
      (cropFallback === 'whole' ? { x: 0, y: 0, width, height } : undefined);
    return crop === undefined ? centred : { ...centred, crop };
  }
  const y = random.int(2 * padding + 1) - padding;
  const x = random.int(2 * padding + 1) - padding;
  return { ...centred, shift: { x, y } };
}

/**
 * The picture in a view. Cut first, then resized, as in the reference: pixels outside the crop have no part in the
 * result.
 * @returns bytes [S, S, 3]
 */
export function applyView(
  picture: Pixels | Undecoded,
  view: View,
  filter: Filter = REFERENCE_PREPROCESS.filter,
): Uint8Array {
  const { size, flip, crop } = view;
  const image =
    'cut' in picture
      ? windowed(picture.cut(crop), { ...view, crop: { ...crop, x: 0, y: 0 } }, filter)
      : windowed(picture, view, filter);
  if (flip) flipInPlace(image, size, size);
  return image;
}

/** Of the resized crop no more is made than the window shows. */
function windowed(pixels: Pixels, { crop, size, scaled, shift, fill }: View, filter: Filter): Uint8Array {
  if (scaled === undefined) {
    const resized = resampleCrop(pixels, crop, size, size, filter);
    return shift === undefined
      ? resized
      : windowOf({ data: resized, width: size, height: size }, shift.x, shift.y, size, size);
  }
  const { width, height } = scaled;
  const { x: left, y: top } = shift ?? { x: 0, y: 0 };
  const [x, y] = [Math.max(0, left), Math.max(0, top)];
  const window = { x, y, width: Math.min(width, left + size) - x, height: Math.min(height, top + size) - y };
  const out = new Uint8Array(3 * size * size);
  if (fill !== undefined) {
    out.set(fill);
    for (let filled = 3; filled < out.length; filled *= 2) out.copyWithin(filled, 0, filled);
  }
  if (window.width < 1 || window.height < 1) return out;
  const part = resampleCrop(pixels, crop, width, height, filter, window);
  const row = 3 * window.width;
  for (let i = 0; i < window.height; i++)
    out.set(part.subarray(i * row, (i + 1) * row), 3 * ((y - top + i) * size + x - left));
  return out;
}

/** A picture as the network sees it, bytes [S, S, 3], and how it was looked at. */
export interface Sample {
  readonly image: Uint8Array;
  readonly view: View;
}

export function evalSample(pixels: Pixels | Undecoded, options: PreprocessOptions): Sample {
  const view = evalViewOf(pixels.width, pixels.height, options);
  return { image: applyView(pixels, view, options.filter), view };
}

/**
 * A picture as one training step sees it: its view, then `augment`, the reference's order. A pure function of the
 * picture, the options and the states of `random` and `shared`.
 * @param shared what the pictures of a batch have in common, see `drawSimclr`
 */
export function trainSample(
  pixels: Pixels | Undecoded,
  options: PreprocessOptions,
  random: Random,
  shared?: Random,
): Sample {
  const { size, augment } = options;
  const view = drawView(pixels.width, pixels.height, options, random);
  const image = applyView(pixels, view, options.filter);
  if (augment !== undefined) augmentInPlace({ data: image, width: size, height: size }, augment, random, shared);
  return { image, view };
}

/** The bytes of `evalSample`. */
export const evalView = (pixels: Pixels, options: PreprocessOptions): Uint8Array => evalSample(pixels, options).image;

/** The bytes of `trainSample`. */
export const trainView = (pixels: Pixels, options: PreprocessOptions, random: Random): Uint8Array =>
  trainSample(pixels, options, random).image;
