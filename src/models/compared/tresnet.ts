import {
  AvgPool2d,
  type BatchNorm2d,
  BlurPool2d,
  ConvNormAct,
  Dropout,
  initialise,
  type LeakyRelu,
  Linear,
  Module,
  Sequential,
  SpaceToDepth,
  SqueezeExcite,
} from '../../nn/index.js';
import { flatten, globalAvgPool2d, scope, type Tensor } from '../../torch/index.js';
import { type Features, ImageModel, type ModelOptions } from '../model.js';
import { Block, blocksOf, fourStages, setStochasticDepth, widthsOf, zeroLastGamma } from '../resnet.js';

export interface TResNetOptions extends ModelOptions {
  /** Blocks of each stage. */
  layers: readonly [number, number, number, number];
  /** Of the first two stages: `basic` in the paper, `bottleneck` in V2. */
  block: 'basic' | 'bottleneck';
  /** Multiplies the base width of 64, rounded down; of V2 to a multiple of 8. */
  width: number;
  /**
   * Squeeze-excite in the first three stages: reduced = max(64, floor(width of the 3x3 convolution * ratio)), of a bottleneck twice the ratio;
   * 0 leaves it out.
   */
  seRatio: number;
  stochasticDepthRule: 'stage' | 'block';
  /** The last batch norm of each block starts at gamma 0. */
  zeroInitLastGamma: boolean;
}

/** The members. Source: Alibaba-MIIL/TResNet tresnet.py, tresnet_v2.py; timm tresnet.py. */
export const TRESNETS = {
  m: { layers: [3, 4, 11, 3], width: 1, block: 'basic' },
  l: { layers: [4, 5, 18, 3], width: 1.2, block: 'basic' },
  xl: { layers: [4, 5, 24, 3], width: 1.3, block: 'basic' },
  'v2-l': { layers: [3, 4, 23, 3], width: 1, block: 'bottleneck' },
} as const satisfies Readonly<Record<string, Pick<TResNetOptions, 'layers' | 'width' | 'block'>>>;

/** Slopes below 0 of the stem and in the blocks. Source: Alibaba-MIIL/TResNet tresnet.py (V2 there: 1e-6 everywhere; timm keeps these). */
const STEM: LeakyRelu = { leak: 0.01 };
const INNER: LeakyRelu = { leak: 0.001 };
const LEAST_REDUCED = 64;

const reducedOf = (channels: number, ratio: number): number => Math.max(LEAST_REDUCED, Math.floor(channels * ratio));

/** Average pool where the block strides, then a 1x1 convolution and batch norm; the pool is no place of its own where it does not. */
function shortcut(cin: number, cout: number, stride: number): Sequential | undefined {
  if (stride === 1 && cin === cout) return undefined;
  const conv = new ConvNormAct(cin, cout, 1);
  return new Sequential(stride === 1 ? [conv] : [new AvgPool2d(), conv]);
}

/** 3x3 and batch norm with the leaky ReLU; a stride is a blur behind it, so that the convolution sees every position. */
class Blurred extends ConvNormAct {
  readonly blur?: BlurPool2d;
  constructor(cin: number, cout: number, stride: number) {
    super(cin, cout, 3, INNER);
    if (stride > 1) this.blur = new BlurPool2d();
  }
  override forward(x: Tensor): Tensor {
    const y = super.forward(x);
    return this.blur === undefined ? y : this.blur.forward(y);
  }
}

/** relu(shortcut(x) + SE(conv2(conv1(x)))). */
class BasicBlock extends Block {
  // `declare`, here and below: the order of state keys is that of assignment, the shortcut's first.
  declare readonly conv1: Blurred;
  declare readonly conv2: ConvNormAct;
  constructor(cin: number, width: number, stride: number, seRatio: number) {
    super();
    const down = shortcut(cin, width, stride);
    if (down !== undefined) this.downsample = down;
    this.conv1 = new Blurred(cin, width, stride);
    this.conv2 = new ConvNormAct(width, width, 3);
    if (seRatio > 0) this.se = new SqueezeExcite(width, reducedOf(width, seRatio));
  }
  get lastNorm(): BatchNorm2d {
    return this.conv2.bn;
  }
  protected branch(x: Tensor): Tensor {
    return this.conv2.conv.forward(this.conv1.forward(x));
  }
}

/** relu(shortcut(x) + conv3(SE(conv2(conv1(x))))): squeeze-excite stands on the narrow width. */
class Bottleneck extends Block {
  declare readonly conv1: ConvNormAct;
  declare readonly conv2: Blurred;
  declare readonly conv3: ConvNormAct;
  constructor(cin: number, width: number, stride: number, seRatio: number) {
    super();
    const down = shortcut(cin, 4 * width, stride);
    if (down !== undefined) this.downsample = down;
    this.conv1 = new ConvNormAct(cin, width, 1, INNER);
    this.conv2 = new Blurred(width, width, stride);
    if (seRatio > 0) this.se = new SqueezeExcite(width, reducedOf(width, 2 * seRatio));
    this.conv3 = new ConvNormAct(width, 4 * width, 1);
  }
  get lastNorm(): BatchNorm2d {
    return this.conv3.bn;
  }
  protected override get endGate(): undefined {
    return undefined;
  }
  protected branch(x: Tensor): Tensor {
    const y = this.conv2.forward(this.conv1.forward(x));
    return this.conv3.conv.forward(this.se === undefined ? y : this.se.forward(y));
  }
}

/** Space to depth, a convolution, four stages. */
class Body extends Module {
  readonly s2d: SpaceToDepth;
  readonly conv1: ConvNormAct;
  readonly layer1: Sequential;
  readonly layer2: Sequential;
  readonly layer3: Sequential;
  readonly layer4: Sequential;
  constructor({ channels, stemStride, width, block, layers, seRatio }: TResNetOptions) {
    super();
    const base = block === 'basic' ? Math.max(1, Math.floor(64 * width)) : Math.max(8, Math.floor(8 * width) * 8);
    this.s2d = new SpaceToDepth(stemStride);
    this.conv1 = new ConvNormAct(channels * stemStride ** 2, base, 3, STEM);
    [this.layer1, this.layer2, this.layer3, this.layer4] = fourStages(layers, base, ({ stage, cin, stride }) => {
      const Kind = stage < 2 && block === 'basic' ? BasicBlock : Bottleneck;
      return new Kind(cin, base * 2 ** stage, stride, stage < 3 ? seRatio : 0);
    });
  }
  features(x: Tensor): Features {
    const stem = scope(() => this.conv1.forward(this.s2d.forward(x)));
    const c2 = this.layer1.forward(stem);
    const c3 = this.layer2.forward(c2);
    const c4 = this.layer3.forward(c3);
    return { c2, c3, c4, c5: this.layer4.forward(c4) };
  }
  forward(x: Tensor): Tensor {
    return this.features(x).c5;
  }
}

/**
 * TResNet (Ridnik et al. 2020, arXiv 2003.13630), after Alibaba-MIIL/TResNet tresnet.py: a stem that folds cells of 4x4 pixels into channels,
 * blur pooling where a stage halves its maps, basic blocks first and bottlenecks after, squeeze-excite but in the last stage, leaky ReLU. Input
 * [N, channels, S, S], pixels between 0 and 1 for its own weights; output logits [N, classes]. State keys equal timm's.
 */
export class TResNet extends ImageModel {
  readonly head = 'head.fc';
  body: Body;
  dropout: Dropout;
  'head.fc': Linear;

  constructor(
    readonly options: TResNetOptions,
    seed = 0,
  ) {
    super();
    this.body = new Body(options);
    this.dropout = new Dropout(options.dropout);
    this['head.fc'] = new Linear(this.featureWidths.c5, options.classes);
    setStochasticDepth(this.blocks(), options);
    initialise(this, options.init, seed);
    if (options.zeroInitLastGamma) zeroLastGamma(this.blocks());
  }
  get totalStride(): number {
    return 8 * this.options.stemStride;
  }
  get featureWidths(): Record<keyof Features, number> {
    return widthsOf(this.body);
  }
  /** All residual blocks, from input to output. */
  blocks(): Block[] {
    return blocksOf(this.body);
  }
  protected stages(x: Tensor): Features {
    return this.body.features(x);
  }
  override averaged(x: Tensor): Tensor {
    return this.features(x).c5;
  }
  forward(x: Tensor): Tensor {
    return this['head.fc'].forward(this.dropout.forward(flatten(globalAvgPool2d(this.averaged(x)))));
  }
}
