import { UsageError } from '../../errors.js';
import { freezeNorm, type Module, resize, sidesOf } from '../../nn/index.js';
import { call, type Tensor } from '../../torch/index.js';
import { EfficientNet } from '../efficientnet.js';
import type { ImageModel } from '../model.js';
import type { HeadNorm } from './blocks.js';
import { dilate, type OutputStride } from './dilate.js';
import { FpnDecoder } from './fpn.js';
import { type Decoder, type DecoderOptions, DeepLabDecoder, DeepLabPlusDecoder, FcnDecoder } from './heads.js';

export const DECODERS = ['fpn', 'fcn', 'deeplabv3', 'deeplabv3plus'] as const;
export type DecoderKind = (typeof DECODERS)[number];

/** What stands on a trunk, as weights keep it: shapes do not say the strides and dilations. */
export interface DecoderFacts {
  readonly kind: DecoderKind;
  readonly channels: number;
  readonly norm: HeadNorm;
  /** Of the trunk. An FPN takes it as it is. */
  readonly outputStride: OutputStride;
  readonly aux: boolean;
}

/** The layers of all decoders whose rows are the outputs: each has some of them. */
export const LAST_LAYERS: readonly string[] = ['predictor', 'classifier', 'classifier.4', 'aux_classifier.4'];

/** A trunk of the registry with its own state keys, and beside them those of `decoder`. */
export type DenseModel<D extends Decoder = Decoder> = ImageModel & { decoder: D };

/** Keeps the numbers that a decoder begins with apart from the trunk's. */
const DECODER_SEED = 0x5e9;

/** Dilations of ASPP: 6, 12, 18 at output stride 16, twice that at 8 (Chen et al. 2017, arXiv 1706.05587, section 3.3). */
export const asppRates = (stride: OutputStride): readonly number[] =>
  [6, 12, 18].map((rate) => Math.max(1, (rate * 16) / stride));

/** A decoder for a trunk. */
export function createDecoder(
  trunk: Pick<ImageModel, 'featureWidths'>,
  { kind, channels, norm, outputStride, aux }: DecoderFacts,
  { outputs, dropout, seed }: Pick<DecoderOptions, 'outputs' | 'dropout' | 'seed'>,
): Decoder {
  const options = { outputs, channels, norm, dropout, aux, seed: seed + DECODER_SEED };
  const widths = trunk.featureWidths;
  switch (kind) {
    case 'fpn':
      return new FpnDecoder(widths, options);
    case 'fcn':
      return new FcnDecoder(widths, options);
    case 'deeplabv3':
      return new DeepLabDecoder(widths, { ...options, rates: asppRates(outputStride) });
    case 'deeplabv3plus':
      return new DeepLabPlusDecoder(widths, { ...options, rates: asppRates(outputStride) });
  }
}

/**
 * Puts a decoder on a trunk in place of its classifier: [n, 3, H, W] -> [n, outputs, H, W], the decoder's maps enlarged bilinearly to the
 * picture's sides, without corner alignment. In training, with an auxiliary head, its outputs follow: [n, 2 outputs, H, W].
 * @param last what becomes of the enlarged maps, such as an activation
 */
export function denseModel<D extends Decoder>(
  trunk: ImageModel,
  decoder: D,
  options: { outputStride?: OutputStride; frozenNorm?: boolean; last?: (maps: Tensor) => Tensor } = {},
): DenseModel<D> {
  const { outputStride = 32, frozenNorm = false, last = (maps: Tensor) => maps } = options;
  dilate(trunk, outputStride);
  if (frozenNorm) freezeNorm(trunk);
  const fields = trunk as unknown as Record<string, unknown>;
  const old = fields[trunk.head] as Module;
  old.dispose();
  delete fields[trunk.head];
  // What follows c5 in an EfficientNet is kept, so that weights fit, and never trained.
  if (trunk instanceof EfficientNet)
    for (const part of [trunk.conv_head, trunk.bn2])
      for (const parameter of part.parameters().values()) parameter.requiresGrad = false;
  const forward = (x: Tensor): Tensor => {
    const sides = sidesOf(x);
    const { main, aux } = decoder.forward(trunk.features(x));
    const maps = last(resize(main, sides));
    return aux === undefined ? maps : call('aten::cat', [[maps, last(resize(aux, sides))], 1]);
  };
  return Object.assign(trunk, { head: 'decoder', decoder, forward, averaged: undefined });
}

/** A segmentation model on a trunk: logits of the classes at every pixel. */
export function segmentationModel(
  trunk: ImageModel,
  facts: DecoderFacts,
  options: Pick<DecoderOptions, 'outputs' | 'dropout' | 'seed'> & { frozenNorm?: boolean },
): DenseModel {
  if (facts.kind === 'fpn' && facts.aux)
    throw new UsageError('Expected no auxiliary head with the decoder fpn: it learns at all levels anyway.');
  return denseModel(trunk, createDecoder(trunk, facts, options), {
    outputStride: facts.kind === 'fpn' ? 32 : facts.outputStride,
    ...(options.frozenNorm !== undefined && { frozenNorm: options.frozenNorm }),
  });
}
