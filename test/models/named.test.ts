import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  createModel,
  modelCost,
  modelFacts,
  modelNames,
  PUBLISHED_EFFICIENTNET,
  PUBLISHED_RESNET_RS,
} from '../../src/models/index.js';
import {
  call,
  crossEntropy,
  fromTypedArray,
  generator,
  liveTensors,
  noGrad,
  scope,
  type Tensor,
  to,
  zeros,
} from '../../src/torch/index.js';

const LARGEST = 64e6;
// Of the families that ResNet-RS is compared with one small member each: compared.test.ts has the rest.
const names = modelNames().filter(
  (name) => !name.startsWith('efficientnet-rs-') && !/^(tresnet|resnest)-(?!m$|14d$)/.test(name),
);
const small = names.filter((name) => modelCost(name, { batch: 2, size: 64 }).parameters <= LARGEST);

const noise = (shape: number[], seed: number): Tensor =>
  to(call('aten::normal_', [zeros(shape), 0, 1], { generator: generator(seed) }), { memoryFormat: 'channels_last' });

test('20 models have up to 64 million parameters', () => {
  assert.deepEqual(small, [
    'resnet-14',
    'resnet-18',
    'resnet-26',
    'resnet-34',
    'resnet-50',
    'resnet-101',
    'resnet-152',
    'resnet-rs-14',
    'resnet-rs-26',
    'resnet-rs-50',
    'resnet-rs-101',
    'efficientnet-b0',
    'efficientnet-b1',
    'efficientnet-b2',
    'efficientnet-b3',
    'efficientnet-b4',
    'efficientnet-b5',
    'efficientnet-b6',
    'tresnet-m',
    'resnest-14d',
  ]);
});

for (const name of small)
  test(`${name}: forward at its own resolution, backward at 64 pixels`, () => {
    const before = liveTensors();
    const { size } = modelFacts(name);
    const model = createModel(name, {}, 1).to({ memoryFormat: 'channels_last' });
    scope(() => {
      const logits = noGrad(() => model.forward(noise([1, 3, size, size], 2)));
      assert.deepEqual([...logits.shape], [1, 1000]);
      const values = logits.data() as Float32Array;
      assert.ok(values.every(Number.isFinite) && new Set(values).size > 900, 'a thousand finite logits, not all alike');
    });
    scope(() => {
      const labels = fromTypedArray(BigInt64Array.of(3n, 700n), [2]);
      const loss = crossEntropy(model.train().forward(noise([2, 3, 64, 64], 3)), labels, 0.1);
      // -log(1/1000) = 6.9 at chance.
      assert.ok(loss.item() > 4 && loss.item() < 12, `loss ${loss.item()}`);
      loss.backward();
      for (const [key, parameter] of model.parameters()) {
        assert.ok(parameter.grad, `${key} has no gradient`);
        assert.ok(
          Number.isFinite(scope(() => call<Tensor>('aten::sum', [parameter.grad!]).item())),
          `${key}: gradient`,
        );
      }
      const stem = model.parameters().values().next().value!;
      assert.ok(
        (stem.grad!.data() as Float32Array).some((value) => value !== 0),
        'the gradient reaches the stem',
      );
    });
    model.dispose();
    assert.equal(liveTensors(), before, 'every tensor is released');
  });

test('the largest: two are built, all are counted', () => {
  for (const [name, parameters] of [
    ['resnet-rs-152', 86621576],
    ['efficientnet-b7', 66347960],
  ] as const) {
    const model = createModel(name);
    assert.equal(model.parameterCount(), parameters);
    model.dispose();
  }
  for (const { depth, resolution, parameters, gmacs } of PUBLISHED_RESNET_RS) {
    const cost = modelCost(`resnet-rs-${depth}@${resolution}`, { batch: 2 });
    assert.equal(cost.parameters, parameters);
    assert.ok(
      Math.abs(cost.multiplyAdds / 1e9 - gmacs) < 0.006,
      `resnet-rs-${depth}@${resolution}: ${cost.multiplyAdds}`,
    );
  }
  for (const { variant, parameters, gmacs } of PUBLISHED_EFFICIENTNET) {
    const cost = modelCost(`efficientnet-${variant}`, { batch: 2 });
    assert.equal(cost.parameters, parameters);
    assert.ok(Math.abs(cost.multiplyAdds / 1e9 - gmacs) < 0.0006, `efficientnet-${variant}: ${cost.multiplyAdds}`);
  }
});
