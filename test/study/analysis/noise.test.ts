import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { packageRoot } from '../../../src/package-root.js';
import { predict } from '../../../src/study/advice/family.js';
import { marginalGains } from '../../../src/study/analysis/marginal.js';
import {
  changeOf,
  meanOf,
  newSeedNoise,
  noiseOf,
  pooledDifference,
  regimeNoise,
} from '../../../src/study/analysis/noise.js';
import { difference, estimate } from '../../../src/study/analysis/statistics.js';
import { ACCURACY, assertNear, bySeed, grid, noise } from '../synthetic.js';

const cases = JSON.parse(readFileSync(join(packageRoot, 'test', 'fixtures', 'noise.json'), 'utf8')) as {
  values: number[][];
  df: number;
  variance: number;
  weights: number[];
  mean: number;
  low: number;
  high: number;
}[];

describe('noise of a regime', () => {
  it('equals least squares on dummy variables, and so do the intervals of contrasts', () => {
    for (const { values, df, variance, weights, mean, low, high } of cases) {
      const rows = values.map((row) => bySeed(...row));
      const found = noiseOf(rows, [...rows[0]!.keys()])!;
      assert.equal(found.df, df);
      assertNear(found.variance, variance, 1e-9);
      const sum = values.reduce(
        (total, row, i) => total + weights[i]! * (row.reduce((a, b) => a + b, 0) / row.length),
        0,
      );
      assertNear(sum, mean, 1e-9);
      const interval = pooledDifference(
        sum,
        new Map(weights.map((weight, i) => [String(i), weight])),
        found,
        values[0]!.length,
        ACCURACY,
      );
      assertNear(interval.low, low, 1e-6);
      assertNear(interval.high, high, 1e-6);
    }
  });
  it('says nothing of few trials', () => {
    assert.equal(noiseOf([bySeed(1, 2), bySeed(1, 3)], [1, 2]), undefined);
    assert.equal(
      noiseOf(
        Array.from({ length: 20 }, (_, i) => bySeed(i)),
        [1],
      ),
      undefined,
    );
    const [before, after] = [bySeed(0.5, 0.6), bySeed(0.6, 0.65)];
    assert.deepEqual(changeOf(before, after, ACCURACY), difference(before, after, ACCURACY));
    assert.equal(changeOf(new Map(), after, ACCURACY), undefined);
  });
  it('keeps to the own seeds where they are others', () => {
    const { normal } = noise(3);
    const points = grid({ depths: [26, 50, 101], widths: [0.5, 1, 2], sizes: [32] }, () => 0.5 + 0.01 * normal());
    const pooled = regimeNoise(points, ({ score }) => score)!;
    assert.equal(pooled.df, 16);
    const [a, b] = [points[0]!.score, points[1]!.score];
    assert.notDeepEqual(changeOf(a, b, ACCURACY, pooled), difference(a, b, ACCURACY));
    const fewer = new Map([...b].slice(0, 2));
    assert.deepEqual(changeOf(a, fewer, ACCURACY, pooled), difference(a, fewer, ACCURACY));
    assert.equal(changeOf(a, a, ACCURACY, pooled)!.verdict, 'none');
  });
  it('covers the planted gain about as often as it says', () => {
    let covered = 0;
    const rounds = 300;
    for (let round = 0; round < rounds; round++) {
      const { normal } = noise(round + 1);
      const luck = [1, 2].map(() => 0.02 * normal());
      const points = grid(
        { depths: [26, 52, 104], widths: [0.5, 1, 2], sizes: [32, 64], seeds: 2 },
        (at, seed) => 0.4 + 0.01 * Math.log2(at.depth / 26) + luck[seed - 1]! + 0.01 * normal(),
      );
      const depth = marginalGains(points, ACCURACY)[0]!.along.find(({ dimension }) => dimension === 'depth')!
        .perDoubling!;
      if (depth.low! <= 0.01 && 0.01 <= depth.high!) covered++;
    }
    // 95 % of 300 rounds, +- 4 standard errors.
    assert.ok(covered / rounds > 0.9 && covered / rounds < 0.995, String(covered / rounds));
  });
  it('predicts a new seed as often as it says, with and without luck of the seeds', () => {
    for (const spread of [0, 0.02]) {
      let covered = 0;
      const rounds = 300;
      for (let round = 0; round < rounds; round++) {
        const { normal } = noise(round + 1);
        const luck = [1, 2, 3].map(() => spread * normal());
        const rows = Array.from({ length: 12 }, (_, i) =>
          bySeed(...luck.map((one) => 0.4 + 0.01 * i + one + 0.01 * normal())),
        );
        const { variance, df } = newSeedNoise(rows, [1, 2, 3])!;
        const row = rows[0]!;
        const { mean, low, high } = predict([...row.values()], 1, { variance, df });
        const wanted = 0.4 + spread * normal() + 0.01 * normal();
        if (low! <= wanted && wanted <= high!) covered++;
        assert.ok(Math.abs((low! + high!) / 2 - mean) < 1e-12);
      }
      assert.ok(covered / rounds > 0.89 && covered / rounds < 0.995, `${covered / rounds} with ${spread}`);
    }
  });
  it('of new seeds by hand: two configurations would be too few, and equal columns have no luck', () => {
    assert.equal(newSeedNoise([bySeed(1, 2), bySeed(2, 3)], [1, 2]), undefined);
    // Nine configurations whose columns have the same mean: MS_seed = 0, V = 8/9 MS_noise, and all degrees of freedom
    // are the noise's.
    const rows = [1, -1, 2, -2, 3, -3, 4, -4, 0].map((value, i) => bySeed(i + value, i - value));
    const { variance, df } = newSeedNoise(rows, [1, 2])!;
    assertNear(variance, ((8 / 9) * 2 * (2 * (1 + 4 + 9 + 16))) / 8, 1e-12);
    assert.equal(df, 8);
    // t(8) of 0.975 is 2.306004.
    const { mean, low, high } = meanOf(rows[0]!, { variance, df })!;
    assert.equal(mean, 0);
    assertNear(high! - low!, 2 * 2.306004 * Math.sqrt(variance / 2), 1e-6);
    assert.deepEqual(meanOf(rows[0]!), estimate([1, -1]));
    assert.equal(meanOf(new Map(), { variance, df }), undefined);
  });
});
