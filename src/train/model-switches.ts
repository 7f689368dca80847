import { z } from 'zod';
import { UsageError } from '../errors.js';
import { didYouMean } from '../suggest.js';

/**
 * Switches of an architecture that a run may set apart from the model's name, as plain data: the row `resnet-26` with `seRatio: 0.25` is
 * an SE-ResNet-26. What a run decides elsewhere is not among them (see ELSEWHERE).
 */
export const modelSwitchesSchema = z.strictObject({
  layers: z.tuple([z.int().min(1), z.int().min(1), z.int().min(1), z.int().min(1)]).optional(),
  block: z.enum(['bottleneck', 'basic']).optional(),
  stem: z.enum(['deep', 'plain']).optional(),
  stemPool: z.enum(['conv', 'max']).optional(),
  avgDown: z.boolean().optional(),
  seRatio: z.number().min(0).max(1).optional(),
  zeroInitLastGamma: z.boolean().optional(),
  /** EfficientNet only: depth multiplier, padding of strided convolutions, epsilon of batch norm. */
  depth: z.number().gt(0).max(16).optional(),
  padding: z.enum(['same', 'symmetric']).optional(),
  normEpsilon: z.number().gt(0).max(1).optional(),
});
export type ModelSwitches = z.infer<typeof modelSwitchesSchema>;

const ELSEWHERE: Readonly<Record<string, string>> = {
  classes: 'they follow from the pictures',
  channels: 'pictures have three',
  width: 'use --width',
  stemStride: 'use --stem-stride',
  dropout: 'it is a setting of the recipe',
  stochasticDepth: 'it is a setting of the recipe',
  stochasticDepthRule: 'it is a setting of the recipe',
  init: 'it is a setting of the recipe',
};

/** @throws UsageError for an unknown switch, with the nearest one, or a value it does not take */
export function checkModelSwitches(switches: Readonly<Record<string, unknown>>): ModelSwitches {
  const known = Object.keys(modelSwitchesSchema.shape);
  for (const key of Object.keys(switches)) {
    if (Object.hasOwn(ELSEWHERE, key)) throw new UsageError(`Expected a switch of the architecture but received "${key}": ${ELSEWHERE[key]}.`);
    if (!known.includes(key)) throw new UsageError(`Expected a switch of the architecture but received "${key}".${didYouMean(key, known)} Known: ${known.join(', ')}.`);
  }
  const parsed = modelSwitchesSchema.safeParse(switches);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0]!;
  throw new UsageError(`Expected another value for the switch ${String(path[0])} but received ${JSON.stringify(switches[String(path[0])])}: ${message}.`);
}
