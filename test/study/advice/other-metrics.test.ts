import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { advise } from '../../../src/study/advice/advise.js';
import { parseBudget, pickWithin } from '../../../src/study/advice/budget.js';
import { proposeFamily } from '../../../src/study/advice/family.js';
import type { StudyPoint } from '../../../src/study/analysis/points.js';
import { assertNear, bySeed, grid, noise, PSNR, point, RMSE } from '../synthetic.js';

const SHAPE = { depths: [26, 50, 101], widths: [0.5, 1, 2], sizes: [32, 64, 128] };
/** Of a model that costs so many milliseconds. */
const at = (name: string, cost: number, score: number, seeds = 3, size = 32): StudyPoint =>
  point({
    name,
    family: name,
    size,
    flops: 100 * cost,
    batch: 1,
    measured: { trainStepMs: cost, inferenceMs: cost, peakBytes: cost },
    score: bySeed(...[0.001, -0.001, 0].slice(0, seeds).map((luck) => score + luck)),
  });
const names = (points: { name: string }[]): string[] => points.map(({ name }) => name);

describe('advice where lower is better', () => {
  it('scales what takes most off, and breaks no tie by the sign', () => {
    const { normal } = noise(3);
    // Depth takes 0.3 m off for each doubling of the cost, width 0.1 m, resolution 0.05 m.
    const points = grid(
      SHAPE,
      (one) =>
        5 -
        0.3 * Math.log2(one.depth / 26) -
        0.2 * Math.log2(one.width) -
        0.1 * Math.log2(one.size / 32) +
        0.005 * normal(),
    );
    const { full } = advise(points, RMSE);
    assert.deepEqual([full!.pays, full!.among], ['depth', ['depth']]);
    // What makes it worse does not pay: the same, rising.
    const worse = grid(SHAPE, (one, seed) => 5 + 0.3 * Math.log2(one.depth / 26) + 0.001 * seed);
    assert.equal(advise(worse, RMSE).full!.pays, 'none');
  });
  it('proposes a family of falling errors, and none from two seeds', () => {
    const found = proposeFamily([at('a', 1, 4), at('worse', 2, 4.5), at('b', 3, 3), at('c', 8, 2)], RMSE);
    assert.deepEqual(names(found.members), ['a', 'b', 'c']);
    assertNear(found.members[1]!.gain!.mean, -1, 1e-9);
    assert.equal(found.members[1]!.gain!.verdict, 'better');
    assert.deepEqual(proposeFamily([at('a', 1, 4, 2), at('b', 2, 3, 2)], RMSE).members, []);
    const decibels = proposeFamily([at('a', 1, 30), at('worse', 2, 29), at('c', 3, 30.4)], PSNR);
    assert.deepEqual(names(decibels.members), ['a', 'c']);
    // What is no share is not cut: 0 is no end of a distance.
    assert.ok(proposeFamily([at('a', 1, 0)], RMSE).members[0]!.score.low! < 0);
  });
  it('takes a lower resolution that does as well', () => {
    const points = [
      at('a', 1, 4),
      { ...at('low', 3, 3.0005, 3, 24), score: bySeed(3.01, 2.99, 3.0015) },
      { ...at('high', 4, 3, 3, 48), score: bySeed(2.99, 3.01, 3) },
    ];
    const found = proposeFamily(points, RMSE);
    assert.deepEqual(names(found.members), ['a', 'low']);
  });
  it('picks the lowest that a budget allows', () => {
    const points = [at('a', 1, 4), at('b', 3, 3), at('c', 8, 2)];
    const pick = pickWithin(points, parseBudget('5ms'), RMSE);
    assert.equal(pick.pick!.name, 'b');
    assertNear(pick.pick!.score.mean, 3, 1e-9);
    assert.deepEqual([pick.runnerUp!.name, pick.runnerUp!.behind.verdict], ['a', 'better']);
    assertNear(pick.runnerUp!.behind.mean, -1, 1e-9);
    assert.equal(pickWithin(points, parseBudget('0.5ms'), RMSE).cheapest!.name, 'a');
  });
});
