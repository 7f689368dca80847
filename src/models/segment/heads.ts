import { Conv2d, Dropout, initialise, Module, resize, Sequential, sidesOf } from '../../nn/index.js';
import { call, generator, globalAvgPool2d, type Tensor } from '../../torch/index.js';
import type { Features } from '../model.js';
import { begin, convNormRelu, type HeadNorm } from './blocks.js';

/** What a decoder makes of the trunk's maps, on grids of its own: what is wanted, and in training what helps to learn it. */
export interface Decoded {
  main: Tensor;
  aux?: Tensor;
}

/** Stands on a trunk: maps of numbers a place out of its features. */
export abstract class Decoder extends Module<Features, Decoded> {}

export interface DecoderOptions {
  /** Numbers a place. */
  outputs: number;
  /** Channels of its layers. */
  channels: number;
  norm: HeadNorm;
  dropout: number;
  /** A second head on c4, whose loss is added in training. */
  aux: boolean;
  seed: number;
}

export type Widths = Readonly<Record<keyof Features, number>>;

const last = (channels: number, outputs: number): Conv2d => new Conv2d(channels, outputs, 1, { bias: true });

/** torchvision's FCNHead: 3x3 to a quarter of the channels, norm, ReLU, dropout, 1x1. Source: models/segmentation/fcn.py. */
const fcnHead = (cin: number, outputs: number, norm: HeadNorm, dropout: number): Sequential => {
  const inner = Math.max(1, Math.floor(cin / 4));
  return new Sequential([...convNormRelu(cin, inner, 3, norm), new Dropout(dropout), last(inner, outputs)]);
};

/** Dropout of auxiliary heads, and of an FCN, in torchvision. */
export const FCN_DROPOUT = 0.1;

/** FCN on c5 (Long et al. 2015), as torchvision has it: `classifier`, and `aux_classifier` on c4. */
export class FcnDecoder extends Decoder {
  readonly classifier: Sequential;
  readonly aux_classifier?: Sequential;
  constructor(widths: Widths, { outputs, norm, dropout, aux, seed }: DecoderOptions) {
    super();
    this.classifier = fcnHead(widths.c5, outputs, norm, dropout);
    if (aux) this.aux_classifier = fcnHead(widths.c4, outputs, norm, FCN_DROPOUT);
    begin(this, 'pytorch', generator(seed));
  }
  forward({ c4, c5 }: Features): Decoded {
    return {
      main: this.classifier.forward(c5),
      ...(this.training && this.aux_classifier !== undefined && { aux: this.aux_classifier.forward(c4) }),
    };
  }
}

class GlobalPool extends Module {
  forward(x: Tensor): Tensor {
    return globalAvgPool2d(x);
  }
}

/** The mean of all places through 1x1, norm and ReLU, at every place. */
class AsppPooling extends Sequential {
  constructor(cin: number, cout: number, norm: HeadNorm) {
    super([new GlobalPool(), ...convNormRelu(cin, cout, 1, norm)]);
  }
  override forward(x: Tensor): Tensor {
    return resize(super.forward(x), sidesOf(x));
  }
}

/**
 * Atrous spatial pyramid pooling: 1x1, three 3x3 of growing dilation and the mean of all places, side by side, then 1x1, norm, ReLU and
 * dropout. Source: Chen et al. 2017, arXiv 1706.05587, section 3.3; torchvision's keys.
 */
export class Aspp extends Module {
  readonly convs: Sequential[];
  readonly project: Sequential;
  constructor(cin: number, channels: number, rates: readonly number[], norm: HeadNorm, dropout: number) {
    super();
    this.convs = [
      new Sequential(convNormRelu(cin, channels, 1, norm)),
      ...rates.map((dilation) => new Sequential(convNormRelu(cin, channels, 3, norm, { dilation }))),
      new AsppPooling(cin, channels, norm),
    ];
    this.project = new Sequential([
      ...convNormRelu(this.convs.length * channels, channels, 1, norm),
      new Dropout(dropout),
    ]);
  }
  forward(x: Tensor): Tensor {
    return this.project.forward(call('aten::cat', [this.convs.map((conv) => conv.forward(x)), 1]));
  }
}

/** DeepLabV3 as torchvision has it (models/segmentation/deeplabv3.py): ASPP on c5, 3x3, 1x1; a second head on c4. */
export class DeepLabDecoder extends Decoder {
  readonly classifier: Sequential;
  readonly aux_classifier?: Sequential;
  constructor(widths: Widths, options: DecoderOptions & { rates: readonly number[] }) {
    super();
    const { outputs, channels, norm, dropout, aux, rates, seed } = options;
    this.classifier = new Sequential([
      new Aspp(widths.c5, channels, rates, norm, dropout),
      ...convNormRelu(channels, channels, 3, norm),
      last(channels, outputs),
    ]);
    if (aux) this.aux_classifier = fcnHead(widths.c4, outputs, norm, FCN_DROPOUT);
    begin(this, 'pytorch', generator(seed));
  }
  forward({ c4, c5 }: Features): Decoded {
    return {
      main: this.classifier.forward(c5),
      ...(this.training && this.aux_classifier !== undefined && { aux: this.aux_classifier.forward(c4) }),
    };
  }
}

/** Channels that c2 is reduced to. */
const LOW_LEVEL = 48;

/**
 * DeepLabV3+ (Chen et al. 2018, arXiv 1802.02611) as tensorflow/models has it (official/vision/modeling/heads/segmentation_heads.py,
 * `deeplabv3plus`): ASPP on c5, enlarged to c2's grid and laid beside c2 in 48 channels, two 3x3, 1x1. The new convolutions begin at N(0,
 * 0.01), those of ASPP at a truncated normal of deviation sqrt(1/fan in). Batch norm has PyTorch's epsilon, 1e-5 (there 1e-3).
 */
export class DeepLabPlusDecoder extends Decoder {
  readonly aspp: Aspp;
  readonly low: Sequential;
  readonly fuse: Sequential;
  readonly classifier: Conv2d;
  readonly aux_classifier?: Sequential;
  constructor(widths: Widths, options: DecoderOptions & { rates: readonly number[] }) {
    super();
    const { outputs, channels, norm, dropout, aux, rates, seed } = options;
    const random = generator(seed);
    this.aspp = new Aspp(widths.c5, channels, rates, norm, dropout);
    this.low = new Sequential(convNormRelu(widths.c2, Math.min(LOW_LEVEL, channels), 1, norm));
    this.fuse = new Sequential([
      ...convNormRelu(channels + Math.min(LOW_LEVEL, channels), channels, 3, norm),
      ...convNormRelu(channels, channels, 3, norm),
    ]);
    this.classifier = last(channels, outputs);
    if (aux) this.aux_classifier = fcnHead(widths.c4, outputs, norm, FCN_DROPOUT);
    begin(this, 'normal', random);
    initialise(this.aspp, 'tf', seed);
    if (this.aux_classifier !== undefined) begin(this.aux_classifier, 'pytorch', random);
  }
  forward({ c2, c4, c5 }: Features): Decoded {
    const wide = resize(this.aspp.forward(c5), sidesOf(c2));
    const both = call<Tensor>('aten::cat', [[wide, this.low.forward(c2)], 1]);
    return {
      main: this.classifier.forward(this.fuse.forward(both)),
      ...(this.training && this.aux_classifier !== undefined && { aux: this.aux_classifier.forward(c4) }),
    };
  }
}
