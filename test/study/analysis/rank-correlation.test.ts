import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { kendallTauB, rankCosts, spearmanRho } from '../../../src/study/analysis/rank-correlation.js';
import { fixturePath } from '../../fixtures/open.js';
import { assertNear, noise, point } from '../synthetic.js';

const { ranks } = JSON.parse(readFileSync(fixturePath('study_analysis.json'), 'utf8')) as {
  ranks: { x: number[]; y: number[]; tau: number; rho: number }[];
};
const timed = (name: string, flops: number, trainStepMs: number, more: object = {}) =>
  point({
    name,
    family: name,
    flops,
    measured: { trainStepMs, inferenceMs: 1, peakBytes: 1 },
    score: new Map(),
    ...more,
  });

describe('rank correlations', () => {
  it("are scipy's, with and without ties", () => {
    assert.equal(ranks.length, 5);
    for (const { x, y, tau, rho } of ranks) {
      assertNear(kendallTauB(x, y), tau, 1e-12);
      assertNear(spearmanRho(x, y), rho, 1e-12);
    }
  });
  it('agree with counting every pair', () => {
    const { uniform } = noise(3);
    const x = Array.from({ length: 57 }, () => Math.floor(uniform() * 9));
    const y = x.map((value) => Math.floor(value + uniform() * 9));
    let [difference, notX, notY] = [0, 0, 0];
    for (let i = 0; i < x.length; i++)
      for (let j = 0; j < i; j++) {
        difference += Math.sign(x[i]! - x[j]!) * Math.sign(y[i]! - y[j]!);
        if (x[i] !== x[j]) notX++;
        if (y[i] !== y[j]) notY++;
      }
    assertNear(kendallTauB(x, y), difference / Math.sqrt(notX * notY), 1e-12);
  });
  it('say nothing where all are equal', () => {
    assert.equal(kendallTauB([1, 1, 1], [1, 2, 3]), undefined);
    assert.equal(spearmanRho([1, 2, 3], [2, 2, 2]), undefined);
    assert.equal(kendallTauB([], []), undefined);
  });
});

describe('rankCosts', () => {
  it("has the intervals of Fisher's z: for tau of 20 points atanh(tau) +- 1.96 sqrt(0.437 / 16)", () => {
    const points = Array.from({ length: 20 }, (_, i) => timed(`p${i}`, i + 1, ((i * 7) % 20) + 1));
    const { tau, rho, n } = rankCosts(points, 'flops', 'trainStepMs');
    assert.equal(n, 20);
    assertNear(tau!.low, Math.tanh(Math.atanh(tau!.value) - 1.959964 * Math.sqrt(0.437 / 16)), 1e-12);
    assertNear(
      rho!.high,
      Math.tanh(Math.atanh(rho!.value) + 1.959964 * Math.sqrt((1 + rho!.value ** 2 / 2) / 17)),
      1e-12,
    );
  });
  it('names the planted inversions, the clearest first', () => {
    // The paper's Table 3: ResNet-RS-350 has 1.8 times the FLOPs of EfficientNet-B6 and is 2.7 times faster.
    const points = [
      timed('rs-350', 69, 1100),
      timed('b6', 38, 3000),
      timed('small', 1, 10),
      timed('large', 200, 9000),
      timed('rs-420', 128, 2100),
      timed('b7', 74, 6000),
      timed('near', 1.05, 9),
    ];
    const found = rankCosts(points, 'flops', 'trainStepMs');
    assert.deepEqual(
      found.inversions.map(({ more, less }) => [more, less]),
      [
        ['rs-350', 'b6'],
        ['rs-420', 'b7'],
      ],
    ); // 69/38 * 30/11 = 4.95; 128/74 * 60/21 = 4.94
    assertNear(found.inversions[0]!.aRatio, 69 / 38, 1e-12);
    assertNear(found.inversions[0]!.bRatio, 3000 / 1100, 1e-12);
  });
  it('agrees with looking at every pair for the clearest one', () => {
    const { uniform } = noise(11);
    const all = Array.from({ length: 60 }, (_, i) => timed(`p${i}`, 1 + uniform() * 10, 1 + uniform() * 10));
    const products = all.flatMap((more) =>
      all
        .filter(
          (less) => more.flops >= 1.1 * less.flops && less.measured!.trainStepMs >= 1.1 * more.measured!.trainStepMs,
        )
        .map((less) => (more.flops / less.flops) * (less.measured!.trainStepMs / more.measured!.trainStepMs)),
    );
    const [first] = rankCosts(all, 'flops', 'trainStepMs').inversions;
    assertNear(first!.aRatio * first!.bRatio, Math.max(...products), 1e-12);
  });
  it('counts a configuration once, compares time by the picture and names what is not measured', () => {
    const again = (epochs: number) => timed('a', 1, 10, { epochs });
    const found = rankCosts(
      [
        again(10),
        again(100),
        timed('b', 2, 10, { batch: 5 }),
        timed('c', 3, 30),
        timed('d', 4, 0, { measured: undefined }),
      ],
      'flops',
      'trainStepMs',
    );
    assert.equal(found.n, 3);
    assert.deepEqual(found.tau, { value: 1 });
    assert.deepEqual(found.unknown, ['d']);
  });
  it('has no interval from four points, nor where the order is the very same', () => {
    const ranked = (...ms: number[]) =>
      rankCosts(
        ms.map((value, i) => timed(`p${i}`, i + 1, value)),
        'flops',
        'trainStepMs',
      );
    assert.deepEqual(ranked(1, 2, 4, 3).tau, { value: 4 / 6 });
    assert.deepEqual(ranked(1, 2, 3, 4, 5, 6).tau, { value: 1 });
    assert.deepEqual(ranked(6, 5, 4, 3, 2, 1).rho, { value: -1 });
  });
  it('has named outcomes for too few points and for equal ones', () => {
    assert.equal(rankCosts([], 'flops', 'parameters').outcome, 'too few points');
    assert.equal(
      rankCosts(
        ['a', 'b', 'c'].map((name, i) => timed(name, i + 1, 5)),
        'flops',
        'trainStepMs',
      ).outcome,
      'all equal',
    );
  });
});
