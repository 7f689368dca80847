import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { createModel } from '../../src/models/index.js';
import {
  crossEntropy,
  forwardIn,
  fromTypedArray,
  generator,
  gradients,
  heapUse,
  manualSeed,
  type Recompute,
  randn,
  recompute,
  scope,
  type Tensor,
  to,
  zeros,
} from '../../src/torch/index.js';

const half = { width: 0.25, classes: 4 };
const NETWORKS = [
  ['resnet-rs-26', { ...half, stemStride: 2, stochasticDepth: 0.2 }],
  ['resnet-34', half],
  ['efficientnet-b0', { ...half, stochasticDepth: 0.2 }],
  ['resnest-14d', { classes: 4 }],
  // Its stem is a 3x3 convolution of many channels on pictures in float32.
  ['tresnet-m', { classes: 4 }],
] as const;

/** The bytes of the gradients and the statistics, as a hash. */
function step(name: string, overrides: object, precision: 'float32' | 'bfloat16', what: Recompute): string {
  return scope(() => {
    const model = createModel(name, overrides, 3).train().to({ memoryFormat: 'channels_last' });
    const x = to(randn([4, 3, 64, 64], { generator: generator(5) }), { memoryFormat: 'channels_last' });
    const y = fromTypedArray(new BigInt64Array([0n, 1n, 2n, 3n]), [4]);
    manualSeed(7n);
    const outputs = recompute(what, () => forwardIn(precision, 'cpu', () => model.forward(x)));
    crossEntropy(outputs, y, 0.1).backward();
    const hash = createHash('sha256');
    for (const parameter of model.parameters().values())
      hash.update(Buffer.from((parameter.grad!.data() as Float32Array).buffer));
    for (const value of model.state().values()) hash.update(Buffer.from((value.data() as Float32Array).buffer));
    model.dispose();
    return hash.digest('hex');
  });
}

for (const [name, overrides] of NETWORKS)
  test(`${name}: what is computed again changes no bit of a gradient or a statistic`, () => {
    for (const precision of ['float32', 'bfloat16'] as const) {
      const kept = step(name, overrides, precision, 'none');
      for (const what of ['norm', 'block', 'stage'] as const)
        assert.equal(step(name, overrides, precision, what), kept, `${precision}, ${what}`);
    }
  });

test('each way of computing again takes less memory than the one before', () => {
  const model = createModel('resnet-50', half).train().to({ memoryFormat: 'channels_last' });
  const x = to(zeros([16, 3, 96, 96]), { memoryFormat: 'channels_last' });
  const y = fromTypedArray(new BigInt64Array(16), [16]);
  const peaks = (['stage', 'block', 'norm', 'none'] as const).map((what) => {
    heapUse({ reset: true });
    scope(() =>
      crossEntropy(
        recompute(what, () => model.forward(x)),
        y,
        0.1,
      ).backward(),
    );
    return heapUse().peak;
  });
  model.dispose();
  for (const [i, peak] of peaks.slice(1).entries()) assert.ok(peak > 1.1 * peaks[i]!, `${peaks.join(', ')}`);
});

test('a retained graph gives its gradients twice', () => {
  const model = createModel('resnet-rs-14', { ...half, stemStride: 1 }).train();
  const x = to(randn([2, 3, 32, 32]), { memoryFormat: 'channels_last' });
  const weights = [...model.parameters().values()];
  for (const what of ['norm', 'block', 'stage'] as const) {
    const loss = crossEntropy(
      recompute(what, () => model.forward(x)),
      fromTypedArray(new BigInt64Array(2), [2]),
      0,
    );
    const twice = [true, false].map((retainGraph) => gradients([loss], weights, { retainGraph }) as Tensor[]);
    for (const [i, first] of twice[0]!.entries()) assert.deepEqual(first.data(), twice[1]![i]!.data());
  }
  model.dispose();
  assert.throws(() => recompute('all' as Recompute, () => undefined), /expected none, norm, block or stage/);
});
