// A run folder of 0.1.0, which was stopped in its second epoch (fixtures/make_run_0_1_0.mjs).
import assert from 'node:assert/strict';
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { packageRoot } from '../../src/package-root.js';
import { cli, temporaryFolder } from './helpers.js';

const run = join(temporaryFolder(), 'run');
cpSync(join(packageRoot, 'test', 'fixtures', 'run-0.1.0'), run, { recursive: true });
const rows = (): string[] => readFileSync(join(run, 'metrics.csv'), 'utf8').trim().split('\n');

test('a run of 0.1.0 is measured and exported', async () => {
  const measured = await cli('eval', run, '--json');
  assert.equal(measured.status, 0, measured.stderr);
  const figures = JSON.parse(measured.stdout) as { top1: number; images: number; classes: string[] };
  assert.equal(figures.images, 100);
  // The weights of its first epoch, the only one that was measured.
  const [header, first] = rows().map((row) => row.split(','));
  assert.equal(figures.top1, Number(first![header!.indexOf('top1Ema')]));
  assert.equal(figures.classes[9], 'Ankle boot');

  const exported = await cli('export', run, '-o', join(run, 'early.onnx'));
  assert.equal(exported.status, 0, exported.stderr);
  assert.match(exported.stdout, /same class for 100\.0 %/);
});

test('a run of 0.1.0 goes on, and then predicts and has its report', async () => {
  const before = rows();
  const resumed = await cli('train', '--resume', run);
  assert.equal(resumed.status, 0, resumed.stderr);
  assert.match(resumed.stderr, /resuming at step 91 of 124/);
  const after = rows();
  assert.equal(after.length, 3);
  assert.deepEqual(after.slice(0, 2), before.slice(0, 2));
  // Of the pictures that were counted before the stop too: 62 steps of 32, mixed pictures, ten classes.
  const trainTop1 = Number(after[2]!.split(',')[3]);
  assert.ok(trainTop1 > 0.1 && trainTop1 < 0.9, String(trainTop1));
  const figures = JSON.parse(readFileSync(join(run, 'report.json'), 'utf8')) as { top1: number; top1Raw: number };
  assert.equal(figures.top1Raw, Number(after[2]!.split(',')[5]));
  assert.match(readFileSync(join(run, 'report.html'), 'utf8'), /Top-1 accuracy/);

  const picture = join(packageRoot, 'docs', 'report.png');
  const predicted = await cli('predict', run, picture, '--json');
  assert.equal(predicted.status, 0, predicted.stderr);
  assert.match(predicted.stdout, /"label":/);
});
