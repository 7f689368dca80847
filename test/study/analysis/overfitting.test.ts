import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { overfitting } from '../../../src/study/analysis/overfitting.js';
import { ACCURACY, assertNear, bySeed, grid, noise, point } from '../synthetic.js';

const verdicts = (train: [number[], number[]], test: [number[], number[]]) =>
  overfitting(
    [0, 1].map((i) => point({ width: i + 1, trainScore: bySeed(...train[i]!), score: bySeed(...test[i]!) })),
    ACCURACY,
  ).pairs.map(({ verdict }) => verdict);

describe('overfitting', () => {
  it('finds the width that over-fits and the depth that does not', () => {
    const { normal } = noise(4);
    const shake = () => 0.001 * normal();
    // Each doubling of the width learns 0.05 more of the training pictures and 0.02 less of the test pictures; of depth
    // 0.03 of both.
    const points = grid(
      { depths: [26, 52], widths: [1, 2, 4], sizes: [32] },
      (at) => 0.7 - 0.02 * Math.log2(at.width) + 0.03 * Math.log2(at.depth / 26) + shake(),
      (at) => 0.8 + 0.05 * Math.log2(at.width) + 0.03 * Math.log2(at.depth / 26) + shake(),
    );
    const found = overfitting(points, ACCURACY);
    assert.equal(found.pairs.length, 7);
    assert.deepEqual(
      found.overfits.map(({ direction }) => direction),
      ['width', 'width', 'width', 'width'],
    );
    assert.deepEqual(
      [...new Set(found.pairs.filter(({ direction }) => direction === 'depth').map(({ verdict }) => verdict))],
      ['learns'],
    );
    assert.equal(found.judged, 7);
    const [depth, width, epochs] = found.along;
    assert.deepEqual([depth!.direction, width!.direction, epochs!.direction], ['depth', 'width', 'epochs']);
    // A doubling of the width is two of FLOPs.
    assertNear(width!.perDoubling!.mean, 0.035, 0.05);
    assert.equal(width!.perDoubling!.verdict, 'better');
    assertNear(depth!.perDoubling!.mean, 0, 0.002);
    assert.equal(epochs!.why, 'no pairs with results');
    assertNear(found.points[0]!.gap!.mean, 0.1, 0.03);
    assert.equal(found.points[0]!.gap!.n, 3);
  });
  it('follows longer training: the gap for each doubling of epochs, and who over-fits by it', () => {
    const points = grid(
      { depths: [26], widths: [1], sizes: [32], epochs: [10, 40] },
      (at, seed) => 0.6 - (at.epochs === 40 ? 0.02 + seed / 1e4 : 0),
      (at, seed) => 0.7 + (at.epochs === 40 ? 0.1 + seed / 1e4 : 0),
    );
    const found = overfitting(points, ACCURACY);
    assert.deepEqual(
      found.pairs.map(({ direction, verdict }) => [direction, verdict]),
      [['epochs', 'overfits']],
    );
    assertNear(found.along.find(({ direction }) => direction === 'epochs')!.perDoubling!.mean, 0.0602, 1e-6); // (0.12 + 0.0004) / 2
  });
  it('has a verdict for every outcome', () => {
    const [low, high, middle] = [
      [0.5, 0.51, 0.49],
      [0.7, 0.71, 0.69],
      [0.5, 0.48, 0.52],
    ];
    assert.deepEqual(verdicts([low, high], [high, low]), ['overfits']);
    assert.deepEqual(verdicts([low, high], [low, middle]), ['memorises']);
    assert.deepEqual(verdicts([low, high], [low, low]), ['memorises']);
    assert.deepEqual(verdicts([high, low], [low, high]), ['learns']);
    assert.deepEqual(verdicts([high, low], [high, low]), ['loses']);
    assert.deepEqual(verdicts([low, middle], [low, middle]), ['no change']);
    assert.deepEqual(verdicts([[0.5], [0.7]], [[0.7], [0.5]]), ['not enough evidence']);
    assert.deepEqual(verdicts([[], []], [low, high]), ['not enough evidence']);
  });
  it('pairs training and test by seed, and has no gap where no seed has both', () => {
    const [some, none] = overfitting(
      [
        point({
          width: 1,
          score: new Map([
            [1, 0.5],
            [2, 0.6],
          ]),
          trainScore: new Map([
            [2, 0.9],
            [3, 0.1],
          ]),
        }),
        point({ width: 2, score: bySeed(0.5), trainScore: new Map() }),
      ],
      ACCURACY,
    ).points;
    assertNear(some!.gap!.mean, 0.3, 1e-9);
    assert.equal(some!.gap!.verdict, 'unknown');
    assert.equal(none!.gap, undefined);
    assert.deepEqual(overfitting([], ACCURACY).pairs, []);
  });
});
