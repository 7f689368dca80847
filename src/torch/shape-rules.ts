import { nearest } from '../suggest.js';
import { bytesOf, elements, type ShapeArgs, type ShapeRule } from './shape-args.js';
import type { DType } from './tensor.js';

const sameAsFirst = (args: ShapeArgs) => ({ shape: args.tensor(0).shape });

/** NumPy's rule: from the last dimension, equal or one of them 1. */
function broadcast(args: ShapeArgs): { shape: readonly number[] } {
  const [a, b] = [args.tensor(0).shape, args.tensor(1).shape];
  const shape: number[] = [];
  for (let i = 1; i <= Math.max(a.length, b.length); i++) {
    const [m, n] = [a.at(-i) ?? 1, b.at(-i) ?? 1];
    if (m !== n && m !== 1 && n !== 1)
      throw new RangeError(`${args.op}: expected shapes that fit but received [${a.join(', ')}] and [${b.join(', ')}]`);
    shape.unshift(m === 1 ? n : m);
  }
  return { shape };
}

/** Sizes of the last dimensions, as many as the kernel has, after a sliding window; below 1 the input is too small for it. */
function windowed(
  args: ShapeArgs,
  kernel: readonly number[],
  stride: readonly number[],
  padding: readonly number[],
  options: { dilation?: readonly number[]; ceil?: boolean } = {},
): number[] {
  return args
    .tensor(0)
    .shape.slice(-kernel.length)
    .map((side, d) => {
      const span = (options.dilation?.[d] ?? 1) * (kernel[d]! - 1) + 1;
      const steps = (side + 2 * padding[d]! - span) / stride[d]!;
      let out = (options.ceil === true ? Math.ceil(steps) : Math.floor(steps)) + 1;
      // The last window must start inside the input or its left padding.
      if (options.ceil === true && (out - 1) * stride[d]! >= side + padding[d]!) out--;
      if (out < 1)
        throw new RangeError(
          `${args.op}: a window of ${kernel[d]} is larger than the padded input of ${side + 2 * padding[d]!}`,
        );
      return out;
    });
}

function conv2d(args: ShapeArgs): { shape: readonly number[] } {
  const [x, weight] = [args.tensor(0).shape, args.tensor(1).shape];
  const groups = args.number(6, 1);
  if (x.length !== 4 || weight.length !== 4 || x[1] !== weight[1]! * groups || weight[0]! % groups !== 0)
    throw new RangeError(
      `${args.op}: expected an input [N, C, H, W] with C = ${weight[1]! * groups} ` +
        `for a weight [${weight.join(', ')}] in ${groups} groups but received [${x.join(', ')}]`,
    );
  return {
    shape: [
      x[0]!,
      weight[0]!,
      ...windowed(args, weight.slice(2), args.pair(3), args.pair(4), { dilation: args.pair(5) }),
    ],
  };
}

/** aten::conv3d(x, weight, bias, stride, padding) */
function conv3d(args: ShapeArgs): { shape: readonly number[] } {
  const [x, weight] = [args.tensor(0).shape, args.tensor(1).shape];
  if (x.length !== 5 || weight.length !== 5 || x[1] !== weight[1])
    throw new RangeError(
      `${args.op}: expected an input [N, C, T, H, W] with C = ${weight[1]} for a weight [${weight.join(', ')}] ` +
        `but received [${x.join(', ')}]`,
    );
  return { shape: [x[0]!, weight[0]!, ...windowed(args, weight.slice(2), args.list(3), args.list(4))] };
}

/** aten::max_pool3d and avg_pool3d(x, kernel, stride, padding) */
const pool3d = (args: ShapeArgs): { shape: readonly number[] } => ({
  shape: [...args.tensor(0).shape.slice(0, -3), ...windowed(args, args.list(1), args.list(2), args.list(3))],
});

/** rescaled::depthwise_conv(x, weight, stride, padding) */
function depthwise(args: ShapeArgs): { shape: readonly number[] } {
  const [n, channels] = args.tensor(0).shape;
  const [stride, padding] = [args.number(2, 1), args.number(3, 0)];
  return {
    shape: [n!, channels!, ...windowed(args, args.tensor(1).shape.slice(2), [stride, stride], [padding, padding])],
  };
}

function pool2d(ceilAt: number): (args: ShapeArgs) => { shape: readonly number[] } {
  return (args) => ({
    shape: [
      ...args.tensor(0).shape.slice(0, -2),
      ...windowed(args, args.pair(1), args.pair(2), args.pair(3), { ceil: args.values[ceilAt] === true }),
    ],
  });
}

function linear(args: ShapeArgs): { shape: readonly number[] } {
  const [x, weight] = [args.tensor(0).shape, args.tensor(1).shape];
  if (x.at(-1) !== weight[1])
    throw new RangeError(`${args.op}: expected an input [.., ${weight[1]}] but received [${x.join(', ')}]`);
  return { shape: [...x.slice(0, -1), weight[0]!] };
}

function flatten(args: ShapeArgs): { shape: readonly number[] } {
  const { shape } = args.tensor(0);
  const [from, to] = [args.number(1, 0), args.number(2, -1)].map((d) => (d < 0 ? d + shape.length : d)) as [
    number,
    number,
  ];
  return { shape: [...shape.slice(0, from), elements(shape.slice(from, to + 1)), ...shape.slice(to + 1)] };
}

/** aten::constant_pad_nd: pairs (before, after) from the last dimension on. */
function pad(args: ShapeArgs): { shape: readonly number[] } {
  const { shape } = args.tensor(0);
  const pads = args.list(1);
  return {
    shape: shape.map(
      (side, d) => side + (pads[2 * (shape.length - 1 - d)] ?? 0) + (pads[2 * (shape.length - 1 - d) + 1] ?? 0),
    ),
  };
}

/** aten::reflection_pad2d(x, [left, right, top, bottom]): each less than the side. */
function reflectionPad(args: ShapeArgs): { shape: readonly number[] } {
  const { shape } = args.tensor(0);
  const [left, right, top, bottom] = args.list(1) as [number, number, number, number];
  const [height, width] = shape.slice(-2) as [number, number];
  if (Math.max(left, right) >= width || Math.max(top, bottom) >= height)
    throw new RangeError(`${args.op}: a border of [${args.list(1).join(', ')}] is not inside [${shape.join(', ')}]`);
  return { shape: [...shape.slice(0, -2), height + top + bottom, width + left + right] };
}

/** rescaled::blur_pool(x): half the sides, rounded up. */
function blurPool(args: ShapeArgs): { shape: readonly number[] } {
  const [n, channels, ...sides] = args.tensor(0).shape;
  if (sides.some((side) => side < 2))
    throw new RangeError(`${args.op}: expected sides of 2 or more but received [${args.tensor(0).shape.join(', ')}]`);
  return { shape: [n!, channels!, ...sides.map((side) => Math.ceil(side / 2))] };
}

function reshape(args: ShapeArgs): { shape: readonly number[] } {
  const [from, to] = [args.tensor(0).shape, args.list(1)];
  if (elements(from) !== elements(to))
    throw new RangeError(`${args.op}: expected the elements of [${from.join(', ')}] but received [${to.join(', ')}]`);
  return { shape: to };
}

/** aten::slice.Tensor(x, dim, start, end), both inside the side. */
function slice(args: ShapeArgs): { shape: readonly number[] } {
  const [dim, start, end] = [args.number(1, 0), args.number(2, 0), args.number(3, Number.MAX_SAFE_INTEGER)];
  return { shape: args.tensor(0).shape.map((side, d) => (d === dim ? Math.min(end, side) - start : side)) };
}

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
  'aten::conv3d': { result: conv3d, saves: (args) => [args.tensor(0), args.tensor(1)] },
  'aten::batch_norm': { result: sameAsFirst, saves: (args) => [args.tensor(0), args.tensor(1), statistics(args)] },
  'aten::linear': { result: linear, saves: (args) => [args.tensor(0), args.tensor(1)] },
  'aten::relu': { result: sameAsFirst, saves: (_, out) => [out] },
  'aten::relu_': { result: null, saves: (_, out) => [out] },
  'aten::leaky_relu': { result: sameAsFirst, saves: (args) => [args.tensor(0)] },
  'aten::leaky_relu_': { result: null, saves: (_, out) => [out] },
  'aten::silu': { result: sameAsFirst, saves: (args) => [args.tensor(0)] },
  'aten::silu_': { result: null, saves: (args) => [bytesOf(args.tensor(0).shape, args.tensor(0).dtype)] },
  'aten::sigmoid': { result: sameAsFirst, saves: (_, out) => [out] },
  'aten::add.Tensor': { result: broadcast, passesGradient: always },
  'aten::add_.Tensor': { result: null, passesGradient: always },
  'aten::mul.Tensor': product,
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
  'rescaled::depthwise_conv': { result: depthwise, saves: (args) => [args.tensor(0), args.tensor(1)] },
  'rescaled::scale': product,
  'rescaled::blur_pool': { result: blurPool },
  'rescaled::radix_sum': {
    result: (args) => {
      const [n, channels, ...sides] = args.tensor(0).shape;
      return { shape: [n!, channels! / args.number(2, 1), ...sides] };
    },
    saves: (args) => [args.tensor(0), args.tensor(1)],
  },
  'rescaled::scale_add_relu': { result: sameAsFirst, saves: (args, out) => [out, args.tensor(0), args.tensor(1)] },
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
