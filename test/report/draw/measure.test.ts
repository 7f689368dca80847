import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { measureOf } from '../../../src/report/draw/measure.js';
import { ACCURACY, PSNR, RMSE } from '../../study/synthetic.js';

const plain = (text: string): string => text.replaceAll('\u00a0', ' ');

describe('measureOf', () => {
  it('writes shares in percent and their differences in points', () => {
    const { value, bare, change, distance, tick, plusMinus, inUnit, inChange, noun } = measureOf(ACCURACY);
    assert.equal(plain(value(0.9049)), '90.49 %');
    assert.deepEqual([bare(0.0063), bare(-0.0063), bare(undefined)], ['+0.63', '−0.63', '–']);
    assert.deepEqual([change(-0.0063), distance(0.0063)], ['−0.63 points', '0.63 points']);
    assert.equal(tick(0.905), '90.5');
    assert.equal(plain(plusMinus({ mean: 0.9, n: 3, low: 0.89, high: 0.91 })), '90.00 ± 1.00');
    // An interval that ends at 100 % is not even on both sides.
    assert.equal(plain(plusMinus({ mean: 0.95, n: 3, low: 0.85, high: 1 })), '95.00 (85.00 to 100.00)');
    assert.deepEqual([inUnit, inChange, noun], [', %', ', points', 'accuracy']);
  });
  it('writes other values as numbers with their unit', () => {
    const { value, bare, change, distance, tick, plusMinus, inUnit, inChange, noun, head } = measureOf(RMSE);
    assert.equal(plain(value(0.12345)), '0.1235 m');
    assert.deepEqual([value(undefined), value(Number.NaN)], ['–', '–']);
    assert.deepEqual([bare(0.0125), bare(-0.0125), bare(0), bare(undefined)], ['+0.0125', '−0.0125', '0', '–']);
    assert.deepEqual([plain(change(-0.0125)), plain(distance(0.0125))], ['−0.0125 m', '0.0125 m']);
    assert.equal(tick(1.25), '1.25');
    assert.equal(plain(plusMinus({ mean: 2, n: 3, low: 1.9, high: 2.1 })), '2.000 ± 0.10');
    assert.deepEqual([inUnit, inChange, noun, head], [', m', ', m', 'score', 'RMSE']);
    assert.equal(plain(measureOf(PSNR).value(31.42)), '31.42 dB');
    assert.equal(measureOf({ ...PSNR, unit: '' }).value(31.42), '31.42');
  });
});
