import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createModel, type ImageModel } from '../../../src/models/index.js';
import { segmentationModel } from '../../../src/models/segment/index.js';
import { resolveRecipe } from '../../../src/recipe/recipe.js';
import { randn, scope, sum } from '../../../src/torch/index.js';
import { buildOptimiser, freeze, stageDepths, trainUnfrozen } from '../../../src/train/step/optimiser.js';

const tiny = (): ImageModel => createModel('resnet-rs-14', { width: 0.125, classes: 3 }, 1);
const recipe = (settings: Record<string, unknown>) => resolveRecipe('quick', 'resnet-rs-14', 28, settings).values;

describe('layer-wise learning rates', () => {
  test('stages from the stem to the head', () => {
    const model = tiny();
    const depths = stageDepths(model);
    assert.deepEqual(
      ['conv1.0.weight', 'bn1.bias', 'layer1.0.conv1.weight', 'layer4.0.bn3.weight', 'fc.bias'].map((key) =>
        depths.get(key),
      ),
      [0, 0, 1, 4, 5],
    );
    const other = createModel('efficientnet-b0', { classes: 3 }, 1);
    const blocks = stageDepths(other);
    assert.deepEqual(
      [
        'conv_stem.weight',
        'bn1.weight',
        'blocks.0.0.bn1.weight',
        'blocks.6.0.bn1.bias',
        'conv_head.weight',
        'bn2.weight',
        'classifier.weight',
      ].map((key) => blocks.get(key)),
      [0, 0, 1, 7, 8, 8, 9],
    );
    // TResNet's stages are those of its body.
    const third = createModel('tresnet-m', { width: 0.125, classes: 3 }, 1);
    const stages = stageDepths(third);
    assert.deepEqual(
      ['body.conv1.bn.bias', 'body.layer1.0.conv1.conv.weight', 'body.layer4.0.conv3.bn.bias', 'head.fc.weight'].map(
        (key) => stages.get(key),
      ),
      [0, 1, 4, 5],
    );
    model.dispose();
    third.dispose();
    other.dispose();
  });

  test('each stage learns at layerDecay times the rate of the next, whether decayed or not', () => {
    const model = tiny();
    const optimiser = buildOptimiser(recipe({ layerDecay: 0.5 }), model);
    const scales = new Map(
      optimiser.groups.flatMap((group) =>
        [...group.parameters.keys()].map((key) => [key, [group.rateScale, group.weightDecay]] as const),
      ),
    );
    assert.deepEqual(scales.get('fc.weight'), [1, 2e-4]);
    assert.deepEqual(scales.get('layer4.0.conv1.weight'), [0.5, 2e-4]);
    assert.deepEqual(scales.get('layer4.0.bn1.weight'), [0.5, 0]);
    assert.deepEqual(scales.get('conv1.0.weight'), [1 / 32, 2e-4]);
    assert.equal(scales.size, model.parameters().size);
    optimiser.dispose();
    model.dispose();
  });
});

test('the head has its own rate and decay, and a second head its own rate beside it', () => {
  const model = segmentationModel(
    createModel('resnet-18', { width: 0.125, classes: 3 }, 1),
    { kind: 'fcn', channels: 8, norm: 'batch', outputStride: 8, aux: true },
    { outputs: 3, dropout: 0, seed: 1 },
  );
  const values = recipe({ headRate: 2, headDecay: 0, auxRate: 10, weightDecay: 0.01 });
  const optimiser = buildOptimiser(values, model);
  const found = new Map(
    optimiser.groups.flatMap((group) =>
      [...group.parameters.keys()].map((key) => [key, [group.rateScale ?? 1, group.weightDecay]] as const),
    ),
  );
  assert.deepEqual(found.get('conv1.weight'), [1, 0.01]);
  assert.deepEqual(found.get('decoder.classifier.0.weight'), [2, 0]);
  assert.deepEqual(found.get('decoder.aux_classifier.0.weight'), [20, 0]);
  assert.equal(found.size, model.parameters().size);
  optimiser.dispose();
  model.dispose();
});

describe('freezing', () => {
  test('a frozen trunk keeps weights and batch-norm statistics; the head is trained', () => {
    const model = tiny();
    const frozen = freeze(model, ['trunk']);
    const optimiser = buildOptimiser(recipe({ learningRate: 1 }), model);
    trainUnfrozen(model, frozen);
    const before = new Map([...model.state()].map(([key, value]) => [key, [...value.data()]]));
    scope(() => sum(model.forward(randn([4, 3, 32, 32]))).backward());
    optimiser.step(0.1);
    for (const [key, value] of model.state()) {
      const same = JSON.stringify([...value.data()]) === JSON.stringify(before.get(key));
      assert.equal(same, !key.startsWith('fc.'), key);
    }
    assert.deepEqual([...optimiser.slots.get('velocity')!.keys()], ['fc.weight', 'fc.bias']);
    optimiser.dispose();
    model.dispose();
  });

  test('parts by the beginning of their keys, whole names only', () => {
    const model = tiny();
    const frozen = freeze(model, ['conv1', 'layer1.0']);
    const keys = [...model.parameters()].filter(([, parameter]) => !parameter.requiresGrad).map(([key]) => key);
    assert.ok(keys.includes('conv1.0.weight') && keys.includes('layer1.0.conv1.weight'));
    assert.ok(keys.every((key) => /^(conv1|layer1\.0)\./.test(key)));
    assert.ok(!frozen('layer1') && frozen('layer1.0') && !frozen('layer1.01'));
    model.dispose();
  });

  test('a part that is not there, and nothing left to train', () => {
    const model = tiny();
    assert.throws(() => freeze(model, ['layer9']), /freeze but received "layer9".*layer4, fc/);
    freeze(model, ['trunk', 'fc']);
    assert.throws(() => buildOptimiser(recipe({}), model), /every parameter is frozen/);
    model.dispose();
  });
});
