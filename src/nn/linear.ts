import { linear, type Tensor, zeros } from '../torch/index.js';
import { Module } from './module.js';
import { parameter } from './parameter.js';

/** x W^T + b: [N, I] -> [N, O]; without a bias x W^T. */
export class Linear extends Module {
  weight: Tensor;
  bias?: Tensor;
  constructor(
    readonly inFeatures: number,
    readonly outFeatures: number,
    options: { bias?: boolean } = {},
  ) {
    super();
    this.weight = parameter(zeros([outFeatures, inFeatures]));
    if (options.bias !== false) this.bias = parameter(zeros([outFeatures]));
  }
  forward(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias ?? null);
  }
}
