import type { Random } from '../random.js';
import type { OperationName, Step } from './operations.js';

/** Strengths are one of 31 even steps, 0 to 30. */
const STEPS = 30;

/** Argument of an operation at strength s from 0 to 1, before the sign; `signed` operations take it both ways. */
type Rule = readonly [name: OperationName, signed: boolean, argument: (strength: number, pixelScale: number) => number];
const none = () => 0;
/** The longest translation, in pixels. */
export const TRIVIAL_TRANSLATE = 32;

/**
 * The wide space of TrivialAugment (Müller and Hutter, arXiv 2103.10158), with torchvision's names and ranges: shear
 * 0.99, translation 32 pixels, rotation 135 degrees, enhancement 1 +- 0.99, Posterize 8 down to 2 bits, Solarize's
 * threshold 255 down to 0. The paper has 32 pixels at every size, 32 and 224 pixels alike; here they are multiplied by
 * the plan's `pixelScale`, which is 1 at ImageNet's sizes.
 */
const WIDE: readonly Rule[] = [
  ['Identity', false, none],
  ['ShearX', true, (s) => 0.99 * s],
  ['ShearY', true, (s) => 0.99 * s],
  ['TranslateX', true, (s, pixelScale) => Math.trunc(TRIVIAL_TRANSLATE * pixelScale * s)],
  ['TranslateY', true, (s, pixelScale) => Math.trunc(TRIVIAL_TRANSLATE * pixelScale * s)],
  ['Rotate', true, (s) => 135 * s],
  ['Brightness', true, (s) => 0.99 * s],
  ['Color', true, (s) => 0.99 * s],
  ['Contrast', true, (s) => 0.99 * s],
  ['Sharpness', true, (s) => 0.99 * s],
  ['Posterize', false, (s) => 8 - Math.round(6 * s)],
  ['Solarize', false, (s) => 255 - 255 * s],
  ['AutoContrast', false, none],
  ['Equalize', false, none],
];
const ENHANCEMENTS: readonly OperationName[] = ['Brightness', 'Color', 'Contrast', 'Sharpness'];

/** One operation, drawn evenly, at a strength drawn evenly. */
export function drawTrivialAugment({ pixelScale }: { readonly pixelScale: number }, random: Random): Step[] {
  const [name, signed, argumentOf] = WIDE[random.int(WIDE.length)]!;
  const size = argumentOf(random.int(STEPS + 1) / STEPS, pixelScale);
  const argument = signed && random.int(2) === 1 ? -size : size;
  // An enhancement's argument is its distance from the factor that changes nothing.
  return [{ name, argument: ENHANCEMENTS.includes(name) ? 1 + argument : argument }];
}
