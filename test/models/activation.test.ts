import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createModel } from '../../src/models/index.js';
import { call, crossEntropy, fromTypedArray, noGrad, randn, scope, silu, type Tensor } from '../../src/torch/index.js';

const small = { width: 0.125, classes: 4, stemStride: 1, zeroInitLastGamma: false } as const;

test('silu in a ResNet: no relu is left but in squeeze-excite, and the last activation lets negative values through', () => {
  const model = createModel('resnet-rs-14', { ...small, activation: 'silu' });
  scope(() => {
    const c5 = noGrad(() => model.features(randn([2, 3, 16, 16])).c5).data() as Float32Array;
    const lowest = Math.min(...c5);
    assert.ok(lowest < 0 && lowest > -0.2785, `lowest ${lowest}`); // the minimum of silu
  });
  model.dispose();
});

test('silu in a ResNet: the gradient agrees with a difference quotient', () => {
  const model = createModel('resnet-14', { ...small, activation: 'silu' });
  for (const tensor of model.state().values()) assert.equal(tensor.dtype, 'float32');
  const [x, y] = [randn([4, 3, 16, 16]), fromTypedArray(new BigInt64Array([0n, 1n, 2n, 3n]), [4])];
  model.train();
  const loss = (): number => scope(() => crossEntropy(model.forward(x), y).item());
  scope(() => crossEntropy(model.forward(x), y).backward());
  const weight = model.fc.weight;
  const gradient = (weight.grad as Tensor).data() as Float32Array;
  const at = gradient.reduce((best, value, i) => (Math.abs(value) > Math.abs(gradient[best]!) ? i : best), 0);
  const nudge = (by: number) =>
    noGrad(() =>
      scope(() =>
        call('aten::add_.Scalar', [call('aten::select.int', [call('aten::view', [weight, [-1]]), 0, at]), by]),
      ),
    );
  nudge(1e-2);
  const up = loss();
  nudge(-2e-2);
  const down = loss();
  assert.ok(
    Math.abs((up - down) / 2e-2 - gradient[at]!) < 0.02 * Math.abs(gradient[at]!),
    `${(up - down) / 2e-2} against ${gradient[at]}`,
  );
  assert.ok(scope(() => silu(fromTypedArray(new Float32Array([-1.2784645]), [1])).item()) > -0.2785);
  for (const tensor of [x, y]) tensor.dispose();
  model.dispose();
});
