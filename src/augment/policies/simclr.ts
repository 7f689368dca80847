import type { Pixels } from '../pixels.js';
import type { Random } from '../random.js';
import { blurInPlace } from './blur.js';

/**
 * SimCLR's augmentation after crop and flip (google-research/simclr data_util.py; Chen et al. 2020, arXiv 2002.05709,
 * appendix A): colour jitter, then grey, then blur.
 */
export interface SimclrRule {
  /** s: brightness, contrast and saturation vary by 0.8 s, the hue by 0.2 s of its circle. 0 to 1.25; CIFAR: 0.5. */
  readonly colourStrength: number;
  /** Probability of the colour jitter. */
  readonly colour: number;
  /** `multiply` by U(max(0, 1 - 0.8 s), 1 + 0.8 s), the released code's default; `add` U(-0.8 s, 0.8 s), its "simclrv1". */
  readonly brightness: 'multiply' | 'add';
  /** Probability of grey, whether or not the colours were jittered. */
  readonly grey: number;
  /** Probability of the blur, of each picture. */
  readonly blur: number;
  /** Whose the blur's sigma is: each picture's own, as the paper says, or one for a batch, as the released code does. */
  readonly blurSigma: 'picture' | 'batch';
}

export const SIMCLR_RULE: SimclrRule = {
  colourStrength: 1,
  colour: 0.8,
  brightness: 'multiply',
  grey: 0.2,
  blur: 0.5,
  blurSigma: 'picture',
};

/** The strength up to which every factor of contrast and saturation, from 1 - 0.8 s, is a factor. */
export const STRONGEST_COLOUR = 1.25;

/** Crops that are tried before the whole picture is taken (data_util.py, max_attempts). */
export const SIMCLR_ATTEMPTS = 100;

/** In the order in which data_util.py numbers them. */
export const JITTERS = ['brightness', 'contrast', 'saturation', 'hue'] as const;

/** One of the four operations of the colour jitter. */
export interface Jitter {
  readonly name: (typeof JITTERS)[number];
  /** A factor; of `add`ed brightness what is added; of the hue a share of its circle. */
  readonly argument: number;
}

/** What is done to one picture. Plain data. */
export interface SimclrDraw {
  /** In the order in which they are done; none where the colours stay. */
  readonly jitters: readonly Jitter[];
  readonly brightness: SimclrRule['brightness'];
  readonly grey: boolean;
  /** Standard deviation of the blur in pixels, 0.1 to 2; undefined where there is none. */
  readonly sigma: number | undefined;
}

/** Sigma of the blur, in pixels at every size (data_util.py, random_blur). */
const SIGMAS = [0.1, 2] as const;

const between = (low: number, high: number, random: Random): number => low + random.uniform() * (high - low);

/**
 * Draws what is done to one picture: whether its colours are jittered, the order of the four operations (each of the 24
 * equally likely) and their arguments, whether it becomes grey, whether it is blurred and how much.
 * @param shared with a sigma for the batch: a stream that every picture of the batch is given at its beginning; without
 * one each picture has its own sigma
 */
export function drawSimclr(rule: SimclrRule, random: Random, shared?: Random): SimclrDraw {
  const { brightness } = rule;
  const jitters = random.uniform() < rule.colour ? drawJitters(rule, random) : [];
  const grey = random.uniform() < rule.grey;
  const blurred = random.uniform() < rule.blur;
  const source = rule.blurSigma === 'batch' ? (shared ?? random) : random;
  return { jitters, brightness, grey, sigma: blurred ? between(...SIGMAS, source) : undefined };
}

function drawJitters({ colourStrength, brightness }: SimclrRule, random: Random): Jitter[] {
  const most = 0.8 * colourStrength;
  const turn = 0.2 * colourStrength;
  return Array.from(random.permutation(JITTERS.length), (i): Jitter => {
    const name = JITTERS[i]!;
    if (name === 'hue') return { name, argument: between(-turn, turn, random) };
    if (name === 'brightness' && brightness === 'add') return { name, argument: between(-most, most, random) };
    return { name, argument: between(Math.max(0, 1 - most), 1 + most, random) };
  });
}

// Kept between calls; holds nothing from call to call.
let values = new Float32Array(0);

/**
 * Does what was drawn over the bytes [H, W, 3]: computed in float32 on 0 to 1, rounded to the nearest byte once, at the
 * end, since a batch carries bytes (the released code hands on floats). The blur takes its kernel's size from the
 * height.
 */
export function applySimclr(draw: SimclrDraw, { data, width, height }: Pixels): void {
  if (draw.jitters.length === 0 && !draw.grey && draw.sigma === undefined) return;
  if (values.length < data.length) values = new Float32Array(data.length);
  const picture = values.subarray(0, data.length);
  for (let i = 0; i < picture.length; i++) picture[i] = data[i]! / 255;
  simclrValues(draw, picture, width, height);
  // Within 0 to 1, so that truncation after half is rounding.
  for (let i = 0; i < picture.length; i++) data[i] = picture[i]! * 255 + 0.5;
}

/** The same on numbers from 0 to 1, [H, W, 3] in float32, without rounding. */
export function simclrValues(draw: SimclrDraw, picture: Float32Array, width: number, height: number): void {
  for (const jitter of draw.jitters) applyJitter(jitter, draw.brightness, picture);
  if (draw.grey) greyInPlace(picture);
  if (draw.sigma !== undefined) blurInPlace(picture, width, height, draw.sigma);
}

/** Draws and applies: SimCLR's augmentation of the bytes given. @param shared see `drawSimclr` */
export function simclrInPlace(picture: Pixels, rule: SimclrRule, random: Random, shared?: Random): void {
  applySimclr(drawSimclr(rule, random, shared), picture);
}

/** One operation, then all values cut to 0 to 1. */
function applyJitter({ name, argument }: Jitter, rule: SimclrRule['brightness'], picture: Float32Array): void {
  switch (name) {
    case 'brightness':
      return rule === 'multiply' ? affine(picture, argument, 0) : affine(picture, 1, argument);
    case 'contrast':
      return contrast(picture, argument);
    case 'saturation':
      return saturate(picture, argument);
    case 'hue':
      return turnHue(picture, argument);
  }
}

const cut = (value: number): number => (value < 0 ? 0 : value > 1 ? 1 : value);

function affine(picture: Float32Array, factor: number, added: number): void {
  for (let i = 0; i < picture.length; i++) picture[i] = cut(picture[i]! * factor + added);
}

/** (x - m) f + m about the mean m of each channel (tf.image.adjust_contrast). */
function contrast(picture: Float32Array, factor: number): void {
  const sums = [0, 0, 0];
  for (let i = 0; i < picture.length; i += 3) {
    sums[0]! += picture[i]!;
    sums[1]! += picture[i + 1]!;
    sums[2]! += picture[i + 2]!;
  }
  const [r = 0, g = 0, b = 0] = sums.map((sum) => (sum / (picture.length / 3)) * (1 - factor));
  for (let i = 0; i < picture.length; i += 3) {
    picture[i] = cut(picture[i]! * factor + r);
    picture[i + 1] = cut(picture[i + 1]! * factor + g);
    picture[i + 2] = cut(picture[i + 2]! * factor + b);
  }
}

/**
 * HSV's saturation times a factor, at most 1 (tf.image.adjust_saturation). Hue and value stay, so that every channel's
 * distance from the largest, v, grows alike: v - (v - x) min(f, 1/s), s = (v - least) / v.
 */
function saturate(picture: Float32Array, factor: number): void {
  for (let i = 0; i < picture.length; i += 3) {
    const r = picture[i]!;
    const g = picture[i + 1]!;
    const b = picture[i + 2]!;
    const v = Math.max(r, g, b);
    const range = v - Math.min(r, g, b);
    if (range === 0) continue;
    const by = Math.min(factor, v / range);
    picture[i] = v - (v - r) * by;
    picture[i + 1] = v - (v - g) * by;
    picture[i + 2] = v - (v - b) * by;
  }
}

/**
 * HSV's hue turned by a share of its circle (tf.image.adjust_hue): with the hue h in sixths of the circle, a channel is
 * v - range max(0, min(1, k, 4 - k)), k = (n + h) mod 6, n = 5, 3 and 1 for red, green and blue.
 */
function turnHue(picture: Float32Array, share: number): void {
  const turn = (share - Math.floor(share)) * 6;
  for (let i = 0; i < picture.length; i += 3) {
    const r = picture[i]!;
    const g = picture[i + 1]!;
    const b = picture[i + 2]!;
    const v = Math.max(r, g, b);
    const range = v - Math.min(r, g, b);
    if (range === 0) continue;
    const h = turn + (v === r ? (g - b) / range : v === g ? 2 + (b - r) / range : 4 + (r - g) / range);
    picture[i] = v - range * less(h + 5);
    picture[i + 1] = v - range * less(h + 3);
    picture[i + 2] = v - range * less(h + 1);
  }
}

/** How far below the largest a channel is, 0 to 1, at this place of the circle: -2 to 18. */
function less(place: number): number {
  const k = place >= 12 ? place - 12 : place >= 6 ? place - 6 : place;
  return Math.max(0, Math.min(1, k, 4 - k));
}

/** Luma of each pixel in all three channels (tf.image.rgb_to_grayscale). */
function greyInPlace(picture: Float32Array): void {
  for (let i = 0; i < picture.length; i += 3) {
    const luma = 0.2989 * picture[i]! + 0.587 * picture[i + 1]! + 0.114 * picture[i + 2]!;
    picture[i] = luma;
    picture[i + 1] = luma;
    picture[i + 2] = luma;
  }
}
