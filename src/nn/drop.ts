import { call, dropout, mul, type Tensor, zeros } from '../torch/index.js';
import { Module } from './module.js';

/**
 * Stochastic depth (drop path): each sample's residual branch is dropped with probability `rate` while training and
 * scaled by 1/(1-rate) otherwise. Source: Huang et al. 2016; paper section 4.2.
 */
export function stochasticDepth(x: Tensor, rate: number, training: boolean): Tensor {
  if (!training || rate === 0) return x;
  const survival = 1 - rate;
  const mask = zeros([x.shape[0]!, ...x.shape.slice(1).map(() => 1)], { dtype: x.dtype, device: x.device });
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
