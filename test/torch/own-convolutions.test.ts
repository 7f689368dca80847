import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  call,
  conv2d,
  generator,
  getThreads,
  gradients,
  mul,
  randn,
  relu,
  setThreads,
  sum,
  type Tensor,
  to,
} from '../../src/torch/index.js';

/** Convolutions of our own in float32, whole (`winograd_conv`) or in the weight's gradient (`conv_weight_product`). */
interface Case {
  x: Shape;
  out: number;
  /** Tiles of Winograd's method. */
  m?: number;
  /** Else the kernel, its stride and its padding. */
  kernel?: number;
  stride?: number;
  padding?: number;
  format?: 'contiguous';
}
type Shape = readonly [pictures: number, channels: number, height: number, width: number];
/** Sizes that need tiles of 3 and of 2 positions, whole and cut; channels that fill vectors of 16, panels of 32 and 48, and do not. */
const CASES: Case[] = [
  { x: [2, 32, 8, 12], out: 48, m: 3 },
  { x: [3, 20, 7, 10], out: 37, m: 3 },
  { x: [30, 16, 3, 3], out: 33, m: 3 },
  { x: [5, 48, 6, 5], out: 16, m: 3 },
  { x: [2, 17, 2, 2], out: 96, m: 2 },
  { x: [2, 16, 1, 1], out: 16, m: 2 },
  { x: [2, 16, 1, 9], out: 16, m: 3 },
  { x: [2, 19, 9, 8], out: 18, m: 2, format: 'contiguous' },
  // More positions than a product takes at once, and fewer; blocks of 8 rows and panels of 32 and 48 columns, whole and cut.
  { x: [3, 20, 20, 19], out: 37, kernel: 3, stride: 2, padding: 1 },
  { x: [2, 96, 5, 4], out: 24, kernel: 3, stride: 2, padding: 0 },
  { x: [2, 80, 5, 5], out: 9, kernel: 1, stride: 1, padding: 0 },
  { x: [3, 7, 4, 3], out: 8, kernel: 3, stride: 3, padding: 2, format: 'contiguous' },
];
const convolve = (x: Tensor, weight: Tensor, { m, stride, padding }: Partial<Case>): Tensor =>
  m === undefined
    ? call('rescaled::conv_weight_product', [x, weight, stride, padding])
    : call('rescaled::winograd_conv', [x, weight, m]);
function tensors({ x: shape, out, format, kernel = 3 }: Case): [Tensor, Tensor] {
  const random = generator(3);
  const memoryFormat = format ?? 'channels_last';
  const x = to(relu(randn(shape, { generator: random })), { memoryFormat });
  const weight = to(mul(randn([out, shape[1], kernel, kernel], { generator: random }), 1 / Math.sqrt(9 * shape[1])), {
    memoryFormat,
  });
  for (const tensor of [x, weight]) tensor.requiresGrad = true;
  return [x, weight];
}
const nameOf = ({ m, kernel = 3, stride }: Partial<Case>): string =>
  m === undefined ? `product, ${kernel}x${kernel} of stride ${stride}` : `winograd m = ${m}`;
const values = (x: Tensor): Float64Array => to(x, { dtype: 'float64' }).data() as Float64Array;
/** Largest difference, by the largest value expected. */
function off(actual: Tensor, expected: Tensor): number {
  const [a, b] = [values(actual), values(expected)];
  assert.deepEqual(actual.shape, expected.shape);
  let [difference, size] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    difference = Math.max(difference, Math.abs(a[i]! - b[i]!));
    size = Math.max(size, Math.abs(b[i]!));
  }
  return difference / size;
}

// Oracle: PyTorch's convolution in float64. What float32 loses is some millionths of the largest value.
for (const given of CASES)
  test(`${nameOf(given)} [${given.x.join(', ')}] to ${given.out} ${given.format ?? ''}: values and both gradients`, () => {
    const [x, weight] = tensors(given);
    const double = [x, weight].map((tensor) => to(tensor, { dtype: 'float64' })) as [Tensor, Tensor];
    const ours = convolve(x, weight, given);
    const { stride = 1, padding = 1 } = given;
    const exact = conv2d(...double, null, { stride, padding });
    const grad = to(randn(ours.shape, { generator: generator(4) }), { memoryFormat: 'channels_last' });
    const own = gradients([ours], [x, weight], { gradOutputs: [grad] });
    const theirs = gradients([exact], double, { gradOutputs: [to(grad, { dtype: 'float64' })] });
    for (const [name, a, b] of [
      ['values', ours, exact],
      ['gradient of x', own[0]!, theirs[0]!],
      ['gradient of the weight', own[1]!, theirs[1]!],
    ] as const)
      assert.ok(off(a, b) < 2e-6, `${name}: ${off(a, b)}`);
    assert.equal(own[1]!.isContiguous('channels_last'), given.format === undefined);
  });

for (const how of [{ m: 3 }, { stride: 2, padding: 1 }])
  test(`${nameOf(how)}: the same bytes with any number of threads; one gradient alone equals both`, () => {
    const before = getThreads();
    try {
      const [x, weight] = tensors({ x: [9, 24, 18, 17], out: 40 });
      const results = [1, 2, 3].map((threads) => {
        setThreads(threads);
        const out = convolve(x, weight, how);
        const both = gradients([sum(mul(out, out))], [x, weight], { retainGraph: true });
        const [alone] = gradients([sum(mul(out, out))], [weight]);
        assert.deepEqual(values(alone!), values(both[1]!));
        return [out, ...both].map((tensor) => values(tensor!));
      });
      for (const other of results) assert.deepEqual(other, results[0]);
    } finally {
      setThreads(before);
    }
  });

test('mistakes and second derivatives are refused', () => {
  const [x, weight] = tensors({ x: [2, 16, 8, 8], out: 16 });
  const product = { stride: 1, padding: 1 };
  assert.throws(() => convolve(x, randn([8, 16, 5, 5]), { m: 3 }), /a weight \[O, C, 3, 3\]/);
  assert.throws(() => convolve(x, randn([8, 16, 5, 3]), product), /a weight \[O, C, k, k\]/);
  assert.throws(() => convolve(x, weight, { m: 5 }), /tiles of 2 or 3/);
  assert.throws(() => convolve(x, weight, { stride: 0, padding: 1 }), /a stride above 0/);
  for (const how of [{ m: 3 }, product]) {
    assert.throws(() => convolve(to(x, { dtype: 'float64' }), weight, how), /in float32/);
    const out = convolve(x, weight, how);
    assert.throws(() => gradients([sum(out)], [weight], { createGraph: true }), /has no second derivative/);
  }
});
