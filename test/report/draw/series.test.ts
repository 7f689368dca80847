import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { niceInterval, niceRange } from '../../../src/report/draw/charts.js';
import { type Point, quantile, smooth, thin } from '../../../src/report/draw/series.js';

describe('smooth', () => {
  it('is a bias-corrected exponential mean', () => {
    // window 2: decay 1/2. s1 = 4; s2 = (4/4 + 8/2) / (3/4) = 20/3; s3 = (4/8 + 8/4 + 2/2) / (7/8) = 4.
    const even = smooth(
      [
        [1, 4],
        [2, 8],
        [3, 2],
      ],
      2,
    ).map(([, y]) => y!);
    [4, 20 / 3, 4].forEach((expected, i) => assert.ok(Math.abs(even[i]! - expected) < 1e-12));
  });
  it('steps over values that are not finite', () => {
    assert.deepEqual(
      smooth(
        [
          [1, 3],
          [2, Number.NaN],
          [3, Number.POSITIVE_INFINITY],
          [4, undefined],
          [5, 3],
        ],
        10,
      ).map(([, y]) => y),
      [3, undefined, undefined, undefined, 3],
    );
  });
  it('leaves values alone with a window of one', () => {
    assert.deepEqual(
      smooth(
        [
          [1, 3],
          [2, 5],
        ],
        1,
      ),
      [
        [1, 3],
        [2, 5],
      ],
    );
  });
});

describe('thin', () => {
  const y = ([, value]: Point): number | undefined => value;
  const rows = Array.from(
    { length: 50_000 },
    (_, i): Point => [i, i === 31_234 ? 99 : i === 777 ? -99 : Math.sin(i / 500)],
  );
  it('keeps the ends, the order and every extreme within the limit', () => {
    const kept = thin(rows, 1000, y);
    assert.ok(kept.length <= 1000 && kept.length > 900, String(kept.length));
    assert.deepEqual([kept[0], kept.at(-1)], [rows[0], rows.at(-1)]);
    assert.ok(kept.some(([x]) => x === 31_234) && kept.some(([x]) => x === 777));
    kept.reduce((before, row) => (assert.ok(row[0] > before[0]), row));
  });
  it('returns short series as they are and survives the smallest limits', () => {
    assert.deepEqual(thin(rows.slice(0, 5), 5, y), rows.slice(0, 5));
    assert.deepEqual(thin([], 10, y), []);
    for (const limit of [4, 5, 7, 11]) {
      for (const length of [6, 8, 12]) assert.ok(thin(rows.slice(0, length), limit, y).length <= limit);
    }
  });
  it('keeps one row of a stretch without finite values', () => {
    const gap = rows.map(([x, value]): Point => [x, x > 10_000 && x < 20_000 ? Number.NaN : value]);
    const kept = thin(gap, 1000, y);
    assert.ok(kept.length <= 1000 && kept.some(([, value]) => Number.isNaN(value)));
  });
});

describe('axes', () => {
  it('cuts a span into round intervals', () => {
    assert.deepEqual(
      [niceInterval(10, 4), niceInterval(0.9, 4), niceInterval(468, 6), niceInterval(3, 6, true), niceInterval(0, 4)],
      [2.5, 0.25, 100, 1, 1],
    );
  });
  it('widens a range to its ticks', () => {
    assert.deepEqual(niceRange(0, 2.9), { min: 0, max: 3, interval: 1 });
    assert.deepEqual(niceRange(undefined, undefined), { min: 0, max: 1, interval: 0.25 });
    const flat = niceRange(0.5, 0.5);
    assert.ok(flat.min < 0.5 && flat.max > 0.5);
    const zero = niceRange(0, 0);
    assert.ok(zero.min < 0 && zero.max > 0);
  });
  it('takes quantiles of finite values by nearest rank', () => {
    assert.equal(quantile([3, 1, Number.NaN, 2, undefined, 4], 0.5), 2);
    assert.deepEqual([quantile([3, 1, 2], 0), quantile([3, 1, 2], 1), quantile([Number.NaN], 0.5)], [1, 3, undefined]);
  });
});
