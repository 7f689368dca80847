import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ema, Sgd } from '../../src/optim/index.js';
import {
  call,
  clone,
  generator,
  getThreads,
  noGrad,
  randn,
  setThreads,
  type Tensor,
  tensor,
  to,
} from '../../src/torch/index.js';

// Oracle: PyTorch's `_foreach` operators, which the optimisers use on other devices, in float64.
const SHAPES = [[3], [40, 3, 3, 3], [130, 257], [0], [16, 8, 1, 1]];
const drawn = (seed: number, dtype: 'float32' | 'float64' = 'float64'): Tensor[] => {
  const random = generator(seed);
  return SHAPES.map((shape) =>
    to(randn(shape, { dtype, generator: random }), shape.length === 4 ? { memoryFormat: 'channels_last' } : {}),
  );
};
const worst = (a: readonly Tensor[], b: readonly Tensor[]): number =>
  Math.max(
    ...a.flatMap((one, i) => {
      const [x, y] = [one.data() as Float64Array, b[i]!.data() as Float64Array];
      return Array.from(x, (value, k) => Math.abs(value - y[k]!));
    }),
  );

for (const nesterov of [false, true])
  for (const decoupled of [false, true])
    test(`one pass of SGD equals its steps one by one; nesterov ${nesterov}, decoupled decay ${decoupled}`, () =>
      noGrad(() => {
        const [p, g, v] = [drawn(1), drawn(2), drawn(3)];
        const [p2, g2, v2] = [p, g, v].map((tensors) => tensors.map((one) => clone(one))) as [
          Tensor[],
          Tensor[],
          Tensor[],
        ];
        // A gradient in another order in memory than its parameter.
        g[1] = to(g[1]!, { memoryFormat: 'contiguous' });
        const [rate, momentum, decay] = [0.1, 0.9, 0.01];
        call('rescaled::sgd_', [p, g, v, rate, momentum, nesterov, decay, decoupled]);
        if (decoupled) call('aten::_foreach_mul_.Scalar', [p2, 1 - rate * decay]);
        else call('aten::_foreach_add_.List', [g2, p2], { alpha: decay });
        call('aten::_foreach_mul_.Scalar', [v2, momentum]);
        call('aten::_foreach_add_.List', [v2, g2]);
        if (nesterov) call('aten::_foreach_add_.List', [g2, v2], { alpha: momentum });
        call('aten::_foreach_add_.List', [p2, nesterov ? g2 : v2], { alpha: -rate });
        assert.ok(worst(p, p2) < 1e-14, `parameters: ${worst(p, p2)}`);
        assert.ok(worst(v, v2) < 1e-14, `velocities: ${worst(v, v2)}`);
      }));

test('one pass of the average; the same bytes with any number of threads', () => {
  const before = getThreads();
  try {
    const results = [1, 2, 3].map((threads) => {
      setThreads(threads);
      const [averages, now] = [drawn(4, 'float32'), drawn(5, 'float32')];
      const [p, g, v] = [drawn(6, 'float32'), drawn(7, 'float32'), drawn(8, 'float32')];
      noGrad(() => {
        call('rescaled::average_', [averages, now, 0.99]);
        call('rescaled::sgd_', [p, g, v, 0.1, 0.9, true, 0.01, false]);
      });
      return [...averages, ...p, ...v].map((one) => one.data());
    });
    for (const other of results.slice(1)) assert.deepEqual(other, results[0]);
  } finally {
    setThreads(before);
  }
  const [averages, now] = [drawn(4), drawn(5)];
  const expected = averages.map((one, i) =>
    call<Tensor>('aten::add.Tensor', [call('aten::mul.Scalar', [one, 0.99]), now[i]!], { alpha: 0.01 }),
  );
  noGrad(() => call('rescaled::average_', [averages, now, 0.99]));
  assert.ok(worst(averages, expected) < 1e-15);
});

test('averages and SGD of a model go this way, and mistakes are named', () => {
  const weight = tensor([1, 2]);
  const ema = new Ema(new Map([['weight', weight]]), 0.5);
  noGrad(() => call('aten::fill_.Scalar', [weight, 4]));
  ema.update(100);
  assert.deepEqual([...(ema.shadow.get('weight')!.data() as Float32Array)], [2.5, 3]);
  ema.dispose();
  const sgd = new Sgd([{ parameters: new Map([['weight', weight]]), weightDecay: 0 }], {
    momentum: 0,
    nesterov: false,
  });
  weight.grad = tensor([1, 1]);
  sgd.step(1);
  assert.deepEqual([...(weight.data() as Float32Array)], [3, 3]);
  sgd.dispose();
  const run = (...rest: unknown[]) => noGrad(() => call('rescaled::sgd_', [[weight], ...rest, 1, 0, false, 0, false]));
  assert.throws(() => run([tensor([1])], [weight]), /expected gradients of the tensors' shapes/);
  assert.throws(() => run([weight], []), /expected as many velocities/);
});
