import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { depthModel } from '../../src/models/depth/index.js';
import { createModel, type ImageModel, type ResNet, type ResNetOptions } from '../../src/models/index.js';
import { type DecoderFacts, dilate, segmentationModel } from '../../src/models/segment/index.js';
import { BatchNorm, Dropout } from '../../src/nn/index.js';
import { silogLoss } from '../../src/tasks/depth/loss.js';
import { pixelLoss } from '../../src/tasks/segment/loss.js';
import {
  call,
  fromTypedArray,
  liveTensors,
  noGrad,
  randn,
  scope,
  shapeOnly,
  type Tensor,
  to,
} from '../../src/torch/index.js';
import type { SafetensorsFile } from '../../src/weights/formats/safetensors.js';
import { segmentationKey, torchvisionSegmentation } from '../../src/weights/names/torchvision-segment.js';
import { assertMatches, fixtureTensor } from '../fixtures/compare.js';
import { fixturePath, openFixture, relativeError } from '../fixtures/open.js';

const TRUNK: Partial<ResNetOptions> = {
  layers: [1, 2, 1, 1],
  width: 0.0625,
  classes: 1,
  stem: 'plain',
  stemPool: 'max',
  avgDown: false,
  seRatio: 0,
};
const facts = (kind: DecoderFacts['kind'], others: Partial<DecoderFacts> = {}): DecoderFacts => ({
  kind,
  channels: 8,
  norm: 'batch',
  outputStride: 8,
  aux: false,
  ...others,
});
const CASES: [name: string, facts: DecoderFacts][] = [
  ['fcn', facts('fcn', { aux: true })],
  ['deeplabv3', facts('deeplabv3', { aux: true })],
  ['deeplabv3plus', facts('deeplabv3plus', { outputStride: 16 })],
  ['fpn', facts('fpn', { norm: 'group', outputStride: 32 })],
];

/** Keys of a fixture's parameters under ours. */
const keyOf = (key: string): string =>
  segmentationKey(key) ?? (key.startsWith('decoder.') ? key : assert.fail(`no rule for ${key}`));

/** The model's values against the fixture's: keys, shapes, outputs, loss, gradients, running statistics, at a relative 1e-4. */
function matches(
  model: ImageModel,
  file: SafetensorsFile,
  loss: (outputs: Tensor) => Tensor,
  format: 'contiguous' | 'channels_last',
): void {
  const named = new Map(
    [...file.entries.keys()].filter((key) => key.startsWith('param.')).map((key) => [keyOf(key.slice(6)), key]),
  );
  assert.deepEqual([...model.state().keys()].sort(), [...named.keys()].sort());
  scope(() => {
    noGrad(() => {
      for (const [key, target] of model.state()) {
        const source = fixtureTensor(file, named.get(key)!);
        assert.deepEqual([...source.shape], [...target.shape], key);
        call('aten::copy_', [target, source]);
      }
    });
    for (const [, module] of model.modules()) {
      if (module instanceof Dropout) (module as { rate: number }).rate = 0;
      if (module instanceof BatchNorm) module.momentum = 0.1;
    }
    model.to({ memoryFormat: format });
    const input = to(fixtureTensor(file, 'input'), { memoryFormat: format });
    const rows = (x: Tensor): Tensor => call('aten::slice.Tensor', [x, 2, 0, x.shape[2], 7]);
    model.train(false);
    assertMatches(
      noGrad(() => rows(model.forward(input))),
      file,
      'logits_eval',
      1e-4,
    );
    model.train();
    const outputs = model.forward(input);
    assertMatches(rows(outputs), file, 'logits_train', 1e-4);
    const value = loss(outputs);
    assertMatches(value, file, 'loss', 1e-4);
    value.backward();
    const own = new Map([...model.parameters()]);
    let compared = 0;
    for (const name of file.entries.keys()) {
      if (name.startsWith('grad.')) assertMatches(own.get(keyOf(name.slice(5)))?.grad, file, name, 1e-4);
      else if (name.startsWith('after.')) assertMatches(model.state().get(keyOf(name.slice(6))), file, name, 1e-4);
      else continue;
      compared++;
    }
    assert.ok(compared > 10, `${compared} compared`);
  });
}

describe('against torchvision, and the same layers in plain PyTorch (make_segment.py)', () => {
  for (const format of ['contiguous', 'channels_last'] as const) {
    for (const [name, decoder] of CASES)
      test(`${name}, ${format}`, () => {
        const before = liveTensors();
        const file = openFixture(`segment_${name}.safetensors`);
        const model = segmentationModel(createModel('resnet-50', TRUNK), decoder, {
          outputs: 5,
          dropout: 0.1,
          seed: 1,
        });
        const bytes = file.read('masks');
        matches(
          model,
          file,
          (logits) => {
            const [n, height, width] = file.entries.get('masks')!.shape;
            const masks = fromTypedArray(bytes, [n!, height!, width!], { dtype: 'int64' });
            return pixelLoss(logits, masks, { classes: 5, auxWeight: 0.5, labelSmoothing: 0 });
          },
          format,
        );
        model.dispose();
        file.close();
        assert.equal(liveTensors(), before, 'every tensor is released');
      });
    test(`depth, ${format}`, () => {
      const file = openFixture('segment_depth.safetensors');
      const model = depthModel(
        createModel('resnet-50', TRUNK),
        { decoder: facts('fpn', { outputStride: 32 }), output: 'softplus', farthest: 10 },
        { dropout: 0, seed: 1 },
      );
      matches(model, file, (metres) => silogLoss(metres, fixtureTensor(file, 'truth')), format);
      model.dispose();
      file.close();
    });
  }
});

describe("torchvision's full models", () => {
  const known = JSON.parse(readFileSync(fixturePath('torchvision_segmentation_keys.json'), 'utf8')) as Record<
    string,
    Record<string, number[]>
  >;
  for (const [name, kind] of [
    ['fcn_resnet50', 'fcn'],
    ['deeplabv3_resnet50', 'deeplabv3'],
  ] as const)
    test(`${name}: nothing is missing, nothing unexpected`, () => {
      const theirs = known[name]!;
      assert.equal(torchvisionSegmentation(Object.keys(theirs)), kind);
      const found = shapeOnly(() => {
        const model = segmentationModel(createModel('resnet-50'), facts(kind, { channels: 256, aux: true }), {
          outputs: 21,
          dropout: 0.5,
          seed: 0,
        });
        return new Map([...model.state()].map(([key, { shape }]) => [key, [...shape]]));
      });
      const mapped = new Map(
        Object.entries(theirs)
          .filter(([key]) => !key.endsWith('num_batches_tracked'))
          .map(([key, shape]) => [segmentationKey(key)!, shape]),
      );
      assert.deepEqual([...mapped].sort(), [...found].sort());
    });
  test('keys of anything else are none of these', () => {
    assert.equal(torchvisionSegmentation(['conv1.weight', 'fc.weight']), undefined);
    assert.equal(torchvisionSegmentation(['backbone.body.conv1.weight', 'classifier.4.weight']), undefined);
    assert.equal(segmentationKey('head.weight'), undefined);
  });
});

describe('a dilated trunk', () => {
  const TRUNKS: [name: string, model: string, options: Partial<ResNetOptions>][] = [
    ['bottlenecks', 'resnet-50', { layers: [1, 2, 2, 2] }],
    ['basic blocks', 'resnet-18', { layers: [1, 2, 2, 2] }],
    ['ResNet-RS', 'resnet-rs-50', { layers: [1, 2, 2, 2], dropout: 0, stochasticDepth: 0, seRatio: 0 }],
  ];
  for (const [name, model, options] of TRUNKS)
    for (const stride of [8, 16] as const)
      for (const [height, width] of [
        [128, 96],
        [101, 75],
      ] as const)
        test(`${name}, output stride ${stride}, ${height} x ${width}: its maps hold those of the trunk with strides`, () => {
          scope(() => {
            const make = (): ResNet =>
              (
                createModel(model, { ...options, width: 0.125, classes: 1, zeroInitLastGamma: false }, 3) as ResNet
              ).train(false);
            const [plain, wide] = [make(), make()];
            dilate(wide, stride);
            const x = randn([1, 3, height, width]);
            const [expected, found] = noGrad(() => [plain.features(x), wide.features(x)] as const);
            for (const [level, at] of [
              ['c3', 8],
              ['c4', 16],
              ['c5', 32],
            ] as const) {
              const step = Math.max(1, at / stride);
              const taken = [2, 3].reduce<Tensor>(
                (map, dim) => call('aten::slice.Tensor', [map, dim, 0, map.shape[dim], step]),
                found[level],
              );
              assert.deepEqual([...taken.shape], [...expected[level].shape], level);
              const error = relativeError(taken.data() as Float32Array, expected[level].data() as Float32Array);
              assert.ok(error < 1e-5, `${level}: ${error}`);
            }
            assert.deepEqual(
              [found.c5.shape[2], found.c5.shape[3]],
              [Math.ceil(height / stride), Math.ceil(width / stride)],
            );
            plain.dispose();
            wide.dispose();
          });
        });
  test('of an EfficientNet is refused', () => {
    const model = shapeOnly(() => createModel('efficientnet-b0'));
    assert.throws(() => dilate(model, 8), /Expected a ResNet for an output stride of 8/);
  });
});
