import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import {
  createModel,
  modelFacts,
  PUBLISHED_RESNET_RS,
  type ResNet,
  type ResNetOptions,
} from '../../src/models/index.js';
import { liveTensors } from '../../src/torch/index.js';
import { matchesFixture } from '../fixtures/compare.js';
import { fixturePath } from '../fixtures/open.js';

const tiny = (options: Partial<ResNetOptions> = {}): ResNet =>
  createModel('resnet-rs-26', {
    layers: [1, 1, 2, 1],
    width: 0.125,
    classes: 5,
    dropout: 0,
    stochasticDepth: 0,
    ...options,
  });

// Oracle: resnet_rs_reference.py in PyTorch, float64 (make_resnet.py).
const variants: [name: string, options: Partial<ResNetOptions>][] = [
  ['resnet_rs_tiny', {}],
  ['resnet_rs_stem2', { stemStride: 2 }],
  ['resnet_rs_stem1', { stemStride: 1 }],
];
for (const [name, options] of variants) {
  describe(`${name} against PyTorch`, () => {
    for (const memoryFormat of ['contiguous', 'channels_last'] as const) {
      test(`${memoryFormat}: logits, loss, gradients, running statistics`, () => {
        const before = liveTensors();
        const model = tiny(options);
        matchesFixture(model, 'resnet_rs_tiny.safetensors', `${name}.safetensors`, memoryFormat);
        model.dispose();
        assert.equal(liveTensors(), before, 'every tensor is released');
      });
    }
  });
}

test('resnet-rs-50: state keys in order, shapes and parameter count equal the reference', () => {
  const reference = JSON.parse(readFileSync(fixturePath('resnet_rs_50_keys.json'), 'utf8')) as {
    parameters: number;
    state: [string, number[]][];
  };
  const model = createModel('resnet-rs-50');
  assert.deepEqual(
    [...model.state()].map(([key, value]) => [key, [...value.shape]]),
    reference.state,
  );
  assert.equal(model.parameterCount(), reference.parameters);
  model.dispose();
});

/** Exact counts, which equal timm's to 0.01 M. Source: shared reference models.json, resnet_rs_models.params_exact. */
const published: [depth: number, resolution: number, parameters: number][] = [
  [50, 160, 35691912],
  [101, 160, 63618696],
  [101, 192, 63618696],
  [152, 192, 86621576],
  [152, 224, 86621576],
  [152, 256, 86621576],
  [200, 256, 93209992],
  [270, 256, 129861448],
  [350, 256, 163956168],
  [350, 320, 163956168],
  [420, 320, 191891656],
];

test('parameter counts of the eleven published models', () => {
  assert.deepEqual(
    PUBLISHED_RESNET_RS.map((row) => [row.depth, row.resolution, row.parameters]),
    published,
  );
  // Blocks after a stage's first are alike, so one small network gives the count of every depth without gigabytes of
  // weights.
  const model = createModel('resnet-rs-26');
  const total = model.parameterCount();
  const stages = [model.layer1, model.layer2, model.layer3, model.layer4].map((stage) =>
    [...stage][1]!.parameterCount(),
  );
  model.dispose();
  for (const [depth, resolution, parameters] of published) {
    const { layers } = modelFacts(`resnet-rs-${depth}@${resolution}`).options;
    const count = stages.reduce((sum, block, i) => sum + block * (layers[i]! - 2), total);
    assert.equal(count, parameters, `resnet-rs-${depth}@${resolution}`);
  }
});

test('stochastic-depth rates: constant in a stage (TensorFlow) or a ramp over blocks (timm)', () => {
  const rates = (options: Partial<ResNetOptions>): number[] => {
    const model = tiny({ stochasticDepth: 0.1, ...options });
    model.dispose();
    return model.blocks().map((block) => Number(block.stochasticDepthRate.toFixed(12)));
  };
  assert.deepEqual(rates({ stochasticDepthRule: 'stage' }), [0.04, 0.06, 0.08, 0.08, 0.1]);
  assert.deepEqual(rates({ stochasticDepthRule: 'block' }), [0, 0.025, 0.05, 0.075, 0.1]);
});

test('with the last gamma of each block at 0, blocks start as relu(shortcut)', () => {
  const model = tiny({ zeroInitLastGamma: true });
  for (const block of model.blocks())
    assert.ok((block.lastNorm.weight.data() as Float32Array).every((value) => value === 0));
  model.dispose();
});
