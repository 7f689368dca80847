import {
  type Activation,
  AvgPool2d,
  activate,
  BatchNorm2d,
  ConvNormAct,
  Dropout,
  Identity,
  initialise,
  LambdaLayer,
  Linear,
  MaxPool2d,
  Module,
  Sequential,
  stochasticDepth,
} from '../../nn/index.js';
import { add_, call, flatten, globalAvgPool2d, noGrad, scope, type Tensor } from '../../torch/index.js';
import { type Features, ImageModel, type ModelOptions } from '../model.js';
import { round8, setStochasticDepth } from '../resnet.js';

export interface LambdaResNetOptions extends ModelOptions {
  /** Blocks of each stage. */
  layers: readonly [number, number, number, number];
  /** Multiplies all widths; each is rounded to the nearest multiple of 8 (at least 8), the stem's to whole channels. */
  width: number;
  /** Of each stage: every so manieth block has a lambda layer in place of its 3x3 convolution; 0: none. */
  lambdaEvery: readonly [number, number, number, number];
  /** Queries that share keys and values, and the length of a key. */
  heads: number;
  keyDepth: number;
  /** Side of the local context of a lambda layer, odd; 0: an embedding of all relative positions. */
  context: number;
  /** With a context of 0: the side in pixels up to which pictures have embeddings. */
  positionSize: number;
  activation: Activation;
  stochasticDepthRule: 'stage' | 'block';
  /** The last batch norm of each block starts at gamma 0. */
  zeroInitLastGamma: boolean;
}

const MEMBER = { heads: 4, keyDepth: 16, context: 9, activation: 'relu' } as const;

/**
 * timm's hybrids of ResNets with few lambda layers; not the LambdaResNets of the paper, of which neither weights nor block tables are public.
 * Source: timm byoanet.py.
 */
export const LAMBDA_RESNETS = {
  '26t': { ...MEMBER, layers: [2, 2, 2, 2], lambdaEvery: [0, 0, 2, 1] },
  '26rpt': { ...MEMBER, layers: [2, 2, 2, 2], lambdaEvery: [0, 0, 2, 1], context: 0 },
  '50ts': { ...MEMBER, layers: [3, 4, 6, 3], lambdaEvery: [0, 4, 2, 2], activation: 'silu' },
} as const satisfies Readonly<
  Record<string, Pick<LambdaResNetOptions, 'layers' | 'lambdaEvery' | 'heads' | 'keyDepth' | 'context' | 'activation'>>
>;

/** The lambda layer and, where the block strides, a 2x2 average pool behind it. */
class PooledLambda extends LambdaLayer {
  readonly #pool: AvgPool2d | undefined;
  constructor(channels: number, options: LambdaResNetOptions, side: number, stride: number) {
    const { heads, keyDepth, context } = options;
    super(channels, { heads, keyDepth, context, positions: [side, side] });
    this.#pool = stride === 1 ? undefined : new AvgPool2d();
  }
  override forward(x: Tensor): Tensor {
    const y = super.forward(x);
    return this.#pool === undefined ? y : this.#pool.forward(y);
  }
}

/** act(shortcut(x) + conv3(middle(conv1(x)))): the middle is a 3x3 convolution, or a lambda layer with batch norm and activation behind it. */
class LambdaBlock extends Module {
  stochasticDepthRate = 0;
  declare shortcut?: ConvNormAct;
  declare conv1_1x1: ConvNormAct;
  declare conv2_kxk?: ConvNormAct;
  declare self_attn?: PooledLambda;
  declare post_attn?: BatchNorm2d;
  declare conv3_1x1: ConvNormAct;
  readonly #activation: Activation;
  /** @param side of the embeddings, in positions, where this is a lambda block; else undefined */
  constructor(options: LambdaResNetOptions, cin: number, cout: number, stride: number, side: number | undefined) {
    super();
    const { activation } = options;
    this.#activation = activation;
    const middle = round8(cout / 4);
    if (stride !== 1 || cin !== cout) this.shortcut = new ConvNormAct(cin, cout, 1, 'none', stride);
    this.conv1_1x1 = new ConvNormAct(cin, middle, 1, activation);
    if (side === undefined) this.conv2_kxk = new ConvNormAct(middle, middle, 3, activation, stride);
    else {
      this.self_attn = new PooledLambda(middle, options, side, stride);
      this.post_attn = new BatchNorm2d(middle);
    }
    this.conv3_1x1 = new ConvNormAct(middle, cout, 1);
  }
  get lastNorm(): BatchNorm2d {
    return this.conv3_1x1.bn;
  }
  forward(x: Tensor): Tensor {
    const [act, rate] = [this.#activation, this.stochasticDepthRate];
    return scope(() => {
      const shortcut = this.shortcut?.forward(x) ?? x;
      const first = this.conv1_1x1.forward(x);
      const middle = this.conv2_kxk?.forward(first) ?? this.post_attn!.forwardAct(this.self_attn!.forward(first), act);
      const last = this.conv3_1x1.conv.forward(middle);
      if (!this.training || rate === 0) return this.lastNorm.forwardAct(last, act, shortcut);
      return activate(add_(stochasticDepth(this.lastNorm.forward(last), rate, true), shortcut), act);
    });
  }
}

/** Of 64 channels, to whole ones. */
const stemWidth = (width: number): number => Math.max(1, Math.round(64 * width));

/** Three 3x3 convolutions of 24, 32 and 64 channels and a max pool. */
class Stem extends Module {
  readonly conv1: ConvNormAct;
  readonly conv2: ConvNormAct;
  readonly conv3: ConvNormAct;
  readonly #pool: Module;
  constructor({ channels, width, stemStride, activation }: LambdaResNetOptions) {
    super();
    const c = stemWidth(width);
    const [a, b] = [(3 * c) / 8, c / 2].map((own) => Math.max(1, Math.floor(own))) as [number, number];
    this.conv1 = new ConvNormAct(channels, a, 3, activation, stemStride === 4 ? 2 : 1);
    this.conv2 = new ConvNormAct(a, b, 3, activation);
    this.conv3 = new ConvNormAct(b, c, 3, activation);
    this.#pool = stemStride === 1 ? new Identity() : new MaxPool2d();
  }
  forward(x: Tensor): Tensor {
    return scope(() => this.#pool.forward(this.conv3.forward(this.conv2.forward(this.conv1.forward(x)))));
  }
}

const STAGES = [0, 1, 2, 3] as const;

/**
 * LambdaResNet (Bello 2021, arXiv 2102.08602) in timm's form: bottlenecks, late ones with a lambda layer in place of the 3x3 convolution.
 * Input [N, channels, S, S], normalised; output logits [N, classes]. State keys equal timm's.
 */
export class LambdaResNet extends ImageModel {
  readonly head = 'head.fc';
  stem: Stem;
  // `declare`, here and above: the order of state keys is that of assignment.
  declare 'stages.0': Sequential;
  declare 'stages.1': Sequential;
  declare 'stages.2': Sequential;
  declare 'stages.3': Sequential;
  declare dropout: Dropout;
  declare 'head.fc': Linear;

  constructor(
    readonly options: LambdaResNetOptions,
    seed = 0,
  ) {
    super();
    const { width, layers, lambdaEvery, stemStride, positionSize } = options;
    this.stem = new Stem(options);
    let cin = stemWidth(width);
    let side = Math.ceil(positionSize / stemStride);
    for (const stage of STAGES) {
      const cout = this.#widthOf(stage);
      const blocks = Array.from({ length: layers[stage] }, (_, i) => {
        const stride = i === 0 && stage > 0 ? 2 : 1;
        const every = lambdaEvery[stage];
        const isLambda = every > 0 && i % every === every - 1;
        const block = new LambdaBlock(options, cin, cout, stride, isLambda ? side : undefined);
        [cin, side] = [cout, Math.ceil(side / stride)];
        return block;
      });
      this[`stages.${stage}`] = new Sequential(blocks);
    }
    this.dropout = new Dropout(options.dropout);
    this['head.fc'] = new Linear(cin, options.classes);
    setStochasticDepth(this.blocks(), options);
    initialise(this, options.init, seed);
    if (options.zeroInitLastGamma)
      noGrad(() => scope(() => this.blocks().forEach(({ lastNorm }) => void call('aten::zero_', [lastNorm.weight]))));
  }
  #widthOf(stage: number): number {
    return round8(256 * 2 ** stage * this.options.width);
  }
  get totalStride(): number {
    return 8 * this.options.stemStride;
  }
  get featureWidths(): Record<keyof Features, number> {
    return { c2: this.#widthOf(0), c3: this.#widthOf(1), c4: this.#widthOf(2), c5: this.#widthOf(3) };
  }
  /** All residual blocks, from input to output. */
  blocks(): LambdaBlock[] {
    return STAGES.flatMap((stage) => [...this[`stages.${stage}`]] as LambdaBlock[]);
  }
  protected stages(x: Tensor): Features {
    let y = this.stem.forward(x);
    const [c2, c3, c4, c5] = STAGES.map((stage) => (y = this[`stages.${stage}`].forward(y)));
    return { c2: c2!, c3: c3!, c4: c4!, c5: c5! };
  }
  override averaged(x: Tensor): Tensor {
    return this.features(x).c5;
  }
  forward(x: Tensor): Tensor {
    return this['head.fc'].forward(this.dropout.forward(flatten(globalAvgPool2d(this.averaged(x)))));
  }
}
