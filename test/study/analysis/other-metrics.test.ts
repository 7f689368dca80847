import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { rungAgreement, survivors } from '../../../src/study/analysis/halving.js';
import { marginalGains } from '../../../src/study/analysis/marginal.js';
import { overfitting } from '../../../src/study/analysis/overfitting.js';
import { costAt, paretoFrontier } from '../../../src/study/analysis/pareto.js';
import type { StudyPoint } from '../../../src/study/analysis/points.js';
import { fitPowerLaw } from '../../../src/study/analysis/power-law.js';
import { difference } from '../../../src/study/analysis/statistics.js';
import { assertNear, bySeed, grid, PSNR, point, RMSE } from '../synthetic.js';

describe('where lower is better', () => {
  it('a fall is better, a rise is worse, and the difference keeps its sign', () => {
    // Seed by seed -1, -1.6 and -0.4: mean -1, s = 0.6, t(2) s / sqrt(3) = 4.303 * 0.3464 = 1.49 is too wide.
    const wide = difference(bySeed(3, 3, 3), bySeed(2, 1.4, 2.6), RMSE)!;
    assert.equal(wide.verdict, 'noise');
    // -1, -1.02 and -1.01: mean -1.01, s = 0.01, 4.30265 * 0.0057735 = 0.02484.
    const found = difference(bySeed(3, 3, 3), bySeed(2, 1.98, 1.99), RMSE)!;
    assert.equal(found.verdict, 'better');
    assertNear(found.mean, -1.01, 1e-9);
    assertNear(found.high, -1.01 + 0.02484, 1e-4);
    assert.equal(difference(bySeed(2, 1.98, 1.99), bySeed(3, 3, 3), RMSE)!.verdict, 'worse');
    // Two seeds have an interval, 12.706 * 0.01 to each side, and are not judged by it.
    const two = difference(bySeed(3, 3), bySeed(2, 1.98), RMSE)!;
    assertNear(two.high, -1.01 + 0.12706, 1e-4);
    assert.equal(two.verdict, 'unknown');
  });
  it('a dimension gains what the error falls by, and the contrast goes by the direction', () => {
    // Each doubling of depth takes 0.4 m off, each of width 0.2 m, which is two doublings of the cost: 0.1 m each.
    const points = grid(
      { depths: [26, 52, 104], widths: [1, 2, 4], sizes: [32] },
      (at, seed) =>
        4 - 0.4 * Math.log2(at.depth / 26) - 0.2 * Math.log2(at.width) + 0.001 * ((seed * 7 + at.depth * at.width) % 3),
    );
    const [gains] = marginalGains(points, RMSE);
    const along = Object.fromEntries(gains!.along.map((one) => [one.dimension, one]));
    assertNear(along.depth!.perDoubling!.mean, -0.4, 0.01);
    assertNear(along.width!.perDoubling!.mean, -0.1, 0.01);
    assert.deepEqual([along.depth!.perDoubling!.verdict, along.width!.perDoubling!.verdict], ['better', 'better']);
    const [contrast] = gains!.contrasts;
    assert.deepEqual([contrast!.first, contrast!.second, contrast!.difference!.verdict], ['depth', 'width', 'better']);
    assertNear(contrast!.difference!.mean, -0.3, 0.01);
  });
  it('returns diminish where later steps take less off', () => {
    const fall = new Map([
      [26, 0],
      [52, 1],
      [104, 1.2],
    ]);
    const points = grid(
      { depths: [26, 52, 104], widths: [1], sizes: [32] },
      (at, seed) => 4 - fall.get(at.depth)! + 0.001 * ((seed * at.depth) % 4),
    );
    const [gains] = marginalGains(points, RMSE);
    const { change } = gains!.diminishing.find(({ dimension }) => dimension === 'depth')!;
    assert.equal(change!.verdict, 'worse');
    assertNear(change!.mean, 0.8, 0.01);
  });
  it('the gap is how much better training pictures are: over-fitting widens it upwards', () => {
    // Training 2.0 -> 1.5 m, test 2.5 -> 2.8 m: gaps 0.5 and 1.3 m.
    const shake = [0, 0.001, -0.001];
    const points = [0, 1].map((i) =>
      point({
        width: i + 1,
        trainScore: bySeed(...shake.map((luck) => [2, 1.5][i]! + luck)),
        score: bySeed(...shake.map((luck) => [2.5, 2.8][i]! - luck)),
      }),
    );
    const found = overfitting(points, RMSE);
    assert.equal(found.pairs[0]!.verdict, 'overfits');
    assertNear(found.pairs[0]!.train!.mean, -0.5, 1e-9);
    assertNear(found.pairs[0]!.test!.mean, 0.3, 1e-9);
    assertNear(found.points[0]!.gap!.mean, 0.5, 1e-9);
    assertNear(found.points[1]!.gap!.mean, 1.3, 1e-9);
    assert.equal(found.pairs[0]!.gap!.verdict, 'better'); // widens
    // Both fall: it learns.
    const learns = overfitting(
      [0, 1].map((i) =>
        point({
          width: i + 1,
          trainScore: bySeed(2 - i, 2.01 - i, 1.99 - i),
          score: bySeed(3 - i, 3.01 - i, 2.99 - i),
        }),
      ),
      RMSE,
    );
    assert.equal(learns.pairs[0]!.verdict, 'learns');
  });
  it('a rung keeps the lowest, and says how far the first that leaves is behind', () => {
    const named = (name: string, ...values: number[]): StudyPoint =>
      point({ name, flops: 100, measured: undefined, score: bySeed(...values) });
    const found = survivors([named('a', 3, 3.2), named('b', 2, 2.2), named('c', 2.4, 2.6)], 1, RMSE);
    assert.deepEqual(found.survivors, ['b']);
    assert.deepEqual(
      found.ranking.map(({ name }) => name),
      ['b', 'c', 'a'],
    );
    assertNear(found.cut!.behind, 0.4, 1e-9);
    const [agreement] = rungAgreement(
      [26, 50, 101].flatMap((depth, i) =>
        [10, 40].map((epochs) => point({ depth, epochs, score: bySeed(epochs === 10 ? 3 + i : [2, 1, 3][i]!) })),
      ),
      RMSE,
    );
    // At the end 50 layers are best, which were second after 10 epochs; one of three pairs changed its order.
    assert.equal(agreement!.best!.place, 2);
    assertNear(agreement!.tau, 1 / 3, 1e-9);
  });
  it('a frontier falls, and a cost is read between two of its points', () => {
    const p = (cost: number, score: number) => ({ cost, score });
    assert.deepEqual(paretoFrontier([p(4, 2), p(1, 8), p(2, 4), p(3, 5), p(8, 2)], RMSE), [p(1, 8), p(2, 4), p(4, 2)]);
    const points = [p(1, 8), p(4, 4)];
    assertNear(costAt(points, 6, RMSE), 2, 1e-12); // half way: the geometric middle of 1 and 4
    assert.equal(costAt(points, 3.9, RMSE), undefined);
    assert.equal(costAt(points, 8.1, RMSE), undefined);
  });
  it('the power law is of the score itself', () => {
    // RMSE = 50 FLOPs^-0.25: 5 m at 1e4, 0.5 m at 1e8.
    const points = [1e4, 1e5, 1e6, 1e7, 1e8].map((flops) =>
      point({ name: `${flops}`, flops, score: bySeed(50 * flops ** -0.25) }),
    );
    const law = fitPowerLaw(points, RMSE);
    assert.equal(law.outcome, 'fitted');
    assertNear(law.exponent!.mean, 0.25, 1e-9);
    assertNear(law.scale, 50, 1e-6);
    assertNear(law.residuals[0]!.error, 5, 1e-9);
  });
});

describe('where no best value is known', () => {
  it('no power law is fitted, and says why', () => {
    const points = [1e4, 1e5, 1e6, 1e7].map((flops, i) => point({ name: `p${i}`, flops, score: bySeed(30 + i) }));
    const law = fitPowerLaw(points, PSNR);
    assert.equal(law.outcome, 'no error');
    assert.equal(law.exponent, undefined);
    assert.deepEqual(law.spread, []);
    assert.deepEqual([...new Set(law.excluded.map(({ reason }) => reason))], ['no error is known of this metric']);
  });
  it('gains are in its unit', () => {
    const points = grid({ depths: [26, 52], widths: [1], sizes: [32] }, (at) => 30 + 2 * Math.log2(at.depth / 26));
    const [gains] = marginalGains(points, PSNR);
    assertNear(gains!.along[0]!.perDoubling!.mean, 2, 1e-9);
    assert.equal(gains!.along[0]!.perDoubling!.verdict, 'better');
  });
});
