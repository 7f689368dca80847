import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { classMetrics, confusedPairs, overall } from '../../../src/report/classes/metrics.js';
import { pairedChange, wilson } from '../../../src/report/statistics.js';

const close = (actual: number | undefined, expected: number, tolerance = 1e-12): void => {
  assert.ok(actual !== undefined && Math.abs(actual - expected) <= tolerance, `${actual} is not ${expected}`);
};

describe('wilson', () => {
  // Newcombe, Statistics in Medicine 17 (1998), Table I, method 3 (score without continuity correction), four decimals.
  for (const [successes, n, low, high] of [
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
  ] as const) {
    it(`gives Newcombe's interval for ${successes} of ${n}`, () => {
      const interval = wilson(successes, n)!;
      close(interval.low, low, 0.00005);
      close(interval.high, high, 0.00005);
    });
  }

  it('is exact at the ends: n of n with z = 2 is n / (n + 4) to 1', () => {
    // p = 1: centre and half-width add up to (1 + z²/n) / (1 + z²/n); the low end is 1 / (1 + z²/n).
    assert.deepEqual(wilson(12, 12, 2)!.high, 1);
    close(wilson(12, 12, 2)!.low, 12 / 16);
    close(wilson(0, 12, 2)!.high, 4 / 16);
  });

  it('has no interval where nothing was counted or the counts make no sense', () => {
    for (const [successes, n] of [
      [0, 0],
      [3, 2],
      [-1, 5],
      [Number.NaN, 5],
      [1, Number.NaN],
    ] as const)
      assert.equal(wilson(successes, n), undefined);
  });
});

// Rows are the true class. Column sums: cat 6, dog 5, fox 0, owl 1.
const confusion = {
  classes: ['cat', 'dog', 'fox', 'owl'],
  counts: [
    [4, 1, 0, 0],
    [2, 3, 0, 1],
    [0, 1, 0, 0],
    [0, 0, 0, 0],
  ],
};

describe('classMetrics', () => {
  const [cat, dog, fox, owl] = classMetrics(confusion);

  it('computes precision, recall and F1 as by hand', () => {
    close(cat!.precision, 4 / 6);
    close(cat!.recall, 4 / 5);
    close(cat!.f1, 8 / 11);
    close(dog!.precision, 3 / 5);
    close(dog!.recall, 3 / 6);
    close(dog!.f1, 6 / 11);
    assert.deepEqual([cat!.support, cat!.predicted, cat!.correct, dog!.support, dog!.predicted], [5, 6, 4, 6, 5]);
    assert.deepEqual(cat!.recallInterval, wilson(4, 5));
  });

  it('leaves a ratio of nothing undefined', () => {
    assert.deepEqual([fox!.precision, fox!.recall, fox!.f1], [undefined, 0, 0]);
    assert.deepEqual([owl!.precision, owl!.recall, owl!.f1, owl!.recallInterval], [0, undefined, 0, undefined]);
    const [only] = classMetrics({ classes: ['a'], counts: [[0]] });
    assert.deepEqual(only, { name: 'a', support: 0, predicted: 0, correct: 0 });
  });

  it('takes means over the classes that occur', () => {
    const all = overall(classMetrics(confusion));
    assert.deepEqual([all.total, all.correct], [12, 7]);
    close(all.accuracy, 7 / 12);
    close(all.balanced, (4 / 5 + 3 / 6 + 0) / 3);
    close(all.macroF1, (8 / 11 + 6 / 11 + 0) / 3);
    assert.deepEqual(overall([]), { total: 0, correct: 0 });
  });

  it('refuses a matrix that does not fit its classes', () => {
    assert.throws(
      () => classMetrics({ classes: ['a', 'b'], counts: [[1, 0]] }),
      /expected a 2 x 2 confusion matrix for 2 classes but received 1 rows of 2 counts/,
    );
    assert.throws(() => classMetrics({ classes: ['a', 'b'], counts: [[1, 0], [1]] }), /2 rows of 2, 1 counts/);
    assert.throws(() => classMetrics({ classes: ['a'], counts: [[-1]] }), /received -1/);
    assert.throws(() => classMetrics({ classes: ['a'], counts: [[Number.NaN]] }), /received NaN/);
  });
});

describe('confusedPairs', () => {
  it('lists mistakes by count, then by their share of the class', () => {
    const pairs = confusedPairs(confusion);
    assert.deepEqual(
      pairs.map((pair) => [pair.label, pair.predicted, pair.count]),
      [
        ['dog', 'cat', 2],
        ['fox', 'dog', 1],
        ['cat', 'dog', 1],
        ['dog', 'owl', 1],
      ],
    );
    close(pairs[0]!.shareOfClass, 2 / 6);
    close(pairs[0]!.shareOfMistakes, 2 / 5);
    assert.equal(confusedPairs(confusion, 2).length, 2);
  });

  it('is empty where nothing was mistaken', () => {
    assert.deepEqual(
      confusedPairs({
        classes: ['a', 'b'],
        counts: [
          [3, 0],
          [0, 0],
        ],
      }),
      [],
    );
  });
});

it('a paired change has the interval of Bonett and Price', () => {
  // By hand: n = 98, 3 won and 7 lost are p_w = 0.04 and p_l = 0.08: -0.04 +- 1.96 sqrt((0.12 - 0.0016) / 100).
  const { change, low, high } = pairedChange({ won: 3, lost: 7 }, 98);
  close(change, -4 / 98);
  close(low, -0.04 - 1.959963984540054 * Math.sqrt(0.001184));
  close(high, -0.04 + 1.959963984540054 * Math.sqrt(0.001184));
  // Where no picture changed there is still an interval.
  const none = pairedChange({ won: 0, lost: 0 }, 98);
  close(none.change, 0);
  close(none.high, 1.959963984540054 * Math.sqrt(0.0002));
});
