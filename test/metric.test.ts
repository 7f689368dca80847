import assert from 'node:assert/strict';
import { test } from 'node:test';
import { betterBy, errorOf, type Metric, readKey, written, writtenKey } from '../src/metric.js';

const top1: Metric = { name: 'top1', title: 'top-1', unit: 'share', direction: 'higher' };
const rmse: Metric = { name: 'rmse', title: 'RMSE', unit: 'm', direction: 'lower' };
const psnr: Metric = { name: 'psnr', title: 'PSNR', unit: 'dB', direction: 'higher' };

test('how much better goes by the direction', () => {
  assert.equal(betterBy(top1, 0.75, 0.5), 0.25);
  assert.equal(betterBy(rmse, 0.5, 0.75), 0.25);
  assert.equal(betterBy(rmse, 0.75, 0.5), -0.25);
});

test('an error is what a share lacks, the value where lower is better, and else unknown', () => {
  assert.equal(errorOf(top1, 0.75), 0.25);
  assert.equal(errorOf(rmse, 0.75), 0.75);
  assert.equal(errorOf({ unit: 'share', direction: 'lower' }, 0.2), 0.2);
  assert.equal(errorOf(psnr, 30), undefined);
});

test('values are written by the name of the metric, whatever stands around them', () => {
  const keys = ['score', 'scoreRaw', 'scoreEma', 'trainScore', 'loss'];
  assert.deepEqual(
    keys.map((key) => writtenKey(top1, key)),
    ['top1', 'top1Raw', 'top1Ema', 'trainTop1', 'loss'],
  );
  assert.deepEqual(
    keys.map((key) => readKey(rmse, writtenKey(rmse, key))),
    keys,
  );
  const data = { a: [{ score: 1, seeds: [1, 2] }], b: { trainScore: { mean: 0.5 } }, c: null, d: 'score' };
  assert.equal(
    JSON.stringify(written(rmse, data)),
    '{"a":[{"rmse":1,"seeds":[1,2]}],"b":{"trainRmse":{"mean":0.5}},"c":null,"d":"score"}',
  );
});
