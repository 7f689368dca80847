import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { UsageError } from '../../../src/errors.js';
import { halvingPlan, rungAgreement, survivors } from '../../../src/study/analysis/halving.js';
import { ACCURACY, assertNear, bySeed, grid, point } from '../synthetic.js';

const rungs = (...options: Parameters<typeof halvingPlan>) =>
  halvingPlan(...options).rungs.map(({ epochs, configurations, keep }) => [epochs, configurations, keep]);

describe('halvingPlan', () => {
  it('has rungs of first * eta^k epochs and keeps one of eta, by hand', () => {
    assert.deepEqual(rungs({ configurations: 27, epochs: 90, first: 10 }), [
      [10, 27, 9],
      [30, 9, 3],
      [90, 3, undefined],
    ]);
    const { epochs, shareOfFull } = halvingPlan({ configurations: 27, epochs: 90, first: 10 });
    assert.equal(epochs, 10 * 27 + 30 * 9 + 90 * 3);
    assertNear(shareOfFull, 810 / 2430, 1e-12);
    assert.deepEqual(rungs({ configurations: 16, epochs: 16, first: 2, eta: 2 }), [
      [2, 16, 8],
      [4, 8, 4],
      [8, 4, 2],
      [16, 2, undefined],
    ]);
  });
  it('keeps at least one, and leaves out a rung that costs nearly as much as the last', () => {
    assert.deepEqual(rungs({ configurations: 2, epochs: 90, first: 10 }), [
      [10, 2, 1],
      [30, 1, 1],
      [90, 1, undefined],
    ]);
    assert.deepEqual(rungs({ configurations: 9, epochs: 40, first: 4 }), [
      [4, 9, 3],
      [12, 3, 1],
      [40, 1, undefined],
    ]);
    assert.deepEqual(rungs({ configurations: 9, epochs: 5, first: 5 }), [[5, 9, undefined]]);
    assert.deepEqual(rungs({ configurations: 5, epochs: 1 }), [[1, 5, undefined]]);
  });
  it('refuses what is out of range', () => {
    for (const bad of [
      { configurations: 0, epochs: 9 },
      { configurations: 3, epochs: 0 },
      { configurations: 3, epochs: 9, first: 10 },
      { configurations: 3, epochs: 9, eta: 1 },
      { configurations: 3, epochs: 9, eta: Number.NaN },
      { configurations: 3, epochs: 9, first: 1.5 },
    ])
      assert.throws(() => halvingPlan(bad), UsageError);
  });
});

describe('survivors', () => {
  const named = (name: string, ...top1: number[]) =>
    point({ name, flops: 100, measured: undefined, score: bySeed(...top1) });
  it('ranks by the mean over seeds; of equals the cheaper goes on', () => {
    const found = survivors(
      [
        named('a', 0.5, 0.7),
        { ...named('dear', 0.65, 0.65), flops: 200 },
        named('cheap', 0.6, 0.7),
        named('best', 0.9, 0.8),
      ],
      2,
      ACCURACY,
    );
    assert.equal(found.outcome, 'decided');
    assert.deepEqual(found.survivors, ['best', 'cheap']);
    assert.deepEqual(
      found.ranking.map(({ name, survives }) => [name, survives]),
      [
        ['best', true],
        ['cheap', true],
        ['dear', false],
        ['a', false],
      ],
    );
    assert.deepEqual([found.cut!.last, found.cut!.first], ['cheap', 'dear']);
    assertNear(found.cut!.behind, 0, 1e-12);
  });
  it('drops failed trials by name, and ranks by the seeds that are left', () => {
    const failed = {
      ...named('failed'),
      failed: [
        { seed: 1, reason: 'not finite' },
        { seed: 2, reason: 'not finite' },
      ],
    };
    const partly = { ...named('partly', 0.9), failed: [{ seed: 2, reason: 'killed' }] };
    const found = survivors([failed, partly, named('whole', 0.5, 0.5)], 3, ACCURACY);
    assert.deepEqual(found.survivors, ['partly', 'whole']);
    assert.deepEqual(found.dropped, [{ name: 'failed', reasons: ['not finite'] }]);
    assert.deepEqual(found.partlyFailed, [{ name: 'partly', seeds: [2] }]);
    assert.equal(found.cut, undefined);
  });
  it('keeps at least one, decides nothing while a trial runs, and says when nobody is left', () => {
    assert.deepEqual(survivors([named('a', 0.1), named('b', 0.2)], 0, ACCURACY).survivors, ['b']);
    const waiting = survivors([named('a', 0.1), { ...named('b'), pending: [1] }], 1, ACCURACY);
    assert.deepEqual(
      [waiting.outcome, waiting.survivors, waiting.pending, waiting.dropped],
      ['waiting', [], ['b'], []],
    );
    assert.equal(survivors([named('a')], 1, ACCURACY).outcome, 'nobody left');
    assert.equal(survivors([], 1, ACCURACY).outcome, 'nobody left');
  });
});

describe('rungAgreement', () => {
  it('shows a short rung that ranks the other way round', () => {
    // Width wins after 4 epochs, depth after 36. Of the six pairs only 50 x2 against 26 x1 stands the same way in both:
    // (1 - 5) / 6.
    const points = grid({ depths: [26, 50], widths: [1, 2], sizes: [32], epochs: [4, 12, 36] }, (at) =>
      at.epochs === 4 ? 0.3 + 0.1 * at.width - 0.001 * at.depth : 0.3 + 0.01 * at.depth - 0.05 * at.width,
    );
    const [short, middle] = rungAgreement(points, ACCURACY);
    assert.deepEqual([short!.epochs, short!.lastEpochs, short!.n], [4, 36, 4]);
    assertNear(short!.tau, -2 / 3, 1e-12);
    assert.deepEqual([short!.best!.place, middle!.best!.place, middle!.tau], [4, 1, 1]);
  });
  it('compares only configurations of both rungs, and needs three', () => {
    const points = grid({ depths: [26, 50, 101], widths: [1], sizes: [32], epochs: [4, 12] }, (at) => at.depth / 1000);
    assert.deepEqual(
      rungAgreement(
        points.filter(({ epochs, depth }) => epochs === 4 || depth < 101),
        ACCURACY,
      ),
      [{ epochs: 4, lastEpochs: 12, n: 2, outcome: 'too few configurations' }],
    );
    assert.equal(
      rungAgreement(
        points.map((at) => ({ ...at, score: bySeed(0.5) })),
        ACCURACY,
      )[0]!.outcome,
      'all equal',
    );
    assert.deepEqual(rungAgreement([], ACCURACY), []);
    assert.deepEqual(rungAgreement(points.slice(0, 3), ACCURACY), []);
  });
});
