import { UsageError } from '../errors.js';
import { type Crop, centreCrop, randomCrop } from './crop.js';
import { flipInPlace, type Pixels, windowOf } from './pixels.js';
import { type AugmentPlan, augmentInPlace, augmentPlan } from './policies/plan.js';
import type { Random } from './random.js';
import { type Filter, resample } from './resample.js';

/**
 * How a picture of any size becomes the network's square input. All fields are plain data; `preprocessOptions` fills
 * and checks them.
 */
export interface PreprocessOptions {
  /** Side S of the input in pixels. */
  size: number;
  /** Range of the training crop's area as a share of the picture (`inception` mode). Reference: 0.08 to 1. */
  cropArea: [number, number];
  /** Range of the training crop's aspect, width / height (`inception` mode). Reference: 3/4 to 4/3. */
  cropAspect: [number, number];
  /** Probability of a horizontal flip in training. Reference: 0.5. */
  flip: number;
  /**
   * Share of the shorter side that the evaluation crop keeps. Reference: 0.875. 1 takes the whole shorter side (for
   * tiny pictures).
   */
  evalCrop: number;
  /**
   * `inception`: random area and aspect. `pad`: zero-pad the evaluation view, then a random S x S window. `none`: the
   * evaluation view.
   */
  cropMode?: 'inception' | 'pad' | 'none';
  /** Pixels of zero padding on each side in `pad` mode. Default 4, as is usual for CIFAR. */
  padding?: number;
  /**
   * Training crops below this share of the picture are drawn again (`inception` mode; see `randomCrop`). Reference:
   * 0.1.
   */
  minCovered?: number;
  /** Interpolation of every resize. Reference: bicubic. */
  filter?: Filter;
  /** What else is done in training, after crop and flip. Default: nothing. The ResNet-RS recipe: RandAugment. */
  augment?: AugmentPlan;
}

/**
 * The reference's preprocessing (tensorflow/tpu, models/official/resnet/resnet_preprocessing.py) with every field set
 * but the size; no RandAugment.
 */
export const REFERENCE_PREPROCESS: Readonly<Required<Omit<PreprocessOptions, 'size'>>> = {
  cropArea: [0.08, 1],
  cropAspect: [3 / 4, 4 / 3],
  flip: 0.5,
  evalCrop: 0.875,
  cropMode: 'inception',
  padding: 4,
  minCovered: 0.1,
  filter: 'bicubic',
  augment: augmentPlan(),
};

/**
 * Fills missing fields with the reference's values and checks all of them.
 * @throws UsageError that names the field, what was expected and what came.
 */
export function preprocessOptions(given: Partial<PreprocessOptions> & { size: number }): Required<PreprocessOptions> {
  const defined = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const options = { ...REFERENCE_PREPROCESS, ...defined } as Required<PreprocessOptions>;
  const { size, cropArea, cropAspect, flip, evalCrop, cropMode, padding, minCovered, filter } = options;
  const expect = (good: boolean, field: string, expected: string, value: unknown) => {
    if (!good) throw new UsageError(`Expected ${expected} for ${field} but received ${JSON.stringify(value)}.`);
  };
  expect(Number.isInteger(size) && size >= 1 && size <= 4096, 'size', 'a whole number of pixels from 1 to 4096', size);
  expect(isRange(cropArea) && cropArea[1] <= 1, 'cropArea', 'two rising numbers above 0 and at most 1', cropArea);
  expect(isRange(cropAspect), 'cropAspect', 'two rising numbers above 0', cropAspect);
  expect(flip >= 0 && flip <= 1, 'flip', 'a probability from 0 to 1', flip);
  expect(evalCrop > 0 && evalCrop <= 1, 'evalCrop', 'a share above 0 and at most 1', evalCrop);
  expect(['inception', 'pad', 'none'].includes(cropMode), 'cropMode', '"inception", "pad" or "none"', cropMode);
  expect(
    Number.isInteger(padding) && padding >= 0 && padding <= size,
    'padding',
    `a whole number of pixels from 0 to the size, ${size},`,
    padding,
  );
  expect(minCovered >= 0 && minCovered <= 1, 'minCovered', 'a share from 0 to 1', minCovered);
  expect(filter === 'bicubic' || filter === 'bilinear', 'filter', '"bicubic" or "bilinear"', filter);
  return { ...options, augment: augmentPlan(options.augment) };
}

function isRange(value: unknown): value is [number, number] {
  return Array.isArray(value) && value.length === 2 && value[0] > 0 && value[0] <= value[1];
}

/**
 * The picture as evaluation sees it: centre crop (`centreCrop`), then resized to S x S.
 * @returns bytes [S, S, 3]
 */
export function evalView(pixels: Pixels, options: PreprocessOptions): Uint8Array {
  return resized(pixels, centreCrop(pixels.width, pixels.height, options.size, options.evalCrop), options);
}

/** Cut first, then resized, as in the reference: pixels outside the crop have no part in the result. */
function resized(pixels: Pixels, crop: Crop, options: PreprocessOptions): Uint8Array {
  const { x, y, width, height } = crop;
  const part =
    width === pixels.width && height === pixels.height
      ? pixels
      : { data: windowOf(pixels, x, y, width, height), width, height };
  return resample(part, [0, 0, width, height], options.size, options.size, options.filter);
}

/**
 * The picture as one training step sees it: random crop, resize to S x S, flip, then `augment`, the reference's order.
 * A pure function of the picture, the options and the state of `random`.
 * @returns bytes [S, S, 3]
 */
export function trainView(pixels: Pixels, options: PreprocessOptions, random: Random): Uint8Array {
  const view = croppedView(pixels, options, random);
  if (options.flip > 0 && random.uniform() < options.flip) flipInPlace(view, options.size, options.size);
  if (options.augment !== undefined)
    augmentInPlace({ data: view, width: options.size, height: options.size }, options.augment, random);
  return view;
}

function croppedView(pixels: Pixels, options: PreprocessOptions, random: Random): Uint8Array {
  const { size, cropMode = REFERENCE_PREPROCESS.cropMode } = options;
  if (cropMode === 'inception') {
    const minCovered = options.minCovered ?? REFERENCE_PREPROCESS.minCovered;
    const crop = randomCrop(pixels.width, pixels.height, options.cropArea, options.cropAspect, minCovered, random);
    if (crop === undefined) return evalView(pixels, options);
    return resized(pixels, crop, options);
  }
  const view = evalView(pixels, options);
  if (cropMode === 'none') return view;
  const padding = options.padding ?? REFERENCE_PREPROCESS.padding;
  const y = random.int(2 * padding + 1) - padding;
  const x = random.int(2 * padding + 1) - padding;
  return windowOf({ data: view, width: size, height: size }, x, y, size, size);
}
