import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import sharp from 'sharp';
import { exportOnnx } from '../../src/deploy/onnx/export.js';
import { decodeModel, encodeModel, type ModelProto } from '../../src/deploy/onnx/schema.js';
import { Predictor } from '../../src/deploy/predictor.js';
import type { PictureResult } from '../../src/deploy/told.js';
import { UsageError } from '../../src/errors.js';
import { loadNet } from './onnx-net.js';

const net = loadNet();
const onnx = exportOnnx(net.trace, net.options);
const folder = mkdtempSync(join(tmpdir(), 'rescaled-test-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const inFolder = (name: string, bytes: Uint8Array | string) => {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
};
const all = async (results: AsyncIterable<PictureResult>) => {
  const list: PictureResult[] = [];
  for await (const result of results) list.push(result);
  return list;
};

test('metadata comes back as it was given', async () => {
  const predictor = await Predictor.load(inFolder('net.onnx', onnx), { threads: 1 });
  const { version, labels, preprocess, training } = predictor.metadata;
  assert.match(version, /^\d+\.\d+\.\d+/);
  assert.deepEqual(labels, net.options.output.kind === 'classes' ? net.options.output.labels : []);
  assert.deepEqual(training, net.options.training);
  const { resizeRule, ...rest } = preprocess;
  assert.deepEqual(rest, { ...net.options.preprocess, interpolation: 'bicubic', layout: 'NHWC', channels: 'RGB' });
  // 28 x (1 / 0.875 - 1) = 4, so 4 of 32 are cut off.
  assert.match(resizeRule, /floor\(28 \* min\(width, height\) \/ 32\), then resize it to 28 x 28: bicubic/);
  await predictor.close();
});

test('paths, encoded files and pixels give the same, in order, and broken ones an entry with the reason', async () => {
  const predictor = await Predictor.load(onnx, { threads: 1 });
  const { size } = net;
  const raw = { width: 40, height: 32, data: Uint8Array.from({ length: 40 * 32 * 3 }, (_, i) => (i * 7919) % 251) };
  const png = await sharp(raw.data, { raw: { width: 40, height: 32, channels: 3 } })
    .png()
    .toBuffer();
  const good = inFolder('good.png', png);
  const broken = inFolder('broken.png', png.subarray(0, png.length >> 1));
  const pictures = [
    good,
    join(folder, 'none.png'),
    new Uint8Array(png),
    raw,
    broken,
    inFolder('empty.jpg', ''),
    Buffer.from('text'),
    good,
  ];
  const results = await all(predictor.predict(pictures, { top: 2, batch: 3 }));
  assert.deepEqual(
    results.map(({ path }) => path),
    pictures.map((picture, i) => (typeof picture === 'string' ? picture : `#${i}`)),
  );
  assert.deepEqual(
    results.map(({ error }) => error !== undefined),
    [false, true, false, false, true, true, true, false],
  );
  assert.equal(results[1]!.error, 'no such file');
  for (const i of [2, 3, 7]) assert.deepEqual(results[i]!.predictions, results[0]!.predictions);
  const [first, second] = results[0]!.predictions;
  assert.ok(first!.probability >= second!.probability);
  assert.equal(first!.label, `class ${first!.index}`);
  // The centre square of 28 x 32 / 32 = 28 pixels has the network's own size: no resize, so the view is known by hand.
  const view = new Uint8Array(size * size * 3);
  for (let y = 0; y < size; y++)
    view.set(raw.data.subarray(((y + 2) * 40 + 6) * 3, ((y + 2) * 40 + 6 + size) * 3), y * size * 3);
  const { probabilities } = await predictor.run(view, 1);
  assert.ok(Math.abs(probabilities[first!.index]! - first!.probability) < 1e-6);
  assert.equal(Math.max(...probabilities), probabilities[first!.index]);
  await predictor.close();
});

test('no pictures, only broken pictures, more classes than there are', async () => {
  const predictor = await Predictor.load(onnx, { threads: 1 });
  assert.deepEqual(await all(predictor.predict([])), []);
  assert.equal((await all(predictor.predict([join(folder, 'none.png')])))[0]!.predictions.length, 0);
  const grey = { width: 1, height: 1, data: new Uint8Array(3) };
  const [result] = await all(predictor.predict([grey], { top: 99 }));
  assert.equal(result!.predictions.length, 5);
  assert.ok(Math.abs(result!.predictions.reduce((sum, { probability }) => sum + probability, 0) - 1) < 1e-5);
  const [wrong] = await all(predictor.predict([{ ...grey, width: 2 }]));
  assert.match(wrong!.error!, /Expected 6 bytes/);
  await assert.rejects(all(predictor.predict([], { batch: 0 })), /whole number of at least 1 for batch but received 0/);
  await predictor.close();
});

const edited = (change: (model: ModelProto) => void): Uint8Array => {
  const model = decodeModel(onnx);
  change(model);
  return encodeModel(model);
};
const withProperty = (key: string, value: string) =>
  edited((model) => {
    model.metadataProps.find((property) => property.key === key)!.value = value;
  });

const hostile: [string, () => string | Uint8Array, RegExp][] = [
  ['a missing file', () => join(folder, 'missing.onnx'), /cannot read .*missing\.onnx: there is no such file/],
  ['a folder', () => folder, /is no run folder/],
  ['an empty file', () => inFolder('empty.onnx', ''), /empty\.onnx is empty/],
  [
    'text',
    () => inFolder('notes.onnx', 'This is not a model at all.'),
    /Expected an ONNX file but .*notes\.onnx is not one/,
  ],
  ['noise', () => Uint8Array.from({ length: 999 }, (_, i) => (i * i * 31 + 7) % 256), /Expected an ONNX file/],
  ['an endless varint', () => new Uint8Array(64).fill(0xff), /Expected an ONNX file/],
  ['zeros', () => new Uint8Array(64), /Expected an ONNX file/],
  ['a file cut in the middle', () => onnx.subarray(0, onnx.length >> 1), /damaged or cut off/],
  ['a file cut by one byte', () => onnx.subarray(0, onnx.length - 1), /damaged or cut off/],
  [
    'a foreign ONNX file',
    () =>
      edited((model) => {
        model.metadataProps = [{ key: 'author', value: 'x' }];
      }),
    /not one exported by rescaled.*found "author"/,
  ],
  [
    'no metadata',
    () =>
      edited((model) => {
        model.metadataProps = [];
      }),
    /not one exported by rescaled.*found none/,
  ],
  [
    'labels that are not JSON',
    () => withProperty('labels', '["a"'),
    /metadata of the given model is damaged: labels: /,
  ],
  ['labels of the wrong type', () => withProperty('labels', '[1, 2]'), /damaged: labels\.0: /],
  ['too few labels', () => withProperty('labels', '["a"]'), /does not fit its graph: 1 labels/],
  [
    'an absurd size',
    () => withProperty('preprocess', JSON.stringify({ ...net.options.preprocess, size: 1e9 })),
    /damaged: preprocess\.size/,
  ],
  [
    'an unknown operator',
    () =>
      edited((model) => {
        model.graph.node[3]!.opType = 'Nonsense';
      }),
    /ONNX Runtime cannot load/,
  ],
  [
    'other ends',
    () =>
      edited((model) => {
        model.graph.output.pop();
      }),
    /outputs "logits" and "probabilities"/,
  ],
  [
    'a weight too short',
    () =>
      edited((model) => {
        model.graph.initializer[2]!.rawData = new Uint8Array(4);
      }),
    /ONNX Runtime cannot load/,
  ],
];

for (const [what, make, message] of hostile) {
  test(`load refuses ${what}`, async () => {
    await assert.rejects(Predictor.load(make(), { threads: 1 }), (error: Error) => {
      assert.ok(error instanceof UsageError, String(error.stack));
      assert.match(error.message, message);
      return true;
    });
  });
}
