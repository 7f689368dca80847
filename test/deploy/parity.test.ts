import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { exportOnnx } from '../../src/deploy/onnx/export.js';
import { checkParity } from '../../src/deploy/parity.js';
import { loadNet } from './onnx-net.js';

const net = loadNet();
const onnx = exportOnnx(net.trace, net.options);
const { images, pictures: n, size, classes } = net;
const check = (referenceLogits: Float32Array, onnxFile: Uint8Array | string = onnx) =>
  checkParity({ onnx: onnxFile, images, n, size, classes, referenceLogits, batch: 2, threads: 1 });

test('a path will do, and a difference is measured where it is', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'rescaled-test-'));
  try {
    const path = join(folder, 'net.onnx');
    writeFileSync(path, onnx);
    const moved = net.logits.slice();
    moved[2 * classes + 4]! += 0.5;
    const parity = await check(moved, path);
    assert.ok(Math.abs(parity.maxAbsDiff - 0.5) < 1e-4);
    assert.ok(parity.maxAbsDiffProbabilities! > 0 && parity.maxAbsDiffProbabilities! < 0.2);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('the same number added to all logits of a picture changes logits and not probabilities', async () => {
  const { maxAbsDiff, maxAbsDiffProbabilities, top1Agreement } = await check(net.logits.map((x) => x + 3));
  assert.ok(Math.abs(maxAbsDiff - 3) < 1e-4);
  assert.ok(maxAbsDiffProbabilities! < 1e-5);
  assert.equal(top1Agreement, 1);
});

test('another first class in one of three pictures', async () => {
  const moved = net.logits.slice();
  moved[classes + 3] = 50;
  assert.equal((await check(moved)).top1Agreement, 2 / 3);
});

test('a value that is not a number counts as an infinite difference', async () => {
  const moved = net.logits.slice();
  moved[1] = NaN;
  const { maxAbsDiff, maxAbsDiffProbabilities } = await check(moved);
  assert.deepEqual([maxAbsDiff, maxAbsDiffProbabilities], [Infinity, Infinity]);
});

test('sizes that do not fit are refused', async () => {
  await assert.rejects(check(net.logits.subarray(1)), /Expected 3 x 5 reference logits.*received 14/);
  const common = { onnx, images, n, classes, referenceLogits: net.logits, threads: 1 };
  await assert.rejects(checkParity({ ...common, size: 27 }), /Expected a file for pictures of 27 x 27/);
  await assert.rejects(checkParity({ ...common, size, images: images.subarray(1) }), /bytes for 3 pictures of 28 x 28/);
});
