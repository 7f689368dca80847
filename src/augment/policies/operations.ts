import type { Pixels } from '../pixels.js';
import {
  type Affine,
  type Fill,
  rotation,
  type Sampling,
  shearX,
  shearY,
  transform,
  translateX,
  translateY,
} from './affine.js';
import { color, sharpness } from './blend.js';
import { fillBox } from './erase.js';
import {
  type Arithmetic,
  autoContrast,
  brightness,
  contrast,
  equalize,
  invert,
  posterize,
  solarize,
  solarizeAdd,
} from './tables.js';

/** The sixteen operations in the reference's order, then `Identity` (TrivialAugment). */
export const OPERATIONS = [
  'AutoContrast',
  'Equalize',
  'Invert',
  'Rotate',
  'Posterize',
  'Solarize',
  'Color',
  'Contrast',
  'Brightness',
  'Sharpness',
  'ShearX',
  'ShearY',
  'TranslateX',
  'TranslateY',
  'Cutout',
  'SolarizeAdd',
  'Identity',
] as const; // prettier-ignore
export type OperationName = (typeof OPERATIONS)[number];

/**
 * One drawn operation. Plain data: drawing and doing are apart, so that what was drawn can be shown, counted and
 * repeated.
 */
export interface Step {
  readonly name: OperationName;
  /**
   * Rotate: degrees counter-clockwise. Posterize: bits kept. Solarize: threshold. SolarizeAdd: levels added. Color,
   * Contrast, Brightness, Sharpness: blend factor. ShearX and ShearY: slope. TranslateX and TranslateY: pixels,
   * positive moves the picture left or up. Cutout: half the side of the square in pixels. Others: unused, 0.
   */
  readonly argument: number;
  /** Cutout: the pixel [x, y] in the middle. */
  readonly centre?: readonly [x: number, y: number];
}

/** How operations are computed. */
export interface Style {
  readonly arithmetic: Arithmetic;
  readonly sampling: Sampling;
  readonly fill: Fill;
}

const GREY: Fill = [128, 128, 128];
/** The TensorFlow reference: single precision, nearest pixel, grey 128 outside. */
export const TENSORFLOW: Style = { arithmetic: 'tensorflow', sampling: 'tensorflow-nearest', fill: GREY };
/** Pillow with its nearest pixel, grey 128 outside. */
export const PILLOW: Style = { arithmetic: 'pillow', sampling: 'pillow-nearest', fill: GREY };
/** Pillow with bilinear sampling, grey 128 outside: timm's. */
export const PILLOW_BILINEAR: Style = { arithmetic: 'pillow', sampling: 'pillow-bilinear', fill: GREY };
/** torchvision's TrivialAugment on Pillow pictures: nearest pixel, black outside. */
export const PILLOW_BLACK: Style = { arithmetic: 'pillow', sampling: 'pillow-nearest', fill: [0, 0, 0] };

function mapOf({ name, argument }: Step, { width, height }: Pixels, sampling: Sampling): Affine | undefined {
  switch (name) {
    case 'Rotate':
      return rotation(argument, width, height, sampling);
    case 'ShearX':
      return shearX(argument);
    case 'ShearY':
      return shearY(argument);
    case 'TranslateX':
      return translateX(argument);
    case 'TranslateY':
      return translateY(argument);
    default:
      return undefined;
  }
}

/** Operations that read neighbours or move pixels; the others may write over the bytes they read. */
export const needsOtherMemory = ({ name }: Step): boolean =>
  ['Rotate', 'ShearX', 'ShearY', 'TranslateX', 'TranslateY', 'Sharpness'].includes(name);

/**
 * Does one step: reads `source`, writes all of `out`, bytes [H, W, 3]. `out` may be the source's own bytes unless
 * `needsOtherMemory(step)`. A pure function of its arguments.
 */
export function applyStep(step: Step, source: Pixels, out: Uint8Array, style: Style): void {
  const { argument, centre = [0, 0] } = step;
  const { arithmetic, sampling, fill } = style;
  const map = mapOf(step, source, sampling);
  if (map !== undefined) return transform(source, out, map, sampling, fill);
  switch (step.name) {
    case 'AutoContrast':
      return autoContrast(source, out, arithmetic);
    case 'Equalize':
      return equalize(source, out);
    case 'Invert':
      return invert(source, out);
    case 'Posterize':
      return posterize(source, out, argument, arithmetic);
    case 'Solarize':
      return solarize(source, out, argument, arithmetic);
    case 'SolarizeAdd':
      return solarizeAdd(source, out, argument);
    case 'Color':
      return color(source, out, argument, arithmetic);
    case 'Contrast':
      return contrast(source, out, argument, arithmetic);
    case 'Brightness':
      return brightness(source, out, argument);
    case 'Sharpness':
      return sharpness(source, out, argument, arithmetic);
    case 'Cutout':
      if (out !== source.data) out.set(source.data);
      return fillBox(
        out,
        source,
        [centre[0] - argument, centre[1] - argument, centre[0] + argument, centre[1] + argument],
        fill,
      );
    default:
      if (out !== source.data) out.set(source.data);
  }
}
