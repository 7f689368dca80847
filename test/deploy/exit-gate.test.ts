import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { exportOnnx } from '../../src/deploy/onnx/export.js';
import { temporaryFolder } from '../cli/helpers.js';
import { loadNet } from './onnx-net.js';

const folder = temporaryFolder();
const net = loadNet();
writeFileSync(join(folder, 'model.onnx'), exportOnnx(net.trace, net.options));

/** A program that ends while its predictor has far more to do than it can. */
const program = (ends: string): string => `
  import { Predictor } from ${JSON.stringify(new URL('../../src/deploy/predictor.js', import.meta.url).href)};
  const predictor = await Predictor.load(${JSON.stringify(join(folder, 'model.onnx'))}, { threads: 1 });
  const n = 64;
  const pictures = new Uint8Array(n * 3 * predictor.metadata.preprocess.size ** 2);
  const runs = Array.from({ length: 400 }, () => predictor.run(pictures, n));
  await Promise.all(runs.slice(0, 3));
  ${ends}`;
const end = (ends: string) =>
  spawnSync(process.execPath, ['--input-type=module', '-e', program(ends)], { encoding: 'utf8' });

test('a program that ends while a model runs has its own exit code', () => {
  for (let i = 0; i < 3; i++) {
    const { status, signal, stderr } = end('process.exit(3);');
    assert.deepEqual({ status, signal, stderr }, { status: 3, signal: null, stderr: '' });
  }
});

test('and one that ends with an exception shows that exception alone', () => {
  const { status, signal, stderr } = end("throw new Error('its own');");
  assert.deepEqual({ status, signal }, { status: 1, signal: null });
  assert.match(stderr, /Error: its own/);
  assert.doesNotMatch(stderr, /terminate called|Napi/);
});

test('and so has one that ends while a model is loaded', () => {
  const load = `void Predictor.load(${JSON.stringify(join(folder, 'model.onnx'))}); setTimeout(() => process.exit(4), 20);`;
  const { status, signal, stderr } = end(load);
  assert.deepEqual({ status, signal, stderr }, { status: 4, signal: null, stderr: '' });
});
