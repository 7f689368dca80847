import { call } from './call.js';
import type { DType, Tensor } from './tensor.js';

// Thin typed functions with PyTorch's names and argument meanings. Whatever is not here: call('aten::...', [...]).

type Pair = number | readonly [number, number];
const pair = (value: Pair): readonly [number, number] => (typeof value === 'number' ? [value, value] : value);

export interface ConvOptions {
  stride?: Pair;
  padding?: Pair;
  dilation?: Pair;
  groups?: number;
}
/**
 * 2-D cross-correlation. input [N, C, H, W], weight [K, C/groups, kh, kw], bias [K] -> [N, K, H', W'], H' = floor((H +
 * 2p - d(kh-1) - 1)/s) + 1.
 */
export function conv2d(input: Tensor, weight: Tensor, bias: Tensor | null, options: ConvOptions = {}): Tensor {
  const { stride = 1, padding = 0, dilation = 1, groups = 1 } = options;
  return call('aten::conv2d', [input, weight, bias, pair(stride), pair(padding), pair(dilation), groups]);
}
type Triple = readonly [time: number, height: number, width: number];
/** 3-D cross-correlation. input [N, C, T, H, W], weight [K, C, kt, kh, kw], bias [K] -> [N, K, T', H', W'], sizes as of `conv2d`. */
export const conv3d = (input: Tensor, weight: Tensor, bias: Tensor | null, stride: Triple, padding: Triple): Tensor =>
  call('aten::conv3d', [input, weight, bias, stride, padding]);
/**
 * (x - mean)/sqrt(var + eps)*weight + bias per channel. Training: batch statistics (biased variance), and
 * running = (1-momentum)*running + momentum*batch (unbiased variance) where there are such. Evaluation: the running statistics.
 */
export function batchNorm(
  input: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  runningMean: Tensor | null,
  runningVar: Tensor | null,
  training: boolean,
  momentum: number,
  eps: number,
): Tensor {
  return call('aten::batch_norm', [input, weight, bias, runningMean, runningVar, training, momentum, eps, true]);
}
/** Zeros around the last dimensions, as PyTorch orders them: [left, right, top, bottom]. */
export const pad = (x: Tensor, amounts: readonly number[]): Tensor => call('aten::constant_pad_nd', [x, amounts, 0]);
/** input [.., I], weight [O, I], bias [O] -> [.., O]: x W^T + b. */
export const linear = (input: Tensor, weight: Tensor, bias: Tensor | null): Tensor =>
  call('aten::linear', [input, weight, bias]);
export const relu = (x: Tensor): Tensor => call('aten::relu', [x]);
/** max(x, 0) in place. */
export const relu_ = (x: Tensor): Tensor => call('aten::relu_', [x]);
export const sigmoid = (x: Tensor): Tensor => call('aten::sigmoid', [x]);
/** x*sigmoid(x), also called swish. */
export const silu = (x: Tensor): Tensor => call('aten::silu', [x]);
/** x*Phi(x), Phi the distribution function of the standard normal: (1 + erf(x / sqrt 2)) / 2. */
export const gelu = (x: Tensor): Tensor => call('aten::gelu', [x]);
export const add = (a: Tensor, b: Tensor | number): Tensor =>
  call(typeof b === 'number' ? 'aten::add.Scalar' : 'aten::add.Tensor', [a, b]);
export const add_ = (a: Tensor, b: Tensor | number): Tensor =>
  call(typeof b === 'number' ? 'aten::add_.Scalar' : 'aten::add_.Tensor', [a, b]);
export const sub = (a: Tensor, b: Tensor | number): Tensor =>
  call(typeof b === 'number' ? 'aten::sub.Scalar' : 'aten::sub.Tensor', [a, b]);
export const mul = (a: Tensor, b: Tensor | number): Tensor =>
  call(typeof b === 'number' ? 'aten::mul.Scalar' : 'aten::mul.Tensor', [a, b]);
export const div = (a: Tensor, b: Tensor | number): Tensor =>
  call(typeof b === 'number' ? 'aten::div.Scalar' : 'aten::div.Tensor', [a, b]);
export const matmul = (a: Tensor, b: Tensor): Tensor => call('aten::matmul', [a, b]);
export const sum = (x: Tensor): Tensor => call('aten::sum', [x]);
export function mean(x: Tensor, dims?: readonly number[], keepdim = false): Tensor {
  return dims === undefined ? call('aten::mean', [x]) : call('aten::mean.dim', [x, dims, keepdim]);
}
/**
 * Average pooling. With `ceilMode` and without `countIncludePad` it equals TensorFlow's SAME pooling for kernel =
 * stride = 2.
 */
export function avgPool2d(
  x: Tensor,
  kernel: number,
  stride: number,
  options: { padding?: number; ceilMode?: boolean; countIncludePad?: boolean } = {},
): Tensor {
  const { padding = 0, ceilMode = false, countIncludePad = true } = options;
  return call('aten::avg_pool2d', [
    x,
    [kernel, kernel],
    [stride, stride],
    [padding, padding],
    ceilMode,
    countIncludePad,
  ]);
}
export const maxPool2d = (x: Tensor, kernel: number, stride: number, padding = 0): Tensor =>
  call('aten::max_pool2d', [x, [kernel, kernel], [stride, stride], [padding, padding]]);
/** Over T, H and W of [N, C, T, H, W]; padding counts as minus infinity. */
export const maxPool3d = (x: Tensor, kernel: Triple, stride: Triple, padding: Triple = [0, 0, 0]): Tensor =>
  call('aten::max_pool3d', [x, kernel, stride, padding]);
/** The mean over T, H and W of each window; zeros of the padding count unless `countIncludePad` is false. */
export const avgPool3d = (
  x: Tensor,
  kernel: Triple,
  stride: Triple,
  padding: Triple = [0, 0, 0],
  countIncludePad = true,
): Tensor => call('aten::avg_pool3d', [x, kernel, stride, padding, false, countIncludePad]);
/** Tensors one after the other along `dim`. */
export const cat = (tensors: readonly Tensor[], dim = 0): Tensor => call('aten::cat', [tensors, dim]);
/** [N, C, H, W] -> [N, C, 1, 1]. */
export const globalAvgPool2d = (x: Tensor): Tensor => call('aten::adaptive_avg_pool2d', [x, [1, 1]]);
/** [N, C, T, H, W] -> [N, C, 1, 1, 1]. */
export const globalAvgPool3d = (x: Tensor): Tensor => call('aten::adaptive_avg_pool3d', [x, [1, 1, 1]]);
export const flatten = (x: Tensor, startDim = 1): Tensor => call('aten::flatten.using_ints', [x, startDim, -1]);
export const reshape = (x: Tensor, shape: readonly number[]): Tensor => call('aten::reshape', [x, shape]);
export const permute = (x: Tensor, dims: readonly number[]): Tensor => call('aten::permute', [x, dims]);
/** Zeroes elements with probability p and scales the rest by 1/(1-p) while training; the identity otherwise. */
export const dropout = (x: Tensor, p: number, training: boolean): Tensor => call('aten::dropout', [x, p, training]);
export const softmax = (x: Tensor, dim = -1): Tensor => call('aten::softmax.int', [x, dim]);
/**
 * Mean over the batch of -sum_k q_k log softmax(logits)_k with q = (1-a)*onehot + a/K. logits [N, K], labels int64 [N].
 * Source: paper section 4.2, label smoothing 0.1; Szegedy et al. 2016.
 */
export const crossEntropy = (logits: Tensor, labels: Tensor, labelSmoothing = 0): Tensor =>
  call('aten::cross_entropy_loss', [logits, labels], { label_smoothing: labelSmoothing });
export const detach = (x: Tensor): Tensor => call('aten::detach', [x]);
export const clone = (x: Tensor): Tensor => call('aten::clone', [x]);
export const copy_ = (target: Tensor, source: Tensor): Tensor => call('aten::copy_', [target, source]);
export const zeros = (shape: readonly number[], options: { dtype?: DType; device?: string } = {}): Tensor =>
  call('aten::zeros', [shape], { dtype: options.dtype ?? 'float32', device: options.device ?? 'cpu' });
export const ones = (shape: readonly number[], options: { dtype?: DType; device?: string } = {}): Tensor =>
  call('aten::ones', [shape], { dtype: options.dtype ?? 'float32', device: options.device ?? 'cpu' });
/** Normal numbers of mean 0 and deviation 1. */
export const randn = (
  shape: readonly number[],
  options: { dtype?: DType; device?: string; generator?: object } = {},
): Tensor =>
  call(options.generator === undefined ? 'aten::randn' : 'aten::randn.generator', [shape], {
    dtype: options.dtype ?? 'float32',
    device: options.device ?? 'cpu',
    ...(options.generator === undefined ? {} : { generator: options.generator }),
  });
/**
 * Converted in dtype, device or memory format; the tensor itself when nothing changes. `channels_last` is PyTorch's channels_last_3d for
 * [N, C, T, H, W].
 */
export function to(
  x: Tensor,
  options: { dtype?: DType; device?: string; memoryFormat?: 'contiguous' | 'channels_last' },
): Tensor {
  let result = x;
  if (options.device !== undefined && options.device !== result.device)
    result = call('aten::to.device', [result, options.device, options.dtype ?? result.dtype]);
  if (options.dtype !== undefined && options.dtype !== result.dtype)
    result = call('aten::to.dtype', [result, options.dtype]);
  if (options.memoryFormat !== undefined) {
    const clips = options.memoryFormat === 'channels_last' && result.shape.length === 5;
    result = call('aten::contiguous', [result], { memory_format: clips ? 'channels_last_3d' : options.memoryFormat });
  }
  return result;
}
