import { call, generator, mul, sigmoid, type Tensor } from '../../torch/index.js';
import type { ImageModel } from '../model.js';
import {
  begin,
  createDecoder,
  type DecoderFacts,
  type DecoderOptions,
  type DenseModel,
  denseModel,
  LAST_LAYERS,
} from '../segment/index.js';

export const DEPTH_OUTPUTS = ['softplus', 'sigmoid'] as const;
/** How a number becomes metres: ln(1 + e^x), without an end, or the sigmoid times the farthest depth (cleinc/bts: 10 m for NYU). */
export type DepthOutput = (typeof DEPTH_OUTPUTS)[number];

/** Keeps the numbers that the last layer begins with apart from the others. */
const LAST_SEED = 0xde97;

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
  const part = createDecoder(trunk, { ...decoder, aux: false }, { ...options, outputs: 1 });
  // Outputs far from 0 would begin at depths that nothing is at: near 0 they are ln 2 m, or half of the farthest.
  for (const [path, module] of part.modules())
    if (LAST_LAYERS.includes(path)) begin(module, 'normal', generator(options.seed + LAST_SEED));
  const metres = (x: Tensor): Tensor =>
    output === 'softplus' ? call('aten::softplus', [x]) : mul(sigmoid(x), farthest);
  return denseModel(trunk, part, {
    outputStride: decoder.kind === 'fpn' ? 32 : decoder.outputStride,
    ...(options.frozenNorm !== undefined && { frozenNorm: options.frozenNorm }),
    last: metres,
  });
}
