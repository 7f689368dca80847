import { nearest } from '../suggest.js';
import {
  blurPool,
  broadcast,
  conv1d,
  conv2d,
  conv3d,
  flatten,
  linear,
  matmul,
  pad,
  pool2d,
  pool3d,
  reflectionPad,
  reshape,
  sameAsFirst,
  slice,
  squareConv,
  winogradConv,
} from './shape/results.js';
import { bytesOf, type ShapeArgs, type ShapeRule } from './shape-args.js';
import type { DType } from './tensor.js';

const made = (args: ShapeArgs) => ({
  shape: args.list(0),
  dtype: (args.named['dtype'] as DType | undefined) ?? 'float32',
  device: (args.named['device'] as string | undefined) ?? 'cpu',
});

/** mean and 1/deviation of each channel. */
const statistics = (args: ShapeArgs): number => 2 * 4 * args.tensor(1).shape[0]!;

const always = (): boolean => true;
const inPlace: ShapeRule = { result: null };
const unchanged: ShapeRule = { result: sameAsFirst, view: true, passesGradient: always };
/** Each factor is kept where the other one needs a gradient. */
const product: ShapeRule = {
  result: broadcast,
  saves: (args) => [0, 1].filter((i) => args.tensor(1 - i).requiresGrad).map((i) => args.tensor(i)),
};

/** Every operator that the models of the registry call. A model with another one needs one more entry here. */
export const SHAPE_RULES: Readonly<Record<string, ShapeRule>> = {
  'aten::conv2d': { result: conv2d, saves: (args) => [args.tensor(0), args.tensor(1)] },
  'aten::conv1d': { result: conv1d, saves: (args) => [args.tensor(0), args.tensor(1)] },
  'aten::conv3d': { result: conv3d, saves: (args) => [args.tensor(0), args.tensor(1)] },
  'aten::batch_norm': { result: sameAsFirst, saves: (args) => [args.tensor(0), args.tensor(1), statistics(args)] },
  'aten::linear': { result: linear, saves: (args) => [args.tensor(0), args.tensor(1)] },
  'aten::relu': { result: sameAsFirst, saves: (_, out) => [out] },
  'aten::relu_': { result: null, saves: (_, out) => [out] },
  'aten::leaky_relu': { result: sameAsFirst, saves: (args) => [args.tensor(0)] },
  'aten::leaky_relu_': { result: null, saves: (_, out) => [out] },
  'aten::silu': { result: sameAsFirst, saves: (args) => [args.tensor(0)] },
  'aten::silu_': { result: null, saves: (args) => [bytesOf(args.tensor(0).shape, args.tensor(0).dtype)] },
  'aten::gelu': { result: sameAsFirst, saves: (args) => [args.tensor(0)] },
  'aten::sigmoid': { result: sameAsFirst, saves: (_, out) => [out] },
  'aten::add.Tensor': { result: broadcast, passesGradient: always },
  'aten::add_.Tensor': { result: null, passesGradient: always },
  'aten::mul.Tensor': product,
  'aten::matmul': { result: matmul, saves: (args) => [args.tensor(0), args.tensor(1)] },
  // index_select(x, dim, index)
  'aten::index_select': {
    result: (args) => ({
      shape: args.tensor(0).shape.map((side, d) => (d === args.number(1, 0) ? args.tensor(2).shape[0]! : side)),
    }),
    saves: (args) => [args.tensor(2)],
  },
  'aten::mul.Scalar': { result: sameAsFirst },
  'aten::avg_pool2d': { result: pool2d(4), saves: (args) => [args.tensor(0)] },
  // Beside its input, the index (int64) of each maximum.
  'aten::max_pool2d': { result: pool2d(5), saves: (args, out) => [args.tensor(0), bytesOf(out.shape, 'int64')] },
  'aten::avg_pool3d': { result: pool3d, saves: (args) => [args.tensor(0)] },
  'aten::max_pool3d': { result: pool3d, saves: (args, out) => [args.tensor(0), bytesOf(out.shape, 'int64')] },
  // With the dimensions kept. Its gradient is a view of one number for all that were added.
  'aten::sum.dim_IntList': {
    result: (args) => ({ shape: args.tensor(0).shape.map((side, d) => (args.list(1).includes(d) ? 1 : side)) }),
    passesGradient: always,
  },
  'aten::adaptive_avg_pool2d': {
    result: (args) => ({ shape: [...args.tensor(0).shape.slice(0, -2), ...args.pair(1)] }),
  },
  'aten::adaptive_avg_pool3d': {
    result: (args) => ({ shape: [...args.tensor(0).shape.slice(0, -3), ...args.list(1)] }),
  },
  'aten::constant_pad_nd': { result: pad },
  'aten::reflection_pad2d': { result: reflectionPad, saves: (args) => [args.tensor(0)] },
  // Counted as a copy, which it is where the elements do not lie in order.
  'aten::reshape': { result: reshape, passesGradient: always },
  'aten::permute': {
    result: (args) => ({ shape: args.list(1).map((dim) => args.tensor(0).shape[dim]!) }),
    view: true,
    passesGradient: always,
  },
  'aten::slice.Tensor': { result: slice, view: true },
  'aten::softmax.int': { result: sameAsFirst, saves: (_, out) => [out] },
  'aten::flatten.using_ints': { result: flatten, view: true, passesGradient: always },
  // The mask.
  'aten::dropout': { result: sameAsFirst, saves: (_, out) => [bytesOf(out.shape, out.dtype)] },
  // The log-probabilities.
  'aten::cross_entropy_loss': {
    result: () => ({ shape: [] }),
    saves: (args) => [bytesOf(args.tensor(0).shape, args.tensor(0).dtype)],
  },
  'rescaled::conv2d': { result: conv2d, saves: (args) => [args.tensor(0), args.tensor(1)], asksAgain: 'whole' },
  'rescaled::conv_product': {
    result: squareConv,
    saves: (args) => [args.tensor(0), args.tensor(1)],
    asksAgain: 'whole',
  },
  'rescaled::depthwise_conv': {
    result: squareConv,
    saves: (args) => [args.tensor(0), args.tensor(1)],
    asksAgain: 'whole',
  },
  'rescaled::winograd_conv': {
    result: winogradConv,
    saves: (args) => [args.tensor(0), args.tensor(1)],
    asksAgain: 'whole',
  },
  'rescaled::conv_weight_product': {
    result: squareConv,
    saves: (args) => [args.tensor(0), args.tensor(1)],
    asksAgain: 'whole',
  },
  'rescaled::max_pool': { result: pool2d(-1), saves: (_, out) => [bytesOf(out.shape, 'uint8')] },
  'rescaled::avg_pool': { result: pool2d(4) },
  'rescaled::blur_pool': { result: blurPool },
  'rescaled::gelu': { result: sameAsFirst, saves: (args) => [args.tensor(0)] },
  // Beside weight and gain, mean and deviation of each channel.
  'rescaled::standardise': {
    result: sameAsFirst,
    saves: (args) => [args.tensor(0), args.tensor(1), 2 * 4 * args.tensor(0).shape[0]!],
  },
  'rescaled::scale': { ...product, asksAgain: 'whole' },
  'rescaled::radix_sum': {
    result: (args) => {
      const [n, channels, ...sides] = args.tensor(0).shape;
      return { shape: [n!, channels! / args.number(2, 1), ...sides] };
    },
    saves: (args) => [args.tensor(0), args.tensor(1)],
  },
  'rescaled::scale_add_relu': {
    result: sameAsFirst,
    saves: (args, out) => [out, args.tensor(1), args.tensor(0)],
    asksAgain: 'rows',
  },
  // What the backward pass of the activation needs beside x: the sum's sign for relu, the shortcut for the others
  // (native/batch_norm_act.cpp).
  'rescaled::batch_norm_act': {
    result: sameAsFirst,
    saves: (args, out) => [
      args.tensor(0),
      args.tensor(1),
      args.tensor(2),
      statistics(args),
      ...(args.values[5] == null || args.values[6] === 'none'
        ? []
        : [args.values[6] === 'relu' ? out : args.tensor(5)]),
    ],
    passesGradient: (args, i) => i === 5 && args.values[6] === 'none',
    again: (args) => args.values[5] == null && args.values[6] !== 'silu',
  },
  'aten::zeros': { result: made },
  'aten::ones': { result: made },
  'aten::randn': { result: made },
  'aten::randn.generator': { result: made },
  'aten::zeros_like': { result: sameAsFirst },
  'aten::clone': { result: sameAsFirst },
  'aten::detach': { result: sameAsFirst, view: true },
  'aten::to.dtype': { result: (args) => ({ shape: args.tensor(0).shape, dtype: args.values[1] as DType }) },
  'aten::to.device': {
    result: (args) => ({
      shape: args.tensor(0).shape,
      device: args.values[1] as string,
      dtype: args.values[2] as DType,
    }),
  },
  'aten::contiguous': unchanged,
  'aten::normal_': inPlace,
  'aten::uniform_': inPlace,
  'aten::erfinv_': inPlace,
  'aten::fill_.Scalar': inPlace,
  'aten::zero_': inPlace,
  'aten::bernoulli_.float': inPlace,
  'aten::div_.Scalar': inPlace,
  'aten::mul_.Scalar': inPlace,
  'aten::copy_': inPlace,
};

/** @throws TypeError for an operator without a rule */
export function shapeRule(name: string): ShapeRule {
  const rule = Object.hasOwn(SHAPE_RULES, name) ? SHAPE_RULES[name] : undefined;
  if (rule !== undefined) return rule;
  const near = nearest(name, Object.keys(SHAPE_RULES));
  throw new TypeError(
    `shapeOnly: there is no shape rule for "${name}"${near === undefined ? '' : ` (did you mean "${near}"?)`}. ` +
      'Add one to src/torch/shape-rules.ts.',
  );
}
