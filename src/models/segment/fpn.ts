import { Conv2d, Module, resize, Sequential, type Sides, sidesOf } from '../../nn/index.js';
import { add, generator, type Tensor } from '../../torch/index.js';
import type { Features } from '../model.js';
import { FeaturePyramid } from '../pyramid.js';
import { begin, convNormRelu, type HeadNorm } from './blocks.js';
import { type Decoded, Decoder, type DecoderOptions, type Widths } from './heads.js';

const LEVELS = ['c2', 'c3', 'c4', 'c5'] as const;

/** 3x3, norm, ReLU, and for a level coarser than c2 as often enlarged twofold, until it has c2's sides. */
class Scaled extends Module<readonly [level: Tensor, sides: readonly Sides[]]> {
  readonly convs: Sequential[];
  constructor(
    channels: number,
    readonly steps: number,
    norm: HeadNorm,
  ) {
    super();
    this.convs = Array.from(
      { length: Math.max(1, steps) },
      () => new Sequential(convNormRelu(channels, channels, 3, norm)),
    );
  }
  /** A level, and the sides of all levels as they are, so that odd ones fit. */
  forward([level, sides]: readonly [Tensor, readonly Sides[]]): Tensor {
    return this.convs.reduce((x, conv, k) => {
      const y = conv.forward(x);
      return this.steps === 0 ? y : resize(y, sides[this.steps - 1 - k]!);
    }, level);
  }
}

/**
 * Semantic FPN (Kirillov et al. 2019, arXiv 1901.02446): each level of a pyramid is brought to the grid of c2 by 3x3 convolutions with
 * bilinear enlargements between them, all are added, and a 1x1 gives the outputs. As detectron2's SemSegFPNHead
 * (modeling/meta_arch/semantic_seg.py), but for one width of pyramid and head, where it has 256 and 128.
 */
export class FpnDecoder extends Decoder {
  readonly pyramid: FeaturePyramid;
  readonly scaled: Scaled[];
  readonly predictor: Conv2d;
  constructor(widths: Widths, { outputs, channels, norm, seed }: Omit<DecoderOptions, 'aux' | 'dropout'>) {
    super();
    const random = generator(seed);
    this.pyramid = new FeaturePyramid(
      LEVELS.map((level) => widths[level]),
      { channels },
      seed,
    );
    this.scaled = LEVELS.map((_, i) => new Scaled(channels, i, norm));
    this.predictor = new Conv2d(channels, outputs, 1, { bias: true });
    for (const part of [...this.scaled, this.predictor]) begin(part, 'msra', random);
  }
  forward(features: Features): Decoded {
    const levels = this.pyramid.forward(LEVELS.map((level) => features[level]));
    const sides = levels.map(sidesOf);
    const [first, ...others] = levels.map((level, i) => this.scaled[i]!.forward([level, sides]));
    return { main: this.predictor.forward(others.reduce((sum, one) => add(sum, one), first!)) };
  }
}
