import { type Family, familyOf, modelNames } from './registry.js';
import { modelShapes } from './shapes.js';

type Shapes = ReadonlyMap<string, readonly number[]>;

/** A key that all members of some families have, and no others. */
const ANCHORS: Readonly<Record<string, readonly Family[]>> = {
  'layer1.0.conv1.weight': ['resnet', 'resnet-rs', 'resnest'],
  'body.conv1.conv.weight': ['tresnet'],
  // An EfficientNet-RS has the weights of the EfficientNet.
  'blocks.0.0.conv_dw.weight': ['efficientnet'],
  'stem.0.weight': [],
};

/** What stands before the names of layers that our models have: `model.`, `backbone.`; '' where nothing does. */
export function beginningOf(keys: Iterable<string>): string {
  for (const key of keys)
    for (const anchor of Object.keys(ANCHORS)) {
      if (key === anchor) return '';
      if (key.endsWith(`.${anchor}`)) return key.slice(0, -anchor.length);
    }
  return '';
}

/** The named model with the most keys and shapes in common with these; undefined where no half of its keys are. */
export function candidateModel(found: Shapes): { name: string; shapes: Map<string, number[]> } | undefined {
  const anchor = Object.keys(ANCHORS).find((key) => found.has(key));
  if (anchor === undefined) return undefined;
  // The layers of a 3-D ResNet have the names of the 2-D one's.
  const clips = found.get(anchor)!.length === 5;
  const names = clips ? modelNames('clips') : modelNames().filter((name) => ANCHORS[anchor]!.includes(familyOf(name)));
  let best: { name: string; shapes: Map<string, number[]>; score: number } | undefined;
  for (const name of names) {
    const shapes = modelShapes(name);
    const same = [...shapes].filter(([key, shape]) => found.get(key)?.join() === shape.join()).length;
    // Of two that share as many keys the one with fewer of its own: Jaccard's index.
    const score = same / (shapes.size + found.size - same);
    if (best === undefined || score > best.score) best = { name, shapes, score };
  }
  return best !== undefined && best.score > 0.5 ? best : undefined;
}
