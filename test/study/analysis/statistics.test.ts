import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { difference, estimate, studentCdf, studentQuantile } from '../../../src/study/analysis/statistics.js';
import { ACCURACY } from '../synthetic.js';

const near = (got: number | undefined, wanted: number, within: number): void =>
  assert.ok(got !== undefined && Math.abs(got - wanted) <= within, `${got} is not ${wanted}`);
const map = (...values: number[]): Map<number, number> => new Map(values.map((value, i) => [i + 1, value]));

describe("Student's distribution", () => {
  // The two-sided 95 % and 99 % columns of the table that every textbook prints.
  const TABLE: [df: number, t95: number, t99: number][] = [
    [1, 12.706, 63.657],
    [2, 4.303, 9.925],
    [3, 3.182, 5.841],
    [4, 2.776, 4.604],
    [5, 2.571, 4.032],
    [9, 2.262, 3.25],
    [10, 2.228, 3.169],
    [29, 2.045, 2.756],
    [30, 2.042, 2.75],
    [120, 1.98, 2.617],
  ];
  for (const [df, t95, t99] of TABLE)
    it(`has the tabled quantiles for ${df} degrees of freedom`, () => {
      near(studentQuantile(df), t95, 0.0005);
      near(studentQuantile(df, 0.99), t99, 0.0005);
    });
  it('is Cauchy for one degree of freedom and has a closed form for two', () => {
    for (const t of [-3, -0.5, 0, 1, 7]) {
      near(studentCdf(t, 1), 0.5 + Math.atan(t) / Math.PI, 1e-12);
      near(studentCdf(t, 2), 0.5 + t / (2 * Math.sqrt(2 + t * t)), 1e-12);
    }
  });
  it('refuses a freedom that is none', () => assert.throws(() => studentQuantile(0), RangeError));
});

describe('estimate', () => {
  it('is mean +- t s / sqrt(n)', () => {
    // 1, 2, 3: s = 1, t = 4.3027, so 2 +- 2.4841.
    const found = estimate([1, 2, 3])!;
    near(found.mean, 2, 1e-12);
    near(found.low, -0.4841, 1e-4);
    near(found.high, 4.4841, 1e-4);
  });
  it('has no interval from one value and nothing from none', () => {
    assert.deepEqual(estimate([0.9]), { mean: 0.9, n: 1 });
    assert.equal(estimate([]), undefined);
  });
  it('covers the truth 95 times of 100', () => {
    // Sums of 12 uniforms less 6 are nearly normal; a linear congruence gives the same numbers everywhere.
    let state = 12345;
    const uniform = (): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
    const normal = (): number => Array.from({ length: 12 }, uniform).reduce((sum, u) => sum + u, -6);
    let covered = 0;
    for (let i = 0; i < 4000; i++) {
      const { low, high } = estimate([5 + normal(), 5 + normal(), 5 + normal()])!;
      if (low! <= 5 && 5 <= high!) covered++;
    }
    near(covered / 4000, 0.95, 0.0125); // 3.6 standard deviations
  });
});

describe('difference', () => {
  it('is paired by seed: what all rows share cancels out', () => {
    // Seeds differ by 10, the step by 1 +- 0.1: differences 0.9, 1, 1.1 have s = 0.1, so 1 +- 0.2484.
    const found = difference(map(10, 20, 30), map(10.9, 21, 31.1), ACCURACY)!;
    assert.equal(found.paired, true);
    near(found.mean, 1, 1e-12);
    near(found.low, 1 - 0.24841, 1e-4);
    assert.equal(found.verdict, 'better');
    assert.equal(difference(map(10.9, 21, 31.1), map(10, 20, 30), ACCURACY)!.verdict, 'worse');
  });
  it('says noise where the interval covers 0', () => {
    assert.equal(difference(map(1, 2, 3), map(1.5, 1.8, 3.1), ACCURACY)!.verdict, 'noise');
  });
  it('says that equal results are equal, and that one seed says nothing', () => {
    assert.equal(difference(map(1, 2), map(1, 2), ACCURACY)!.verdict, 'none');
    const one = difference(map(1), map(2), ACCURACY)!;
    assert.equal(one.verdict, 'unknown');
    assert.equal(one.low, undefined);
  });
  it('uses only seeds of both sides, and Welch where there are none', () => {
    const some = difference(
      new Map([
        [1, 1],
        [2, 2],
        [9, 99],
      ]),
      new Map([
        [1, 2],
        [2, 3],
        [8, -50],
      ]),
      ACCURACY,
    )!;
    assert.equal(some.n, 2);
    near(some.mean, 1, 1e-12);
    // Welch: means 2 and 5; s^2/n = 1/3 + 4/3; df = (5/3)^2 / ((1/9 + 16/9)/2) = 2.94, rounded down to 2: 3 +- 4.3027
    // sqrt(5/3).
    const welch = difference(
      new Map([
        [1, 1],
        [2, 2],
        [3, 3],
      ]),
      new Map([
        [4, 3],
        [5, 5],
        [6, 7],
      ]),
      ACCURACY,
    )!;
    assert.equal(welch.paired, false);
    near(welch.low, 3 - 5.5547, 1e-3);
    assert.equal(difference(new Map(), map(1), ACCURACY), undefined);
  });
});
