import { UsageError } from '../../errors.js';
import { type Pixels, pixelsOf } from '../pixels.js';
import type { Random } from '../random.js';
import { drawAutoAugment } from './autoaugment.js';
import { erasingBox, fillBox, MEAN_COLOUR } from './erase.js';
import { applyStep, needsOtherMemory, PILLOW_BLACK, type Step, type Style } from './operations.js';
import { drawRandAugment, type RandAugmentRule, styleOf, VARIANTS, type Variant } from './randaugment.js';
import { SIMCLR_RULE, type SimclrRule, STRONGEST_COLOUR, simclrInPlace } from './simclr.js';
import { drawTrivialAugment } from './trivialaugment.js';

export type Policy = 'none' | 'randaugment' | 'autoaugment' | 'trivialaugment' | 'simclr';
export const POLICIES: readonly Policy[] = ['none', 'randaugment', 'autoaugment', 'trivialaugment', 'simclr'];
/** As their papers call them; the library's constants of AutoAugment are version 0. */
export const POLICY_TITLES: Readonly<Record<Policy, string>> = {
  none: 'nothing',
  randaugment: 'RandAugment',
  autoaugment: 'AutoAugment v0',
  trivialaugment: 'TrivialAugment',
  simclr: 'SimCLR',
};

/**
 * What is done to a training picture after crop and flip, before it is normalised. Plain data: loader workers get it by
 * message.
 */
export interface AugmentPlan extends RandAugmentRule, SimclrRule {
  readonly policy: Policy;
  /** RandAugment: operations a picture (N). */
  readonly layers: number;
  /** RandAugment: strength (M), 10 is the reference's full scale; more extrapolates. */
  readonly magnitude: number;
  /** RandAugment and AutoAugment: whose rules and arithmetic. TrivialAugment is always torchvision's. */
  readonly variant: Variant;
  /** Factor for what is given in pixels (translation, cut-out). 1 is the reference; for TrivialAugment the paper. */
  readonly pixelScale: number;
  /** Probability of erasing a random rectangle, last of all. */
  readonly erasing: number;
}

/** The side for which the reference's constants in pixels were chosen: ImageNet's usual 224. */
export const REFERENCE_SIDE = 224;

const NOTHING: AugmentPlan = {
  policy: 'none',
  layers: 2,
  magnitude: 10,
  variant: 'reference',
  pixelScale: 1,
  ...SIMCLR_RULE,
  erasing: 0,
};

/**
 * Fills missing fields (no policy, no erasing; RandAugment with 2 layers at magnitude 10; SimCLR's of the paper, with the
 * released code's brightness) and checks all of them.
 * @throws UsageError that names the field, what was expected and what came
 */
export function augmentPlan(given: Partial<AugmentPlan> = {}): AugmentPlan {
  const plan = { ...NOTHING, ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) };
  const { policy, layers, magnitude, variant, pixelScale } = plan;
  const expect = (good: boolean, field: string, expected: string, value: unknown) => {
    if (!good) throw new UsageError(`Expected ${expected} for ${field} but received ${JSON.stringify(value)}.`);
  };
  expect(POLICIES.includes(policy), 'policy', POLICIES.map((name) => `"${name}"`).join(', '), policy);
  expect(Number.isInteger(layers) && layers >= 0 && layers <= 16, 'layers', 'a whole number from 0 to 16', layers);
  expect(magnitude >= 0 && magnitude <= 50, 'magnitude', 'a number from 0 to 50', magnitude);
  expect(VARIANTS.includes(variant), 'variant', VARIANTS.map((name) => `"${name}"`).join(', '), variant);
  expect(pixelScale > 0 && pixelScale <= 100, 'pixelScale', 'a number above 0 and up to 100', pixelScale);
  const { colourStrength, brightness, blurSigma } = plan;
  expect(
    colourStrength >= 0 && colourStrength <= STRONGEST_COLOUR,
    'colourStrength',
    `a number from 0 to ${STRONGEST_COLOUR}`,
    colourStrength,
  );
  expect(['multiply', 'add'].includes(brightness), 'brightness', '"multiply" or "add"', brightness);
  expect(['picture', 'batch'].includes(blurSigma), 'blurSigma', '"picture" or "batch"', blurSigma);
  for (const field of ['colour', 'grey', 'blur', 'erasing'] as const)
    expect(plan[field] >= 0 && plan[field] <= 1, field, 'a probability from 0 to 1', plan[field]);
  return plan;
}

/** Whether a policy may move pixels (rotation, shear, translation), which targets on the picture's grid do not follow. */
export const movesPixels = ({ policy, layers }: AugmentPlan): boolean =>
  policy !== 'none' && policy !== 'simclr' && !(policy === 'randaugment' && layers === 0);

/** Draws the policy's operations for one picture of width x height pixels. SimCLR's are not of these: `drawSimclr`. */
export function drawSteps(plan: AugmentPlan, width: number, height: number, random: Random): Step[] {
  switch (plan.policy) {
    case 'randaugment':
      return drawRandAugment(plan, width, height, random);
    case 'autoaugment':
      return drawAutoAugment(plan, width, height, random);
    case 'trivialaugment':
      return drawTrivialAugment(plan, random);
    case 'simclr':
    case 'none':
      return [];
  }
}

export const styleFor = ({ policy, variant }: AugmentPlan): Style =>
  policy === 'trivialaugment' ? PILLOW_BLACK : styleOf(variant);

// For operations that cannot write over what they read. Kept between calls; holds nothing from call to call.
let scratch = new Uint8Array(0);

/** Does the steps one after the other, over the bytes [H, W, 3] given. */
export function applyStepsInPlace(steps: readonly Step[], { data, width, height }: Pixels, style: Style): void {
  const picture = pixelsOf(data, width, height);
  for (const step of steps) {
    if (!needsOtherMemory(step)) {
      applyStep(step, picture, data, style);
      continue;
    }
    if (scratch.length < data.length) scratch = new Uint8Array(data.length);
    const out = scratch.subarray(0, data.length);
    applyStep(step, picture, out, style);
    data.set(out);
  }
}

/**
 * The plan on the bytes given: the policy's operations, then erasing. What comes out is a function of (bytes, plan,
 * states of `random` and `shared`).
 * @param shared what the pictures of a batch have in common, see `drawSimclr`
 */
export function augmentInPlace(picture: Pixels, plan: AugmentPlan, random: Random, shared?: Random): void {
  const { width, height } = picture;
  if (plan.policy === 'simclr') simclrInPlace(picture, plan, random, shared);
  else applyStepsInPlace(drawSteps(plan, width, height, random), picture, styleFor(plan));
  if (plan.erasing === 0 || random.uniform() >= plan.erasing) return;
  const box = erasingBox(width, height, random);
  if (box !== undefined) fillBox(picture.data, picture, box, MEAN_COLOUR);
}

/**
 * A picture augmented by the plan. The picture is not changed.
 * @returns bytes [H, W, 3]
 */
export function augment(picture: Pixels, plan: AugmentPlan, random: Random): Uint8Array {
  const data = picture.data.slice();
  augmentInPlace({ ...picture, data }, plan, random);
  return data;
}
