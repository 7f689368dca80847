import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { costAt, paretoFrontier } from '../../../src/study/analysis/pareto.js';
import { ACCURACY } from '../synthetic.js';

const p = (cost: number, score: number) => ({ cost, score });

describe('paretoFrontier', () => {
  it('keeps what nothing beats, by rising cost', () => {
    assert.deepEqual(paretoFrontier([p(4, 80), p(1, 70), p(2, 75), p(3, 74), p(8, 80)], ACCURACY), [
      p(1, 70),
      p(2, 75),
      p(4, 80),
    ]);
  });
  it('ties: the better of equal cost, the cheaper of equal accuracy, the first of equals', () => {
    const first = { ...p(1, 70), name: 'first' };
    assert.deepEqual(paretoFrontier([p(1, 69), first, { ...p(1, 70), name: 'second' }, p(2, 70)], ACCURACY), [first]);
  });
  it('agrees with the definition on random points', () => {
    let seed = 1;
    const random = () => (seed = (seed * 48271) % 2147483647) % 20;
    const points = Array.from({ length: 300 }, () => p(random(), random()));
    const unbeaten = points.filter(
      (a) => !points.some((b) => b.cost <= a.cost && b.score >= a.score && (b.cost < a.cost || b.score > a.score)),
    );
    const text = (list: { cost: number; score: number }[]) =>
      [...new Set(list.map(({ cost, score }) => `${cost} ${score}`))].sort();
    assert.deepEqual(text(paretoFrontier(points, ACCURACY)), text(unbeaten));
  });
  it('leaves out what is not finite', () => {
    assert.deepEqual(paretoFrontier([p(Number.NaN, 99), p(1, Number.POSITIVE_INFINITY), p(2, 3)], ACCURACY), [p(2, 3)]);
    assert.deepEqual(paretoFrontier([], ACCURACY), []);
  });
});

describe('costAt', () => {
  const points = [p(1, 70), p(4, 80), p(5, 75)];
  it('is geometric between two points: half way from 1 to 4 lies 2', () => {
    assert.equal(costAt(points, 70, ACCURACY), 1);
    assert.equal(costAt(points, 80, ACCURACY), 4);
    assert.ok(Math.abs(costAt(points, 75, ACCURACY)! - 2) < 1e-12);
  });
  it('says nothing where nothing was measured', () => {
    assert.equal(costAt(points, 69.9, ACCURACY), undefined);
    assert.equal(costAt(points, 80.1, ACCURACY), undefined);
    assert.equal(costAt([], 1, ACCURACY), undefined);
  });
});
