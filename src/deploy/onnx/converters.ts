import { RescaledError } from '../../errors.js';
import type { Arguments } from './arguments.js';
import type { OnnxGraph } from './graph.js';

/** What a converter sees of one traced call. Shapes are those of the trace, where dimension 0 is the batch. */
export interface Call {
  readonly graph: OnnxGraph;
  readonly args: Arguments;
  /** Name of the tensor at this position; a plain number becomes a stored scalar. */
  tensor(index: number): string;
  /** Names of a list of tensors at this position. */
  tensors(index: number): string[];
  shape(index: number): readonly number[];
  readonly outputShape: readonly number[];
}

/** Adds ONNX operations to `call.graph` and returns the name of the tensor that is the call's result. */
export type Converter = (call: Call) => string;

/**
 * ATen operators that can be exported, under their names in PyTorch's schemas. An in-place one (`relu_`) uses the entry
 * of the one that returns a new tensor. What each argument index means is written in native_functions.yaml of PyTorch.
 */
export const CONVERTERS: Readonly<Record<string, Converter>> = {
  conv2d: convolution,
  conv3d: convolution,
  batch_norm: batchNorm,
  linear,
  relu: ({ graph, tensor }) => graph.add('Relu', [tensor(0)]),
  leaky_relu: ({ graph, args, tensor }) =>
    graph.add('LeakyRelu', [tensor(0)], { alpha: { float: args.number(1, 0.01) } }),
  sigmoid: ({ graph, tensor }) => graph.add('Sigmoid', [tensor(0)]),
  silu: ({ graph, tensor }) => graph.add('Mul', [tensor(0), graph.add('Sigmoid', [tensor(0)])]),
  'add.Tensor': (call) => scaled('Add', call),
  'add.Scalar': (call) => scaled('Add', call),
  'sub.Tensor': (call) => scaled('Sub', call),
  'sub.Scalar': (call) => scaled('Sub', call),
  'mul.Tensor': ({ graph, tensor }) => graph.add('Mul', [tensor(0), tensor(1)]),
  'mul.Scalar': ({ graph, tensor }) => graph.add('Mul', [tensor(0), tensor(1)]),
  'div.Tensor': ({ graph, tensor }) => graph.add('Div', [tensor(0), tensor(1)]),
  'div.Scalar': ({ graph, tensor }) => graph.add('Div', [tensor(0), tensor(1)]),
  'mean.dim': mean,
  'softmax.int': ({ graph, args, tensor, outputShape }) =>
    graph.add('Softmax', [tensor(0)], { axis: axis(args.number(1), outputShape.length) }),
  adaptive_avg_pool2d: adaptiveAveragePool,
  adaptive_avg_pool3d: adaptiveAveragePool,
  avg_pool2d: averagePool,
  avg_pool3d: averagePool,
  max_pool2d: maxPool,
  max_pool3d: maxPool,
  cat: ({ graph, args, tensors, outputShape }) =>
    graph.add('Concat', tensors(0), { axis: axis(args.number(1, 0), outputShape.length) }),
  permute: ({ graph, args, tensor }) => graph.add('Transpose', [tensor(0)], { perm: args.numbers(1) }),
  upsample_nearest2d: nearest,
  group_norm: groupNorm,
  constant_pad_nd: pad,
  'flatten.using_ints': reshape,
  view: reshape,
  reshape,
  _reshape_alias: reshape,
  dropout,
  detach: identity,
  alias: identity,
  contiguous: identity,
  clone: identity,
  'to.device': identity,
  'to.dtype': identity,
  'to.dtype_layout': identity,
  'to.other': identity,
  _to_copy: identity,
};

function identity({ tensor }: Call): string {
  return tensor(0);
}

function dropout({ args, tensor }: Call): string {
  if (args.boolean(2)) throw inTraining(args);
  return tensor(0);
}

function inTraining(args: Arguments): RescaledError {
  return new RescaledError(
    `Cannot export aten::${args.name} in training mode to ONNX: trace the model in evaluation mode (model.eval()).`,
  );
}

/** As many zeros, or ones, as the input of the call has sides: two of pictures, three of clips. */
const each = ({ shape }: Call, value: number): number[] =>
  shape(0)
    .slice(2)
    .map(() => value);

/** conv2d, conv3d(input, weight, bias, stride, padding, dilation, groups) */
function convolution(call: Call): string {
  const { graph, args, tensor, shape } = call;
  const [none, once] = [each(call, 0), each(call, 1)];
  const padding = args.sides(4, none.length, none);
  const inputs = [tensor(0), tensor(1)];
  if (!args.isNone(2)) inputs.push(tensor(2));
  return graph.add('Conv', inputs, {
    kernel_shape: shape(1).slice(2),
    strides: args.sides(3, once.length, once),
    pads: [...padding, ...padding],
    dilations: args.sides(5, once.length, once),
    group: args.number(6, 1),
  });
}

/** batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps, cudnn_enabled) */
function batchNorm({ graph, args, tensor, shape }: Call): string {
  if (args.boolean(5)) throw inTraining(args);
  const channels = shape(0)[1]!;
  const vector = (index: number, fill: number) =>
    args.isNone(index)
      ? graph.floats(new Float32Array(channels).fill(fill), [channels], `fill_${fill}`)
      : tensor(index);
  const inputs = [tensor(0), vector(1, 1), vector(2, 0), vector(3, 0), vector(4, 1)];
  return graph.add('BatchNormalization', inputs, { epsilon: { float: args.number(7) } });
}

/** linear(input, weight, bias): y = x W^T + b with W of [out, in] */
function linear({ graph, args, tensor, shape }: Call): string {
  if (shape(0).length !== 2) throw args.error(0, `a tensor of shape [N, features] (not [${shape(0).join(', ')}])`);
  const inputs = [tensor(0), tensor(1)];
  if (!args.isNone(2)) inputs.push(tensor(2));
  return graph.add('Gemm', inputs, { transB: 1 });
}

/** add and sub(self, other, alpha): self + alpha x other */
function scaled(op: 'Add' | 'Sub', { graph, args, tensor }: Call): string {
  const alpha = args.number(2, 1);
  const other = alpha === 1 ? tensor(1) : graph.add('Mul', [tensor(1), graph.floats([alpha], [], 'alpha')]);
  return graph.add(op, [tensor(0), other]);
}

function axis(dim: number, rank: number): number {
  return dim < 0 ? dim + rank : dim;
}

/** mean.dim(self, dim, keepdim, dtype) */
function mean({ graph, args, tensor, shape }: Call): string {
  const rank = shape(0).length;
  const all = Array.from({ length: rank }, (_, i) => i);
  const given = args.isNone(1) ? [] : args.numbers(1);
  const axes = given.length === 0 ? all : given.map((dim) => axis(dim, rank)).sort((a, b) => a - b);
  if (axes.includes(0)) throw args.error(1, 'dimensions other than the batch');
  const keep = args.boolean(2, false);
  if (keep && rank === 4 && axes.join() === '2,3') return graph.add('GlobalAveragePool', [tensor(0)]);
  return graph.add('ReduceMean', [tensor(0)], { axes, keepdims: Number(keep) });
}

function adaptiveAveragePool(call: Call): string {
  const { graph, args, tensor } = call;
  const once = each(call, 1);
  if (args.sides(1, once.length).join() !== once.join()) throw args.error(1, `an output size of ${once.join(' x ')}`);
  return graph.add('GlobalAveragePool', [tensor(0)]);
}

/**
 * avg_pool2d, avg_pool3d(self, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override). Padding that counts
 * is written as a Pad of zeros before the pool, because runtimes differ in how they count it in ceil mode.
 */
function averagePool(call: Call): string {
  const { graph, args, tensor, shape } = call;
  if (!args.isNone(6)) throw args.error(6, 'no divisor_override');
  const none = each(call, 0);
  const kernel = args.sides(1, none.length);
  const stride = args.sides(2, none.length, kernel);
  const padding = args.sides(3, none.length, none);
  const counted = args.boolean(5, true) && padding.some((side) => side > 0);
  const input = counted ? padded(graph, tensor(0), [0, 0, ...padding, 0, 0, ...padding], 0) : tensor(0);
  const before = counted ? none : padding;
  const size = shape(0)
    .slice(2)
    .map((side, i) => (counted ? side + 2 * padding[i]! : side));
  return graph.add('AveragePool', [input], {
    kernel_shape: kernel,
    strides: stride,
    pads: [...before, ...endPadding(size, call.outputShape.slice(2), kernel, stride, before)],
    count_include_pad: 0,
  });
}

/** max_pool2d, max_pool3d(self, kernel_size, stride, padding, dilation, ceil_mode) */
function maxPool(call: Call): string {
  const { graph, args, tensor, shape, outputShape } = call;
  const none = each(call, 0);
  const kernel = args.sides(1, none.length);
  const stride = args.sides(2, none.length, kernel);
  const padding = args.sides(3, none.length, none);
  const dilation = args.sides(4, none.length, each(call, 1));
  const extent = kernel.map((side, i) => (side - 1) * dilation[i]! + 1);
  return graph.add('MaxPool', [tensor(0)], {
    kernel_shape: kernel,
    strides: stride,
    pads: [...padding, ...endPadding(shape(0).slice(2), outputShape.slice(2), extent, stride, padding)],
    ...(dilation.some((side) => side !== 1) ? { dilations: dilation } : {}),
  });
}

/**
 * Padding below and right of the picture such that rounding down gives the output size of the trace. This replaces
 * ceil_mode, whose last window PyTorch and ONNX runtimes place differently.
 */
function endPadding(
  input: readonly number[],
  output: readonly number[],
  kernel: readonly number[],
  stride: readonly number[],
  before: readonly number[],
): number[] {
  return output.map((side, i) => Math.max(0, (side - 1) * stride[i]! + kernel[i]! - input[i]! - before[i]!));
}

/** constant_pad_nd(self, pad, value): pad is [left, right, top, bottom, ...] from the last dimension backwards. */
function pad({ graph, args, tensor, shape }: Call): string {
  const given = args.numbers(1);
  const rank = shape(0).length;
  const pads = new Array<number>(2 * rank).fill(0);
  for (let i = 0; 2 * i < given.length; i++) {
    pads[rank - 1 - i] = given[2 * i]!;
    pads[2 * rank - 1 - i] = given[2 * i + 1]!;
  }
  if (pads[0] !== 0 || pads[rank] !== 0) throw args.error(1, 'no padding of the batch dimension');
  return padded(graph, tensor(0), pads, args.number(2, 0));
}

/** @param pads [begin of each dimension, then end of each dimension] */
function padded(graph: OnnxGraph, input: string, pads: readonly number[], value: number): string {
  return graph.add('Pad', [input, graph.ints(pads, 'pads'), graph.floats([value], [], 'pad_value')], {
    mode: 'constant',
  });
}

/**
 * flatten, view and reshape: the target shape is read from the trace; in ONNX's Reshape a 0 copies the batch from the
 * input.
 */
function reshape({ graph, args, tensor, shape, outputShape }: Call): string {
  if (outputShape[0] !== shape(0)[0]) {
    throw new RescaledError(
      `Cannot export aten::${args.name} to ONNX: expected a reshape that keeps dimension 0 (the batch) but it makes ` +
        `[${outputShape.join(', ')}] of [${shape(0).join(', ')}].`,
    );
  }
  if (outputShape.length === 2) return graph.add('Flatten', [tensor(0)], { axis: 1 });
  return graph.add('Reshape', [tensor(0), graph.ints([0, ...outputShape.slice(1)])]);
}

/** upsample_nearest2d(self, output_size, ..): floor(place * side / new side). The batch is free, so sizes are put together there. */
function nearest({ graph, args, tensor }: Call): string {
  const input = tensor(0);
  const own = graph.add('Slice', [graph.add('Shape', [input]), graph.ints([0], 'from'), graph.ints([2], 'to')]);
  const sizes = graph.add('Concat', [own, graph.ints(args.pair(1), 'sides')], { axis: 0 });
  return graph.add('Resize', [input, '', '', sizes], {
    ...{ mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' },
  });
}

/** group_norm(input, num_groups, weight, bias, eps, cudnn_enabled): instance norm of the groups, which operator set 13 has. */
function groupNorm({ graph, args, tensor, shape }: Call): string {
  const [, channels = 1, ...sides] = shape(0);
  const groups = args.number(1);
  const rows = graph.add('Reshape', [tensor(0), graph.ints([0, groups, -1])]);
  const [ones, zeros] = [1, 0].map((value) => graph.floats(new Float32Array(groups).fill(value), [groups], 'group'));
  const normed = graph.add('InstanceNormalization', [rows, ones!, zeros!], { epsilon: { float: args.number(4) } });
  const back = graph.add('Reshape', [normed, graph.ints([0, channels, ...sides])]);
  const perChannel = (index: number): string =>
    graph.add('Reshape', [tensor(index), graph.ints([1, channels, ...sides.map(() => 1)])]);
  return graph.add('Add', [graph.add('Mul', [back, perChannel(2)]), perChannel(3)]);
}
