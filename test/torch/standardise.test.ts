import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  batchNorm,
  call,
  fromTypedArray,
  generator,
  gradients,
  mul,
  randn,
  reshape,
  scope,
  type Tensor,
  to,
} from '../../src/torch/index.js';

const largestDifference = (a: Tensor, b: Tensor): number => {
  const [x, y] = [a.data() as Float64Array, b.data() as Float64Array];
  return x.reduce((worst, value, i) => Math.max(worst, Math.abs(value - y[i]!)), 0);
};

// Kernels of fewer, as many and more numbers than the 32 lanes of a sum.
for (const [dtype, tolerance] of [
  ['float64', 1e-12],
  ['float32', 1e-5],
] as const)
  for (const shape of [
    [5, 3, 3, 3],
    [4, 32, 1, 1],
    [3, 9, 5, 5],
  ])
    for (const memoryFormat of ['contiguous', 'channels_last'] as const)
      test(`standardised kernels equal batch norm over each, values and gradients, ${dtype}, ${shape.join('x')}, ${memoryFormat}`, () => {
        scope(() => {
          const random = generator(5);
          const draw = (sides: readonly number[]): Tensor => randn(sides, { dtype, generator: random });
          const weight = to(draw(shape), { memoryFormat });
          const gain = draw([shape[0]!, 1, 1, 1]);
          for (const x of [weight, gain]) x.requiresGrad = true;
          const [rows, count] = [shape[0]!, weight.size / shape[0]!];
          const ours = call<Tensor>('rescaled::standardise', [weight, gain, 0.3, 1e-5]);
          const flat = reshape(weight, [1, rows, count]);
          const scaled = mul(reshape(gain, [rows]), 0.3);
          const theirs = reshape(batchNorm(flat, scaled, null, null, null, true, 0, 1e-5), shape);
          assert.ok(largestDifference(ours, theirs) < tolerance);
          // A gradient that lies in the other order.
          const gradient = to(draw(shape), {
            memoryFormat: memoryFormat === 'contiguous' ? 'channels_last' : 'contiguous',
          });
          const [a, b] = [ours, theirs].map((out) => gradients([out], [weight, gain], { gradOutputs: [gradient] }));
          for (const i of [0, 1]) assert.ok(largestDifference(a![i]!, b![i]!) < 20 * tolerance, `gradient ${i}`);
        });
      });

test('GELU: x (1 + erf(x / sqrt 2)) / 2 and its gradient, whatever the order of the gradient in memory', () => {
  scope(() => {
    const shape = [2, 5, 4, 3];
    for (const [of, against] of [
      ['contiguous', 'channels_last'],
      ['channels_last', 'contiguous'],
      ['channels_last', 'channels_last'],
    ] as const) {
      const x = to(randn(shape, { generator: generator(2) }), { memoryFormat: of });
      x.requiresGrad = true;
      const y = call<Tensor>('rescaled::gelu', [x]);
      const gradient = to(randn(shape, { generator: generator(3) }), { memoryFormat: against });
      const [found] = gradients([y], [x], { gradOutputs: [gradient] });
      const [given, values, slopes, outer] = [x, y, found!, gradient].map((tensor) => tensor.data() as Float32Array);
      const exact = fromTypedArray(
        Float64Array.from(given!, (value) => value * Math.SQRT1_2),
        [given!.length],
      );
      const erf = call<Tensor>('aten::erf', [exact]).data() as Float64Array;
      for (let i = 0; i < given!.length; i++) {
        const phi = (1 + erf[i]!) / 2;
        const density = Math.exp(-(given![i]! ** 2) / 2) / Math.sqrt(2 * Math.PI);
        assert.ok(Math.abs(values![i]! - given![i]! * phi) < 1e-6);
        assert.ok(Math.abs(slopes![i]! - outer![i]! * (phi + given![i]! * density)) < 1e-5, `${of}, ${against}`);
      }
    }
  });
});
