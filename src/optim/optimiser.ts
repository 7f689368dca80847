import { call, keep, noGrad, type Tensor } from '../torch/index.js';

/** Parameters that share a weight decay and a factor on the learning rate (1 by default). */
export interface ParameterGroup {
  parameters: ReadonlyMap<string, Tensor>;
  weightDecay: number;
  rateScale?: number;
  /** Of LARS: their step is not scaled by the trust ratio. */
  plain?: boolean;
}

/**
 * The parameters of a group that have a gradient, as lists for the `_foreach` operators: key i belongs to p[i] and
 * g[i].
 */
export interface Gathered {
  keys: readonly string[];
  p: Tensor[];
  g: Tensor[];
}

/**
 * `coupled`: wd*p joins the gradient, as the reference's loss term wd * 0.5*|p|^2 does (tensorflow/tpu resnet_main.py).
 * `decoupled`: p shrinks by lr*wd*p, beside what the optimiser makes of the gradient (Loshchilov and Hutter 2019).
 */
export type DecayMode = 'coupled' | 'decoupled';

/**
 * What the optimisers share: groups, weight decay, and state tensors by slot and parameter key, which a checkpoint
 * saves as `<slot>.<key>`.
 */
export abstract class Optimiser {
  readonly slots = new Map<string, Map<string, Tensor>>();
  /** Updates done; a resumed run sets it. */
  steps = 0;
  constructor(
    readonly groups: readonly ParameterGroup[],
    readonly decayMode: DecayMode,
  ) {}

  /** One update from the parameters' `.grad`, which are consumed. Parameters without a gradient stay. */
  step(learningRate: number): void {
    this.steps++;
    noGrad(() => {
      for (const group of this.groups) {
        const gathered = gather([group]);
        const { p, g } = gathered;
        if (p.length === 0) continue;
        const rate = learningRate * (group.rateScale ?? 1);
        if (group.weightDecay !== 0) this.decay(p, g, group.weightDecay, rate);
        this.update(gathered, rate, group);
        for (const gradient of g) gradient.dispose();
      }
    });
    this.zeroGrad();
  }

  protected decay(p: Tensor[], g: Tensor[], weightDecay: number, rate: number): void {
    if (this.decayMode === 'coupled') call('aten::_foreach_add_.List', [g, p], { alpha: weightDecay });
    else call('aten::_foreach_mul_.Scalar', [p, 1 - rate * weightDecay]);
  }

  /** Changes p by g, which may be overwritten. Runs without gradients; temporaries are for it to dispose. */
  protected abstract update(gathered: Gathered, rate: number, group: ParameterGroup): void;

  /** A state tensor for every parameter, filled with `value`. */
  protected addSlot(name: string, value: 0 | 1): void {
    const slot = new Map<string, Tensor>();
    for (const { parameters } of this.groups)
      for (const [key, p] of parameters)
        slot.set(key, keep(call<Tensor>(value === 0 ? 'aten::zeros_like' : 'aten::ones_like', [p])));
    this.slots.set(name, slot);
  }

  protected slot(name: string, keys: readonly string[]): Tensor[] {
    const slot = this.slots.get(name)!;
    return keys.map((key) => slot.get(key)!);
  }

  zeroGrad(): void {
    for (const { parameters } of this.groups) for (const parameter of parameters.values()) parameter.grad = null;
  }

  dispose(): void {
    for (const slot of this.slots.values()) for (const tensor of slot.values()) tensor.dispose();
  }
}

/** Whether our kernels may change the tensors: on the CPU, in one dtype of theirs. */
export const ownKernels = (tensors: readonly Tensor[]): boolean => {
  const dtype = tensors[0]?.dtype;
  return (dtype === 'float32' || dtype === 'float64') && tensors.every((t) => t.device === 'cpu' && t.dtype === dtype);
};

/** The parameters of the groups that have a gradient. The gradients are new handles, for the caller to dispose. */
export function gather(groups: readonly ParameterGroup[]): Gathered {
  const keys: string[] = [];
  const p: Tensor[] = [];
  const g: Tensor[] = [];
  for (const { parameters } of groups) {
    for (const [key, parameter] of parameters) {
      const gradient = parameter.grad;
      if (gradient === null) continue;
      keys.push(key);
      p.push(parameter);
      g.push(gradient);
    }
  }
  return { keys, p, g };
}

export const disposeAll = (tensors: readonly Tensor[]): void => {
  for (const tensor of tensors) tensor.dispose();
};

/** Norms of the tensors as one vector [n]: Euclidean ones, or with the order Infinity the largest absolute values. */
export function norms(tensors: readonly Tensor[], order = 2): Tensor {
  const each = call<Tensor[]>('aten::_foreach_norm.Scalar', [tensors, order]);
  const vector = call<Tensor>('aten::stack', [each]);
  disposeAll(each);
  return vector;
}

/** coefficient*|p|/|u| of each pair, 1 where a norm is 0. Stays on the device. */
export function trustRatios(p: readonly Tensor[], u: readonly Tensor[], coefficient = 1): Tensor[] {
  const [top, bottom] = [norms(p), norms(u)];
  const quotient = call<Tensor>('aten::div.Tensor', [top, bottom]);
  if (coefficient !== 1) call<Tensor>('aten::mul_.Scalar', [quotient, coefficient]).dispose();
  const [some, other] = [call<Tensor>('aten::gt.Scalar', [top, 0]), call<Tensor>('aten::gt.Scalar', [bottom, 0])];
  const usable = call<Tensor>('aten::logical_and', [some, other]);
  const one = call<Tensor>('aten::ones_like', [quotient]);
  const ratio = call<Tensor>('aten::where.self', [usable, quotient, one]);
  const each = call<Tensor[]>('aten::unbind.int', [ratio]);
  disposeAll([top, bottom, quotient, some, other, usable, one, ratio]);
  return each;
}

/**
 * Scales all gradients by min(1, max/(norm + 1e-6)), norm being the Euclidean norm of all of them together.
 * Equals torch.nn.utils.clip_grad_norm_; Pascanu et al. 2013.
 * @returns the norm before clipping, which is not finite if a gradient is not; then nothing is scaled
 */
export function clipGradients(groups: readonly ParameterGroup[], max: number): number {
  return noGrad(() => {
    const { g } = gather(groups);
    if (g.length === 0) return 0;
    const each = norms(g);
    const total = call<Tensor>('aten::linalg_vector_norm', [each]);
    const norm = total.item();
    const factor = max / (norm + 1e-6);
    if (Number.isFinite(norm) && factor < 1) call('aten::_foreach_mul_.Scalar', [g, factor]);
    disposeAll([each, total, ...g]);
    return norm;
  });
}
