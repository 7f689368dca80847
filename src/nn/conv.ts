import { call, conv2d, pad, type Tensor, zeros } from '../torch/index.js';
import { Module } from './module.js';
import { ownKernels } from './own-kernels.js';
import { parameter } from './parameter.js';

/**
 * Weight [out, in/groups, k, k]; taps `dilation` apart; padding dilation (k-1)/2 on both sides unless given. `same` is TensorFlow's rule:
 * ceil(size/stride) outputs, of the max(0, (outputs-1)*stride + k - size) zeros the odd one at the end. Filled by an
 * initialiser (init.ts).
 */
export class Conv2d extends Module {
  weight: Tensor;
  bias?: Tensor;
  /** Stride, padding and dilation may be changed: a trunk is dilated after it is made (models/segment/dilate.ts). */
  stride: number;
  padding: number | 'same';
  dilation: number;
  readonly groups: number;
  constructor(
    readonly inChannels: number,
    readonly outChannels: number,
    readonly kernel: number,
    options: { stride?: number; padding?: number | 'same'; dilation?: number; groups?: number; bias?: boolean } = {},
  ) {
    super();
    this.stride = options.stride ?? 1;
    this.dilation = options.dilation ?? 1;
    this.padding = options.padding ?? (this.dilation * (kernel - 1)) / 2;
    this.groups = options.groups ?? 1;
    this.weight = parameter(zeros([outChannels, inChannels / this.groups, kernel, kernel]));
    if (options.bias === true) this.bias = parameter(zeros([outChannels]));
  }
  forward(x: Tensor): Tensor {
    const { stride, padding, dilation, groups } = this;
    const bias = this.bias ?? null;
    if (padding !== 'same') return this.#convolve(x, padding);
    const [height, width] = [this.#samePadding(x.shape[2]!), this.#samePadding(x.shape[3]!)];
    if (height === width && height % 2 === 0) return this.#convolve(x, height / 2);
    if (height % 2 === 0 && width % 2 === 0)
      return conv2d(x, this.weight, bias, { stride, padding: [height / 2, width / 2], dilation, groups });
    const split = (total: number) => [Math.floor(total / 2), Math.ceil(total / 2)];
    return this.#convolve(pad(x, [...split(width), ...split(height)]), 0);
  }
  /**
   * While training on the CPU a depthwise 5x5 convolution takes its weight gradient from our own loop
   * (native/depthwise.cpp).
   */
  #convolve(x: Tensor, padding: number): Tensor {
    const { stride, dilation, groups, weight, bias = null } = this;
    const own =
      this.training &&
      this.kernel === 5 &&
      dilation === 1 &&
      groups > 1 &&
      weight.shape[1] === 1 &&
      weight.shape[0] === x.shape[1] &&
      bias === null &&
      x.device === 'cpu' &&
      ownKernels(x, weight);
    return own
      ? call('rescaled::depthwise_conv', [x, weight, stride, padding])
      : conv2d(x, weight, bias, { stride, padding, dilation, groups });
  }
  /** Zeros on both sides together. */
  #samePadding(size: number): number {
    return Math.max(
      0,
      (Math.ceil(size / this.stride) - 1) * this.stride + this.dilation * (this.kernel - 1) + 1 - size,
    );
  }
}
