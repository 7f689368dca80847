import {
  add_,
  avgPool2d,
  batchNorm,
  call,
  conv2d,
  dropout,
  globalAvgPool2d,
  keep,
  linear,
  maxPool2d,
  mul,
  ones,
  pad,
  relu,
  relu_,
  sigmoid,
  silu,
  type Tensor,
  zeros,
} from '../torch/index.js';
import { Module } from './module.js';

/** A trained tensor: kept outside scopes, requires a gradient. */
export function parameter(tensor: Tensor): Tensor {
  tensor.requiresGrad = true;
  return keep(tensor);
}

/**
 * Weight [out, in/groups, k, k]; padding (k-1)/2 on both sides unless given. `same` is TensorFlow's rule:
 * ceil(size/stride) outputs, of the max(0, (outputs-1)*stride + k - size) zeros the odd one at the end. Filled by an
 * initialiser (init.ts).
 */
export class Conv2d extends Module {
  weight: Tensor;
  bias?: Tensor;
  readonly stride: number;
  readonly padding: number | 'same';
  readonly groups: number;
  constructor(
    readonly inChannels: number,
    readonly outChannels: number,
    readonly kernel: number,
    options: { stride?: number; padding?: number | 'same'; groups?: number; bias?: boolean } = {},
  ) {
    super();
    this.stride = options.stride ?? 1;
    this.padding = options.padding ?? (kernel - 1) / 2;
    this.groups = options.groups ?? 1;
    this.weight = parameter(zeros([outChannels, inChannels / this.groups, kernel, kernel]));
    if (options.bias === true) this.bias = parameter(zeros([outChannels]));
  }
  forward(x: Tensor): Tensor {
    const { stride, padding, groups } = this;
    const bias = this.bias ?? null;
    if (padding !== 'same') return this.#convolve(x, padding);
    const [height, width] = [this.#samePadding(x.shape[2]!), this.#samePadding(x.shape[3]!)];
    if (height === width && height % 2 === 0) return this.#convolve(x, height / 2);
    if (height % 2 === 0 && width % 2 === 0)
      return conv2d(x, this.weight, bias, { stride, padding: [height / 2, width / 2], groups });
    const split = (total: number) => [Math.floor(total / 2), Math.ceil(total / 2)];
    return this.#convolve(pad(x, [...split(width), ...split(height)]), 0);
  }
  /**
   * While training on the CPU a depthwise 5x5 convolution takes its weight gradient from our own loop
   * (native/depthwise.cpp).
   */
  #convolve(x: Tensor, padding: number): Tensor {
    const { stride, groups, weight, bias = null } = this;
    const own =
      this.training &&
      this.kernel === 5 &&
      groups > 1 &&
      weight.shape[1] === 1 &&
      weight.shape[0] === x.shape[1] &&
      bias === null &&
      x.device === 'cpu' &&
      ownKernels(x, weight);
    return own
      ? call('rescaled::depthwise_conv', [x, weight, stride, padding])
      : conv2d(x, weight, bias, { stride, padding, groups });
  }
  /** Zeros on both sides together. */
  #samePadding(size: number): number {
    return Math.max(0, (Math.ceil(size / this.stride) - 1) * this.stride + this.kernel - size);
  }
}

/**
 * Batch norm over N, H, W per channel (see `batchNorm`). `momentum` in PyTorch's sense: 1 keeps only the last batch's
 * statistics. Training needs more than one value per channel: the variance of one value says nothing.
 */
export class BatchNorm2d extends Module {
  weight: Tensor;
  bias: Tensor;
  running_mean: Tensor;
  running_var: Tensor;
  momentum = 0.1;
  constructor(
    readonly channels: number,
    readonly eps = 1e-5,
  ) {
    super();
    this.weight = parameter(ones([channels]));
    this.bias = parameter(zeros([channels]));
    this.running_mean = keep(zeros([channels]));
    this.running_var = keep(ones([channels]));
  }
  override get bufferNames(): readonly string[] {
    return ['running_mean', 'running_var'];
  }
  forward(x: Tensor): Tensor {
    const [n = 0, c = 1] = x.shape;
    if (this.training && n > 0 && x.size === c)
      throw new RangeError(
        `Expected more than 1 value per channel when training, got input size [${x.shape.join(', ')}]`,
      );
    return batchNorm(
      x,
      this.weight,
      this.bias,
      this.running_mean,
      this.running_var,
      this.training,
      this.momentum,
      this.eps,
    );
  }
  /**
   * activation(batchNorm(x) + shortcut). While training on the CPU two passes of our own over memory
   * (native/batch_norm_act.cpp), which keep x alone for the backward pass; else PyTorch's operators, which can be
   * exported. The two agree to rounding.
   */
  forwardAct(x: Tensor, activation: Activation | 'none', shortcut: Tensor | null = null): Tensor {
    const fused = this.training && x.device === 'cpu' && x.size > 0 && ownKernels(x, this.weight);
    if (fused)
      return call('rescaled::batch_norm_act', [
        x,
        this.weight,
        this.bias,
        this.running_mean,
        this.running_var,
        shortcut,
        activation,
        this.momentum,
        this.eps,
      ]);
    const y = this.forward(x);
    const added = shortcut === null ? y : add_(y, shortcut);
    return activation === 'none' ? added : activate(added, activation);
  }
}

/** x W^T + b: [N, I] -> [N, O]. */
export class Linear extends Module {
  weight: Tensor;
  bias: Tensor;
  constructor(
    readonly inFeatures: number,
    readonly outFeatures: number,
  ) {
    super();
    this.weight = parameter(zeros([outFeatures, inFeatures]));
    this.bias = parameter(zeros([outFeatures]));
  }
  forward(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias);
  }
}

export type Activation = 'relu' | 'silu';
/** The activation, in place where autograd does not need its input. */
export function activate(x: Tensor, kind: Activation): Tensor {
  return kind === 'relu' ? relu_(x) : silu(x);
}

export class Activate extends Module {
  constructor(readonly kind: Activation) {
    super();
  }
  forward(x: Tensor): Tensor {
    return activate(x, this.kind);
  }
}

export class Identity extends Module {
  forward(x: Tensor): Tensor {
    return x;
  }
}

/** 2x2 average pool of stride 2 with TensorFlow's SAME rule for odd sizes: the ResNet-D shortcut. */
export class AvgPool2d extends Module {
  forward(x: Tensor): Tensor {
    return avgPool2d(x, 2, 2, { ceilMode: true, countIncludePad: false });
  }
}

export class MaxPool2d extends Module {
  forward(x: Tensor): Tensor {
    return maxPool2d(x, 3, 2, 1);
  }
}

/**
 * x * sigmoid(fc2(act(fc1(mean over H, W)))), both layers 1x1 convolutions with bias; no batch norm inside.
 * Source: tensorflow/tpu resnet_layers.py squeeze_excitation; Hu et al. 2018.
 */
export class SqueezeExcite extends Module {
  readonly fc1: Conv2d;
  readonly fc2: Conv2d;
  constructor(
    channels: number,
    reduced: number,
    readonly activation: Activation = 'relu',
  ) {
    super();
    this.fc1 = new Conv2d(channels, reduced, 1, { bias: true });
    this.fc2 = new Conv2d(reduced, channels, 1, { bias: true });
  }
  forward(x: Tensor): Tensor {
    return scaleChannels(x, this.gate(x), this.training);
  }
  /** The weights of the channels, [N, C, 1, 1], between 0 and 1. */
  gate(x: Tensor): Tensor {
    const squeezed = this.fc1.forward(squeeze(x, this.training));
    return sigmoid(this.fc2.forward(this.activation === 'relu' ? relu(squeezed) : silu(squeezed)));
  }
}

/**
 * Stochastic depth (drop path): each sample's residual branch is dropped with probability `rate` while training and
 * scaled by 1/(1-rate) otherwise. Source: Huang et al. 2016; paper section 4.2.
 */
export function stochasticDepth(x: Tensor, rate: number, training: boolean): Tensor {
  if (!training || rate === 0) return x;
  const survival = 1 - rate;
  const mask = zeros([x.shape[0]!, 1, 1, 1], { dtype: x.dtype, device: x.device });
  call('aten::bernoulli_.float', [mask, survival]);
  call('aten::div_.Scalar', [mask, survival]);
  return mul(x, mask);
}

export class Dropout extends Module {
  constructor(readonly rate: number) {
    super();
  }
  forward(x: Tensor): Tensor {
    return this.training && this.rate > 0 ? dropout(x, this.rate, true) : x;
  }
}

/**
 * Modules one after another; state keys are their indices. A batch norm and the activation after it run as one
 * (`forwardAct`).
 */
export class Sequential extends Module {
  constructor(modules: readonly Module[]) {
    super();
    for (const [i, module] of modules.entries()) (this as unknown as Record<number, Module>)[i] = module;
  }
  *[Symbol.iterator](): Generator<Module> {
    for (const [, module] of this.children()) yield module;
  }
  forward(x: Tensor): Tensor {
    const modules = [...this];
    let result = x;
    for (let i = 0; i < modules.length; i++) {
      const [module, next] = [modules[i]!, modules[i + 1]];
      if (module instanceof BatchNorm2d && next instanceof Activate) {
        result = module.forwardAct(result, next.kind);
        i++;
      } else result = module.forward(result);
    }
    return result;
  }
}

/**
 * The mean over H and W, [N, C, H, W] -> [N, C, 1, 1]. While training it is a sum and a product, whose gradient stays
 * one number a channel until it is added to x's other gradient; that of PyTorch's pooling is first written out at x's
 * size.
 */
export function squeeze(x: Tensor, training: boolean): Tensor {
  if (!training) return globalAvgPool2d(x);
  const [, , height = 1, width = 1] = x.shape;
  return mul(call<Tensor>('aten::sum.dim_IntList', [x, [2, 3], true]), 1 / (height * width));
}

/**
 * x * gate, [N, C, H, W] by [N, C, 1, 1]. While training on the CPU both gradients come from one pass
 * (native/scale_add_relu.cpp).
 */
export function scaleChannels(x: Tensor, gate: Tensor, training: boolean): Tensor {
  return training && x.device === 'cpu' && ownKernels(x, gate) ? call('rescaled::scale', [x, gate]) : mul(x, gate);
}

/** Our kernels are for float32 and float64, of one kind. */
const ownKernels = (x: Tensor, other: Tensor): boolean =>
  (x.dtype === 'float32' || x.dtype === 'float64') && x.dtype === other.dtype;

/**
 * activation(x * gate + shortcut): the end of a squeeze-excite block. With relu, while training on the CPU, one pass of
 * our own (native/scale_add_relu.cpp), else PyTorch's operators, which can be exported.
 */
export function scaleAddActivate(
  x: Tensor,
  gate: Tensor,
  shortcut: Tensor,
  activation: Activation,
  training: boolean,
): Tensor {
  if (activation === 'relu' && training && x.device === 'cpu' && ownKernels(x, gate))
    return call('rescaled::scale_add_relu', [x, gate, shortcut]);
  return activate(add_(mul(x, gate), shortcut), activation);
}
