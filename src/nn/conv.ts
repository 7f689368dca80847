import { call, conv2d, conv3d, isTracing, pad, permute, reshape, type Tensor, to, zeros } from '../torch/index.js';
import { Module } from './module.js';
import { ownConvolutions, ownParameterKernels, winogradTile } from './own-kernels.js';
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
  /** What x is convolved with. */
  protected kernels(): Tensor {
    return this.weight;
  }
  forward(x: Tensor): Tensor {
    const { stride, padding, dilation, groups } = this;
    const bias = this.bias ?? null;
    if (padding !== 'same') return this.#convolve(x, padding);
    const [height, width] = [this.#samePadding(x.shape[2]!), this.#samePadding(x.shape[3]!)];
    if (height === width && height % 2 === 0) return this.#convolve(x, height / 2);
    if (height % 2 === 0 && width % 2 === 0)
      return conv2d(x, this.kernels(), bias, { stride, padding: [height / 2, width / 2], dilation, groups });
    const split = (total: number) => [Math.floor(total / 2), Math.ceil(total / 2)];
    return this.#convolve(pad(x, [...split(width), ...split(height)]), 0);
  }
  /**
   * While training on the CPU a depthwise 5x5 convolution takes its weight gradient from our own loop
   * (native/depthwise.cpp).
   */
  #convolve(x: Tensor, padding: number): Tensor {
    const { stride, dilation, groups, bias = null } = this;
    const weight = this.kernels();
    if (this.#product(x, weight)) return call('rescaled::conv_product', [x, weight, stride, padding]);
    const m = this.#winograd(x, weight, padding);
    if (m !== 0) return call('rescaled::winograd_conv', [x, weight, m]);
    if (this.#weightProduct(x, weight)) return call('rescaled::conv_weight_product', [x, weight, stride, padding]);
    const own =
      this.training &&
      this.kernel === 5 &&
      dilation === 1 &&
      groups > 1 &&
      weight.shape[1] === 1 &&
      weight.shape[0] === x.shape[1] &&
      bias === null &&
      x.device === 'cpu' &&
      ownParameterKernels(x, weight);
    if (own) return call('rescaled::depthwise_conv', [x, weight, stride, padding]);
    const pair = (n: number) => [n, n];
    // What x is computed again of is kept in its place (native/conv.cpp).
    return this.training && x.device === 'cpu' && ownParameterKernels(x, weight)
      ? call('rescaled::conv2d', [x, weight, bias, pair(stride), pair(padding), pair(dilation), groups])
      : conv2d(x, weight, bias, { stride, padding, dilation, groups });
  }
  /**
   * While training on the CPU in bfloat16 some weight gradients are matrix products (native/conv_product.cpp): of 1x1 kernels, and of 3x3 ones
   * where that was faster, with many channels or a stride.
   */
  #product(x: Tensor, weight: Tensor): boolean {
    const { kernel, stride, inChannels, outChannels } = this;
    return (
      this.training &&
      (kernel === 1 || (kernel === 3 && (inChannels >= 512 || (stride === 2 && outChannels >= 256)))) &&
      this.groups === 1 &&
      this.dilation === 1 &&
      this.bias === undefined &&
      x.dtype === 'bfloat16' &&
      x.device === 'cpu' &&
      weight.dtype === 'float32'
    );
  }
  /**
   * While training on the CPU in float32 3x3 convolutions of stride 1 need fewer multiplications by Winograd's method (native/winograd.cpp): the size
   * of its tiles, 0 where it does not pay.
   */
  #winograd(x: Tensor, weight: Tensor, padding: number): number {
    if (this.kernel !== 3 || this.stride !== 1 || padding !== 1 || !this.#single(x, weight)) return 0;
    const [n = 0, channels = 0, height = 0, width = 0] = x.shape;
    return winogradTile(n, channels, this.outChannels, height, width);
  }
  /** There too some weight gradients are products of our own (native/weight_product.cpp), where that was faster. */
  #weightProduct(x: Tensor, weight: Tensor): boolean {
    const { kernel, stride, inChannels, outChannels } = this;
    const faster =
      kernel === 3 ? stride === 2 && inChannels >= 96 : kernel === 1 && inChannels * outChannels >= 512 * 2048;
    return faster && this.#single(x, weight);
  }
  /** Training on the CPU, all channels by all, in float32, where that is wanted. */
  #single(x: Tensor, weight: Tensor): boolean {
    return (
      this.training &&
      ownConvolutions() &&
      this.groups === 1 &&
      this.dilation === 1 &&
      this.bias === undefined &&
      x.device === 'cpu' &&
      x.dtype === 'float32' &&
      weight.dtype === 'float32'
    );
  }
  /** Zeros on both sides together. */
  #samePadding(size: number): number {
    return Math.max(
      0,
      (Math.ceil(size / this.stride) - 1) * this.stride + this.dilation * (this.kernel - 1) + 1 - size,
    );
  }
}

/** Of a kernel or a stride: over frames, and over rows and columns alike. */
export type TimeSpace = readonly [time: number, space: number];

/** Weight [out, in, kt, k, k], of clips [N, in, T, H, W]; padding (kt-1)/2 and (k-1)/2 on both sides, as in PyTorch. */
export class Conv3d extends Module {
  weight: Tensor;
  bias?: Tensor;
  readonly stride: TimeSpace;
  constructor(
    readonly inChannels: number,
    readonly outChannels: number,
    readonly kernel: TimeSpace,
    options: { stride?: TimeSpace; bias?: boolean } = {},
  ) {
    super();
    const [time, space] = kernel;
    this.stride = options.stride ?? [1, 1];
    this.weight = parameter(zeros([outChannels, inChannels, time, space, space]));
    if (options.bias === true) this.bias = parameter(zeros([outChannels]));
  }
  /**
   * In channels_last memory the frames of clips are a batch of pictures, and the columns of their pixels over time pictures of one column, as
   * they lie. A kernel of one frame or of one pixel is a 2-D convolution there, for which oneDNN has the faster kernels (docs/models.md).
   */
  forward(x: Tensor): Tensor {
    const [[time, space], [timeStride, stride]] = [this.kernel, this.stride];
    const views = x.device === 'cpu' && !isTracing() && x.isContiguous('channels_last');
    if (views && time === 1 && timeStride === 1)
      return overFrames(x, (frames) =>
        conv2d(frames, this.#flat(2), this.bias ?? null, { stride, padding: (space - 1) / 2 }),
      );
    if (views && space === 1 && stride === 1) return this.#overTime(x, timeStride, (time - 1) / 2);
    const padding = [(time - 1) / 2, (space - 1) / 2, (space - 1) / 2] as const;
    const y = conv3d(x, this.weight, this.bias ?? null, [timeStride, stride, stride], padding);
    // oneDNN may answer in another order.
    return views ? to(y, { memoryFormat: 'channels_last' }) : y;
  }
  #overTime(x: Tensor, stride: number, padding: number): Tensor {
    const [n = 0, channels = 0, frames = 0, height = 0, width = 0] = x.shape;
    const columns = reshape(x, [n, channels, frames, height * width]);
    const y = conv2d(columns, this.#flat(4), this.bias ?? null, { stride: [stride, 1], padding: [padding, 0] });
    return reshape(y, [n, this.outChannels, y.shape[2]!, height, width]);
  }
  /** The weight without a dimension of size 1. */
  #flat(dim: number): Tensor {
    return call('aten::squeeze.dim', [this.weight, dim]);
  }
}

/** What a function of pictures [N*T, C, H, W] makes of the frames of clips [N, C, T, H, W]. In channels_last memory nothing is copied. */
export function overFrames(x: Tensor, of: (frames: Tensor) => Tensor): Tensor {
  const [n = 0, channels = 0, frames = 0, height = 0, width = 0] = x.shape;
  const y = of(reshape(permute(x, [0, 2, 1, 3, 4]), [n * frames, channels, height, width]));
  return permute(reshape(y, [n, frames, ...y.shape.slice(1)]), [0, 2, 1, 3, 4]);
}
