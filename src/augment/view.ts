import { type Crop, centreCrop, randomCrop } from './crop.js';
import { flipInPlace, type Pixels, windowOf } from './pixels.js';
import { augmentInPlace } from './policies/plan.js';
import { type PreprocessOptions, REFERENCE_PREPROCESS } from './preprocess.js';
import type { Random } from './random.js';
import { resampleCrop } from './resample.js';

/**
 * The geometry of one look at a picture: crop, resize to S x S, shift, flip, in this order. It is drawn once and applied
 * to the picture and to what lies on the same grid: boxes, masks, depth (targets.ts). Plain data.
 *
 * A point (x, y) of the picture, in pixels with the first pixel's centre at 1/2, comes to
 * ```
 * u = (x - crop.x) * size / crop.width - shift.x,   v = (y - crop.y) * size / crop.height - shift.y,   flipped: u -> size - u
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
  /** What is cut off on the left and at the top after the resize, in pixels; where it is negative, zeros come in. */
  readonly shift?: { readonly x: number; readonly y: number };
  readonly flip: boolean;
}

/**
 * Where a view lies in its picture: u = (x - crop.x) * S / crop.width - shift.x, and likewise down, before any flip.
 */
export function frameOf({ crop, shift = { x: 0, y: 0 } }: View): { crop: Crop; shift: { x: number; y: number } } {
  return { crop, shift };
}

/** The view that evaluation has of a picture of these sides: the centre crop (`centreCrop`). */
export function evalViewOf(width: number, height: number, { size, evalCrop }: PreprocessOptions): View {
  return { width, height, crop: centreCrop(width, height, size, evalCrop), size, flip: false };
}

/** The view of one training step: a random crop, or the evaluation's at a random place, and a flip. */
export function drawView(width: number, height: number, options: PreprocessOptions, random: Random): View {
  const placed = drawPlace(width, height, options, random);
  const flip = options.flip > 0 && random.uniform() < options.flip;
  return flip ? { ...placed, flip } : placed;
}

function drawPlace(width: number, height: number, options: PreprocessOptions, random: Random): View {
  const {
    cropMode = REFERENCE_PREPROCESS.cropMode,
    minCovered = REFERENCE_PREPROCESS.minCovered,
    padding = REFERENCE_PREPROCESS.padding,
    cropAttempts = REFERENCE_PREPROCESS.cropAttempts,
    cropFallback = REFERENCE_PREPROCESS.cropFallback,
  } = options;
  const centred = evalViewOf(width, height, options);
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
export function applyView(pixels: Pixels, view: View, filter?: PreprocessOptions['filter']): Uint8Array {
  const { crop, size, shift, flip } = view;
  const resized = resampleCrop(pixels, crop, size, size, filter ?? REFERENCE_PREPROCESS.filter);
  const image =
    shift === undefined
      ? resized
      : windowOf({ data: resized, width: size, height: size }, shift.x, shift.y, size, size);
  if (flip) flipInPlace(image, size, size);
  return image;
}

/** A picture as the network sees it, bytes [S, S, 3], and how it was looked at. */
export interface Sample {
  readonly image: Uint8Array;
  readonly view: View;
}

export function evalSample(pixels: Pixels, options: PreprocessOptions): Sample {
  const view = evalViewOf(pixels.width, pixels.height, options);
  return { image: applyView(pixels, view, options.filter), view };
}

/**
 * A picture as one training step sees it: its view, then `augment`, the reference's order. A pure function of the
 * picture, the options and the states of `random` and `shared`.
 * @param shared what the pictures of a batch have in common, see `drawSimclr`
 */
export function trainSample(pixels: Pixels, options: PreprocessOptions, random: Random, shared?: Random): Sample {
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
