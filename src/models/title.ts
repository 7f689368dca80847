import { modelFacts } from './registry.js';

/**
 * What people call a network: the model's name and, where they differ from the model's own, its width and depth:
 * `resnet-rs-14 x0.5`. A model of half the width has another size, speed and accuracy than its namesake.
 */
export function modelTitle(name: string, options: { width?: number; depth?: number } = {}): string {
  let own: { width?: number; depth?: number } = {};
  try {
    own = modelFacts(name).options;
  } catch {
    // A model of another version keeps its name.
  }
  const { width, depth } = options;
  return (
    name +
    (width === undefined || width === (own.width ?? 1) ? '' : ` x${width}`) +
    (depth === undefined || depth === (own.depth ?? 1) ? '' : `, depth x${depth}`)
  );
}
