import { call, mul, sigmoid, type Tensor } from '../../torch/index.js';
import type { ImageModel } from '../model.js';
import {
  createDecoder,
  type DecoderFacts,
  type DecoderOptions,
  type DenseModel,
  denseModel,
} from '../segment/index.js';

export const DEPTH_OUTPUTS = ['softplus', 'sigmoid'] as const;
/** How a number becomes metres: ln(1 + e^x), without an end, or the sigmoid times the farthest depth (cleinc/bts: 10 m for NYU). */
export type DepthOutput = (typeof DEPTH_OUTPUTS)[number];

/** What makes metres of a trunk's maps, as weights keep it. */
export interface DepthFacts {
  readonly decoder: DecoderFacts;
  readonly output: DepthOutput;
  /** In metres: the end of a sigmoid, and what predictions are cut to. */
  readonly farthest: number;
}

/**
 * Depth in metres at every pixel: a decoder of segmentation with one output, then softplus or sigmoid. This is a plain head to compare trunks
 * with, not the one of a published depth model. [n, 3, H, W] -> [n, 1, H, W].
 */
export function depthModel(
  trunk: ImageModel,
  { decoder, output, farthest }: DepthFacts,
  options: Pick<DecoderOptions, 'dropout' | 'seed'> & { frozenNorm?: boolean },
): DenseModel {
  const metres = (x: Tensor): Tensor =>
    output === 'softplus' ? call('aten::softplus', [x]) : mul(sigmoid(x), farthest);
  return denseModel(trunk, createDecoder(trunk, { ...decoder, aux: false }, { ...options, outputs: 1 }), {
    outputStride: decoder.kind === 'fpn' ? 32 : decoder.outputStride,
    ...(options.frozenNorm !== undefined && { frozenNorm: options.frozenNorm }),
    last: metres,
  });
}
