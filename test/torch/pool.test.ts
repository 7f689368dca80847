import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  call,
  type DType,
  fromTypedArray,
  generator,
  gradients,
  randn,
  type Tensor,
  to,
} from '../../src/torch/index.js';

/** The result and the gradient for a given one, as float64 arrays. */
function both(x: Tensor, of: (x: Tensor) => Tensor): number[][] {
  const leaf = call<Tensor>('aten::clone', [x]);
  leaf.requiresGrad = true;
  const out = of(leaf);
  const grad = to(randn([...out.shape], { generator: generator(9) }), {
    dtype: x.dtype,
    memoryFormat: 'channels_last',
  });
  const numbers = (tensor: Tensor): number[] => [...(to(tensor, { dtype: 'float64' }).data() as Float64Array)];
  return [numbers(out), numbers(gradients([out], [leaf], { gradOutputs: [grad] })[0]!)];
}

// Oracle: PyTorch's pooling.
for (const dtype of ['float32', 'float64', 'bfloat16'] as const satisfies readonly DType[])
  test(`pooling in ${dtype} has PyTorch's bytes, ties, NaN and infinities included`, () => {
    for (const [shape, kernel, stride, padding] of [
      [[3, 20, 12, 12], 3, 2, 1],
      [[2, 8, 7, 9], 3, 2, 1],
      [[1, 3, 1, 1], 3, 2, 1],
      [[2, 16, 9, 8], 2, 2, 0],
      [[1, 5, 11, 10], 5, 1, 2],
    ] as const) {
      const values = randn([...shape], { generator: generator(1) }).data() as Float32Array;
      // Many ties, and what no comparison is true for.
      for (let i = 0; i < values.length; i++) values[i] = Math.round(values[i]! * 2) / 2;
      values[0] = Number.NaN;
      values[values.length >> 1] = Number.POSITIVE_INFINITY;
      values[values.length - 1] = Number.NEGATIVE_INFINITY;
      const x = to(fromTypedArray(values, shape), { dtype, memoryFormat: 'channels_last' });
      const side = (n: number) => [n, n];
      assert.deepEqual(
        both(x, (t) => call('rescaled::max_pool', [t, kernel, stride, padding])),
        both(x, (t) => call('aten::max_pool2d', [t, side(kernel), side(stride), side(padding)])),
      );
      for (const [ceil, countPad] of [
        [true, false],
        [false, true],
      ] as const)
        assert.deepEqual(
          both(x, (t) => call('rescaled::avg_pool', [t, kernel, stride, padding, ceil, countPad])),
          both(x, (t) => call('aten::avg_pool2d', [t, side(kernel), side(stride), side(padding), ceil, countPad])),
        );
    }
  });

test('wrong windows are refused in words', () => {
  const x = to(randn([1, 4, 5, 5]), { memoryFormat: 'channels_last' });
  const max = (...args: number[]) => call<Tensor>('rescaled::max_pool', [x, ...args]);
  assert.throws(() => max(16, 1, 0), /a kernel of 1 to 15/);
  assert.throws(() => max(3, 0, 1), /a stride above 0/);
  assert.throws(() => max(3, 1, 2), /at most half the kernel/);
  assert.throws(() => max(7, 1, 0), /expected sides of 7 or more/);
});
