import { z } from 'zod';
import { UsageError } from '../errors.js';
import { OPTION_RULES } from '../models/index.js';
import { didYouMean } from '../suggest.js';

/**
 * Switches of an architecture that a run may set apart from the model's name, as plain data: the row `resnet-26` with
 * `seRatio: 0.25` is an SE-ResNet-26. What each may be is a rule of the models; what a run decides elsewhere is not
 * among them (see ELSEWHERE).
 */
export const modelSwitchesSchema = z.strictObject({
  layers: OPTION_RULES.layers[0].optional(),
  block: OPTION_RULES.block[0].optional(),
  stem: OPTION_RULES.stem[0].optional(),
  stemPool: OPTION_RULES.stemPool[0].optional(),
  avgDown: OPTION_RULES.avgDown[0].optional(),
  seRatio: OPTION_RULES.seRatio[0].optional(),
  activation: OPTION_RULES.activation[0].optional(),
  zeroInitLastGamma: OPTION_RULES.zeroInitLastGamma[0].optional(),
  /** EfficientNet only: depth multiplier, padding of strided convolutions, epsilon of batch norm. */
  depth: OPTION_RULES.depth[0].optional(),
  padding: OPTION_RULES.padding[0].optional(),
  normEpsilon: OPTION_RULES.normEpsilon[0].optional(),
  /** ResNeSt only: channels of the stem, splits and groups of split attention, channels of a group, place of the average pool. */
  stemWidth: OPTION_RULES.stemWidth[0].optional(),
  radix: OPTION_RULES.radix[0].optional(),
  cardinality: OPTION_RULES.cardinality[0].optional(),
  baseWidth: OPTION_RULES.baseWidth[0].optional(),
  avd: OPTION_RULES.avd[0].optional(),
  /** Models of clips only: which blocks look over frames, frames of the stem and strides in frames, self-gates, the head's windows. */
  temporal: OPTION_RULES.temporal[0].optional(),
  stemFrames: OPTION_RULES.stemFrames[0].optional(),
  stemFrameStride: OPTION_RULES.stemFrameStride[0].optional(),
  poolFrameStride: OPTION_RULES.poolFrameStride[0].optional(),
  selfGate: OPTION_RULES.selfGate[0].optional(),
  headWindow: OPTION_RULES.headWindow[0].optional(),
  convolution: OPTION_RULES.convolution[0].optional(),
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
    if (Object.hasOwn(ELSEWHERE, key))
      throw new UsageError(`Expected a switch of the architecture but received "${key}": ${ELSEWHERE[key]}.`);
    if (!known.includes(key))
      throw new UsageError(
        `Expected a switch of the architecture but received "${key}".${didYouMean(key, known)} Known: ` +
          `${known.join(', ')}.`,
      );
  }
  const parsed = modelSwitchesSchema.safeParse(switches);
  if (parsed.success) return parsed.data;
  const key = String(parsed.error.issues[0]!.path[0]) as keyof ModelSwitches;
  throw new UsageError(
    `Expected ${OPTION_RULES[key][1]} for the switch ${key} but received ${JSON.stringify(switches[key])}.`,
  );
}
