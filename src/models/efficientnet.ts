import {
  BatchNorm2d,
  Conv2d,
  Dropout,
  initialise,
  Linear,
  Module,
  Sequential,
  scaleChannels,
  squeeze,
  stochasticDepth,
} from '../nn/index.js';
import { add_, flatten, globalAvgPool2d, scope, sigmoid, silu, type Tensor } from '../torch/index.js';
import { type Features, ImageModel, type ModelOptions } from './model.js';

/** One row of the baseline network: MBConv blocks of one kernel, expansion and output width; the first one strides. */
interface StageRow {
  kernel: 3 | 5;
  stride: 1 | 2;
  expand: number;
  out: number;
  repeat: number;
}

/**
 * EfficientNet-B0. Source: tensorflow/tpu models/official/efficientnet/efficientnet_builder.py; Tan and Le 2019, Table
 * 1.
 */
const STAGES: readonly StageRow[] = [
  { kernel: 3, stride: 1, expand: 1, out: 16, repeat: 1 },
  { kernel: 3, stride: 2, expand: 6, out: 24, repeat: 2 },
  { kernel: 5, stride: 2, expand: 6, out: 40, repeat: 2 },
  { kernel: 3, stride: 2, expand: 6, out: 80, repeat: 3 },
  { kernel: 5, stride: 1, expand: 6, out: 112, repeat: 3 },
  { kernel: 5, stride: 2, expand: 6, out: 192, repeat: 4 },
  { kernel: 3, stride: 1, expand: 6, out: 320, repeat: 1 },
];

export interface EfficientNetOptions extends ModelOptions {
  /** Multiplies all widths, rounded by `roundFilters`. */
  width: number;
  /** Multiplies the blocks of a stage: ceil(depth * repeat). */
  depth: number;
  /**
   * `same`: TensorFlow's rule, as the released weights need; `symmetric`: (k-1)/2 on both sides, as timm's and
   * torchvision's own weights.
   */
  padding: 'same' | 'symmetric';
  /** Epsilon of batch norm: 1e-3 in the released code, 1e-5 in timm's own weights. */
  normEpsilon: number;
  /** Stride of the first convolution: 2 in the paper, 1 for small pictures. */
  stemStride: 1 | 2;
  /** Squeeze-excite: reduced = max(1, floor(input channels of the block * ratio)); 0 leaves it out. */
  seRatio: number;
}

/**
 * The nearest multiple of 8, but never less than 0.9 of the exact width. Source: efficientnet_model.py round_filters.
 */
export function roundFilters(filters: number, width: number): number {
  const exact = filters * width;
  const rounded = Math.max(8, Math.floor((exact + 4) / 8) * 8);
  return rounded < 0.9 * exact ? rounded + 8 : rounded;
}

/** x * sigmoid(conv_expand(silu(conv_reduce(mean of x over H, W)))). Names as in timm. */
class MbSqueezeExcite extends Module {
  readonly conv_reduce: Conv2d;
  readonly conv_expand: Conv2d;
  constructor(channels: number, reduced: number) {
    super();
    this.conv_reduce = new Conv2d(channels, reduced, 1, { bias: true });
    this.conv_expand = new Conv2d(reduced, channels, 1, { bias: true });
  }
  forward(x: Tensor): Tensor {
    const gate = sigmoid(this.conv_expand.forward(silu(this.conv_reduce.forward(squeeze(x, this.training)))));
    return scaleChannels(x, gate, this.training);
  }
}

interface BlockShape {
  cin: number;
  cout: number;
  kernel: number;
  stride: number;
  expand: number;
}

/** A residual block where stride and widths allow a shortcut; without one it has no stochastic depth either. */
abstract class MbBlock extends Module {
  stochasticDepthRate = 0;
  readonly hasShortcut: boolean;
  constructor({ cin, cout, stride }: BlockShape) {
    super();
    this.hasShortcut = stride === 1 && cin === cout;
  }
  protected abstract branch(x: Tensor): Tensor;
  forward(x: Tensor): Tensor {
    return scope(() => {
      const y = this.branch(x);
      return this.hasShortcut ? add_(stochasticDepth(y, this.stochasticDepthRate, this.training), x) : y;
    });
  }
}

const normSilu = (norm: BatchNorm2d, x: Tensor): Tensor => norm.forwardAct(x, 'silu');

/** Depthwise kxk, squeeze-excite, 1x1: the block of expansion 1. */
class SeparableBlock extends MbBlock {
  readonly conv_dw: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly se?: MbSqueezeExcite;
  readonly conv_pw: Conv2d;
  readonly bn2: BatchNorm2d;
  constructor(shape: BlockShape, options: EfficientNetOptions) {
    super(shape);
    const { cin, cout } = shape;
    this.conv_dw = depthwise(cin, shape, options);
    this.bn1 = new BatchNorm2d(cin, options.normEpsilon);
    if (options.seRatio > 0) this.se = new MbSqueezeExcite(cin, reduced(cin, options));
    this.conv_pw = new Conv2d(cin, cout, 1);
    this.bn2 = new BatchNorm2d(cout, options.normEpsilon);
  }
  protected branch(x: Tensor): Tensor {
    const y = normSilu(this.bn1, this.conv_dw.forward(x));
    return this.bn2.forward(this.conv_pw.forward(this.se?.forward(y) ?? y));
  }
}

/**
 * MBConv: 1x1 to `expand` times the width, depthwise kxk, squeeze-excite on the expanded tensor, 1x1 back without
 * activation.
 */
class InvertedResidual extends MbBlock {
  readonly conv_pw: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly conv_dw: Conv2d;
  readonly bn2: BatchNorm2d;
  readonly se?: MbSqueezeExcite;
  readonly conv_pwl: Conv2d;
  readonly bn3: BatchNorm2d;
  constructor(shape: BlockShape, options: EfficientNetOptions) {
    super(shape);
    const { cin, cout } = shape;
    const middle = cin * shape.expand;
    this.conv_pw = new Conv2d(cin, middle, 1);
    this.bn1 = new BatchNorm2d(middle, options.normEpsilon);
    this.conv_dw = depthwise(middle, shape, options);
    this.bn2 = new BatchNorm2d(middle, options.normEpsilon);
    if (options.seRatio > 0) this.se = new MbSqueezeExcite(middle, reduced(cin, options));
    this.conv_pwl = new Conv2d(middle, cout, 1);
    this.bn3 = new BatchNorm2d(cout, options.normEpsilon);
  }
  protected branch(x: Tensor): Tensor {
    const y = normSilu(this.bn2, this.conv_dw.forward(normSilu(this.bn1, this.conv_pw.forward(x))));
    return this.bn3.forward(this.conv_pwl.forward(this.se?.forward(y) ?? y));
  }
}

const depthwise = (channels: number, { kernel, stride }: BlockShape, { padding }: EfficientNetOptions): Conv2d =>
  new Conv2d(channels, channels, kernel, {
    stride,
    groups: channels,
    padding: padding === 'same' ? 'same' : (kernel - 1) / 2,
  });

const reduced = (cin: number, { seRatio }: EfficientNetOptions): number => Math.max(1, Math.floor(cin * seRatio));

/**
 * EfficientNet with any width and depth coefficients. Input [N, channels, S, S], normalised; output logits [N,
 * classes]. State keys equal timm's.
 */
export class EfficientNet extends ImageModel {
  readonly head = 'classifier';
  conv_stem: Conv2d;
  bn1: BatchNorm2d;
  blocks: Sequential[];
  conv_head: Conv2d;
  bn2: BatchNorm2d;
  dropout: Dropout;
  classifier: Linear;

  constructor(
    readonly options: EfficientNetOptions,
    seed = 0,
  ) {
    super();
    const { width, depth, stemStride, padding, normEpsilon } = options;
    let cin = roundFilters(32, width);
    this.conv_stem = new Conv2d(options.channels, cin, 3, {
      stride: stemStride,
      padding: padding === 'same' ? 'same' : 1,
    });
    this.bn1 = new BatchNorm2d(cin, normEpsilon);
    this.blocks = STAGES.map(({ kernel, stride, expand, out, repeat }) => {
      const cout = roundFilters(out, width);
      const blocks = Array.from({ length: Math.ceil(depth * repeat) }, (_, i) => {
        const shape = { cin, cout, kernel, expand, stride: i === 0 ? stride : 1 };
        cin = cout;
        return expand === 1 ? new SeparableBlock(shape, options) : new InvertedResidual(shape, options);
      });
      return new Sequential(blocks);
    });
    const headOut = roundFilters(1280, width);
    this.conv_head = new Conv2d(cin, headOut, 1);
    this.bn2 = new BatchNorm2d(headOut, normEpsilon);
    this.dropout = new Dropout(options.dropout);
    this.classifier = new Linear(headOut, options.classes);
    // Block i of N drops its branch at rate*i/N. Source: efficientnet_model.py call().
    const all = this.blocks.flatMap((stage) => [...stage] as MbBlock[]);
    for (const [i, block] of all.entries()) block.stochasticDepthRate = (options.stochasticDepth * i) / all.length;
    initialise(this, options.init, seed);
  }

  get totalStride(): number {
    return 16 * this.options.stemStride;
  }

  get featureWidths(): Record<keyof Features, number> {
    const [, c2, c3, , c4, , c5] = STAGES.map(({ out }) => roundFilters(out, this.options.width));
    return { c2: c2!, c3: c3!, c4: c4!, c5: c5! };
  }

  /** The outputs of the last block at each stride: of the second, third, fifth and seventh stage. */
  protected stages(x: Tensor): Features {
    let y = scope(() => normSilu(this.bn1, this.conv_stem.forward(x)));
    const outputs = this.blocks.map((stage) => (y = stage.forward(y)));
    return { c2: outputs[1]!, c3: outputs[2]!, c4: outputs[4]!, c5: outputs[6]! };
  }

  override averaged(x: Tensor): Tensor {
    return scope(() => normSilu(this.bn2, this.conv_head.forward(this.features(x).c5)));
  }

  forward(x: Tensor): Tensor {
    return this.classifier.forward(this.dropout.forward(flatten(globalAvgPool2d(this.averaged(x)))));
  }
}
