import {
  Activate,
  type Activation,
  BatchNorm2d,
  Conv3d,
  Dropout,
  Identity,
  initialise,
  Linear,
  MaxPool3d,
  type Module,
  SelfGate,
  Sequential,
  SqueezeExcite,
} from '../../nn/index.js';
import { avgPool3d, flatten, globalAvgPool3d, type Tensor } from '../../torch/index.js';
import type { ModelOptions } from '../model.js';
import {
  Block,
  blocksOf,
  fourStages,
  planesOf,
  type ResNetOptions,
  round8,
  setStochasticDepth,
  zeroLastGamma,
} from '../resnet.js';
import { VideoModel } from './model.js';

/** Every 3-D ResNet of bottlenecks is a row of these switches; `resnet3d`, `resnet3d-rs` and `slow` are three rows (facts.ts). */
export interface ResNet3dOptions extends ModelOptions {
  layers: ResNetOptions['layers'];
  /**
   * Which blocks look over three frames, in their first convolution: those of c4 and c5 (`late`); all of c2, every other one of c3 and c4 from
   * the first, of c5 from the second (`alternating`, of Inflated 3D ResNets); none, so that frames are seen one by one but for the stem.
   */
  temporal: 'late' | 'alternating' | 'none';
  /** `deep`: a convolution of stemFrames x 3x3 and two of 1x3x3 (ResNet-D). `plain`: one of stemFrames x 7x7. */
  stem: 'deep' | 'plain';
  /** Frames that the first convolution looks over. */
  stemFrames: 1 | 3 | 5;
  /** Its stride in frames. */
  stemFrameStride: 1 | 2;
  /** Stride in frames of the max pool, which looks over one frame with 1 and over three with 2. */
  poolFrameStride: 1 | 2;
  /** Squeeze-excite: reduced = max(1, floor(channels * ratio)); 0 leaves it out. */
  seRatio: number;
  /** The last block of each stage has a gate on its channels before squeeze-excite (`SelfGate`). */
  selfGate: boolean;
  /** Side of the windows whose means are averaged at the end, as pytorchvideo's slow_r50 does; 0 averages over all positions alike. */
  headWindow: number;
  activation: Activation;
  stochasticDepthRule: ResNetOptions['stochasticDepthRule'];
  zeroInitLastGamma: boolean;
}

const looksOver = (temporal: ResNet3dOptions['temporal'], stage: number, block: number): 1 | 3 => {
  if (temporal === 'none') return 1;
  if (temporal === 'late') return stage >= 2 ? 3 : 1;
  return stage === 0 || block % 2 === (stage === 3 ? 1 : 0) ? 3 : 1;
};

/** kt x1x1, 1x3x3 (with the stride), 1x1x1 to four times the width. */
class Bottleneck3d extends Block {
  readonly conv1: Conv3d;
  readonly bn1: BatchNorm2d;
  readonly conv2: Conv3d;
  readonly bn2: BatchNorm2d;
  readonly conv3: Conv3d;
  readonly bn3: BatchNorm2d;
  constructor(cin: number, width: number, frames: number, stride: number, gated: boolean, options: ResNet3dOptions) {
    super();
    this.activation = options.activation;
    const cout = width * 4;
    this.conv1 = new Conv3d(cin, width, [frames, 1]);
    this.bn1 = new BatchNorm2d(width);
    this.conv2 = new Conv3d(width, width, [1, 3], { stride: [1, stride] });
    this.bn2 = new BatchNorm2d(width);
    this.conv3 = new Conv3d(width, cout, [1, 1]);
    this.bn3 = new BatchNorm2d(cout);
    if (gated) this.gate = new SelfGate(cout);
    const reduced = Math.max(1, Math.floor(cout * options.seRatio));
    if (options.seRatio > 0) this.se = new SqueezeExcite(cout, reduced, 'relu', true);
    if (stride > 1 || cin !== cout)
      this.downsample = new Sequential([new Conv3d(cin, cout, [1, 1], { stride: [1, stride] }), new BatchNorm2d(cout)]);
  }
  get lastNorm(): BatchNorm2d {
    return this.bn3;
  }
  protected branch(x: Tensor): Tensor {
    let y = this.bn1.forwardAct(this.conv1.forward(x), this.activation);
    y = this.bn2.forwardAct(this.conv2.forward(y), this.activation);
    return this.conv3.forward(y);
  }
}

/**
 * 3-D ResNets of bottlenecks: the baseline and 3D-ResNet-RS of the paper's section 7.5, slow_r50. Input [N, channels, T, S, S], normalised;
 * output logits [N, classes]. State keys are those of the 2-D ResNet; convolutions are padded alike on both sides, as PyTorch does and
 * TensorFlow does not. Source: tensorflow/models resnet_3d.py, nn_blocks_3d.py, configs/backbones_3d.py.
 */
export class ResNet3d extends VideoModel {
  readonly head = 'fc';
  conv1: Module;
  bn1: BatchNorm2d;
  maxpool: Module;
  layer1: Sequential;
  layer2: Sequential;
  layer3: Sequential;
  layer4: Sequential;
  dropout: Dropout;
  fc: Linear;

  constructor(
    readonly options: ResNet3dOptions,
    seed = 0,
  ) {
    super();
    const { width, stem, stemFrames, stemFrameStride, poolFrameStride, stemStride, channels, activation } = options;
    const stemOut = round8(64 * width);
    const stemWidth = round8(32 * width);
    const stride = [stemFrameStride, stemStride === 4 ? 2 : 1] as const;
    if (stem === 'deep')
      this.conv1 = new Sequential([
        new Conv3d(channels, stemWidth, [stemFrames, 3], { stride }),
        new BatchNorm2d(stemWidth),
        new Activate(activation),
        new Conv3d(stemWidth, stemWidth, [1, 3]),
        new BatchNorm2d(stemWidth),
        new Activate(activation),
        new Conv3d(stemWidth, stemOut, [1, 3]),
      ]);
    else this.conv1 = new Conv3d(channels, stemOut, [stemFrames, stemStride === 4 ? 7 : 3], { stride });
    this.bn1 = new BatchNorm2d(stemOut);
    const poolStride = stemStride === 1 ? 1 : 2;
    this.maxpool =
      poolStride === 1 && poolFrameStride === 1
        ? new Identity()
        : new MaxPool3d([poolFrameStride === 1 ? 1 : 3, 3], [poolFrameStride, poolStride]);

    [this.layer1, this.layer2, this.layer3, this.layer4] = fourStages(options.layers, stemOut, (place) => {
      const { stage, i, cin, stride } = place;
      const frames = looksOver(options.temporal, stage, i);
      const gated = options.selfGate && i === options.layers[stage]! - 1;
      return new Bottleneck3d(cin, planesOf(stage, width), frames, stride, gated, options);
    });
    this.dropout = new Dropout(options.dropout);
    this.fc = new Linear(this.featureWidths.c5, options.classes);
    setStochasticDepth(blocksOf(this), options);
    initialise(this, options.init, seed);
    if (options.zeroInitLastGamma) zeroLastGamma(blocksOf(this));
  }

  protected entry(x: Tensor): Tensor {
    return this.maxpool.forward(this.bn1.forwardAct(this.conv1.forward(x), this.options.activation));
  }

  forward(x: Tensor): Tensor {
    return this.fc.forward(this.dropout.forward(flatten(this.#pooled(this.features(x).c5))));
  }

  /** The mean over all positions, or of the means of all windows: where they overlap the inner positions weigh more. */
  #pooled(c5: Tensor): Tensor {
    const [, , frames = 1, height = 1, width = 1] = c5.shape;
    const { headWindow: side } = this.options;
    if (side === 0 || (height <= side && width <= side)) return globalAvgPool3d(c5);
    const window = [frames, Math.min(side, height), Math.min(side, width)] as const;
    return globalAvgPool3d(avgPool3d(c5, window, [1, 1, 1]));
  }
}
