import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { rateOfStep, SmoothedLoss, steepest, suggestRates, valley } from '../../../src/train/find-rate/curve.js';
import { fixturePath } from '../../fixtures/open.js';

// Oracle: fastai's definitions in numpy (make_rate_curves.py).
const fixture = JSON.parse(readFileSync(fixturePath('rate_curves.json'), 'utf8')) as {
  lowest: number;
  highest: number;
  steps: number;
  rates: number[];
  curves: {
    name: string;
    losses: number[];
    smoothed: number[];
    end: number;
    begin: number;
    valley: number;
    steep: number;
  }[];
};
const { steps, rates } = fixture;
const near = (actual: number, expected: number, what: string): void =>
  assert.ok(
    Math.abs(actual - expected) <= 1e-12 * Math.max(1, Math.abs(expected)),
    `${what}: ${actual}, not ${expected}`,
  );
const smoothed = (losses: readonly number[], beta?: number): number[] => {
  const smooth = new SmoothedLoss(beta);
  return losses.map((loss) => smooth.add(loss));
};

describe('rates of the steps', () => {
  test('go from the lowest to the highest, by equal ratios', () => {
    const range = { lowest: 0.001, highest: 10, steps: 5 };
    const all = [0, 1, 2, 3, 4].map((i) => rateOfStep(i, range));
    for (const [i, rate] of [0.001, 0.01, 0.1, 1, 10].entries()) near(all[i]!, rate, `step ${i}`);
    assert.equal(rateOfStep(0, { lowest: 1e-5, highest: 7, steps: 100 }), 1e-5);
    assert.equal(rateOfStep(99, { lowest: 1e-5, highest: 7, steps: 100 }), 7);
  });
  test('are those of the fixture', () => {
    for (const [i, rate] of rates.entries()) assert.ok(Math.abs(rateOfStep(i, fixture) / rate - 1) < 1e-12);
  });
});

describe('smoothed loss', () => {
  // b = 1/2: s = 1/2 * 8 = 4 over 1/2; 2 + 2 = 4 over 3/4; 2 + 1/2 * 1 = 2.5 over 7/8.
  test('by hand', () => {
    for (const [i, value] of [8, 4 / 0.75, 2.5 / 0.875].entries())
      near(smoothed([8, 4, 1], 0.5)[i]!, value, `step ${i}`);
  });
  test('of a loss that stays is that loss', () => {
    for (const value of smoothed([3, 3, 3, 3])) near(value, 3, 'value');
  });
  for (const curve of fixture.curves)
    test(`of the curve "${curve.name}"`, () => {
      for (const [i, value] of smoothed(curve.losses).entries()) near(value, curve.smoothed[i]!, `step ${i}`);
    });
});

describe('suggestions', () => {
  for (const { name, smoothed, end, begin, ...expected } of fixture.curves)
    test(`of the curve "${name}" are fastai's`, () => {
      const part = smoothed.slice(begin, end - 5);
      assert.equal(valley(part), expected.valley);
      assert.equal(steepest(rates.slice(begin, end - 5), part), expected.steep);
      const points = smoothed.slice(0, end).map((loss, i) => ({ rate: rates[i]!, loss, smoothed: loss }));
      assert.equal(suggestRates(points, steps).valley, begin + expected.valley);
    });
  test('valley by hand: 9 7 6 4 3 1 fall over six, two places and one more from where that began', () => {
    // Ends at place 7, so it is taken to begin at 1, and 1 + 2 + 1 = 4.
    assert.equal(valley([9, 7, 8, 6, 4, 5, 3, 1, 2]), 4);
  });
  test('nothing is suggested where nothing falls', () => {
    assert.equal(valley([1, 2, 3, 4]), undefined);
    assert.equal(valley([2, 1, 2, 1]), undefined);
    assert.equal(valley([]), undefined);
    assert.equal(steepest([1, 2, 3], [1, 1, 2]), undefined);
    assert.equal(steepest([1], [1]), undefined);
    const rising = rates.map((rate, i) => ({ rate, loss: i, smoothed: i }));
    assert.deepEqual(suggestRates(rising, steps), { valley: undefined, steepest: undefined, lowest: 10 });
    assert.deepEqual(suggestRates(rising.slice(0, 8), steps), {
      valley: undefined,
      steepest: undefined,
      lowest: undefined,
    });
  });
});
