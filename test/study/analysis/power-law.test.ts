import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { StudyPoint } from '../../../src/study/analysis/points.js';
import { fitPowerLaw, powerLaws } from '../../../src/study/analysis/power-law.js';
import { fixturePath } from '../../fixtures/open.js';
import { ACCURACY, assertNear, bySeed, noise, point } from '../synthetic.js';

interface FixtureLine {
  exponent: number;
  low: number;
  high: number;
  scale: number;
  r2: number;
  residual: number;
}
interface FixtureLaw {
  flops: number[];
  top1: number[];
  line: FixtureLine;
  broken: {
    flops: number;
    residual: number;
    p: number;
    low: number;
    high: number;
    before: FixtureLine;
    after: FixtureLine;
  };
}
const { laws } = JSON.parse(readFileSync(fixturePath('study_analysis.json'), 'utf8')) as { laws: FixtureLaw[] };

const pointsOf = (flops: readonly number[], top1: readonly number[]): StudyPoint[] =>
  flops.map((value, i) => point({ name: `p${i}`, flops: value, score: bySeed(top1[i]!) }));
/** error = a f^-b up to the break and with another exponent from there on. */
const planted = (flops: readonly number[], a: number, b: number, at = Infinity, after = b): StudyPoint[] =>
  pointsOf(
    flops,
    flops.map((f) => 1 - (f <= at ? a * f ** -b : a * at ** -b * (f / at) ** -after)),
  );

describe('fitPowerLaw', () => {
  it('agrees with numpy and scipy on exponent, interval, R2, break, p and the interval of the break', () => {
    for (const [i, { flops, top1, line, broken }] of laws.entries()) {
      const found = fitPowerLaw(pointsOf(flops, top1), ACCURACY);
      assertNear(found.breakP, broken.p, 1e-6);
      assert.equal(found.break !== undefined, i !== 1, `law ${i}`);
      const expected = found.break === undefined ? line : broken.before;
      assertNear(found.exponent!.mean, expected.exponent, 1e-8);
      assertNear(found.exponent!.low, expected.low, 1e-8);
      assertNear(found.exponent!.high, expected.high, 1e-8);
      assertNear(found.scale, expected.scale, 1e-6);
      if (found.break === undefined) {
        assertNear(found.r2, line.r2, 1e-8);
        assert.equal(found.noBreak, 'no break seen');
        continue;
      }
      assertNear(found.break.flops, broken.flops, 1e-6);
      assertNear(found.break.after.low, broken.after.low, 1e-6);
      // Both look for the ends of the interval in steps.
      assertNear(Math.log(found.break.low), Math.log(broken.low), 2e-3);
      assertNear(Math.log(found.break.high), Math.log(broken.high), 2e-3);
      assert.equal(found.break.direction, i === 0 ? 'flattens' : 'steepens');
    }
  });
  it('finds a planted law and a planted break exactly where there is no noise', () => {
    const flops = Array.from({ length: 12 }, (_, i) => 1e8 * 2 ** i);
    const straight = fitPowerLaw(planted(flops, 30, 0.25), ACCURACY);
    assertNear(straight.exponent!.mean, 0.25, 1e-9);
    assertNear(straight.scale, 30, 1e-6);
    assertNear(straight.r2, 1, 1e-12);
    assert.equal(straight.noBreak, 'the line is exact');
    for (const at of [1.37e9, 1e8 * 2 ** 5]) {
      const { break: found, exponent, residuals } = fitPowerLaw(planted(flops, 30, 0.25, at, 0.05), ACCURACY);
      assertNear(found!.flops, at, 1e-6);
      assertNear(exponent!.mean, 0.25, 1e-9);
      assertNear(found!.after.mean, 0.05, 1e-6);
      assert.equal(found!.direction, 'flattens');
      for (const { error, fitted } of residuals) assertNear(fitted, error, 1e-6);
    }
  });
  it('believes in a break on straight lines at most 5 times of 100', () => {
    const { uniform, normal } = noise(7);
    for (const n of [8, 15, 60]) {
      let seen = 0;
      for (let i = 0; i < 500; i++) {
        const flops = Array.from({ length: n }, () => Math.exp(15 + 6 * uniform()));
        if (
          fitPowerLaw(
            pointsOf(
              flops,
              flops.map((f) => 1 - Math.exp(-0.1 * Math.log(f) + 0.05 * normal())),
            ),
            ACCURACY,
          ).break !== undefined
        )
          seen++;
      }
      assert.ok(seen <= 30, `${seen} of 500 for ${n} points`);
    }
  });
  it('has named outcomes for what cannot be fitted', () => {
    assert.deepEqual(fitPowerLaw([], ACCURACY), {
      outcome: 'too few points',
      n: 0,
      sizes: 0,
      excluded: [],
      spread: [],
      residuals: [],
    });
    assert.equal(fitPowerLaw(planted([1e8, 2e8], 3, 0.1), ACCURACY).outcome, 'too few points');
    const tied = fitPowerLaw(pointsOf([1e8, 1e8, 1e8], [0.5, 0.6, 0.7]), ACCURACY);
    assert.equal(tied.outcome, 'one size only');
    assert.equal(tied.exponent, undefined);
    const few = fitPowerLaw(pointsOf([1e8, 2e8, 3e8, 4e8, 5e8], [0.5, 0.55, 0.7, 0.71, 0.72]), ACCURACY);
    assert.equal(few.noBreak, 'too few sizes');
    const flat = fitPowerLaw(pointsOf([1e8, 2e8, 3e8, 4e8, 5e8, 6e8], Array<number>(6).fill(0.5)), ACCURACY);
    assertNear(flat.exponent!.mean, 0, 1e-12);
    assert.equal(flat.r2, undefined);
  });
  it('leaves out, by name, points without a result or without an error', () => {
    const points = [
      ...planted([1e8, 2e8, 4e8, 8e8], 3, 0.1),
      point({ name: 'perfect', score: bySeed(1, 1) }),
      point({ name: 'failed', score: new Map() }),
      point({ name: 'no flops', flops: 0, score: bySeed(0.5) }),
    ];
    const found = fitPowerLaw(points, ACCURACY);
    assert.equal(found.n, 4);
    assert.deepEqual(
      found.excluded.map(({ name, reason }) => [name, reason]),
      [
        ['perfect', 'no error left, whose logarithm is infinite'],
        ['failed', 'no result'],
        ['no flops', 'no FLOPs'],
      ],
    );
    assertNear(found.exponent!.mean, 0.1, 1e-9);
  });
  it('tells the spread of the error at equal FLOPs, widest first', () => {
    // Within 10 % of 1e8: errors 0.2 and 0.5; within 10 % of 1e9: 0.1 and 0.2 and 0.15.
    const found = fitPowerLaw(
      pointsOf([1e8, 1.09e8, 1e9, 1.05e9, 1.1e9, 5e9], [0.5, 0.8, 0.9, 0.8, 0.85, 0.95]),
      ACCURACY,
    );
    assert.deepEqual(
      found.spread.map(({ n, best, worst }) => [n, best.name, worst.name]),
      [
        [2, 'p1', 'p0'],
        [3, 'p2', 'p3'],
      ],
    );
    assertNear(found.spread[0]!.ratio, 2.5, 1e-9);
  });
});

it('powerLaws fits each regime by itself', () => {
  const flops = [1e8, 2e8, 4e8, 8e8];
  const points = [
    ...planted(flops, 3, 0.1).map((p) => ({ ...p, epochs: 100 })),
    ...planted(flops, 3, 0.2).map((p) => ({ ...p, epochs: 10 })),
  ];
  const { all, regimes } = powerLaws(points, ACCURACY);
  assert.deepEqual(
    regimes.map(({ epochs }) => epochs),
    [10, 100],
  );
  assertNear(regimes[0]!.exponent!.mean, 0.2, 1e-9);
  assertNear(regimes[1]!.exponent!.mean, 0.1, 1e-9);
  assert.equal(all.n, 8);
});
