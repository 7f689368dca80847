import { modelNames, modelShapes } from '../../models/index.js';

export type Shapes = ReadonlyMap<string, readonly number[]>;

/** The named model with the most keys and shapes in common with these; undefined where no half of its keys are. */
export function candidateModel(found: Shapes): { name: string; shapes: Map<string, number[]> } | undefined {
  const kind = found.has('layer1.0.conv1.weight')
    ? 'resnet'
    : found.has('blocks.0.0.conv_dw.weight')
      ? 'efficientnet'
      : undefined;
  if (kind === undefined) return undefined;
  let best: { name: string; shapes: Map<string, number[]>; score: number } | undefined;
  // An EfficientNet-RS has the weights of the EfficientNet.
  for (const name of modelNames().filter((other) => other.startsWith(kind) && !other.startsWith('efficientnet-rs'))) {
    const shapes = modelShapes(name);
    const same = [...shapes].filter(([key, shape]) => found.get(key)?.join() === shape.join()).length;
    // Of two that share as many keys the one with fewer of its own: Jaccard's index.
    const score = same / (shapes.size + found.size - same);
    if (best === undefined || score > best.score) best = { name, shapes, score };
  }
  return best !== undefined && best.score > 0.5 ? best : undefined;
}
