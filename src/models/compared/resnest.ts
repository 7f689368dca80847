import { AvgPool3x3, BatchNorm2d, Conv2d, Identity, MaxPool2d, type Module, SplitAttention } from '../../nn/index.js';
import type { Tensor } from '../../torch/index.js';
import type { ModelOptions } from '../model.js';
import { Block, deepStem, planesOf, round8, StagedResNet, shortcut } from '../resnet.js';

export interface ResNeStOptions extends ModelOptions {
  /** Blocks of each stage. */
  layers: readonly [number, number, number, number];
  /** Multiplies all widths; each is rounded to the nearest multiple of 8 (at least 8). */
  width: number;
  /** Channels of the stem's first two convolutions; the third has twice as many. */
  stemWidth: number;
  /** Splits of each group that are weighed against each other, R. */
  radix: number;
  /** Groups, K. */
  cardinality: number;
  /** Channels of a group in a stage of 64: a stage of p has K * floor(p * baseWidth / 64) in its 3x3 convolution, each group
   * rounded down to a multiple of the radix. */
  baseWidth: number;
  /**
   * Where the average pool stands that halves the maps in place of a stride: after split attention (`last`) or before it (`first`, the paper's
   * fast form). `none`: the convolution strides.
   */
  avd: 'last' | 'first' | 'none';
  stochasticDepthRule: 'stage' | 'block';
  /** The last batch norm of each block starts at gamma 0. */
  zeroInitLastGamma: boolean;
}

const SLOW = { stemWidth: 32, radix: 2, cardinality: 1, baseWidth: 64, avd: 'last' } as const;
const WIDE_STEM = { ...SLOW, stemWidth: 64 } as const;

/**
 * The members, as timm names them: `d` has a stem of 32, 32, 64 channels, `e` one of 64, 64, 128; 4s2x40d has radix 4, cardinality 2 and groups
 * of 40. Source: zhanghang1989/ResNeSt resnest/torch (50 to 269, ablation.md), GluonCV (14, 26); timm resnest.py.
 */
export const RESNESTS = {
  '14d': { layers: [1, 1, 1, 1], ...SLOW },
  '26d': { layers: [2, 2, 2, 2], ...SLOW },
  '50d': { layers: [3, 4, 6, 3], ...SLOW },
  '101e': { layers: [3, 4, 23, 3], ...WIDE_STEM },
  '200e': { layers: [3, 24, 36, 3], ...WIDE_STEM },
  '269e': { layers: [3, 30, 48, 8], ...WIDE_STEM },
  '50d-4s2x40d': { layers: [3, 4, 6, 3], ...SLOW, radix: 4, cardinality: 2, baseWidth: 40, avd: 'first' },
  '50d-1s4x24d': { layers: [3, 4, 6, 3], ...SLOW, radix: 1, cardinality: 4, baseWidth: 24, avd: 'first' },
} as const satisfies Readonly<
  Record<string, Pick<ResNeStOptions, 'layers' | 'stemWidth' | 'radix' | 'cardinality' | 'baseWidth' | 'avd'>>
>;

/** 1x1, split attention in place of the 3x3, 1x1 to four times the width. */
class Bottleneck extends Block {
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly avdFirst: Module;
  readonly conv2: SplitAttention;
  readonly avdLast: Module;
  readonly conv3: Conv2d;
  readonly bn3: BatchNorm2d;
  constructor(cin: number, width: number, stride: number, { radix, cardinality, baseWidth, avd }: ResNeStOptions) {
    super();
    // Rounded down to what the radix divides, which changes no published member.
    const group = Math.max(1, Math.floor((width * baseWidth) / 64 / radix)) * radix * cardinality;
    const pool = (at: ResNeStOptions['avd']): Module =>
      stride === 2 && avd === at ? new AvgPool3x3() : new Identity();
    this.conv1 = new Conv2d(cin, group, 1);
    this.bn1 = new BatchNorm2d(group);
    this.avdFirst = pool('first');
    this.conv2 = new SplitAttention(group, { radix, cardinality, stride: avd === 'none' ? stride : 1 });
    this.avdLast = pool('last');
    this.conv3 = new Conv2d(group, 4 * width, 1);
    this.bn3 = new BatchNorm2d(4 * width);
    const down = shortcut(cin, 4 * width, stride, true);
    if (down !== undefined) this.downsample = down;
  }
  get lastNorm(): BatchNorm2d {
    return this.bn3;
  }
  protected branch(x: Tensor): Tensor {
    const y = this.avdFirst.forward(this.bn1.forwardAct(this.conv1.forward(x), 'relu'));
    return this.conv3.forward(this.avdLast.forward(this.conv2.forward(y)));
  }
}

/**
 * ResNeSt (Zhang et al. 2020, arXiv 2004.08955), after zhanghang1989/ResNeSt resnest.py: ResNet-D whose 3x3 convolutions are split attention.
 * Input [N, channels, S, S], normalised; output logits [N, classes]. Training needs two pictures: split attention has batch norm on one value
 * a channel and picture. State keys equal timm's.
 */
export class ResNeSt extends StagedResNet {
  constructor(
    readonly options: ResNeStOptions,
    seed = 0,
  ) {
    super();
    const { channels, width, stemStride, stemWidth } = options;
    const stemOut = round8(2 * stemWidth * width);
    this.conv1 = deepStem(channels, round8(stemWidth * width), stemOut, stemStride === 4 ? 2 : 1, 'relu');
    this.bn1 = new BatchNorm2d(stemOut);
    this.maxpool = stemStride === 1 ? new Identity() : new MaxPool2d();
    this.behindStem(({ stage, cin, stride }) => new Bottleneck(cin, planesOf(stage, width), stride, options), seed);
  }
}
