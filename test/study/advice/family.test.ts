import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { predict, proposeFamily } from '../../../src/study/advice/family.js';
import { ACCURACY, assertNear, bySeed, noise, point } from '../synthetic.js';

/** Cost 1 is 100 FLOPs and 1 ms; seeds 1 to 3 lie 0.001 about the accuracy, all alike but for `shake`. */
const at = (name: string, cost: number, top1: number, more: { size?: number; shake?: number; seeds?: number } = {}) =>
  point({
    name,
    family: name,
    flops: 100 * cost,
    size: more.size ?? 32,
    batch: 1,
    measured: { trainStepMs: cost, inferenceMs: cost, peakBytes: cost },
    score: bySeed(...[0.001, -0.001 + (more.shake ?? 0), 0].slice(0, more.seeds ?? 3).map((luck) => top1 + luck)),
  });
const names = (points: { name: string }[]) => points.map(({ name }) => name);

describe('proposeFamily', () => {
  it('is the frontier, smallest to largest, without steps that are noise', () => {
    // `b` is off the frontier; `c2` is on it, but its seeds differ from those of `c` by 0.001, -0.009 and 0.011.
    const c2 = { ...at('c2', 5, 0.701), score: bySeed(0.702, 0.69, 0.711) };
    const found = proposeFamily(
      [at('d', 8, 0.8, { shake: 0.0005 }), at('a', 1, 0.5), at('b', 3, 0.49), at('c', 4, 0.7), c2],
      ACCURACY,
    );
    assert.equal(found.outcome, 'proposed');
    assert.deepEqual(names(found.members), ['a', 'c', 'd']);
    assert.deepEqual(
      found.members.map(({ why }) => why),
      ['the cheapest of the frontier', 'gains beyond noise', 'gains beyond noise'],
    );
    assertNear(found.members[1]!.gain!.mean, 0.2, 1e-9);
    assert.deepEqual(found.passedOver, [{ name: 'c2', against: 'c', reason: 'no gain beyond noise' }]);
    assert.deepEqual([found.cost, found.instead], ['trainStepMs', false]);
  });
  it('takes small steps together once they are beyond noise', () => {
    const uncertain = (name: string, cost: number, top1: number) => ({
      ...at(name, cost, top1),
      score: bySeed(top1 + 0.002 * (cost % 2), top1 - 0.002 * (cost % 2), top1),
    });
    const found = proposeFamily(
      [uncertain('a', 1, 0.5), uncertain('b', 2, 0.502), uncertain('c', 3, 0.506), uncertain('d', 4, 0.52)],
      ACCURACY,
    );
    assert.deepEqual(names(found.members), ['a', 'c', 'd']);
  });
  it('proposes none of fewer than three seeds, and of the others only those that have them', () => {
    for (const seeds of [1, 2]) {
      const found = proposeFamily([at('a', 1, 0.5, { seeds }), at('b', 2, 0.9, { seeds })], ACCURACY);
      assert.equal(found.outcome, 'not enough evidence');
      assert.deepEqual(found.members, []);
      assert.deepEqual(
        found.leftOut.map(({ name, reason }) => `${name}: ${reason}`),
        ['a: too few seeds', 'b: too few seeds'],
      );
    }
    const mixed = proposeFamily([at('a', 1, 0.5), at('b', 2, 0.6, { seeds: 2 }), at('c', 3, 0.7)], ACCURACY);
    assert.deepEqual(names(mixed.members), ['a', 'c']);
  });
  it('cuts what it says of a share at 0 and 1', () => {
    const [member] = proposeFamily([at('a', 1, 0.999, { shake: -0.02 })], ACCURACY).members;
    // 1, 0.978 and 0.999: mean 0.992333, s = 0.012423; t(2) s / sqrt(3) = 4.30265 * 0.0071725 = 0.030861.
    assertNear(member!.score.low, 0.992333 - 0.030861, 1e-5);
    assert.equal(member!.score.high, 1);
    assert.equal(member!.prediction.high, 1);
  });
  it('raises the resolution slowly: a cheaper point at a lower one that is not told from a member takes its place', () => {
    // `low` is off the frontier, since `near` is cheaper and better; both beat `a`, and `high` is ahead of `low` by
    // less than noise.
    const noisy = (name: string, cost: number, top1: number, size: number) =>
      at(name, cost, top1, { size, shake: 0.01 });
    const found = proposeFamily(
      [
        at('a', 1, 0.5, { size: 32 }),
        noisy('high', 4, 0.7, 64),
        { ...at('low', 4, 0.698, { size: 32 }), family: 'deep' },
      ],
      ACCURACY,
    );
    assert.deepEqual(names(found.members), ['a', 'low']);
    assert.equal(found.members[1]!.insteadOf, 'high');
    assert.deepEqual(found.passedOver, [{ name: 'high', against: 'low', reason: 'a lower resolution does as well' }]);
    // Where the high one is ahead beyond noise it stays, and is marked: twice the side for two doublings of FLOPs.
    const [, high] = proposeFamily(
      [at('a', 1, 0.5, { size: 32 }), at('high', 4, 0.7, { size: 64 }), at('low', 4, 0.65, { size: 32 })],
      ACCURACY,
    ).members;
    assert.equal(high!.name, 'high');
    assertNear(high!.resolutionPerDoubling, Math.SQRT2, 1e-12);
    assert.equal(high!.fasterThanCompound, true);
  });
  it('names what it had to leave out, and falls back to FLOPs where nothing is measured', () => {
    const unmeasured = { ...at('u', 2, 0.9), measured: undefined };
    const found = proposeFamily(
      [at('a', 1, 0.5), unmeasured, { ...at('f', 1, 0), score: new Map<number, number>() }],
      ACCURACY,
    );
    assert.deepEqual(found.leftOut, [
      { name: 'u', reason: 'not measured' },
      { name: 'f', reason: 'no result' },
    ]);
    const instead = proposeFamily([unmeasured], ACCURACY);
    assert.deepEqual([instead.cost, instead.instead, names(instead.members)], ['flops', true, ['u']]);
    assert.equal(proposeFamily([], ACCURACY).outcome, 'not enough evidence');
    assert.deepEqual(
      names(proposeFamily([at('a', 1, 0.5), at('b', 2, 0.9)], ACCURACY, { cost: 'parameters' }).members),
      ['b'],
    );
  });
});

describe('predict', () => {
  it('is mean +- t s sqrt(1/n + 1/m)', () => {
    // 1, 2, 3: s = 1, t(2) = 4.30265; one new seed: sqrt(4/3); three: sqrt(2/3).
    assertNear(predict([1, 2, 3], 1).high, 2 + 4.30265 * Math.sqrt(4 / 3), 1e-5);
    assertNear(predict([1, 2, 3], 3).low, 2 - 4.30265 * Math.sqrt(2 / 3), 1e-5);
    assert.deepEqual(predict([0.5], 1), { seeds: 1, mean: 0.5 });
  });
  it('holds 95 times of 100 for a new mean of two', () => {
    const { normal } = noise(8);
    let held = 0;
    for (let i = 0; i < 3000; i++) {
      const { low, high } = predict([normal(), normal(), normal(), normal()], 2);
      const next = (normal() + normal()) / 2;
      if (low! <= next && next <= high!) held++;
    }
    assertNear(held / 3000, 0.95, 0.015); // 3.6 standard deviations
  });
});
