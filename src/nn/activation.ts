import { call, relu_, silu, type Tensor } from '../torch/index.js';
import { Module } from './module.js';

export type Activation = 'relu' | 'silu';

/** Leaky ReLU: x, below 0 `leak` times x. 0 < leak < 1. */
export interface LeakyRelu {
  readonly leak: number;
}

/** The activation, in place where autograd does not need its input. */
export function activate(x: Tensor, kind: Activation | LeakyRelu): Tensor {
  if (typeof kind === 'object') return call('aten::leaky_relu_', [x, kind.leak]);
  return kind === 'relu' ? relu_(x) : silu(x);
}

export class Activate extends Module {
  constructor(readonly kind: Activation | LeakyRelu) {
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
