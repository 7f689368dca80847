import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  call,
  conv2d,
  type DType,
  generator,
  getThreads,
  gradients,
  randn,
  setThreads,
  sum,
  type Tensor,
  to,
} from '../../src/torch/index.js';

interface Case {
  shape: [number, number, number, number];
  kernel: number;
  stride: number;
  padding: number;
  dtype?: DType;
  format?: 'contiguous' | 'channels_last';
}
const CASES: Case[] = [
  { shape: [3, 48, 14, 14], kernel: 5, stride: 1, padding: 2 },
  { shape: [2, 32, 15, 13], kernel: 5, stride: 2, padding: 2 },
  { shape: [2, 16, 19, 20], kernel: 5, stride: 2, padding: 0 },
  { shape: [2, 16, 9, 9], kernel: 5, stride: 3, padding: 4 },
  // Pictures smaller than the kernel, where every column is at a border.
  { shape: [2, 16, 1, 1], kernel: 5, stride: 1, padding: 2 },
  { shape: [2, 16, 4, 3], kernel: 5, stride: 1, padding: 2 },
  { shape: [2, 16, 8, 8], kernel: 5, stride: 1, padding: 2, format: 'contiguous' },
  // PyTorch's own gradient: other widths, kernels and dtypes.
  { shape: [2, 20, 8, 8], kernel: 5, stride: 1, padding: 2 },
  { shape: [2, 16, 8, 8], kernel: 3, stride: 1, padding: 1 },
  { shape: [2, 16, 8, 8], kernel: 5, stride: 1, padding: 2, dtype: 'float64' },
];

function tensors({ shape, kernel, dtype = 'float32', format = 'channels_last' }: Case): { x: Tensor; weight: Tensor } {
  const random = generator(3);
  const x = to(randn(shape, { dtype, generator: random }), { memoryFormat: format });
  const weight = randn([shape[1], 1, kernel, kernel], { dtype, generator: random });
  x.requiresGrad = true;
  weight.requiresGrad = true;
  return { x, weight };
}
function relative(actual: Tensor, expected: Tensor): number {
  const [a, b] = [actual.data() as Float32Array, expected.data() as Float32Array];
  assert.deepEqual(actual.shape, expected.shape);
  let [off, size] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    off += (a[i]! - b[i]!) ** 2;
    size += b[i]! ** 2;
  }
  return Math.sqrt(off / size);
}

// Oracle: PyTorch's convolution in float64.
for (const given of CASES) {
  const { shape, kernel, stride, padding, dtype = 'float32', format = 'channels_last' } = given;
  test(`depthwise ${kernel}x${kernel}, stride ${stride}, padding ${padding}, [${shape.join(', ')}] ${dtype} ${format}: values and gradients`, () => {
    const { x, weight } = tensors(given);
    const out = call<Tensor>('rescaled::depthwise_conv', [x, weight, stride, padding]);
    const exactX = to(x, { dtype: 'float64' });
    const exactWeight = to(weight, { dtype: 'float64' });
    const exact = conv2d(exactX, exactWeight, null, { stride, padding, groups: shape[1] });
    assert.ok(relative(out, exact) < 1e-6);
    const grad = randn(out.shape, { dtype, generator: generator(4) });
    const ours = gradients([out], [x, weight], { gradOutputs: [grad] });
    const theirs = gradients([exact], [exactX, exactWeight], { gradOutputs: [to(grad, { dtype: 'float64' })] });
    for (let i = 0; i < 2; i++)
      assert.ok(relative(ours[i]!, theirs[i]!) < 2e-6, `gradient ${i}: ${relative(ours[i]!, theirs[i]!)}`);
  });
}

test('the same bytes with any number of threads; one gradient alone equals both', () => {
  const before = getThreads();
  try {
    const { x, weight } = tensors({ shape: [3, 96, 30, 31], kernel: 5, stride: 2, padding: 2 });
    const results = [1, 2, 3].map((threads) => {
      setThreads(threads);
      const out = call<Tensor>('rescaled::depthwise_conv', [x, weight, 2, 2]);
      const [, both] = gradients([sum(out)], [x, weight], { retainGraph: true });
      const [alone] = gradients([sum(out)], [weight]);
      assert.deepEqual(alone!.data(), both!.data());
      return alone!.data();
    });
    for (const other of results) assert.deepEqual(other, results[0]);
  } finally {
    setThreads(before);
  }
});

test('mistakes and second derivatives are refused', () => {
  const { x, weight } = tensors({ shape: [2, 16, 8, 8], kernel: 5, stride: 1, padding: 2 });
  assert.throws(() => call('rescaled::depthwise_conv', [x, randn([8, 2, 5, 5]), 1, 2]), /a weight \[C, 1, k, k\]/);
  assert.throws(() => call('rescaled::depthwise_conv', [x, weight, 0, 2]), /expected a stride above 0/);
  const out = call<Tensor>('rescaled::depthwise_conv', [x, weight, 1, 2]);
  assert.throws(() => gradients([sum(out)], [weight], { createGraph: true }), /has no second derivative/);
});
