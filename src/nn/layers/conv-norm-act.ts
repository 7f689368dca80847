import type { Tensor } from '../../torch/index.js';
import type { Activation, LeakyRelu } from '../activation.js';
import { Conv2d } from '../conv.js';
import { Module } from '../module.js';
import { BatchNorm2d } from '../norm.js';

/** activation(bn(conv(x))), a kxk convolution of stride 1 without bias. State keys `conv.*`, `bn.*`, as timm's ConvNormAct. */
export class ConvNormAct extends Module {
  readonly conv: Conv2d;
  readonly bn: BatchNorm2d;
  constructor(
    cin: number,
    cout: number,
    kernel: number,
    readonly activation: Activation | LeakyRelu | 'none' = 'none',
  ) {
    super();
    this.conv = new Conv2d(cin, cout, kernel);
    this.bn = new BatchNorm2d(cout);
  }
  forward(x: Tensor): Tensor {
    return this.bn.forwardAct(this.conv.forward(x), this.activation);
  }
}
