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

// Kept between calls; hold nothing from call to call.
let values = new Float32Array(0);
const table = new Float32Array(3 * 256);

/**
 * Does what was drawn over the bytes [H, W, 3]: computed in float32 on 0 to 1, rounded to the nearest byte once, at the
 * end, since a batch carries bytes (the released code hands on floats). The blur takes its kernel's size from the
 * height.
 */
export function applySimclr(draw: SimclrDraw, { data, width, height }: Pixels): void {
  if (draw.jitters.length === 0 && !draw.grey && draw.sigma === undefined) return;
  if (values.length < data.length) values = new Float32Array(data.length);
  const picture = values.subarray(0, data.length);
  const done = tabulate(draw, data);
  for (let i = 0; i < picture.length; i += 3) {
    picture[i] = table[data[i]!]!;
    picture[i + 1] = table[256 + data[i + 1]!]!;
    picture[i + 2] = table[512 + data[i + 2]!]!;
  }
  simclrValues({ ...draw, jitters: draw.jitters.slice(done) }, picture, width, height);
  // Within 0 to 1, so that truncation after half is rounding.
  for (let i = 0; i < picture.length; i++) data[i] = (picture[i]! * 255 + 0.5) | 0;
}

/**
 * What becomes of the 256 bytes in each channel, into `table`, as far as a channel needs no other: brightness and
 * contrast that come first. The numbers are those of the operations on whole pictures.
 * @returns how many operations these are
 */
function tabulate({ jitters, brightness }: SimclrDraw, data: Uint8Array): number {
  for (let i = 0; i < table.length; i++) table[i] = (i & 255) / 255;
  for (const [done, jitter] of jitters.entries()) {
    if (jitter.name === 'brightness') applyJitter(jitter, brightness, table);
    else if (jitter.name === 'contrast') {
      const { argument } = jitter;
      const added = pulls(meansOf(data, table), argument);
      for (let i = 0; i < table.length; i++) table[i] = cut(table[i]! * argument + added[i >> 8]!);
    } else return done;
  }
  return jitters.length;
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

type Triple = [r: number, g: number, b: number];

/** The mean of each channel. @param values what the bytes stand for, [3, 256], where the picture is bytes */
function meansOf(picture: Uint8Array | Float32Array, values?: Float32Array): Triple {
  let [r, g, b] = [0, 0, 0];
  if (values === undefined)
    for (let i = 0; i < picture.length; i += 3) {
      r += picture[i]!;
      g += picture[i + 1]!;
      b += picture[i + 2]!;
    }
  else
    for (let i = 0; i < picture.length; i += 3) {
      r += values[picture[i]!]!;
      g += values[256 + picture[i + 1]!]!;
      b += values[512 + picture[i + 2]!]!;
    }
  const pixels = picture.length / 3;
  return [r / pixels, g / pixels, b / pixels];
}

/** What (x - m) f + m adds to x f. */
const pulls = (means: Triple, factor: number): Triple => means.map((mean) => mean * (1 - factor)) as Triple;

/** (x - m) f + m about the mean m of each channel (tf.image.adjust_contrast). */
function contrast(picture: Float32Array, factor: number): void {
  const [r, g, b] = pulls(meansOf(picture), factor);
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
    // Comparisons: Math.max and Math.min, which mind NaN and -0, take several times as long.
    const v = r > g ? (r > b ? r : b) : g > b ? g : b;
    const range = v - (r < g ? (r < b ? r : b) : g < b ? g : b);
    if (range === 0) continue;
    const most = v / range;
    const by = factor < most ? factor : most;
    picture[i] = v - (v - r) * by;
    picture[i + 1] = v - (v - g) * by;
    picture[i + 2] = v - (v - b) * by;
  }
}

/**
 * HSV's hue turned by a share of its circle (tf.image.adjust_hue). Largest and least value stay; the hue h is counted in
 * sixths of the circle from red, and between two of its corners one channel rises or falls from one to the other.
 */
function turnHue(picture: Float32Array, share: number): void {
  const turn = (share - Math.floor(share)) * 6;
  for (let i = 0; i < picture.length; i += 3) {
    const r = picture[i]!;
    const g = picture[i + 1]!;
    const b = picture[i + 2]!;
    const v = r > g ? (r > b ? r : b) : g > b ? g : b;
    const least = r < g ? (r < b ? r : b) : g < b ? g : b;
    const range = v - least;
    if (range === 0) continue;
    let h = turn + (v === r ? (g - b) / range : v === g ? 2 + (b - r) / range : 4 + (r - g) / range);
    if (h < 0) h += 6;
    if (h >= 6) h -= 6;
    const corner = h | 0;
    const part = (h - corner) * range;
    let red = v;
    let green = least;
    let blue = least;
    if (corner === 0) green += part;
    else if (corner === 1) {
      red -= part;
      green = v;
    } else if (corner === 2) {
      red = least;
      green = v;
      blue += part;
    } else if (corner === 3) {
      red = least;
      green = v - part;
      blue = v;
    } else if (corner === 4) {
      red = least + part;
      blue = v;
    } else blue = v - part;
    picture[i] = red;
    picture[i + 1] = green;
    picture[i + 2] = blue;
  }
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
