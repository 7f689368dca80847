import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createModel, type ResNet, type ResNetOptions } from '../../src/models/index.js';
import { liveTensors, shapeOnly } from '../../src/torch/index.js';
import { matchesFixture } from '../fixtures/compare.js';

const small = (name: 'resnet-18' | 'resnet-50', options: Partial<ResNetOptions>): ResNet =>
  createModel(name, { layers: [1, 2, 1, 1], width: 0.0625, classes: 5, ...options });

// Oracle: torchvision's ResNet, and its blocks with the D and SE changes, in float64 (make_classic.py).
const variants: [name: string, model: 'resnet-18' | 'resnet-50', options: Partial<ResNetOptions>][] = [
  ['classic_basic', 'resnet-18', {}],
  ['classic_bottleneck', 'resnet-50', {}],
  ['classic_d', 'resnet-50', { stem: 'deep', avgDown: true }],
  ['classic_se', 'resnet-50', { seRatio: 1 / 16 }],
];
for (const [name, model, options] of variants)
  describe(`${name} against torchvision`, () => {
    for (const memoryFormat of ['contiguous', 'channels_last'] as const)
      test(`${memoryFormat}: logits, loss, gradients, running statistics`, () => {
        const before = liveTensors();
        const built = small(model, options);
        matchesFixture(built, `${name}.safetensors`, `${name}.safetensors`, memoryFormat);
        built.dispose();
        assert.equal(liveTensors(), before, 'every tensor is released');
      });
  });

test('every width is the nearest multiple of 8, at least 8', () => {
  // By hand: 64 * 0.3 = 19.2 -> 16, 128 * 0.3 = 38.4 -> 40, 76.8 -> 80, 153.6 -> 152; 64 * 0.1 = 6.4 -> 8, 12.8 -> 16,
  // 25.6 -> 24, 51.2 -> 48.
  const cases: [width: number, stem: number, planes: number[]][] = [
    [0.3, 16, [16, 40, 80, 152]],
    [0.1, 8, [8, 16, 24, 48]],
    [0.25, 16, [16, 32, 64, 128]],
    [2, 128, [128, 256, 512, 1024]],
  ];
  for (const [width, stem, planes] of cases) {
    const found = shapeOnly(() => {
      const state = createModel('resnet-18', { width, classes: 2, layers: [1, 1, 1, 1] }).state();
      return ['conv1.weight', ...[1, 2, 3, 4].map((i) => `layer${i}.0.conv2.weight`)].map(
        (key) => state.get(key)!.shape[0],
      );
    });
    assert.deepEqual(found, [stem, ...planes], `width ${width}`);
  }
});
