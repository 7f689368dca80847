import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BlurPool2d } from '../../src/nn/index.js';
import {
  add,
  call,
  type DType,
  generator,
  getThreads,
  gradients,
  mul,
  randn,
  scope,
  setThreads,
  type Tensor,
  to,
} from '../../src/torch/index.js';

const TYPES: readonly [DType, number][] = [
  ['float64', 1e-12],
  ['float32', 1e-5],
];
const random = generator(13);
const draw = (shape: readonly number[], dtype: DType, format: 'contiguous' | 'channels_last'): Tensor => {
  const x = to(randn(shape, { dtype, generator: random }), { memoryFormat: format });
  x.requiresGrad = true;
  return x;
};
const largestDifference = (a: Tensor, b: Tensor): number => {
  const [x, y] = [a.data() as Float64Array, b.data() as Float64Array];
  assert.equal(x.length, y.length);
  return x.reduce((worst, value, i) => Math.max(worst, Math.abs(value - y[i]!)), 0);
};

/** Values and gradients of a kernel against those of PyTorch's operators, and its bytes on two threads. */
function check(ours: () => Tensor, theirs: () => Tensor, of: readonly Tensor[], tolerance: number): void {
  const [a, b] = [ours(), theirs()];
  assert.deepEqual([...a.shape], [...b.shape]);
  assert.ok(largestDifference(a, b) < tolerance, 'value');
  assert.ok(a.isContiguous('channels_last'));
  const gradient = to(randn(a.shape, { dtype: a.dtype, generator: random }), {});
  const slopes = (out: Tensor): Tensor[] => gradients([out], [...of], { gradOutputs: [gradient] }) as Tensor[];
  const own = slopes(a);
  for (const [i, expected] of slopes(b).entries())
    assert.ok(largestDifference(own[i]!, expected) < 20 * tolerance, `gradient ${i}`);
  const before = getThreads();
  setThreads(2);
  const again = [ours(), ...slopes(ours())];
  setThreads(before);
  for (const [i, value] of [a, ...own].entries())
    assert.equal(largestDifference(value, again[i]!), 0, 'threads change nothing');
}

for (const [dtype, tolerance] of TYPES)
  for (const format of ['contiguous', 'channels_last'] as const) {
    test(`blur pooling equals PyTorch's operators, ${dtype}, ${format}`, () => {
      for (const [h, w] of [
        [2, 2],
        [2, 3],
        [5, 4],
        [7, 9],
      ])
        scope(() => {
          const x = draw([3, 10, h!, w!], dtype, format);
          const blur = new BlurPool2d();
          check(
            () => blur.train().forward(x),
            () => to(blur.train(false).forward(x), { memoryFormat: 'channels_last' }),
            [x],
            tolerance,
          );
        });
    });

    test(`the weighted sum over splits equals PyTorch's operators, ${dtype}, ${format}`, () => {
      for (const radix of [1, 2, 4])
        scope(() => {
          const channels = 10;
          const [x, gate] = [
            draw([3, radix * channels, 4, 5], dtype, format),
            draw([3, radix * channels, 1, 1], dtype, format),
          ];
          const part = (r: number): Tensor => {
            const of = (whole: Tensor): Tensor =>
              call('aten::slice.Tensor', [whole, 1, r * channels, (r + 1) * channels]);
            return mul(of(x), of(gate));
          };
          check(
            () => call('rescaled::radix_sum', [x, gate, radix]),
            () => Array.from({ length: radix }, (_, r) => part(r)).reduce((sum, each) => add(sum, each)),
            [x, gate],
            tolerance,
          );
        });
    });
  }

test('what does not fit is an error that says so', () => {
  scope(() => {
    const [x, gate] = [draw([2, 6, 3, 3], 'float32', 'channels_last'), draw([2, 6, 1, 1], 'float32', 'channels_last')];
    assert.throws(() => call('rescaled::radix_sum', [x, gate, 4]), /expected x \[N, 4 \* C, H, W\]/);
    assert.throws(() => call('rescaled::radix_sum', [x, x, 2]), /expected a gate of shape \[N, 6, 1, 1\]/);
    assert.throws(() => call('rescaled::blur_pool', [gate]), /sides of 2 or more/);
  });
});
