import { freezeNorm, type Linear, type Module } from '../../nn/index.js';
import type { Tensor } from '../../torch/index.js';
import type { ImageModel } from '../model.js';
import { anchorsOf, type Grid, gridsOf, PLACES } from './anchors.js';
import { DetectionHead } from './head.js';
import type { DetectorOptions } from './options.js';

/** A trunk of the registry, with its own state keys, and the field `detector` beside it. Outputs as `DetectionHead`. */
export type Detector = ImageModel & { detector: DetectionHead };

/** Stands where the classifier of a trunk stood. */
export const HEAD = 'detector';

/** Keeps the numbers that the head begins with apart from the trunk's. */
const HEAD_SEED = 0xde7ec7;

/** Puts a detector's head on a trunk in place of its classifier. */
export function detectorOn(trunk: ImageModel, options: DetectorOptions, seed: number): Detector {
  const fields = trunk as unknown as Record<string, Module>;
  (fields[trunk.head] as Linear).dispose();
  delete fields[trunk.head];
  if (options.frozenNorm) freezeNorm(trunk);
  const { c3, c4, c5 } = trunk.featureWidths;
  const head = new DetectionHead([c3, c4, c5], options, seed + HEAD_SEED);
  const forward = (x: Tensor): Tensor => {
    const maps = trunk.features(x);
    return head.forward([maps.c3, maps.c4, maps.c5]);
  };
  // What does not end in an average over places has no activation maps.
  return Object.assign(trunk, { head: HEAD, detector: head, averaged: undefined, forward });
}

/** Pixels that a place of P3 stands for. @param totalStride of the trunk, up to c5 */
export const firstStride = (totalStride: number): number => totalStride / 4;

/** The anchors of RetinaNet, or the places of FCOS, over a picture of S x S pixels, and the levels that they lie on. */
export function anchorsFor(
  { kind, anchors }: Pick<DetectorOptions, 'kind' | 'anchors'>,
  size: number,
  totalStride: number,
): { anchors: Float32Array; grids: Grid[] } {
  const first = firstStride(totalStride);
  return { anchors: anchorsOf(kind === 'fcos' ? PLACES : anchors, size, first), grids: gridsOf(size, first) };
}
