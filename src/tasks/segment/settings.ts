import type { Dataset } from '../../data/dataset.js';
import { UsageError } from '../../errors.js';
import type { DecoderFacts } from '../../models/segment/index.js';
import type { Recipe } from '../../recipe/recipe.js';
import type { TaskSettings } from '../../run/config.js';
import type { Fit } from '../../train/task.js';
import type { WeightsFacts } from '../../weights/facts.js';

export interface SegmentSettings extends TaskSettings {
  /** In the order of the model's outputs. What is not asked for is none of them. */
  readonly classes: readonly string[];
  readonly decoder: DecoderFacts;
}

/** Of weights that do not say: a semantic FPN. */
export const DEFAULT_DECODER: DecoderFacts = {
  kind: 'fpn',
  channels: 128,
  norm: 'group',
  outputStride: 8,
  aux: false,
};

/** What a recipe wants on its trunk. */
export const decoderOf = ({ decoder, decoderChannels, headNorm, outputStride, auxWeight }: Recipe): DecoderFacts => ({
  kind: decoder,
  channels: decoderChannels,
  norm: headNorm === 'none' ? 'batch' : headNorm,
  outputStride,
  aux: auxWeight > 0 && decoder !== 'fpn',
});

/** What of a recipe no decoder of pixels can do. */
export function refusesDecoder({
  headNorm,
  decoder,
  auxWeight,
}: Recipe): { expected: string; received: string; why: string } | undefined {
  if (headNorm === 'none')
    return { expected: 'headNorm=batch or headNorm=group', received: 'headNorm=none', why: 'every decoder has norms.' };
  if (decoder === 'fpn' && auxWeight > 0)
    return {
      expected: 'auxWeight=0 with decoder=fpn',
      received: `auxWeight=${auxWeight}`,
      why: 'an FPN has no second head: it learns at all levels.',
    };
  return undefined;
}

export const settingsOf = ({ classes, decoder }: WeightsFacts): SegmentSettings => ({
  name: 'segment',
  classes: classes ?? [],
  decoder: (decoder as DecoderFacts | undefined) ?? DEFAULT_DECODER,
});

/** @throws UsageError for masks of other classes than the weights know */
export function fits(
  { classes }: SegmentSettings,
  dataset: Dataset,
  { weights, data }: { weights: string; data: string },
): Fit | undefined {
  if (dataset.classes.join('\n') === classes.join('\n')) return undefined;
  throw new UsageError(
    `Expected masks of the classes that ${weights} knows (${classes.join(', ')}), in that order, but ${data} has ` +
      `${dataset.classes.join(', ')}.`,
  );
}
