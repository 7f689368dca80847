import { call, reshape, sigmoid, type Tensor, zeros } from '../../torch/index.js';
import { Module } from '../module.js';
import { parameter } from '../parameter.js';
import { scaleChannels, squeeze } from '../squeeze-excite.js';

/** A 1-D convolution of one channel without bias: weight [1, 1, k], k odd, zeros at both ends. */
export class ChannelKernel extends Module {
  weight: Tensor;
  constructor(readonly kernel: number) {
    super();
    this.weight = parameter(zeros([1, 1, kernel]));
  }
  /** [N, 1, C] -> [N, 1, C] */
  forward(x: Tensor): Tensor {
    return call('aten::conv1d', [x, this.weight, null, [1], [(this.kernel - 1) / 2]]);
  }
}

/**
 * Efficient channel attention (Wang et al. 2020, arXiv 1910.03151): x * sigmoid(convolution along the channels of the mean over H, W). Of C
 * channels the kernel has t = floor((log2 C + 1) / 2) weights, one more where t is even, 3 at least. State key `conv.weight`.
 */
export class EfficientChannelAttention extends Module {
  readonly conv: ChannelKernel;
  constructor(channels: number) {
    super();
    const t = Math.floor((Math.log2(channels) + 1) / 2);
    this.conv = new ChannelKernel(Math.max(3, t % 2 === 1 ? t : t + 1));
  }
  forward(x: Tensor): Tensor {
    return scaleChannels(x, this.gate(x), this.training);
  }
  /** The weights of the channels, [N, C, 1, 1], between 0 and 1. */
  gate(x: Tensor): Tensor {
    const [n = 0, channels = 0] = x.shape;
    const mean = reshape(squeeze(x, this.training), [n, 1, channels]);
    return sigmoid(reshape(this.conv.forward(mean), [n, channels, 1, 1]));
  }
}
