import { Conv2d, Module, resize, Sequential, sidesOf } from '../../nn/index.js';
import { add, type Generator, generator, type Tensor } from '../../torch/index.js';
import type { Features } from '../model.js';
import { begin, convNormRelu, type HeadNorm } from './blocks.js';
import { type Decoded, Decoder, type DecoderOptions, type Widths } from './heads.js';

const LEVELS = ['c2', 'c3', 'c4', 'c5'] as const;

/**
 * A feature pyramid over c2 to c5 (Lin et al. 2017, arXiv 1612.03144), without norms: 1x1 of each, plus the coarser level enlarged by the
 * nearest value, then 3x3. Begins as detectron2's (`c2_xavier_fill`).
 */
class Pyramid extends Module {
  readonly lateral: Conv2d[];
  readonly output: Conv2d[];
  constructor(widths: Widths, channels: number, random: Generator) {
    super();
    this.lateral = LEVELS.map((level) => new Conv2d(widths[level], channels, 1, { bias: true }));
    this.output = LEVELS.map(() => new Conv2d(channels, channels, 3, { bias: true }));
    begin(this, 'xavier', random);
  }
  /** Fine to coarse. */
  levels(features: Features): Tensor[] {
    const outputs: Tensor[] = [];
    let above: Tensor | undefined;
    for (let i = LEVELS.length - 1; i >= 0; i--) {
      const own = this.lateral[i]!.forward(features[LEVELS[i]!]);
      above = above === undefined ? own : add(own, resize(above, sidesOf(own), 'nearest'));
      outputs.unshift(this.output[i]!.forward(above));
    }
    return outputs;
  }
  forward(x: Tensor): Tensor {
    return x;
  }
}

/** 3x3, norm, ReLU, and for a level coarser than c2 as often enlarged twofold, until it has c2's sides. */
class Scaled extends Module {
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
  /** @param levels sides of c2, c3, ... as they are, so that odd ones fit */
  enlarged(x: Tensor, levels: readonly (readonly [number, number])[]): Tensor {
    return this.convs.reduce((y, conv, k) => {
      const z = conv.forward(y);
      return this.steps === 0 ? z : resize(z, levels[this.steps - 1 - k]!);
    }, x);
  }
  forward(x: Tensor): Tensor {
    return x;
  }
}

/**
 * Semantic FPN (Kirillov et al. 2019, arXiv 1901.02446): each level of a pyramid is brought to the grid of c2 by 3x3 convolutions with
 * bilinear enlargements between them, all are added, and a 1x1 gives the outputs. As detectron2's SemSegFPNHead
 * (modeling/meta_arch/semantic_seg.py), but for one width of pyramid and head, where it has 256 and 128.
 */
export class FpnDecoder extends Decoder {
  readonly pyramid: Pyramid;
  readonly scaled: Scaled[];
  readonly predictor: Conv2d;
  constructor(widths: Widths, { outputs, channels, norm, seed }: Omit<DecoderOptions, 'aux' | 'dropout'>) {
    super();
    const random = generator(seed);
    this.pyramid = new Pyramid(widths, channels, random);
    this.scaled = LEVELS.map((_, i) => new Scaled(channels, i, norm));
    this.predictor = new Conv2d(channels, outputs, 1, { bias: true });
    for (const part of [...this.scaled, this.predictor]) begin(part, 'msra', random);
  }
  get outputLayers(): string[] {
    return ['predictor'];
  }
  decode(features: Features): Decoded {
    const levels = this.pyramid.levels(features);
    const sides = levels.map(sidesOf);
    const [first, ...others] = levels.map((level, i) => this.scaled[i]!.enlarged(level, sides));
    return { main: this.predictor.forward(others.reduce((sum, one) => add(sum, one), first!)) };
  }
}
