import type { Random } from '../random.js';
import type { OperationName, Step } from './operations.js';
import {
  drawStep,
  type PixelConstants,
  pixelsFor,
  type RandAugmentRule,
  referenceArgument,
  scaled,
} from './randaugment.js';

type SubPolicy = readonly (readonly [name: OperationName, probability: number, magnitude: number])[];

/**
 * AutoAugment's policy v0 for ImageNet (Cubuk et al., arXiv 1805.09501), as released in tensorflow/tpu
 * models/official/efficientnet/autoaugment.py, policy_v0. Magnitudes are on the scale of `referenceArgument`.
 */
export const AUTOAUGMENT_V0: readonly SubPolicy[] = [
  [
    ['Equalize', 0.8, 1],
    ['ShearY', 0.8, 4],
  ],
  [
    ['Color', 0.4, 9],
    ['Equalize', 0.6, 3],
  ],
  [
    ['Color', 0.4, 1],
    ['Rotate', 0.6, 8],
  ],
  [
    ['Solarize', 0.8, 3],
    ['Equalize', 0.4, 7],
  ],
  [
    ['Solarize', 0.4, 2],
    ['Solarize', 0.6, 2],
  ],
  [
    ['Color', 0.2, 0],
    ['Equalize', 0.8, 8],
  ],
  [
    ['Equalize', 0.4, 8],
    ['SolarizeAdd', 0.8, 3],
  ],
  [
    ['ShearX', 0.2, 9],
    ['Rotate', 0.6, 8],
  ],
  [
    ['Color', 0.6, 1],
    ['Equalize', 1, 2],
  ],
  [
    ['Invert', 0.4, 9],
    ['Rotate', 0.6, 0],
  ],
  [
    ['Equalize', 1, 9],
    ['ShearY', 0.6, 3],
  ],
  [
    ['Color', 0.4, 7],
    ['Equalize', 0.6, 0],
  ],
  [
    ['Posterize', 0.4, 6],
    ['AutoContrast', 0.4, 7],
  ],
  [
    ['Solarize', 0.6, 8],
    ['Color', 0.6, 9],
  ],
  [
    ['Solarize', 0.2, 4],
    ['Rotate', 0.8, 9],
  ],
  [
    ['Rotate', 1, 7],
    ['TranslateY', 0.8, 9],
  ],
  [
    ['ShearX', 0, 0],
    ['Solarize', 0.8, 4],
  ],
  [
    ['ShearY', 0.8, 0],
    ['Color', 0.6, 4],
  ],
  [
    ['Color', 1, 0],
    ['Rotate', 0.6, 2],
  ],
  [
    ['Equalize', 0.8, 4],
    ['Equalize', 0, 8],
  ],
  [
    ['Equalize', 1, 4],
    ['AutoContrast', 0.6, 2],
  ],
  [
    ['ShearY', 0.4, 7],
    ['SolarizeAdd', 0.6, 7],
  ],
  [
    ['Posterize', 0.8, 2],
    ['Solarize', 0.6, 10],
  ],
  [
    ['Solarize', 0.6, 8],
    ['Equalize', 0.6, 1],
  ],
  [
    ['Color', 0.8, 6],
    ['Rotate', 0.4, 5],
  ],
]; // prettier-ignore

/**
 * `distort_image_with_autoaugment`: translate_const 250, cutout_const 100. Quirk: TranslateY at 9 moves by 225 pixels,
 * a whole picture of 224.
 */
export const AUTOAUGMENT_PIXELS: PixelConstants = { translate: 250, cutout: 100 };

/** One of the 25 sub-policies, drawn evenly; each of its two operations is done with its own probability. */
export function drawAutoAugment(
  { variant, pixelScale }: Pick<RandAugmentRule, 'variant' | 'pixelScale'>,
  width: number,
  height: number,
  random: Random,
): Step[] {
  const pixels = scaled(AUTOAUGMENT_PIXELS, pixelScale);
  const steps: Step[] = [];
  for (const [name, probability, magnitude] of AUTOAUGMENT_V0[random.int(AUTOAUGMENT_V0.length)]!) {
    if (random.uniform() >= probability) continue;
    const argument = referenceArgument(name, magnitude, pixelsFor(variant, name, width, height, pixels));
    steps.push(drawStep(name, argument, width, height, random));
  }
  return steps;
}
