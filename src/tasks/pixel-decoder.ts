import type { DecoderFacts } from '../models/segment/index.js';
import type { Recipe } from '../recipe/recipe.js';

/** Of weights that do not say: a semantic FPN. */
export const DEFAULT_DECODER: DecoderFacts = {
  kind: 'fpn',
  channels: 128,
  norm: 'group',
  outputStride: 8,
  aux: false,
};

/** What a recipe wants on its trunk, of the tasks that say something of every pixel. */
export const decoderOf = ({ decoder, decoderChannels, headNorm, outputStride, auxWeight }: Recipe): DecoderFacts => ({
  kind: decoder,
  channels: decoderChannels,
  norm: headNorm === 'none' ? 'batch' : headNorm,
  outputStride,
  aux: auxWeight > 0 && decoder !== 'fpn',
});

/** What is expected of a recipe, what it has, and why that cannot be. */
export interface Refused {
  expected: string;
  received: string;
  why: string;
}

/** What of a recipe no decoder of pixels can do. */
export function refusesDecoder({ headNorm, decoder, auxWeight }: Recipe): Refused | undefined {
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
