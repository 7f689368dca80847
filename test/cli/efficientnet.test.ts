import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { cli, FASHION, pictureFolder, temporaryFolder } from './helpers.js';

test('EfficientNet on small pictures from training to prediction', async () => {
  const folder = temporaryFolder();
  const run = join(folder, 'run');
  const trained = await cli(
    'train',
    FASHION,
    '-m',
    'efficientnet-b0',
    '--width',
    '0.125',
    '--recipe',
    'quick',
    '--epochs',
    '1',
    '--limit-train',
    '64',
    '--limit-val',
    '40',
    '--batch',
    '16',
    '--out',
    run,
  );
  assert.equal(trained.status, 0, trained.stderr);
  assert.match(trained.stdout, /same class for 100\.0 %/);
  const config = JSON.parse(readFileSync(join(run, 'run.json'), 'utf8')) as {
    modelOptions: Record<string, unknown>;
    size: number;
  };
  assert.deepEqual([config.size, config.modelOptions['stemStride'], config.modelOptions['padding']], [28, 1, 'same']);
  const measured = await cli('eval', run, '--json');
  assert.equal(measured.status, 0, measured.stderr);
  await pictureFolder(join(folder, 'pictures'), 2, 1);
  const exported = await cli('export', run, '-o', join(folder, 'model.onnx'));
  assert.equal(exported.status, 0, exported.stderr);
  const predicted = await cli('predict', run, join(folder, 'pictures'));
  assert.equal(predicted.status, 0, predicted.stderr);
  assert.equal(predicted.stdout.trim().split('\n').length, 2, predicted.stdout);
});

test('pictures smaller than the strides are refused before training starts', async () => {
  const { status, stderr } = await cli(
    'train',
    FASHION,
    '-m',
    'efficientnet-b0',
    '--width',
    '0.125',
    '--size',
    '15',
    '--limit-train',
    '64',
    '--out',
    join(temporaryFolder(), 'run'),
  );
  assert.equal(status, 2);
  assert.match(stderr, /sides of 16 or more/);
});
