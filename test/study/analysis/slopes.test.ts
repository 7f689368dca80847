import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { neighbours } from '../../../src/study/analysis/dimensions.js';
import { perDoublingOf, slope } from '../../../src/study/analysis/slopes.js';
import { difference } from '../../../src/study/analysis/statistics.js';
import { ACCURACY, assertNear, bySeed, point } from '../synthetic.js';

/** A line of depths; each point has these seeds, and gains 0.1 with each step of one doubling. */
const line = (...seeds: number[][]) =>
  neighbours(
    seeds.map((list, i) =>
      point({ depth: 10 * 2 ** i, score: new Map(list.map((seed) => [seed, 0.1 * i + 0.001 * seed])) }),
    ),
    'depth',
  );
const found = (...seeds: number[][]) => {
  const {
    bySeed: all,
    pairs,
    leftOut,
    outcome,
  } = slope(line(...seeds), { of: ({ score }) => score, ...ACCURACY }, () => 1);
  return [all.map(({ seed }) => seed), pairs, leftOut.length, outcome];
};

describe('slope', () => {
  it('takes the largest complete block of seeds and pairs', () => {
    assert.deepEqual(found([1, 2, 3], [1, 2, 3], [1, 2, 3]), [[1, 2, 3], 2, 0, 'measured']);
    // Seed 3 is in one of four pairs: 2 seeds of 4 pairs are more than 3 of 1.
    assert.deepEqual(found([1, 2, 3], [1, 2, 3], [1, 2], [1, 2], [1, 2]), [[1, 2], 4, 0, 'measured']);
    // Seed 1 is missing at one end: 3 seeds of 3 pairs are more than 2 of 4.
    assert.deepEqual(found([2, 3], [1, 2, 3], [1, 2, 3], [1, 2, 3], [1, 2, 3]), [[1, 2, 3], 3, 1, 'measured']);
  });
  it('rather has two seeds with an interval than more pairs of one', () => {
    assert.deepEqual(found([1, 2], [1, 2], [1], [1], [1]), [[1, 2], 1, 3, 'measured']);
    assert.deepEqual(found([1], [1], [2], [2]), [[1], 1, 2, 'not enough evidence']);
  });
  it('weighs a pair by what it costs: all gains over all doublings', () => {
    // 0.1 for 1 doubling and 0.1 for 3: 0.2 / 4.
    const of = slope(line([1, 2], [1, 2], [1, 2]), { of: ({ score }) => score, ...ACCURACY }, ({ from }) =>
      from.depth === 10 ? 1 : 3,
    );
    assertNear(of.perDoubling!.mean, 0.05, 1e-9);
    const unknown = slope(line([1, 2], [1, 2], [1, 2]), { of: ({ score }) => score, ...ACCURACY }, ({ from }) =>
      from.depth === 10 ? 1 : undefined,
    );
    assert.deepEqual([unknown.pairs, unknown.leftOut.length], [1, 1]);
  });
});

it('perDoublingOf divides change and interval, and says nothing where the larger one is no dearer', () => {
  const change = difference(bySeed(0.5, 0.5), bySeed(0.6, 0.62), ACCURACY)!;
  const half = perDoublingOf(change, 2)!;
  assertNear(half.low, change.low! / 2, 1e-12);
  assertNear(half.high, change.high! / 2, 1e-12);
  for (const doublings of [0.09, 0, -1, undefined]) assert.equal(perDoublingOf(change, doublings), undefined);
  assert.equal(perDoublingOf(undefined, 1), undefined);
});
