import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  activationMaps,
  createModel,
  hasActivationMaps,
  type ImageModel,
  modelNames,
  type ResNet,
} from '../../src/models/index.js';
import { Activate, Linear, Sequential } from '../../src/nn/index.js';
import { call, liveTensors, manualSeed, noGrad, scope, type Tensor, to } from '../../src/torch/index.js';
import { assertMatches, fixtureTensor, loadState } from '../fixtures/compare.js';
import { openFixture } from '../fixtures/open.js';

const resnet = (): ImageModel =>
  createModel('resnet-rs-26', { layers: [1, 1, 2, 1], width: 0.125, classes: 5, dropout: 0.3, stochasticDepth: 0.1 });
const efficientnet = (): ImageModel =>
  createModel('efficientnet-b0', { width: 0.125, depth: 0.5, classes: 5, padding: 'symmetric', normEpsilon: 1e-5 });

// Oracle: PyTorch and torchvision in float64 (make_cam.py).
for (const [name, make, weights, pictures] of [
  ['resnet', resnet, 'resnet_rs_tiny', 'resnet_rs_tiny'],
  ['efficientnet', efficientnet, 'efficientnet_params', 'efficientnet_symmetric'],
] as const)
  describe(`class activation maps of a ${name} against PyTorch`, () => {
    for (const memoryFormat of ['contiguous', 'channels_last'] as const)
      test(memoryFormat, () => {
        const before = liveTensors();
        const model = make().train(false) as ImageModel;
        const expected = openFixture('cam.safetensors');
        const params = openFixture(`${weights}.safetensors`);
        scope(() => {
          loadState(model, params, (key) => `param.${key}`);
          model.to({ memoryFormat });
          const x = to(fixtureTensor(openFixture(`${pictures}.safetensors`), 'input'), { memoryFormat });
          const { logits, maps } = activationMaps(model, x)!;
          assertMatches(maps, expected, `${name}.maps`, 1e-5);
          const first = call<Tensor>('aten::narrow', [call('aten::narrow', [maps, 0, 0, 1]), 1, 0, 1]);
          const large = call<Tensor>('aten::upsample_bilinear2d', [first, x.shape.slice(2), false, null, null]);
          assertMatches(large, expected, `${name}.large`, 1e-5);
          const own = noGrad(() => model.forward(x));
          assertNear(logits, own, 1e-4);
        });
        model.dispose();
        assert.equal(liveTensors(), before, 'every tensor is released');
      });
  });

/** Relative to the largest of them. */
function assertNear(actual: Tensor, expected: Tensor, tolerance: number): void {
  const [a, b] = [actual, expected].map((tensor) => tensor.data() as Float32Array) as [Float32Array, Float32Array];
  const most = b.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  a.forEach((value, i) => assert.ok(Math.abs(value - b[i]!) < tolerance * most, `${value} where ${b[i]} is right`));
}

test('the mean of a map and the bias are the logit, of a model of each family at a size its stride does not divide', () => {
  const usual = modelNames().filter((name) => !name.startsWith('efficientnet-rs'));
  const familyOf = (name: string): string => name.replace(/-[^-]*$/, '');
  const names = [...new Set(usual.map(familyOf))].map((family) => usual.find((name) => familyOf(name) === family)!);
  assert.ok(names.length >= 3, names.join());
  for (const name of names)
    scope(() => {
      manualSeed(3n);
      const model = createModel(name, { classes: 4, width: 0.25 }).train(false) as ImageModel;
      assert.ok(hasActivationMaps(model), name);
      const x = call<Tensor>('aten::randn', [[2, 3, 72, 72]]);
      noGrad(() => call('aten::normal_', [headBias(model), 0, 1]));
      const { logits, maps } = activationMaps(model, x)!;
      assert.deepEqual(maps.shape.slice(0, 2), [2, 4]);
      assertNear(
        logits,
        noGrad(() => model.forward(x)),
        1e-4,
      );
      model.dispose();
    });
});

const headBias = (model: ImageModel): Tensor => (new Map(model.modules()).get(model.head) as Linear).bias!;

test('a model with another head has no maps', () => {
  scope(() => {
    const model = createModel('resnet-rs-14', { classes: 4, width: 0.125 }) as ResNet;
    const { fc } = model;
    model.fc = new Sequential([new Activate('relu'), new Linear(fc.inFeatures, 4)]) as unknown as Linear;
    assert.equal(hasActivationMaps(model), false);
    assert.equal(activationMaps(model, call<Tensor>('aten::randn', [[1, 3, 64, 64]])), undefined);
  });
});
