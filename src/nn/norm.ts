import {
  add_,
  batchNorm,
  call,
  detach,
  isTracing,
  keep,
  noGrad,
  ones,
  reshape,
  type Tensor,
  zeros,
} from '../torch/index.js';
import { type Activation, activate, type LeakyRelu } from './activation.js';
import { Module } from './module.js';
import { ownParameterKernels } from './own-kernels.js';
import { parameter } from './parameter.js';

/**
 * Batch norm per channel, the second dimension (see `batchNorm`). `momentum` in PyTorch's sense: 1 keeps only the last
 * batch's statistics. Training needs more than one value per channel: the variance of one value says nothing.
 */
export abstract class BatchNorm extends Module {
  weight: Tensor;
  bias?: Tensor;
  running_mean: Tensor;
  running_var: Tensor;
  momentum = 0.1;
  /** Keeps its statistics and uses them in training too; see `freezeNorm`. */
  frozen = false;
  /** Its statistics are those of the batches of all ranks; see `shareNorm`. */
  shared = false;
  /** @param shift whether something is added at the end, TensorFlow's `center` */
  constructor(
    readonly channels: number,
    readonly eps: number,
    shift: boolean,
  ) {
    super();
    this.weight = parameter(ones([channels]));
    if (shift) this.bias = parameter(zeros([channels]));
    this.running_mean = keep(zeros([channels]));
    this.running_var = keep(ones([channels]));
  }
  override get bufferNames(): readonly string[] {
    return ['running_mean', 'running_var'];
  }
  forward(x: Tensor): Tensor {
    const [n = 0, c = 1] = x.shape;
    const training = this.training && !this.frozen;
    if (training && this.shared) return this.#ofRanks(x);
    if (training && n > 0 && x.size === c)
      throw new RangeError(
        `Expected more than 1 value per channel when training, got input size [${x.shape.join(', ')}]`,
      );
    // PyTorch's batch norm loses the order of clips in channels_last; as maps of T*H rows they are pictures in it.
    const [, , frames = 1, height = 1, width = 1] = x.shape;
    const clips = x.shape.length === 5 && !isTracing() && x.isContiguous('channels_last');
    const y = batchNorm(
      clips ? reshape(x, [n, c, frames * height, width]) : x,
      this.weight,
      this.bias ?? null,
      this.running_mean,
      this.running_var,
      training,
      this.momentum,
      this.eps,
    );
    return clips ? reshape(y, x.shape) : y;
  }
  #ofRanks(x: Tensor): Tensor {
    const { weight, bias, running_mean, running_var, momentum, eps } = this;
    const given = [x, weight, bias ?? null, running_mean, running_var, momentum, eps];
    return call('rescaled::ranks_batch_norm', given);
  }
}

/** While training, batch norms of a tree take mean and variance over the batches of all ranks (`Group.shareOperators`): SimCLR's global batch norm. */
export function shareNorm(root: Module): void {
  for (const [, module] of root.modules()) if (module instanceof BatchNorm) module.shared = true;
}

/** Freezes the statistics, scales and shifts of every batch norm of a tree: few pictures in a step say little of them. */
export function freezeNorm(root: Module): void {
  for (const [, module] of root.modules())
    if (module instanceof BatchNorm) {
      module.frozen = true;
      module.weight.requiresGrad = false;
      if (module.bias !== undefined) module.bias.requiresGrad = false;
    }
}

/** Over N of [N, C]. Without a shift it has no `bias`. */
export class BatchNorm1d extends BatchNorm {
  constructor(channels: number, options: { eps?: number; shift?: boolean } = {}) {
    super(channels, options.eps ?? 1e-5, options.shift ?? true);
  }
}

/** What a batch norm's result can be computed of again. */
export interface NormSource {
  readonly before: Tensor;
  /** Mean and 1/sigma, [2, C]. */
  readonly statistics: Tensor;
  readonly weight: Tensor;
  readonly bias: Tensor;
}

/** Over N, H, W of [N, C, H, W], and N, T, H, W of [N, C, T, H, W]. */
export class BatchNorm2d extends BatchNorm {
  declare bias: Tensor;
  constructor(channels: number, eps = 1e-5) {
    super(channels, eps, true);
  }
  override forward(x: Tensor): Tensor {
    return this.#own(x, null) ? this.#fused(x, 'none', null) : super.forward(x);
  }
  /**
   * The same with what the result can be computed of again: x, which is kept for the backward pass anyway, and mean and 1/sigma [2, C]. Without
   * them where PyTorch's operators do the work.
   */
  forwardWithSource(x: Tensor): { y: Tensor; source?: NormSource } {
    if (!this.#own(x, null)) return { y: this.forward(x) };
    const statistics = zeros([2, this.channels], { dtype: this.weight.dtype });
    const y = this.#fused(x, 'none', null, statistics);
    return { y, source: { before: noGrad(() => detach(x)), statistics, weight: this.weight, bias: this.bias } };
  }
  /**
   * activation(batchNorm(x) + shortcut). While training on the CPU two passes of our own over memory
   * (native/batch_norm_act.cpp), which keep x alone for the backward pass; else PyTorch's operators, which can be
   * exported. The two agree to rounding.
   */
  forwardAct(x: Tensor, activation: Activation | LeakyRelu | 'none', shortcut: Tensor | null = null): Tensor {
    if (activation !== 'gelu' && this.#own(x, shortcut)) return this.#fused(x, activation, shortcut);
    const y = this.forward(x);
    const added = shortcut === null ? y : add_(y, shortcut);
    return activation === 'none' ? added : activate(added, activation);
  }
  #own(x: Tensor, shortcut: Tensor | null): boolean {
    return (
      this.training &&
      !this.frozen &&
      !this.shared &&
      x.device === 'cpu' &&
      x.size > 0 &&
      ownParameterKernels(x, this.weight) &&
      (shortcut === null || shortcut.dtype === x.dtype)
    );
  }
  #fused(
    x: Tensor,
    activation: Exclude<Activation, 'gelu'> | LeakyRelu | 'none',
    shortcut: Tensor | null,
    kept: Tensor | null = null,
  ): Tensor {
    return call('rescaled::batch_norm_act', [
      x,
      this.weight,
      this.bias,
      this.running_mean,
      this.running_var,
      shortcut,
      typeof activation === 'object' ? 'leaky_relu' : activation,
      this.momentum,
      this.eps,
      typeof activation === 'object' ? activation.leak : 0,
      kept,
    ]);
  }
}

/**
 * (x - mean)/sqrt(var + eps)*weight + bias, mean and variance of each sample over the channels of a group and all positions: no batch has a
 * part in it. Source: Wu and He 2018, arXiv 1803.08494, 32 groups; fewer where they do not divide the channels.
 */
export class GroupNorm extends Module {
  weight: Tensor;
  bias: Tensor;
  readonly groups: number;
  constructor(
    readonly channels: number,
    readonly eps = 1e-5,
  ) {
    super();
    let groups = Math.min(32, channels);
    while (channels % groups !== 0) groups--;
    this.groups = groups;
    this.weight = parameter(ones([channels]));
    this.bias = parameter(zeros([channels]));
  }
  forward(x: Tensor): Tensor {
    return call('aten::group_norm', [x, this.groups, this.weight, this.bias, this.eps, false]);
  }
}
