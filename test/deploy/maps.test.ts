import assert from 'node:assert/strict';
import { test } from 'node:test';
import { preprocessOptions } from '../../src/augment/preprocess.js';
import { Random } from '../../src/augment/random.js';
import { evalViewOf, frameOf } from '../../src/augment/view.js';
import { classesOnPicture, valuesOnPicture } from '../../src/deploy/maps.js';
import { exportOnnx } from '../../src/deploy/onnx/export.js';
import { checkParity } from '../../src/deploy/parity.js';
import { OnnxSession } from '../../src/deploy/session.js';
import { depthModel } from '../../src/models/depth/index.js';
import { createModel } from '../../src/models/index.js';
import { type DecoderFacts, segmentationModel } from '../../src/models/segment/index.js';
import * as measured from '../../src/tasks/picture-size.js';
import {
  call,
  flatten,
  fromTypedArray,
  mul,
  noGrad,
  randn,
  scope,
  type Tensor,
  trace,
  zeros,
} from '../../src/torch/index.js';
import { Normaliser } from '../../src/train/index.js';

const SIZE = 8;
/** Enlarged unevenly and made smaller again, cut from both ends and by steps, made positive: [n, 3, 8, 8] -> [n, 60]. */
const maps = (x: Tensor): Tensor => {
  const wide = call<Tensor>('aten::upsample_bilinear2d', [x, [13, 11], false, null, null]);
  const cut = call<Tensor>('aten::slice.Tensor', [call('aten::slice.Tensor', [wide, 2, 2, 12]), 3, -9, 11, 2]);
  const small = call<Tensor>('aten::upsample_bilinear2d', [cut, [5, 4], false, null, null]);
  return flatten(call<Tensor>('aten::softplus', [small]));
};

test('enlarging, cutting and softplus are the same in ONNX Runtime, whatever the batch', async () => {
  const random = new Random(3);
  const n = 3;
  const images = Uint8Array.from({ length: n * SIZE * SIZE * 3 }, () => random.int(256));
  const input = { mean: [0.5, 0.5, 0.5], std: [0.2, 0.2, 0.2] } as {
    mean: [number, number, number];
    std: [number, number, number];
  };
  const names = Array.from({ length: 60 }, (_, i) => `n${i}`);
  const onnx = scope(() =>
    exportOnnx(trace(maps, [zeros([1, 3, SIZE, SIZE])], new Map()), {
      output: { kind: 'numbers', names },
      preprocess: { size: SIZE, evalCrop: 1, ...input },
      training: { model: 'maps' },
    }),
  );
  const normaliser = new Normaliser('cpu', input);
  const referenceLogits = scope(() => noGrad(() => maps(normaliser.input(images, n, SIZE)).data() as Float32Array));
  for (const batch of [1, 3]) {
    const { maxAbsDiff } = await checkParity({
      onnx,
      images,
      n,
      size: SIZE,
      classes: 60,
      referenceLogits,
      batch,
      threads: 1,
    });
    assert.ok(maxAbsDiff < 1e-5, `differs by ${maxAbsDiff}`);
  }
  normaliser.dispose();
});

const LABELS = ['a', 'b', 'c', 'd', 'e'];
const FACTS = { channels: 16, norm: 'group', outputStride: 16, aux: false } as const;
const DECODERS: [
  name: string,
  facts: Partial<DecoderFacts> & Pick<DecoderFacts, 'kind'>,
  depth?: 'softplus' | 'sigmoid',
][] = [
  ['semantic FPN', { kind: 'fpn' }],
  ['FCN at stride 8 with a second head', { kind: 'fcn', norm: 'batch', outputStride: 8, aux: true }],
  ['DeepLabV3', { kind: 'deeplabv3', norm: 'batch' }],
  ['DeepLabV3+ at stride 8', { kind: 'deeplabv3plus', outputStride: 8 }],
  ['depth by an FPN and softplus', { kind: 'fpn' }, 'softplus'],
  ['depth by DeepLabV3 and a sigmoid', { kind: 'deeplabv3' }, 'sigmoid'],
];

for (const [name, facts, depth] of DECODERS)
  test(`${name} gives the same in ONNX Runtime: maps, and of logits the class of each pixel`, async () => {
    const side = 40;
    const [n, plane] = [2, side * side];
    const trunk = createModel('resnet-18', { width: 0.125, classes: 1 }, 2);
    const decoder: DecoderFacts = { ...FACTS, ...facts };
    const model =
      depth === undefined
        ? segmentationModel(trunk, decoder, { outputs: LABELS.length, dropout: 0.1, seed: 3 })
        : depthModel(trunk, { decoder, output: depth, farthest: 8 }, { dropout: 0, seed: 3 });
    model.train(false);
    // Fresh heads say nearly nothing.
    const forward = (x: Tensor): Tensor => (depth === undefined ? mul(model.forward(x), 100) : model.forward(x));
    const random = new Random(4);
    const images = Uint8Array.from({ length: n * plane * 3 }, () => random.int(256));
    const normaliser = new Normaliser('cpu', { mean: [0.5, 0.5, 0.5], std: [0.2, 0.2, 0.2] });
    const bytes = scope(() =>
      exportOnnx(trace(forward, [zeros([1, 3, side, side])], new Map()), {
        output: depth === undefined ? { kind: 'masks', labels: LABELS } : { kind: 'depth', farthest: 8 },
        preprocess: { size: side, evalCrop: 1, fit: 'letterbox', mean: [0.5, 0.5, 0.5], std: [0.2, 0.2, 0.2] },
        training: { model: 'resnet-18' },
      }),
    );
    const ours = scope(() => noGrad(() => forward(normaliser.input(images, n, side)).data() as Float32Array));
    normaliser.dispose();
    model.dispose();
    const session = await OnnxSession.create(bytes, 'the file', { threads: 1 });
    const { values, classes } = await session.run(images, n);
    assert.deepEqual([session.output, session.width], depth === undefined ? ['masks', 5] : ['depth', 1]);
    await session.close();
    assert.equal(values.length, ours.length);
    const most = ours.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
    for (const [i, value] of values.entries())
      assert.ok(Math.abs(value - ours[i]!) <= 1e-4 * most, `${value} and ${ours[i]} at ${i}, of up to ${most}`);
    if (depth !== undefined) return assert.equal(classes, undefined);
    for (let i = 0; i < n * plane; i++) {
      const own = LABELS.map((_, k) => values[(Math.floor(i / plane) * 5 + k) * plane + (i % plane)]!);
      assert.equal(classes![i], own.indexOf(Math.max(...own)));
    }
    if (facts.kind === 'fpn') assert.ok(new Set(classes).size > 1, 'more classes than one');
  });

for (const [width, height, fit] of [
  [54, 38, 'letterbox'],
  [20, 32, 'letterbox'],
  [54, 38, 'crop'],
] as const)
  test(`maps come to a picture of ${width} x ${height}, fit=${fit}, as where a model is measured`, () => {
    const [K, size] = [4, 24];
    // Decoded at half its size.
    const view = evalViewOf(width / 2, height / 2, preprocessOptions({ size, fit }));
    const { crop, shift } = frameOf(view);
    const seen = { width, height, view: [crop.x, crop.y, crop.width, crop.height, shift.x, shift.y, 0, 0.5] };
    scope(() => {
      const maps = randn([1, K, size, size]);
      const logits = maps.data() as Float32Array;
      const highest = measured.argmax(call('aten::squeeze.dim', [maps, 0]));
      const looked = { view, width, height };
      const expected = measured.classesOnPicture(maps, seen);
      const found = classesOnPicture(logits, highest, looked);
      assert.deepEqual(found, expected);
      const one = logits.subarray(0, size * size);
      const metres = valuesOnPicture(one, looked);
      const wanted = measured.valuesOnPicture(fromTypedArray(one.slice(), [1, 1, size, size]), seen);
      for (const [i, value] of metres.entries()) assert.ok(Math.abs(value - wanted[i]!) < 1e-4);
    });
  });
