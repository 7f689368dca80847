import { add_, call, globalAvgPool2d, globalAvgPool3d, mul, sigmoid, type Tensor } from '../torch/index.js';
import { type Activation, activate, activated } from './activation.js';
import { Conv2d, Conv3d } from './conv.js';
import { Module } from './module.js';
import { ownHalfKernels } from './own-kernels.js';

/**
 * x * sigmoid(fc2(act(fc1(mean over H, W)))), both layers 1x1 convolutions with bias; no batch norm inside. Of clips the mean is over T as well.
 * Source: tensorflow/tpu resnet_layers.py squeeze_excitation; Hu et al. 2018.
 */
export class SqueezeExcite extends Module {
  readonly fc1: Conv2d | Conv3d;
  readonly fc2: Conv2d | Conv3d;
  constructor(
    channels: number,
    reduced: number,
    readonly activation: Activation = 'relu',
    clips = false,
  ) {
    super();
    const layer = (from: number, to: number): Conv2d | Conv3d =>
      clips ? new Conv3d(from, to, [1, 1], { bias: true }) : new Conv2d(from, to, 1, { bias: true });
    this.fc1 = layer(channels, reduced);
    this.fc2 = layer(reduced, channels);
  }
  forward(x: Tensor): Tensor {
    return scaleChannels(x, this.gate(x), this.training);
  }
  /** The weights of the channels, [N, C, 1, 1], between 0 and 1. */
  gate(x: Tensor): Tensor {
    return this.gateOf(squeeze(x, this.training));
  }
  /** The same of the mean itself. */
  gateOf(mean: Tensor): Tensor {
    return sigmoid(this.fc2.forward(activated(this.fc1.forward(mean), this.activation)));
  }
}

/**
 * The gate of x * sigmoid(fc(mean over T, H, W)), a 1x1x1 convolution with bias: self-gating. Its kernel starts truncated normal of deviation
 * 0.01 and has no weight decay there. Source: tensorflow/models nn_layers.py, SelfGating; Xie et al. 2018 (S3D-G).
 */
export class SelfGate extends Module {
  readonly fc: Conv3d;
  constructor(channels: number) {
    super();
    this.fc = new Conv3d(channels, channels, [1, 1], { bias: true });
  }
  /** @param mean of x over its positions, [N, C, 1, 1, 1] */
  forward(mean: Tensor): Tensor {
    return sigmoid(this.fc.forward(mean));
  }
}

/**
 * The mean over H and W, [N, C, H, W] -> [N, C, 1, 1]; of clips over T, H and W. While training it is a sum and a product, whose gradient stays
 * one number a channel until it is added to x's other gradient; that of PyTorch's pooling is first written out at x's
 * size.
 */
export function squeeze(x: Tensor, training: boolean): Tensor {
  const sides = x.shape.slice(2);
  if (!training) return sides.length === 3 ? globalAvgPool3d(x) : globalAvgPool2d(x);
  const total = call<Tensor>('aten::sum.dim_IntList', [x, sides.map((_, i) => i + 2), true]);
  return mul(total, 1 / sides.reduce((product, side) => product * side, 1));
}

/**
 * x * gate, [N, C, H, W] by [N, C, 1, 1]. While training on the CPU both gradients come from one pass
 * (native/scale_add_relu.cpp).
 */
export function scaleChannels(x: Tensor, gate: Tensor, training: boolean): Tensor {
  return training && x.device === 'cpu' && ownHalfKernels(x, gate) ? call('rescaled::scale', [x, gate]) : mul(x, gate);
}

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
  if (activation === 'relu' && training && x.device === 'cpu' && ownHalfKernels(x, gate) && x.dtype === shortcut.dtype)
    return call('rescaled::scale_add_relu', [x, gate, shortcut]);
  return activate(add_(mul(x, gate), shortcut), activation);
}
