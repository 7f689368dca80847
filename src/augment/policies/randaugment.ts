import type { Random } from '../random.js';
import {
  OPERATIONS,
  type OperationName,
  PILLOW,
  PILLOW_BILINEAR,
  type Step,
  type Style,
  TENSORFLOW,
} from './operations.js';

/**
 * Whose RandAugment and AutoAugment.
 *
 * `reference`: tensorflow/tpu models/official/efficientnet/autoaugment.py, quirks included. Posterize keeps MORE bits
 * as the magnitude rises, Solarize's threshold reaches the end of the 8-bit range at magnitude 10, the enhancements
 * only ever go from washed out (0.1) to strong, Contrast's grey is not the mean, translations and cut-outs are in
 * pixels whatever the size, and the probability drawn for each operation is not used.
 *
 * `pillow`: the same operations and arguments, computed as Pillow computes them: Contrast's grey is the mean, Sharpness
 * rounds, Posterize with 0 bits is black, a Solarize threshold of 256 changes nothing, affine maps go by pixel centres.
 *
 * `timm`: timm's `rand-m<magnitude>-n<layers>-inc1`, computed by Pillow with bilinear sampling (timm draws bilinear or
 * bicubic). Fifteen operations (no Cutout), each done with probability 1/2; magnitudes above 10 count as 10; Posterize,
 * Solarize and the enhancements get stronger with the magnitude, the latter in both directions; translations up to 0.45
 * of the side. For AutoAugment: the reference's arguments, the translation up to 0.45 of the side.
 */
export type Variant = 'reference' | 'pillow' | 'timm';
export const VARIANTS: readonly Variant[] = ['reference', 'pillow', 'timm'];

export const styleOf = (variant: Variant): Style =>
  ({ reference: TENSORFLOW, pillow: PILLOW, timm: PILLOW_BILINEAR })[variant];

/** Constants in pixels, at magnitude 10. */
export interface PixelConstants {
  readonly translate: number;
  readonly cutout: number;
}
/** `distort_image_with_randaugment`: translate_const 100, cutout_const 40. */
export const RANDAUGMENT_PIXELS: PixelConstants = { translate: 100, cutout: 40 };

export const scaled = ({ translate, cutout }: PixelConstants, factor: number): PixelConstants => ({
  translate: translate * factor,
  cutout: cutout * factor,
});

/** Magnitudes are in tenths of the constants below. */
const FULL = 10;
const SIGNED: readonly OperationName[] = ['Rotate', 'ShearX', 'ShearY', 'TranslateX', 'TranslateY'];
const ENHANCEMENTS: readonly OperationName[] = ['Color', 'Contrast', 'Brightness', 'Sharpness'];

/**
 * The reference's argument of an operation at a magnitude M (level_to_arg), before a sign is drawn. Whole-number
 * arguments are truncated.
 *
 * | operation | argument | at 10 | at 15 |
 * | --- | --- | --- | --- |
 * | Rotate | 30 x M/10 degrees | 30 | 45 |
 * | Posterize | 4 x M/10 bits kept | 4 | 6 |
 * | Solarize | threshold 256 x M/10 | 256 | 384 |
 * | SolarizeAdd | 110 x M/10 | 110 | 165 |
 * | Color, Contrast, Brightness, Sharpness | factor 1.8 x M/10 + 0.1 | 1.9 | 2.8 |
 * | ShearX, ShearY | 0.3 x M/10 | 0.3 | 0.45 |
 * | TranslateX, TranslateY | 100 x M/10 pixels | 100 | 150 |
 * | Cutout | half side 40 x M/10 pixels | 40 | 60 |
 */
export function referenceArgument(name: OperationName, magnitude: number, pixels: PixelConstants): number {
  const level = magnitude / FULL;
  if (ENHANCEMENTS.includes(name)) return level * 1.8 + 0.1;
  switch (name) {
    case 'Rotate':
      return level * 30;
    case 'Posterize':
      return Math.trunc(level * 4);
    case 'Solarize':
      return Math.trunc(level * 256);
    case 'SolarizeAdd':
      return Math.trunc(level * 110);
    case 'ShearX':
    case 'ShearY':
      return level * 0.3;
    case 'TranslateX':
    case 'TranslateY':
      return level * pixels.translate;
    case 'Cutout':
      return Math.trunc(level * pixels.cutout);
    default:
      return 0;
  }
}

/**
 * timm's, `inc1`: as the reference but Posterize and Solarize count down, and a sign is drawn for the enhancements'
 * distance from 1.
 */
function timmArgument(name: OperationName, magnitude: number, pixels: PixelConstants): number {
  const argument = referenceArgument(name, magnitude, pixels);
  if (name === 'Posterize') return 4 - argument;
  if (name === 'Solarize') return 256 - argument;
  return ENHANCEMENTS.includes(name) ? (magnitude / FULL) * 0.9 : argument;
}

/** timm's translation at magnitude 10, as a share of the side. */
const TIMM_TRANSLATE = 0.45;

/** Pixel constants of one picture and operation. */
export function pixelsFor(
  variant: Variant,
  name: OperationName,
  width: number,
  height: number,
  reference: PixelConstants,
): PixelConstants {
  if (variant !== 'timm') return reference;
  return { ...reference, translate: TIMM_TRANSLATE * (name === 'TranslateX' ? width : height) };
}

/**
 * Draws what is random in an operation itself: a sign with probability 1/2, the middle of a cut-out (row first, then
 * column).
 */
export function drawStep(name: OperationName, argument: number, width: number, height: number, random: Random): Step {
  if (SIGNED.includes(name)) return { name, argument: random.int(2) === 0 ? argument : -argument };
  if (name !== 'Cutout') return { name, argument };
  const y = random.int(height);
  const x = random.int(width);
  return { name, argument, centre: [x, y] };
}

const REFERENCE_OPERATIONS = OPERATIONS.filter((name) => name !== 'Identity');
const TIMM_OPERATIONS = REFERENCE_OPERATIONS.filter((name) => name !== 'Cutout');

/** What RandAugment needs to know; see `AugmentPlan`. */
export interface RandAugmentRule {
  readonly layers: number;
  readonly magnitude: number;
  readonly variant: Variant;
  readonly pixelScale: number;
}

/** One given operation at the rule's magnitude: its argument, and what is random in it. */
export function drawOperation(
  name: OperationName,
  { magnitude, variant, pixelScale }: RandAugmentRule,
  width: number,
  height: number,
  random: Random,
): Step {
  const pixels = pixelsFor(variant, name, width, height, scaled(RANDAUGMENT_PIXELS, pixelScale));
  if (variant !== 'timm') return drawStep(name, referenceArgument(name, magnitude, pixels), width, height, random);
  const argument = timmArgument(name, Math.min(FULL, magnitude), pixels);
  if (!ENHANCEMENTS.includes(name)) return drawStep(name, argument, width, height, random);
  return { name, argument: Math.max(0.1, random.int(2) === 0 ? 1 + argument : 1 - argument) };
}

/**
 * RandAugment (Cubuk et al., arXiv 1909.13719): `layers` times one operation, drawn evenly and with replacement, at one
 * fixed magnitude.
 * @param width @param height of the picture, in pixels
 */
export function drawRandAugment(rule: RandAugmentRule, width: number, height: number, random: Random): Step[] {
  const names = rule.variant === 'timm' ? TIMM_OPERATIONS : REFERENCE_OPERATIONS;
  const steps: Step[] = [];
  for (let layer = 0; layer < rule.layers; layer++) {
    const name = names[random.int(names.length)]!;
    if (rule.variant === 'timm' && random.uniform() >= 0.5) continue;
    steps.push(drawOperation(name, rule, width, height, random));
  }
  return steps;
}
