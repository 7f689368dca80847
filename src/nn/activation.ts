import { relu_, silu, type Tensor } from '../torch/index.js';
import { Module } from './module.js';

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
