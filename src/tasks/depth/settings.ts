import type { DepthFacts } from '../../models/depth/index.js';
import type { Recipe } from '../../recipe/recipe.js';
import type { TaskSettings } from '../../run/config.js';
import type { WeightsFacts } from '../../weights/facts.js';
import { DEFAULT_DECODER, decoderOf } from '../pixel-decoder.js';

export interface DepthSettings extends TaskSettings {
  readonly depth: DepthFacts;
}

/** Of weights that do not say. */
export const DEFAULT_DEPTH: DepthFacts = { decoder: DEFAULT_DECODER, output: 'softplus', farthest: 10 };

/** What a recipe wants on its trunk. */
export const depthOf = (recipe: Recipe): DepthFacts => ({
  decoder: decoderOf(recipe),
  output: recipe.depthOutput,
  farthest: recipe.depthFarthest,
});

export const settingsOf = ({ depth }: WeightsFacts): DepthSettings => ({
  name: 'depth',
  depth: (depth as DepthFacts | undefined) ?? DEFAULT_DEPTH,
});
