import {
  Activate,
  type Activation,
  AvgPool2d,
  activate,
  BatchNorm2d,
  Conv2d,
  Dropout,
  Identity,
  initialise,
  Linear,
  MaxPool2d,
  Module,
  type SelfGate,
  Sequential,
  SqueezeExcite,
  scaleAddActivate,
  squeeze,
  stochasticDepth,
} from '../nn/index.js';
import { add_, call, flatten, globalAvgPool2d, mul, noGrad, scope, type Tensor } from '../torch/index.js';
import { type Features, ImageModel, type ModelOptions } from './model.js';

/**
 * Blocks per stage (c2 to c5). Source: paper Table 11 and appendix E; 14 and 26 (timm's layouts) are for small
 * pictures; 18 and 34 use basic blocks.
 */
export const LAYOUTS: Readonly<Record<number, readonly [number, number, number, number]>> = {
  14: [1, 1, 1, 1],
  18: [2, 2, 2, 2],
  26: [2, 2, 2, 2],
  34: [3, 4, 6, 3],
  50: [3, 4, 6, 3],
  101: [3, 4, 23, 3],
  152: [3, 8, 36, 3],
  200: [3, 24, 36, 3],
  270: [4, 29, 53, 4],
  300: [4, 36, 54, 4],
  350: [4, 36, 72, 4],
  400: [6, 48, 72, 6],
  420: [4, 44, 87, 4],
};

/** Every variant of the 2-D ResNet is a row of these switches; `resnet-rs` and `resnet` are two rows (registry.ts). */
export interface ResNetOptions extends ModelOptions {
  layers: readonly [number, number, number, number];
  block: 'bottleneck' | 'basic';
  /** Multiplies all widths; each is rounded to the nearest multiple of 8 (at least 8). */
  width: number;
  /** `deep`: three 3x3 convolutions (ResNet-D). `plain`: one 7x7. */
  stem: 'deep' | 'plain';
  /** `conv`: a strided 3x3 convolution stands where the max pool was (ResNet-RS). */
  stemPool: 'conv' | 'max';
  /**
   * Total stride of the stem. 4 in the paper; 2 (only the pool strides) or 1 for small pictures, where a plain stem is
   * 3x3.
   */
  stemStride: 1 | 2 | 4;
  /** ResNet-D shortcut: average pool, then a 1x1 convolution of stride 1. */
  avgDown: boolean;
  /** Squeeze-excite: reduced = max(1, floor(channels * ratio)); 0 leaves it out. */
  seRatio: number;
  /** `relu` in the paper; `silu` in the configurations of tensorflow/models. Squeeze-excite keeps relu. */
  activation: Activation;
  /** `stage`: rate*(2, 3, 4, 5)/5 constant in a stage (TensorFlow). `block`: from 0 to rate over the blocks (timm). */
  stochasticDepthRule: 'stage' | 'block';
  /** The last batch norm of each block starts at gamma 0, so that the block starts as the identity. */
  zeroInitLastGamma: boolean;
}

/** The nearest multiple of 8, at least 8. */
export const round8 = (channels: number): number => Math.max(8, Math.round(channels / 8) * 8);

/** A residual block; of pictures, or of clips (video/resnet3d.ts). */
export abstract class Block extends Module {
  stochasticDepthRate = 0;
  activation: Activation = 'relu';
  abstract readonly lastNorm: BatchNorm2d;
  /** From the input to the last convolution, before `lastNorm`. */
  protected abstract branch(x: Tensor): Tensor;
  // `declare`: an emitted field would stand before conv1 and so come first among the state keys.
  declare downsample?: Sequential;
  declare se?: SqueezeExcite;
  declare gate?: SelfGate;
  /** The squeeze-excite behind `lastNorm`. */
  protected get endGate(): SqueezeExcite | undefined {
    return this.se;
  }
  /** activation(shortcut(x) + stochasticDepth(squeezeExcite(selfGate(lastNorm(branch(x)))))). Temporaries end with the block. */
  forward(x: Tensor): Tensor {
    return scope(() => {
      const last = this.branch(x);
      const shortcut = this.downsample === undefined ? x : this.downsample.forward(x);
      const drops = this.training && this.stochasticDepthRate > 0;
      const gated = this.endGate !== undefined || this.gate !== undefined;
      if (!gated && !drops) return this.lastNorm.forwardAct(last, this.activation, shortcut);
      const y = this.lastNorm.forward(last);
      if (!gated)
        return activate(add_(stochasticDepth(y, this.stochasticDepthRate, this.training), shortcut), this.activation);
      // Dropping a sample's branch is the same as a gate of 0: the mask goes on the small gate, not on the activations.
      const gate = stochasticDepth(this.#channelGate(y), this.stochasticDepthRate, this.training);
      return scaleAddActivate(y, gate, shortcut, this.activation, this.training);
    });
  }
  /** Of self-gating, squeeze-excite or both: a gate is one number a channel, so that the second sees the first one's mean times its gate. */
  #channelGate(y: Tensor): Tensor {
    const mean = squeeze(y, this.training);
    if (this.gate === undefined) return this.endGate!.gateOf(mean);
    const first = this.gate.forward(mean);
    return this.endGate === undefined ? first : mul(first, this.endGate.gateOf(mul(mean, first)));
  }
}

export function shortcut(cin: number, cout: number, stride: number, avgDown: boolean): Sequential | undefined {
  if (stride === 1 && cin === cout) return undefined;
  if (!avgDown) return new Sequential([new Conv2d(cin, cout, 1, { stride }), new BatchNorm2d(cout)]);
  return new Sequential([
    stride === 1 ? new Identity() : new AvgPool2d(),
    new Conv2d(cin, cout, 1),
    new BatchNorm2d(cout),
  ]);
}

/** 1x1, 3x3 (with the stride: v1.5), 1x1 to four times the width. */
class Bottleneck extends Block {
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly conv2: Conv2d;
  readonly bn2: BatchNorm2d;
  readonly conv3: Conv2d;
  readonly bn3: BatchNorm2d;
  constructor(cin: number, width: number, stride: number, options: ResNetOptions) {
    super();
    this.activation = options.activation;
    const cout = width * 4;
    this.conv1 = new Conv2d(cin, width, 1);
    this.bn1 = new BatchNorm2d(width);
    this.conv2 = new Conv2d(width, width, 3, { stride });
    this.bn2 = new BatchNorm2d(width);
    this.conv3 = new Conv2d(width, cout, 1);
    this.bn3 = new BatchNorm2d(cout);
    if (options.seRatio > 0) this.se = new SqueezeExcite(cout, Math.max(1, Math.floor(cout * options.seRatio)));
    const down = shortcut(cin, cout, stride, options.avgDown);
    if (down !== undefined) this.downsample = down;
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

/** Two 3x3 convolutions: ResNet-18 and -34. */
class BasicBlock extends Block {
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly conv2: Conv2d;
  readonly bn2: BatchNorm2d;
  constructor(cin: number, width: number, stride: number, options: ResNetOptions) {
    super();
    this.activation = options.activation;
    this.conv1 = new Conv2d(cin, width, 3, { stride });
    this.bn1 = new BatchNorm2d(width);
    this.conv2 = new Conv2d(width, width, 3);
    this.bn2 = new BatchNorm2d(width);
    if (options.seRatio > 0) this.se = new SqueezeExcite(width, Math.max(1, Math.floor(width * options.seRatio)));
    const down = shortcut(cin, width, stride, options.avgDown);
    if (down !== undefined) this.downsample = down;
  }
  get lastNorm(): BatchNorm2d {
    return this.bn2;
  }
  protected branch(x: Tensor): Tensor {
    return this.conv2.forward(this.bn1.forwardAct(this.conv1.forward(x), this.activation));
  }
}

/** ResNet-D's three 3x3 convolutions, all but the last with batch norm and activation. */
export const deepStem = (
  channels: number,
  width: number,
  out: number,
  stride: number,
  activation: Activation,
): Sequential =>
  new Sequential([
    new Conv2d(channels, width, 3, { stride }),
    new BatchNorm2d(width),
    new Activate(activation),
    new Conv2d(width, width, 3),
    new BatchNorm2d(width),
    new Activate(activation),
    new Conv2d(width, out, 3),
  ]);

type Stages = Readonly<Record<'layer1' | 'layer2' | 'layer3' | 'layer4', Sequential>>;

/** All residual blocks, from input to output. */
export const blocksOf = ({ layer1, layer2, layer3, layer4 }: Stages): Block[] =>
  [layer1, layer2, layer3, layer4].flatMap((stage) => [...stage] as Block[]);

/** Channels that each stage ends with. */
export function widthsOf({ layer1, layer2, layer3, layer4 }: Stages): Record<keyof Features, number> {
  const last = (stage: Sequential): number => ([...stage].at(-1) as Block).lastNorm.channels;
  return { c2: last(layer1), c3: last(layer2), c4: last(layer3), c5: last(layer4) };
}

/** Gives each block its rate by the rule of the options. */
export function setStochasticDepth(
  blocks: readonly { stochasticDepthRate: number }[],
  {
    stochasticDepth: rate,
    stochasticDepthRule: rule,
    layers,
  }: Pick<ResNetOptions, 'stochasticDepth' | 'stochasticDepthRule' | 'layers'>,
): void {
  blocks.forEach((block, i) => {
    let stage = 0;
    for (let seen = layers[0]; i >= seen; seen += layers[++stage]!);
    block.stochasticDepthRate =
      rule === 'stage' ? (rate * (stage + 2)) / 5 : blocks.length > 1 ? (rate * i) / (blocks.length - 1) : 0;
  });
}

/** Each block starts as its shortcut. */
export const zeroLastGamma = (blocks: readonly Block[]): void =>
  noGrad(() => scope(() => blocks.forEach((block) => void call('aten::zero_', [block.lastNorm.weight]))));

/** Of the blocks of a stage, counted from 0: the width of a 3x3 convolution. */
export const planesOf = (stage: number, width: number): number => round8(64 * 2 ** stage * width);

/** Where a block of a stage stands, and what comes in. */
export interface BlockPlace {
  stage: number;
  /** In its stage. */
  i: number;
  cin: number;
  stride: 1 | 2;
}

/** The four stages; the first block of each but the first one halves the maps. @param cin channels that the stem ends with */
export function fourStages(
  layers: ResNetOptions['layers'],
  cin: number,
  blockAt: (place: BlockPlace) => Block,
): [Sequential, Sequential, Sequential, Sequential] {
  const make = (stage: number): Sequential =>
    new Sequential(
      Array.from({ length: layers[stage]! }, (_, i) => {
        const block = blockAt({ stage, i, cin, stride: i === 0 && stage > 0 ? 2 : 1 });
        cin = block.lastNorm.channels;
        return block;
      }),
    );
  return [make(0), make(1), make(2), make(3)];
}

/** A stem, four stages and a linear layer under the keys of timm's ResNets. */
export abstract class StagedResNet extends ImageModel {
  abstract override readonly options: ModelOptions &
    Pick<ResNetOptions, 'layers' | 'stochasticDepthRule' | 'zeroInitLastGamma'>;
  readonly head = 'fc';
  conv1!: Module;
  bn1!: BatchNorm2d;
  maxpool!: Module;
  layer1!: Sequential;
  layer2!: Sequential;
  layer3!: Sequential;
  layer4!: Sequential;
  dropout!: Dropout;
  fc!: Linear;

  /** Behind the stem's last batch norm. */
  protected get stemActivation(): Activation {
    return 'relu';
  }

  /** Builds what stands behind the stem, and gives the whole its first weights. */
  protected behindStem(blockAt: (place: BlockPlace) => Block, seed: number): void {
    const { layers, dropout, classes, init, zeroInitLastGamma } = this.options;
    [this.layer1, this.layer2, this.layer3, this.layer4] = fourStages(layers, this.bn1.channels, blockAt);
    this.dropout = new Dropout(dropout);
    this.fc = new Linear(this.featureWidths.c5, classes);
    setStochasticDepth(this.blocks(), this.options);
    initialise(this, init, seed);
    if (zeroInitLastGamma) zeroLastGamma(this.blocks());
  }

  get totalStride(): number {
    return 8 * this.options.stemStride;
  }

  get featureWidths(): Record<keyof Features, number> {
    return widthsOf(this);
  }

  /** All residual blocks, from input to output. */
  blocks(): Block[] {
    return blocksOf(this);
  }

  protected stages(x: Tensor): Features {
    const stem = scope(() => this.maxpool.forward(this.bn1.forwardAct(this.conv1.forward(x), this.stemActivation)));
    const c2 = this.layer1.forward(stem);
    const c3 = this.layer2.forward(c2);
    const c4 = this.layer3.forward(c3);
    return { c2, c3, c4, c5: this.layer4.forward(c4) };
  }

  override averaged(x: Tensor): Tensor {
    return scope(() => this.features(x).c5);
  }

  forward(x: Tensor): Tensor {
    return this.fc.forward(this.dropout.forward(flatten(globalAvgPool2d(this.averaged(x)))));
  }
}

/**
 * ResNet, ResNet-D, SE-ResNet and ResNet-RS. Input [N, channels, S, S], normalised; output logits [N, classes]. State
 * keys equal timm's.
 */
export class ResNet extends StagedResNet {
  constructor(
    readonly options: ResNetOptions,
    seed = 0,
  ) {
    super();
    const { width, stem, stemStride, channels, activation, block } = options;
    const stemOut = round8(64 * width);
    const stride = stemStride === 4 ? 2 : 1;
    const poolStride = stemStride === 1 ? 1 : 2;
    this.conv1 =
      stem === 'deep'
        ? deepStem(channels, round8(32 * width), stemOut, stride, activation)
        : new Conv2d(channels, stemOut, stemStride === 4 ? 7 : 3, { stride });
    this.bn1 = new BatchNorm2d(stemOut);
    if (options.stemPool === 'conv')
      this.maxpool = new Sequential([
        new Conv2d(stemOut, stemOut, 3, { stride: poolStride }),
        new BatchNorm2d(stemOut),
        new Activate(activation),
      ]);
    else this.maxpool = poolStride === 1 ? new Identity() : new MaxPool2d();
    const Kind = block === 'bottleneck' ? Bottleneck : BasicBlock;
    this.behindStem(({ stage, cin, stride }) => new Kind(cin, planesOf(stage, width), stride, options), seed);
  }

  protected override get stemActivation(): Activation {
    return this.options.activation;
  }
}
