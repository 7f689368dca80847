import {
  Activate,
  BatchNorm2d,
  Conv3d,
  Dropout,
  initialise,
  Linear,
  Sequential,
  type TimeSpace,
} from '../../nn/index.js';
import { flatten, globalAvgPool3d, type Tensor } from '../../torch/index.js';
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

/** torchvision's ResNets of clips, of basic blocks. */
export interface VideoResNetOptions extends ModelOptions {
  /** 2: the stem halves the sides, as in torchvision; 1 for small clips. */
  stemStride: 1 | 2;
  layers: ResNetOptions['layers'];
  /**
   * What the convolutions of a block are: 3x3x3 in all stages (R3D); 3x3x3 in the first and 1x3x3 after it (MC3, mixed); 1x3x3, then 3x1x1
   * over so many channels between that there are as many weights as in 3x3x3 (R(2+1)D). Those over three frames halve the frames where they
   * halve the sides.
   */
  convolution: 'full' | 'mixed' | 'factored';
  stochasticDepthRule: ResNetOptions['stochasticDepthRule'];
  zeroInitLastGamma: boolean;
}

/** One 3x3x3, 1x3x3 or (2+1)D convolution. */
function convolution(kind: 'full' | 'flat' | 'factored', cin: number, cout: number, between: number, stride: number) {
  if (kind === 'full') return new Conv3d(cin, cout, [3, 3], { stride: [stride, stride] });
  if (kind === 'flat') return new Conv3d(cin, cout, [1, 3], { stride: [1, stride] });
  return factored(cin, cout, between, 3, [stride, stride]);
}

/** 1 x side x side, batch norm, ReLU, 3x1x1: the first has the stride in space, the second the one in time. */
const factored = (cin: number, cout: number, between: number, side: number, [time, space]: TimeSpace): Sequential =>
  new Sequential([
    new Conv3d(cin, between, [1, side], { stride: [1, space] }),
    new BatchNorm2d(between),
    new Activate('relu'),
    new Conv3d(between, cout, [3, 1], { stride: [time, 1] }),
  ]);

/** Two convolutions, each with its batch norm and the first with a ReLU: torchvision's BasicBlock with its keys, `conv1.0` and `conv1.1`. */
class BasicBlock3d extends Block {
  readonly conv1: Sequential;
  readonly conv2: Sequential;
  constructor(cin: number, planes: number, stride: number, kind: 'full' | 'flat' | 'factored') {
    super();
    // As many weights as 3x3x3 has. One number for both convolutions of a block, as in torchvision; the paper's would differ in the first.
    const between = Math.floor((cin * planes * 27) / (cin * 9 + 3 * planes));
    this.conv1 = new Sequential([
      convolution(kind, cin, planes, between, stride),
      new BatchNorm2d(planes),
      new Activate('relu'),
    ]);
    this.conv2 = new Sequential([convolution(kind, planes, planes, between, 1), new BatchNorm2d(planes)]);
    if (stride > 1 || cin !== planes)
      this.downsample = new Sequential([
        new Conv3d(cin, planes, [1, 1], { stride: [kind === 'flat' ? 1 : stride, stride] }),
        new BatchNorm2d(planes),
      ]);
  }
  get lastNorm(): BatchNorm2d {
    return [...this.conv2][1] as BatchNorm2d;
  }
  protected branch(x: Tensor): Tensor {
    return [...this.conv2][0]!.forward(this.conv1.forward(x));
  }
}

/**
 * R3D-18, MC3-18 and R(2+1)D-18 (Tran et al. 2018, arXiv 1711.11248). Input [N, channels, T, S, S], normalised; output logits [N, classes].
 * State keys equal torchvision's. Source: torchvision models/video/resnet.py.
 */
export class VideoResNet extends VideoModel {
  readonly head = 'fc';
  stem: Sequential;
  layer1: Sequential;
  layer2: Sequential;
  layer3: Sequential;
  layer4: Sequential;
  dropout: Dropout;
  fc: Linear;

  constructor(
    readonly options: VideoResNetOptions,
    seed = 0,
  ) {
    super();
    const { width, channels, stemStride, convolution: kind } = options;
    const stemOut = round8(64 * width);
    const side = stemStride === 2 ? 7 : 3;
    // R(2+1)D: 45 channels between at width 1.
    const first =
      kind === 'factored'
        ? [...factored(channels, stemOut, Math.max(1, Math.round(45 * width)), side, [1, stemStride])]
        : [new Conv3d(channels, stemOut, [3, side], { stride: [1, stemStride] })];
    this.stem = new Sequential([...first, new BatchNorm2d(stemOut), new Activate('relu')]);

    [this.layer1, this.layer2, this.layer3, this.layer4] = fourStages(options.layers, stemOut, (place) => {
      const { stage, cin, stride } = place;
      const of = kind === 'mixed' ? (stage === 0 ? 'full' : 'flat') : kind;
      return new BasicBlock3d(cin, planesOf(stage, width), stride, of);
    });
    this.dropout = new Dropout(options.dropout);
    this.fc = new Linear(this.featureWidths.c5, options.classes);
    setStochasticDepth(blocksOf(this), options);
    initialise(this, options.init, seed);
    if (options.zeroInitLastGamma) zeroLastGamma(blocksOf(this));
  }

  protected entry(x: Tensor): Tensor {
    return this.stem.forward(x);
  }

  forward(x: Tensor): Tensor {
    return this.fc.forward(this.dropout.forward(flatten(globalAvgPool3d(this.features(x).c5))));
  }
}
