import {
  type Activation,
  AvgPool2d,
  activated,
  Dropout,
  EfficientChannelAttention,
  Identity,
  initialise,
  Linear,
  MaxPool2d,
  Module,
  parameter,
  Sequential,
  SqueezeExcite,
  StandardisedConv2d,
  scaleChannels,
  stochasticDepth,
} from '../../nn/index.js';
import { add_, call, flatten, globalAvgPool2d, mul, noGrad, scope, type Tensor, zeros } from '../../torch/index.js';
import { type Features, ImageModel, type ModelOptions } from '../model.js';
import { round8, setStochasticDepth } from '../resnet.js';

export interface NfNetOptions extends ModelOptions {
  /** Blocks of each stage. */
  layers: readonly [number, number, number, number];
  /** Multiplies all widths; each is rounded to the nearest multiple of 8 (at least 8). */
  width: number;
  /** Channels that each stage ends with. */
  stageWidths: readonly [number, number, number, number];
  /** `deep`: four 3x3 convolutions of 16, 32, 64 and 128 channels (NFNet). `plain`: one 7x7 of 64 and a max pool (NF-ResNet). */
  stem: 'deep' | 'plain';
  /** Width of the 3x3 convolutions, in parts of the block's. */
  bottleneckRatio: number;
  /** Channels of a group of the 3x3 convolutions; 0: no groups. */
  groupWidth: number;
  /** A second 3x3 convolution in each block. */
  secondConv: boolean;
  /** Channels of a 1x1 convolution behind the last stage; 0: none. */
  finalWidth: number;
  /** Behind the last convolution of a block: squeeze-excite, efficient channel attention or nothing. Both gates are doubled. */
  attention: 'se' | 'eca' | 'none';
  /** Squeeze-excite: reduced = channels * ratio to the nearest multiple of 8. */
  seRatio: number;
  activation: Activation;
  /**
   * Where the factor stands that gives an activation's outputs variance 1 again: `activation`: behind it, as in the paper; `weight`: in every
   * standardised kernel (timm), the stem's first one too, and not behind the last activation.
   */
  gamma: 'activation' | 'weight';
  padding: 'same' | 'symmetric';
  /** A learned factor of each block's branch, `skipinit_gain`. */
  skipGain: boolean;
  stochasticDepthRule: 'stage' | 'block';
  /** Each block starts as its shortcut: the skip gain at 0, without one the gains of the last convolution. */
  zeroInitLastGamma: boolean;
}

type Member = Omit<
  NfNetOptions,
  'classes' | 'channels' | 'stemStride' | 'stochasticDepth' | 'stochasticDepthRule' | 'init' | 'width'
>;
type Form = Pick<Member, 'gamma' | 'padding' | 'skipGain'>;
type Shape = Omit<Member, keyof Form | 'layers' | 'dropout'>;

const TIMM: Form = { gamma: 'weight', padding: 'symmetric', skipGain: false };
const DEEPMIND: Form = { gamma: 'activation', padding: 'same', skipGain: true };
const F: Shape = {
  stem: 'deep',
  stageWidths: [256, 512, 1536, 1536],
  bottleneckRatio: 0.5,
  groupWidth: 128,
  secondConv: true,
  finalWidth: 3072,
  attention: 'se',
  seRatio: 0.5,
  activation: 'gelu',
  zeroInitLastGamma: true,
};
const L: Shape = { ...F, bottleneckRatio: 0.25, groupWidth: 64, seRatio: 0.25, activation: 'silu' };
const RESNET: Shape = {
  ...F,
  stem: 'plain',
  stageWidths: [256, 512, 1024, 2048],
  bottleneckRatio: 0.25,
  groupWidth: 0,
  secondConv: false,
  finalWidth: 0,
  seRatio: 1 / 16,
  activation: 'relu',
};
/** Of F0 to F7. Source: deepmind-research nfnets/nfnet.py; of F7 timm nfnet.py. */
const F_DROPOUT = [0.2, 0.3, 0.4, 0.4, 0.5, 0.5, 0.5, 0.5];

/** Fn: n + 1 times the blocks of F0. */
const layersOf = (n: number): Member['layers'] => [n + 1, 2 * (n + 1), 6 * (n + 1), 3 * (n + 1)];
const fs = (form: Form, dropouts: readonly number[]): Record<string, Member> =>
  Object.fromEntries(dropouts.map((dropout, n) => [`f${n}`, { ...F, ...form, layers: layersOf(n), dropout }]));
const resNets = (attention: Member['attention']): Record<string, Member> => {
  const common = { ...RESNET, ...TIMM, attention, dropout: 0 };
  return {
    26: { ...common, layers: [2, 2, 2, 2] },
    50: { ...common, layers: [3, 4, 6, 3] },
    101: { ...common, layers: [3, 4, 23, 3] },
  };
};
const l = (n: number, attention: Member['attention']): Member => ({
  ...{ ...L, ...TIMM, attention, layers: layersOf(n), dropout: 0 },
  finalWidth: n === 0 ? 2304 : 3072,
});

/**
 * The members by family: DeepMind's own NFNets, timm's form of them and its lighter ones, ResNets without normalisation. Source: deepmind-research
 * nfnets/nfnet.py; timm nfnet.py.
 */
export const NFNETS = {
  'dm-nfnet': fs(DEEPMIND, F_DROPOUT.slice(0, 7)),
  nfnet: { ...fs(TIMM, F_DROPOUT), l0: l(0, 'se') },
  'eca-nfnet': { l0: l(0, 'eca'), l1: l(1, 'eca'), l2: l(2, 'eca'), l3: l(3, 'eca') },
  'nf-resnet': resNets('none'),
  'nf-seresnet': resNets('se'),
  'nf-ecaresnet': resNets('eca'),
} as const satisfies Readonly<Record<string, Readonly<Record<string, Member>>>>;

/** 1 / (deviation of the activation of standard normal numbers). Source: deepmind-research nfnets/base.py nonlinearities. */
export const GAMMA: Readonly<Record<Activation, number>> = {
  relu: 1.7139588594436646,
  silu: 1.7881293296813965,
  gelu: 1.7015043497085571,
};
const STAGES = [0, 1, 2, 3] as const;
/** Weight of a branch beside its shortcut. */
const ALPHA = 0.2;
/** A gate between 0 and 1 halves the variance of a branch, about. */
const ATTENTION_GAIN = 2;

/** A convolution behind an activation whose outputs are multiplied by `factor` and, by the options, by gamma; `raw`: behind none. */
function conv(
  options: NfNetOptions,
  [cin, cout, kernel]: readonly [number, number, number],
  {
    factor = 1,
    stride = 1,
    groups = 1,
    raw = false,
  }: { factor?: number; stride?: number; groups?: number; raw?: boolean } = {},
): StandardisedConv2d {
  const { padding, gamma, activation } = options;
  // Convolution is linear: the activation's factors stand in its kernels, where they cost nothing.
  const scale = factor * (raw && gamma === 'activation' ? 1 : GAMMA[activation]);
  return new StandardisedConv2d(cin, cout, kernel, scale, { stride, groups, ...(padding === 'same' && { padding }) });
}

/** Average pool where the block strides, then a 1x1 convolution. */
class Shortcut extends Module {
  readonly #pool: AvgPool2d | undefined;
  readonly conv: StandardisedConv2d;
  constructor(options: NfNetOptions, cin: number, cout: number, beta: number, stride: number) {
    super();
    this.#pool = stride === 1 ? undefined : new AvgPool2d();
    this.conv = conv(options, [cin, cout, 1], { factor: beta });
  }
  forward(x: Tensor): Tensor {
    return this.conv.forward(this.#pool?.forward(x) ?? x);
  }
}

/**
 * A pre-activation block without normalisation:
 * ```
 * o = gamma act(x) beta;   y = 0.2 skipinit_gain 2 attention(conv3(act(conv2b(act(conv2(act(conv1(o)))))))) + shortcut
 * ```
 * beta = 1 / (deviation of x as it is expected). The shortcut is x, or where width or stride change a 1x1 convolution of o, not of x.
 */
class NfBlock extends Module {
  stochasticDepthRate = 0;
  declare skipinit_gain?: Tensor;
  declare downsample?: Shortcut;
  declare conv2b?: StandardisedConv2d;
  declare attn_last?: SqueezeExcite | EfficientChannelAttention;
  declare readonly conv1: StandardisedConv2d;
  declare readonly conv2: StandardisedConv2d;
  declare readonly conv3: StandardisedConv2d;
  readonly #activation: Activation;
  constructor(options: NfNetOptions, cin: number, cout: number, beta: number, stride: number) {
    super();
    this.#activation = options.activation;
    const { bottleneckRatio, groupWidth, attention } = options;
    const inner = round8(cout * bottleneckRatio);
    const groups = groupWidth === 0 ? 1 : Math.max(1, Math.floor(inner / groupWidth));
    const middle = groups === 1 ? inner : groups * groupWidth;
    if (options.skipGain) this.skipinit_gain = parameter(zeros([]));
    if (stride !== 1 || cin !== cout) this.downsample = new Shortcut(options, cin, cout, beta, stride);
    this.conv1 = conv(options, [cin, middle, 1], { factor: beta });
    this.conv2 = conv(options, [middle, middle, 3], { stride, groups });
    if (options.secondConv) this.conv2b = conv(options, [middle, middle, 3], { groups });
    this.conv3 = conv(options, [middle, cout, 1]);
    if (attention === 'se') this.attn_last = new SqueezeExcite(cout, round8(cout * options.seRatio));
    if (attention === 'eca') this.attn_last = new EfficientChannelAttention(cout);
  }
  forward(x: Tensor): Tensor {
    const act = (y: Tensor): Tensor => activated(y, this.#activation);
    return scope(() => {
      const o = act(x);
      const shortcut = this.downsample?.forward(o) ?? x;
      let y = this.conv2.forward(act(this.conv1.forward(o)));
      if (this.conv2b !== undefined) y = this.conv2b.forward(act(y));
      y = this.conv3.forward(act(y));
      // All factors of the branch in one small gate, so that the maps are multiplied once.
      const gate = this.#gate(y);
      return add_(gate === undefined ? mul(y, ALPHA) : scaleChannels(y, gate, this.training), shortcut);
    });
  }
  /** 0.2 times the gain, twice the attention, and stochastic depth, [N, C, 1, 1] or [N, 1, 1, 1]; undefined: 0.2 alone. */
  #gate(y: Tensor): Tensor | undefined {
    const { attn_last: attention, skipinit_gain: gain, stochasticDepthRate: rate, training } = this;
    const [n = 0] = y.shape;
    let gate = attention === undefined ? undefined : mul(attention.gate(y), ATTENTION_GAIN * ALPHA);
    if (gate === undefined && (gain !== undefined || (training && rate > 0)))
      gate = mul(call<Tensor>('aten::ones', [[n, 1, 1, 1]], { dtype: y.dtype, device: y.device }), ALPHA);
    if (gate === undefined) return undefined;
    return stochasticDepth(gain === undefined ? gate : mul(gate, gain), rate, training);
  }
  /** The block becomes its shortcut. */
  zeroBranch(): void {
    call('aten::zero_', [this.skipinit_gain ?? this.conv3.gain]);
  }
}

/** Convolutions with activations between them, none behind the last. */
class Stem extends Module {
  declare conv?: StandardisedConv2d;
  declare conv1?: StandardisedConv2d;
  declare conv2?: StandardisedConv2d;
  declare conv3?: StandardisedConv2d;
  declare conv4?: StandardisedConv2d;
  readonly #pool: Module;
  readonly #activation: Activation;
  constructor(options: NfNetOptions) {
    super();
    const { channels, stem, stemStride, width } = options;
    const [early, late] = [stemStride === 4 ? 2 : 1, stemStride === 1 ? 1 : 2];
    this.#activation = options.activation;
    this.#pool = stem === 'plain' && late === 2 ? new MaxPool2d() : new Identity();
    if (stem === 'plain') {
      this.conv = conv(options, [channels, round8(64 * width), early === 2 ? 7 : 3], { stride: early, raw: true });
      return;
    }
    const out = round8(128 * width);
    const [a, b, c] = [8, 4, 2].map((part) => Math.floor(out / part)) as [number, number, number];
    this.conv1 = conv(options, [channels, a, 3], { stride: early, raw: true });
    this.conv2 = conv(options, [a, b, 3]);
    this.conv3 = conv(options, [b, c, 3]);
    this.conv4 = conv(options, [c, out, 3], { stride: late });
  }
  forward(x: Tensor): Tensor {
    const [first, ...others] = [...this.children()].map(([, module]) => module) as StandardisedConv2d[];
    const y = others.reduce((y, next) => next.forward(activated(y, this.#activation)), first!.forward(x));
    return this.#pool.forward(y);
  }
}

/**
 * NFNet (Brock et al. 2021, arXiv 2102.06171) and NF-ResNet (arXiv 2101.08692): residual networks without batch norm, whose signals keep
 * their variance by standardised kernels, by factors of the activations and by dividing each block's input by the deviation it is expected to
 * have. Input [N, channels, S, S], normalised; output logits [N, classes]. There are no statistics: training takes one picture as well.
 * State keys equal timm's. Trained at large batches it wants adaptive gradient clipping (recipe `nfnet`).
 */
export class NfNet extends ImageModel {
  readonly head = 'head.fc';
  stem: Stem;
  // `declare`, here and above: the order of state keys is that of assignment.
  declare 'stages.0': Sequential;
  declare 'stages.1': Sequential;
  declare 'stages.2': Sequential;
  declare 'stages.3': Sequential;
  declare final_conv?: StandardisedConv2d;
  declare dropout: Dropout;
  declare 'head.fc': Linear;

  constructor(
    readonly options: NfNetOptions,
    seed = 0,
  ) {
    super();
    const { width, layers, stageWidths, finalWidth } = options;
    this.stem = new Stem(options);
    let cin = round8((options.stem === 'deep' ? 128 : 64) * width);
    let variance = 1;
    for (const stage of STAGES) {
      const cout = round8(stageWidths[stage] * width);
      const blocks = Array.from({ length: layers[stage] }, (_, i) => {
        const block = new NfBlock(options, cin, cout, 1 / Math.sqrt(variance), i === 0 && stage > 0 ? 2 : 1);
        // The shortcut of a stage's first block starts the variance anew; each branch adds alpha^2.
        variance = (i === 0 ? 1 : variance) + ALPHA ** 2;
        cin = cout;
        return block;
      });
      this[`stages.${stage}`] = new Sequential(blocks);
    }
    if (finalWidth > 0) {
      this.final_conv = conv(options, [cin, round8(finalWidth * width), 1], { raw: true });
      cin = this.final_conv.outChannels;
    }
    this.dropout = new Dropout(options.dropout);
    this['head.fc'] = new Linear(cin, options.classes);
    setStochasticDepth(this.blocks(), options);
    initialise(this, options.init, seed);
    if (options.zeroInitLastGamma) noGrad(() => scope(() => this.blocks().forEach((block) => block.zeroBranch())));
  }
  get totalStride(): number {
    return 8 * this.options.stemStride;
  }
  get featureWidths(): Record<keyof Features, number> {
    const [c2, c3, c4, c5] = this.options.stageWidths.map((own) => round8(own * this.options.width));
    return { c2: c2!, c3: c3!, c4: c4!, c5: c5! };
  }
  /** All residual blocks, from input to output. */
  blocks(): NfBlock[] {
    return STAGES.flatMap((stage) => [...this[`stages.${stage}`]] as NfBlock[]);
  }
  /** What the stages end with, before the next activation. */
  protected stages(x: Tensor): Features {
    let y = this.stem.forward(x);
    const [c2, c3, c4, c5] = STAGES.map((stage) => (y = this[`stages.${stage}`].forward(y)));
    return { c2: c2!, c3: c3!, c4: c4!, c5: c5! };
  }
  override averaged(x: Tensor): Tensor {
    const { activation, gamma } = this.options;
    return scope(() => {
      const { c5 } = this.features(x);
      const y = activated(this.final_conv?.forward(c5) ?? c5, activation);
      return gamma === 'activation' ? mul(y, GAMMA[activation]) : y;
    });
  }
  forward(x: Tensor): Tensor {
    return this['head.fc'].forward(this.dropout.forward(flatten(globalAvgPool2d(this.averaged(x)))));
  }
}
