import { add_, call, globalAvgPool2d, mul, relu, sigmoid, silu, type Tensor } from '../torch/index.js';
import { type Activation, activate } from './activation.js';
import { Conv2d } from './conv.js';
import { Module } from './module.js';
import { ownKernels } from './own-kernels.js';

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
