import { linear, type Tensor, zeros } from '../torch/index.js';
import { Module } from './module.js';
import { parameter } from './parameter.js';

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
