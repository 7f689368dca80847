import { type Detector, detectorOn, detectorShape } from '../../models/detect/index.js';
import { createModel, type ImageModel } from '../../models/index.js';
import type { RunConfig } from '../../run/config.js';
import { DEFAULT_FACTS, type DetectSettings, detectorOptions } from './settings.js';

/** The model of a run, a function of its seed. */
export function modelOfRun({ model, modelOptions, seed, recipe, task }: RunConfig): Detector {
  const trunk = createModel(model, { ...modelOptions, classes: 1 }, seed);
  return detectorOn(trunk, detectorOptions(recipe.values, (task as DetectSettings).classes.length), seed);
}

/** The same with a head as large as that whose tensors a file has. How its anchors lie is no part of the model. */
export function modelOfShapes(
  trunk: (classes: number) => ImageModel,
  tensors: ReadonlyMap<string, { readonly shape: readonly number[] }>,
): Detector | undefined {
  const made = trunk(1);
  const shape = detectorShape(tensors, made.featureWidths.c5);
  if (shape === undefined) return undefined;
  const { perPlace, ...rest } = shape;
  // So many of any kind at a place.
  const anchors = { ...DEFAULT_FACTS.anchors, scales: perPlace, ratios: [1] };
  return detectorOn(made, { ...rest, anchors, frozenNorm: false }, 0);
}
