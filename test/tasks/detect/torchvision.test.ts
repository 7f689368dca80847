// Oracle: torchvision's RetinaNet and FCOS in float64 (make_detect.py).
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import {
  anchorsFor,
  type Decoder,
  type DetectorOptions,
  detectionsOf,
  detectorOn,
  detectorShape,
} from '../../../src/models/detect/index.js';
import { createModel } from '../../../src/models/index.js';
import type { ViewTruth } from '../../../src/tasks/detect/assign.js';
import { detectionLoss, type LossOptions } from '../../../src/tasks/detect/objective.js';
import { add, call, liveTensors, noGrad, scope, shapeOnly, type Tensor } from '../../../src/torch/index.js';
import type { SafetensorsFile } from '../../../src/weights/formats/safetensors.js';
import { detectorKey, torchvisionDetector } from '../../../src/weights/names/torchvision-detect.js';
import { assertMatches, fixtureTensor } from '../../fixtures/compare.js';
import { fixturePath, openFixture, relativeError } from '../../fixtures/open.js';

const SIZE = 64;
const TOLERANCE = 1e-4;
/** PyTorch's group norm in channels_last takes the variance as a difference of means, which loses digits where a group is small. */
const GROUP_TOLERANCE = 1e-3;

const RETINANET: DetectorOptions = {
  kind: 'retinanet',
  classes: 4,
  channels: 16,
  layers: 4,
  norm: 'none',
  pyramidNorm: 'none',
  extra: 'p5',
  anchors: { rule: 'torchvision', size: 4, scales: 3, ratios: [0.5, 1, 2] },
  frozenNorm: true,
};
const LOSS: LossOptions = {
  alpha: 0.25,
  gamma: 2,
  matchHigh: 0.5,
  matchLow: 0.4,
  normaliser: 'picture',
  boxLoss: 'l1',
  huberDelta: 0.1,
  boxWeight: 1,
};
const VARIANTS: Record<string, { options: DetectorOptions; loss: LossOptions }> = {
  retinanet: { options: RETINANET, loss: LOSS },
  giou: { options: { ...RETINANET, extra: 'c5', frozenNorm: false }, loss: { ...LOSS, boxLoss: 'giou' } },
  fcos: {
    options: { ...RETINANET, kind: 'fcos', channels: 64, layers: 2, norm: 'group' },
    loss: { ...LOSS, normaliser: 'batch' },
  },
};

const trunk = (classes = 1) => createModel('resnet-18', { layers: [1, 1, 1, 1], width: 0.0625, classes });

/** torchvision's keys of a file by ours. */
function keysOf(file: SafetensorsFile): Map<string, string> {
  const names = [...file.entries.keys()].filter((key) => key.startsWith('param.')).map((key) => key.slice(6));
  const kind = torchvisionDetector(names);
  assert.ok(kind !== undefined);
  return new Map(names.map((name) => [detectorKey(name, kind) ?? `unknown ${name}`, name]));
}

function truthsOf(file: SafetensorsFile): ViewTruth[] {
  return [0, 1, 2].map((i) => {
    if (!file.entries.has(`boxes.${i}`)) return { boxes: new Float32Array(0), classes: new Int32Array(0) };
    const labels = new BigInt64Array(file.read(`labels.${i}`).slice().buffer as ArrayBuffer);
    return { boxes: file.readFloat32(`boxes.${i}`), classes: Int32Array.from(labels, Number) };
  });
}

for (const [name, { options, loss }] of Object.entries(VARIANTS))
  describe(`${name} against torchvision`, () => {
    for (const memoryFormat of ['contiguous', 'channels_last'] as const)
      test(`${memoryFormat}: outputs, losses, gradients, boxes`, () => {
        const before = liveTensors();
        const rough = options.norm === 'group' && memoryFormat === 'channels_last';
        const file = openFixture(`detect_${name}.safetensors`);
        const model = detectorOn(trunk(), options, 1);
        const keys = keysOf(file);
        assert.deepEqual([...keys.keys()].sort(), [...model.state().keys()].sort());
        scope(() => {
          noGrad(() => {
            for (const [key, target] of model.state())
              call('aten::copy_', [target, fixtureTensor(file, `param.${keys.get(key)!}`)]);
          });
          model.to({ memoryFormat });
          const input = fixtureTensor(file, 'input');
          const decoder: Decoder = { options, size: SIZE, ...anchorsFor(options, SIZE, model.totalStride) };
          const anchors = relativeError(decoder.anchors, file.readFloat32('anchors'));
          assert.ok(anchors < 1e-6, `anchors differ by ${anchors}`);

          const outputs = noGrad(() => model.train(false).forward(input));
          assertMatches(outputs, file, 'outputs', TOLERANCE);
          const values = outputs.data() as Float32Array;
          const each = values.length / 3;
          for (let i = 0; i < 3; i++) {
            const found = detectionsOf(values.subarray(i * each, (i + 1) * each), decoder, {
              scoreThreshold: 0.2,
              perLevel: 60,
              overlap: 0.4,
              perPicture: 25,
            });
            const labels = new BigInt64Array(file.read(`found.${i}.labels`).slice().buffer as ArrayBuffer);
            assert.deepEqual([...found.classes], Array.from(labels, Number), `classes of picture ${i}`);
            for (const part of ['boxes', 'scores'] as const) {
              const error = relativeError(found[part], file.readFloat32(`found.${i}.${part}`));
              assert.ok(error < TOLERANCE, `${part} of picture ${i} differ by ${error}`);
            }
          }

          const trained = model.train().forward(input);
          assertMatches(trained, file, 'outputs_train', TOLERANCE);
          const { classLoss, boxLoss, centreLoss, positives } = detectionLoss(trained, truthsOf(file), decoder, loss);
          assert.ok(positives > 0);
          assertMatches(classLoss, file, 'loss.classification', TOLERANCE);
          assertMatches(boxLoss, file, 'loss.bbox_regression', TOLERANCE);
          let total: Tensor = add(classLoss, boxLoss);
          if (centreLoss !== undefined) {
            assertMatches(centreLoss, file, 'loss.bbox_ctrness', TOLERANCE);
            total = add(total, centreLoss);
          }
          total.backward();
          let compared = 0;
          for (const [key, parameter] of model.parameters()) {
            const wanted = `grad.${keys.get(key)!}`;
            if (!file.entries.has(wanted)) continue;
            assertMatches(parameter.grad, file, wanted, rough ? GROUP_TOLERANCE : TOLERANCE);
            compared++;
          }
          assert.equal(compared, [...file.entries.keys()].filter((key) => key.startsWith('grad.')).length);
        });
        model.dispose();
        file.close();
        assert.equal(liveTensors(), before, 'every tensor is released');
      });
  });

describe('names of torchvision', () => {
  const known = JSON.parse(readFileSync(fixturePath('detect_keys.json'), 'utf8')) as Record<
    string,
    Record<string, number[]>
  >;
  const PUBLISHED: Record<string, Partial<DetectorOptions>> = {
    retinanet_resnet50_fpn: { extra: 'p5' },
    retinanet_resnet50_fpn_v2: { extra: 'c5', norm: 'group' },
    fcos_resnet50_fpn: { kind: 'fcos', extra: 'p5', norm: 'group' },
  };
  for (const [name, options] of Object.entries(PUBLISHED))
    test(`${name}: nothing is missing, nothing unexpected`, () => {
      const all: DetectorOptions = { ...RETINANET, classes: 91, channels: 256, ...options };
      const ours = shapeOnly(() =>
        [...detectorOn(createModel('resnet-50', { classes: 1 }), all, 0).state()].map(([key, { shape }]) => [
          key,
          [...shape],
        ]),
      );
      const theirs = Object.entries(known[name]!).filter(([key]) => !key.endsWith('num_batches_tracked'));
      const kind = torchvisionDetector(theirs.map(([key]) => key));
      assert.equal(kind, all.kind);
      const mapped = theirs.map(([key, shape]) => [detectorKey(key, kind!), shape] as const);
      const sorted = (list: readonly (readonly unknown[])[]) => list.map(String).sort();
      assert.deepEqual(sorted(mapped), sorted(ours as [string, number[]][]));

      const { anchors: _, frozenNorm: __, ...rest } = all;
      const tensors = new Map(mapped.map(([key, shape]) => [key!, { shape }]));
      assert.deepEqual(detectorShape(tensors, 2048), { ...rest, perPlace: kind === 'fcos' ? 1 : 9 });
    });

  test('as files of before 0.14 have them', () => {
    const old: [string, string][] = [
      ['backbone.fpn.inner_blocks.2.weight', 'detector.fpn.inner_blocks.2.0.weight'],
      ['backbone.fpn.layer_blocks.0.bias', 'detector.fpn.layer_blocks.0.0.bias'],
      ['head.classification_head.conv.6.weight', 'detector.classes.tower.3.conv.weight'],
      ['head.regression_head.conv.2.bias', 'detector.boxes.tower.1.conv.bias'],
    ];
    for (const [theirs, ours] of old) assert.equal(detectorKey(theirs, 'retinanet'), ours);
    assert.equal(detectorKey('head.mask_head.conv.0.weight', 'retinanet'), undefined);
  });
});
