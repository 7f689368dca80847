import { byClassName } from '../../data/annotations/by-name.js';
import type { Dataset } from '../../data/dataset.js';
import type { DetectorFacts, DetectorOptions } from '../../models/detect/index.js';
import type { Recipe } from '../../recipe/recipe.js';
import type { TaskSettings } from '../../run/config.js';
import type { Fit, Suited } from '../../train/task.js';
import type { WeightsFacts } from '../../weights/facts.js';

export interface DetectSettings extends TaskSettings {
  /** In the order of the model's outputs. */
  readonly classes: readonly string[];
  readonly detector: DetectorFacts;
}

/** Of weights that do not say: torchvision's RetinaNet. */
export const DEFAULT_FACTS: DetectorFacts = {
  kind: 'retinanet',
  anchors: { rule: 'torchvision', size: 4, scales: 3, ratios: [0.5, 1, 2] },
  frozenNorm: false,
  predict: { scoreThreshold: 0.05, perLevel: 1000, overlap: 0.5, perPicture: 300 },
};

export function factsOf(recipe: Recipe): DetectorFacts {
  const { detector: kind, anchorRule: rule, anchorSize: size, anchorScales: scales, anchorRatios: ratios } = recipe;
  const { scoreThreshold, detectionsPerLevel: perLevel, nmsOverlap: overlap, detections: perPicture } = recipe;
  return {
    kind,
    anchors: { rule, size, scales, ratios },
    frozenNorm: recipe.trunkNorm === 'frozen',
    predict: { scoreThreshold, perLevel, overlap, perPicture },
  };
}

/** Weights that found boxes by their anchors go on with them. */
export function anchorsOfWeights({ detector }: WeightsFacts): Suited | undefined {
  if (detector === undefined) return undefined;
  const { rule, size, scales, ratios } = (detector as unknown as DetectorFacts).anchors;
  return {
    values: { anchorRule: rule, anchorSize: size, anchorScales: scales, anchorRatios: [...ratios] },
    source: 'the weights that the run starts from have them',
  };
}

/** What a recipe wants on its trunk. */
export function detectorOptions(recipe: Recipe, classes: number): DetectorOptions {
  const { kind, anchors, frozenNorm } = factsOf(recipe);
  const { pyramidChannels: channels, headLayers: layers, headNorm: norm, pyramidNorm, pyramidExtra: extra } = recipe;
  return { kind, classes, channels, layers, norm, pyramidNorm, extra, anchors, frozenNorm };
}

export const settingsOf = ({ classes, detector }: WeightsFacts): DetectSettings => ({
  name: 'detect',
  classes: classes ?? [],
  detector: (detector as DetectorFacts | undefined) ?? DEFAULT_FACTS,
});

/** Boxes with the classes of the weights, matched by name. @throws UsageError where the weights know none of them */
export const fits = (
  { classes }: DetectSettings,
  { val }: Dataset,
  names: { weights: string; data: string },
): Fit | undefined => byClassName(val, classes, names);
