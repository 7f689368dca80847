import { z } from 'zod';
import { UsageError } from '../errors.js';
import { knownNames } from '../suggest.js';

const count = (least: number, most: number) => z.int().min(least).max(most);
const between = (least: number, most: number) => z.number().min(least).max(most);
const rate = [z.number().min(0).lt(1), 'a number from 0 to below 1'] as const;
const oneOf = <const T extends string | number>(...values: readonly T[]) =>
  [z.literal(values), values.join(', ').replace(/, (?=[^,]*$)/, ' or ')] as const;
const flag = [z.boolean(), 'true or false'] as const;

/**
 * The values that each option may have, and the same in words. Options of all kinds of model; one that a model lacks
 * is not looked at.
 */
export const OPTION_RULES = {
  classes: [count(1, 1_000_000), 'a whole number from 1 to 1000000'],
  channels: [count(1, 4096), 'a whole number from 1 to 4096'],
  width: [between(0.01, 16), 'a number from 0.01 to 16'],
  depth: [between(0.01, 16), 'a number from 0.01 to 16'],
  layers: [
    z.tuple([count(1, 1000), count(1, 1000), count(1, 1000), count(1, 1000)]),
    'four whole numbers from 1 to 1000',
  ],
  dropout: rate,
  stochasticDepth: rate,
  stochasticDepthRule: oneOf('stage', 'block'),
  block: oneOf('bottleneck', 'basic'),
  stem: oneOf('deep', 'plain'),
  stemPool: oneOf('conv', 'max'),
  padding: oneOf('same', 'symmetric'),
  normEpsilon: [z.number().gt(0).lt(1), 'a number above 0 and below 1'],
  activation: oneOf('relu', 'silu'),
  seRatio: [between(0, 4), 'a number from 0 (none) to 4'],
  avgDown: flag,
  zeroInitLastGamma: flag,
  init: oneOf('tf', 'timm', 'efficientnet', 'tresnet', 'resnest'),
  stemWidth: [count(1, 4096), 'a whole number from 1 to 4096'],
  radix: [count(1, 16), 'a whole number from 1 to 16'],
  cardinality: [count(1, 256), 'a whole number from 1 to 256'],
  baseWidth: [count(1, 4096), 'a whole number from 1 to 4096'],
  avd: oneOf('last', 'first', 'none'),
  temporal: oneOf('late', 'alternating', 'none'),
  stemFrames: oneOf(1, 3, 5),
  stemFrameStride: oneOf(1, 2),
  poolFrameStride: oneOf(1, 2),
  selfGate: flag,
  headWindow: [count(0, 8192), 'a whole number from 0 (the mean of all positions) to 8192'],
  convolution: oneOf('full', 'mixed', 'factored'),
} satisfies Readonly<Record<string, readonly [z.ZodType, string]>>;
/** Total strides that the stem of each kind of model may have. */
export const STEM_STRIDES = {
  resnet: [1, 2, 4],
  resnet3d: [1, 2, 4],
  efficientnet: [1, 2],
  tresnet: [1, 2, 4],
  resnest: [1, 2, 4],
  'video-resnet': [1, 2],
} as const;

function ruleOf(key: string): readonly [z.ZodType, string] {
  if (!Object.hasOwn(OPTION_RULES, key)) throw new Error(`no rule for the option ${key}`);
  return OPTION_RULES[key as keyof typeof OPTION_RULES];
}

/**
 * Checks the options that a caller gave for a model whose options are `known`.
 * @throws UsageError naming the option, what it takes and what came, for an unknown option or a value out of its range
 */
export function checkOptions(
  model: string,
  kind: keyof typeof STEM_STRIDES,
  known: readonly string[],
  given: Readonly<Record<string, unknown>>,
): void {
  for (const [key, value] of Object.entries(given)) {
    if (!known.includes(key))
      throw new UsageError(`Expected an option of ${model} but received "${key}".${knownNames(key, known)}.`);
    const rule: readonly [z.ZodType, string] =
      key === 'stemStride' ? oneOf<number>(...STEM_STRIDES[kind]) : ruleOf(key);
    if (!rule[0].safeParse(value).success)
      throw new UsageError(
        `Expected ${rule[1]} as ${key} of ${model} but received ${JSON.stringify(value) ?? String(value)}.`,
      );
  }
}
