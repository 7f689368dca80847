import { elements, type ShapeArgs } from '../shape-args.js';

/** Shapes of results, by the arguments of a call. */

export const sameAsFirst = (args: ShapeArgs) => ({ shape: args.tensor(0).shape });

/** NumPy's rule: from the last dimension, equal or one of them 1. */
export function broadcast(args: ShapeArgs): { shape: readonly number[] } {
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

export function conv2d(args: ShapeArgs): { shape: readonly number[] } {
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

/** aten::conv1d(x, weight, bias, stride, padding) */
export function conv1d(args: ShapeArgs): { shape: readonly number[] } {
  const [x, weight] = [args.tensor(0).shape, args.tensor(1).shape];
  if (x.length !== 3 || weight.length !== 3 || x[1] !== weight[1])
    throw new RangeError(
      `${args.op}: expected an input [N, C, L] with C = ${weight[1]} for a weight [${weight.join(', ')}] but received [${x.join(', ')}]`,
    );
  return { shape: [x[0]!, weight[0]!, ...windowed(args, weight.slice(2), args.list(3), args.list(4))] };
}

/** Of the last two dimensions; those before them are broadcast. */
export function matmul(args: ShapeArgs): { shape: readonly number[] } {
  const [a, b] = [args.tensor(0).shape, args.tensor(1).shape];
  if (a.length < 2 || b.length < 2 || a.at(-1) !== b.at(-2))
    throw new RangeError(`${args.op}: expected shapes that fit but received [${a.join(', ')}] and [${b.join(', ')}]`);
  const longer = a.length >= b.length ? a : b;
  const batch = longer.slice(0, -2).map((side, i) => {
    const [m, n] = [a, b].map((shape) => shape[i - longer.length + shape.length] ?? 1);
    if (m !== n && m !== 1 && n !== 1)
      throw new RangeError(`${args.op}: expected shapes that fit but received [${a.join(', ')}] and [${b.join(', ')}]`);
    return side === 1 ? Math.max(m!, n!) : side;
  });
  return { shape: [...batch, a.at(-2)!, b.at(-1)!] };
}

/** aten::conv3d(x, weight, bias, stride, padding) */
export function conv3d(args: ShapeArgs): { shape: readonly number[] } {
  const [x, weight] = [args.tensor(0).shape, args.tensor(1).shape];
  if (x.length !== 5 || weight.length !== 5 || x[1] !== weight[1])
    throw new RangeError(
      `${args.op}: expected an input [N, C, T, H, W] with C = ${weight[1]} for a weight [${weight.join(', ')}] ` +
        `but received [${x.join(', ')}]`,
    );
  return { shape: [x[0]!, weight[0]!, ...windowed(args, weight.slice(2), args.list(3), args.list(4))] };
}

/** aten::max_pool3d and avg_pool3d(x, kernel, stride, padding) */
export const pool3d = (args: ShapeArgs): { shape: readonly number[] } => ({
  shape: [...args.tensor(0).shape.slice(0, -3), ...windowed(args, args.list(1), args.list(2), args.list(3))],
});

/** rescaled::depthwise_conv, conv_product and conv_weight_product(x, weight, stride, padding): the same on all sides. */
export function squareConv(args: ShapeArgs): { shape: readonly number[] } {
  const [stride, padding] = [args.number(2, 1), args.number(3, 0)];
  const [out, , ...sides] = args.tensor(1).shape;
  return {
    shape: [args.tensor(0).shape[0]!, out!, ...windowed(args, sides, [stride, stride], [padding, padding])],
  };
}

/** rescaled::winograd_conv(x, weight, m) */
export function winogradConv(args: ShapeArgs): { shape: readonly number[] } {
  const [n, , ...sides] = args.tensor(0).shape;
  return { shape: [n!, args.tensor(1).shape[0]!, ...sides] };
}

export function pool2d(ceilAt: number): (args: ShapeArgs) => { shape: readonly number[] } {
  return (args) => ({
    shape: [
      ...args.tensor(0).shape.slice(0, -2),
      ...windowed(args, args.pair(1), args.pair(2), args.pair(3), { ceil: args.values[ceilAt] === true }),
    ],
  });
}

export function linear(args: ShapeArgs): { shape: readonly number[] } {
  const [x, weight] = [args.tensor(0).shape, args.tensor(1).shape];
  if (x.at(-1) !== weight[1])
    throw new RangeError(`${args.op}: expected an input [.., ${weight[1]}] but received [${x.join(', ')}]`);
  return { shape: [...x.slice(0, -1), weight[0]!] };
}

export function flatten(args: ShapeArgs): { shape: readonly number[] } {
  const { shape } = args.tensor(0);
  const [from, to] = [args.number(1, 0), args.number(2, -1)].map((d) => (d < 0 ? d + shape.length : d)) as [
    number,
    number,
  ];
  return { shape: [...shape.slice(0, from), elements(shape.slice(from, to + 1)), ...shape.slice(to + 1)] };
}

/** aten::constant_pad_nd: pairs (before, after) from the last dimension on. */
export function pad(args: ShapeArgs): { shape: readonly number[] } {
  const { shape } = args.tensor(0);
  const pads = args.list(1);
  return {
    shape: shape.map(
      (side, d) => side + (pads[2 * (shape.length - 1 - d)] ?? 0) + (pads[2 * (shape.length - 1 - d) + 1] ?? 0),
    ),
  };
}

/** aten::reflection_pad2d(x, [left, right, top, bottom]): each less than the side. */
export function reflectionPad(args: ShapeArgs): { shape: readonly number[] } {
  const { shape } = args.tensor(0);
  const [left, right, top, bottom] = args.list(1) as [number, number, number, number];
  const [height, width] = shape.slice(-2) as [number, number];
  if (Math.max(left, right) >= width || Math.max(top, bottom) >= height)
    throw new RangeError(`${args.op}: a border of [${args.list(1).join(', ')}] is not inside [${shape.join(', ')}]`);
  return { shape: [...shape.slice(0, -2), height + top + bottom, width + left + right] };
}

export function reshape(args: ShapeArgs): { shape: readonly number[] } {
  const [from, to] = [args.tensor(0).shape, args.list(1)];
  if (elements(from) !== elements(to))
    throw new RangeError(`${args.op}: expected the elements of [${from.join(', ')}] but received [${to.join(', ')}]`);
  return { shape: to };
}

/** aten::slice.Tensor(x, dim, start, end), both inside the side. */
export function slice(args: ShapeArgs): { shape: readonly number[] } {
  const [dim, start, end] = [args.number(1, 0), args.number(2, 0), args.number(3, Number.MAX_SAFE_INTEGER)];
  return { shape: args.tensor(0).shape.map((side, d) => (d === dim ? Math.min(end, side) - start : side)) };
}

/** rescaled::blur_pool(x): half the sides, rounded up. */
export function blurPool(args: ShapeArgs): { shape: readonly number[] } {
  const [n, channels, ...sides] = args.tensor(0).shape;
  if (sides.some((side) => side < 2))
    throw new RangeError(`${args.op}: expected sides of 2 or more but received [${args.tensor(0).shape.join(', ')}]`);
  return { shape: [n!, channels!, ...sides.map((side) => Math.ceil(side / 2))] };
}
