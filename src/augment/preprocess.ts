import { UsageError } from '../errors.js';
import { type ClipOptions, checkClip } from './clips/options.js';
import { CROP_ATTEMPTS } from './crop.js';
import { type AugmentPlan, augmentPlan } from './policies/plan.js';
import type { Filter } from './resample.js';

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
  /** What evaluation sees: the centre `crop`, or all of the picture with its aspect kept and the rest filled, `letterbox`. Default `crop`. */
  fit?: 'crop' | 'letterbox';
  /**
   * `inception`: random area and aspect. `pad`: zero-pad the evaluation view, then a random S x S window. `none`: the
   * evaluation view. `scale`: the picture with its aspect kept in a random size, then a random S x S window, what it lacks filled.
   * `short-side`: the shorter side in a random size of at least S, then a random S x S window (SlowFast's jitter).
   */
  cropMode?: 'inception' | 'pad' | 'none' | 'scale' | 'short-side';
  /** The longer side of `scale`, the shorter one of `short-side`, in S, from and to. Default 0.75 to 1.5; of large scale jitter 0.1 to 2. */
  scaleRange?: [number, number];
  /** Pixels of zero padding on each side in `pad` mode. Default 4, as is usual for CIFAR. */
  padding?: number;
  /**
   * Training crops below this share of the picture are drawn again (`inception` mode; see `randomCrop`). Reference:
   * 0.1.
   */
  minCovered?: number;
  /** Crops that are tried before `cropFallback` (`inception` mode). Reference: 10. SimCLR: 100. */
  cropAttempts?: number;
  /**
   * What is taken where no crop was found or it is the whole picture (`inception` mode). Reference: the `centre` crop.
   * SimCLR: the `whole` picture, whatever its aspect.
   */
  cropFallback?: 'centre' | 'whole';
  /** Interpolation of every resize. Reference: bicubic. */
  filter?: Filter;
  /** What else is done in training, after crop and flip. Default: nothing. The ResNet-RS recipe: RandAugment. */
  augment?: AugmentPlan;
  /** How clips are taken of videos; null: pictures. All of the above is then drawn once a clip. */
  clip?: ClipOptions | null;
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
  fit: 'crop',
  cropMode: 'inception',
  scaleRange: [0.75, 1.5],
  padding: 4,
  minCovered: 0.1,
  cropAttempts: CROP_ATTEMPTS,
  cropFallback: 'centre',
  filter: 'bicubic',
  augment: augmentPlan(),
  clip: null,
};

/**
 * Fills missing fields with the reference's values and checks all of them.
 * @throws UsageError that names the field, what was expected and what came.
 */
export function preprocessOptions(given: Partial<PreprocessOptions> & { size: number }): Required<PreprocessOptions> {
  const defined = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const options = { ...REFERENCE_PREPROCESS, ...defined } as Required<PreprocessOptions>;
  const { size, cropArea, cropAspect, flip, evalCrop, cropMode, padding, minCovered, filter } = options;
  const { cropAttempts, cropFallback, fit, scaleRange } = options;
  const expect = (good: boolean, field: string, expected: string, value: unknown) => {
    if (!good) throw new UsageError(`Expected ${expected} for ${field} but received ${JSON.stringify(value)}.`);
  };
  expect(Number.isInteger(size) && size >= 1 && size <= 4096, 'size', 'a whole number of pixels from 1 to 4096', size);
  expect(isRange(cropArea) && cropArea[1] <= 1, 'cropArea', 'two rising numbers above 0 and at most 1', cropArea);
  expect(isRange(cropAspect), 'cropAspect', 'two rising numbers above 0', cropAspect);
  expect(flip >= 0 && flip <= 1, 'flip', 'a probability from 0 to 1', flip);
  expect(evalCrop > 0 && evalCrop <= 1, 'evalCrop', 'a share above 0 and at most 1', evalCrop);
  expect(fit === 'crop' || fit === 'letterbox', 'fit', '"crop" or "letterbox"', fit);
  const modes = ['inception', 'pad', 'none', 'scale', 'short-side'];
  expect(modes.includes(cropMode), 'cropMode', '"inception", "pad", "none", "scale" or "short-side"', cropMode);
  expect(
    isRange(scaleRange) && scaleRange[1] <= 16,
    'scaleRange',
    'two rising numbers above 0 and at most 16',
    scaleRange,
  );
  expect(cropMode !== 'pad' || fit === 'crop', 'cropMode', 'another than "pad" with fit "letterbox"', cropMode);
  expect(
    Number.isInteger(padding) && padding >= 0 && padding <= size,
    'padding',
    `a whole number of pixels from 0 to the size, ${size},`,
    padding,
  );
  expect(minCovered >= 0 && minCovered <= 1, 'minCovered', 'a share from 0 to 1', minCovered);
  expect(
    Number.isInteger(cropAttempts) && cropAttempts >= 1 && cropAttempts <= 10_000,
    'cropAttempts',
    'a whole number from 1 to 10000',
    cropAttempts,
  );
  expect(['centre', 'whole'].includes(cropFallback), 'cropFallback', '"centre" or "whole"', cropFallback);
  expect(filter === 'bicubic' || filter === 'bilinear', 'filter', '"bicubic" or "bilinear"', filter);
  if (options.clip !== null) checkClip(options.clip);
  return { ...options, augment: augmentPlan(options.augment) };
}

function isRange(value: unknown): value is [number, number] {
  return Array.isArray(value) && value.length === 2 && value[0] > 0 && value[0] <= value[1];
}
