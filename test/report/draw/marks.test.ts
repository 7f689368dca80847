import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type MarkChartOptions, type MarkSeries, markChart } from '../../../src/report/draw/marks.js';
import { linearScale, logScale, type Scale, ticks } from '../../../src/report/draw/scale.js';

describe('ticks', () => {
  const log = (min: number, max: number): Scale => ({ log: true, min, max, format: String });
  it('lie at round values of a logarithmic scale, fewer where it is long', () => {
    assert.deepEqual(ticks(log(0.9, 110), 6), [1, 2, 5, 10, 20, 50, 100]);
    assert.deepEqual(ticks(log(0.9, 1100), 6), [1, 3, 10, 30, 100, 300, 1000]);
    assert.deepEqual(ticks(log(0.9, 11_000), 5), [1, 10, 100, 1000, 10_000]);
    assert.ok(ticks(log(1e-9, 1e12), 5).length <= 6);
  });
  it('lie at even values of a short one', () => assert.deepEqual(ticks(log(20, 40), 4), [20, 25, 30, 35, 40]));
  it('lie where they are told to', () =>
    assert.deepEqual(ticks({ min: 100, max: 200, format: String, ticks: [96, 128, 160] }, 2), [128, 160]));
  it('span what there is', () => {
    assert.deepEqual(
      [
        linearScale([0.48, 0.79, Number.NaN], { format: String }).min,
        linearScale([0.48, 0.79], { format: String }).max,
      ],
      [0.4, 0.8],
    );
    const one = logScale([100], { format: String });
    assert.ok(one.min < 70 && one.max > 140);
    const { min, max } = logScale([0, -1, Number.NaN], { format: String });
    assert.ok(min > 0 && max > min);
  });
});

const plain = (min: number, max: number, log = false): Scale => ({ min, max, log, format: String });
const chart = (series: readonly MarkSeries[], change: Partial<MarkChartOptions> = {}): string =>
  markChart({
    id: 'm',
    title: 'marks',
    series,
    x: plain(1, 100, true),
    y: plain(0, 10),
    panel: true,
    height: 200,
    ...change,
  }).toString();
/** Centres of the circles of a drawing: an arc begins at the left. */
const centres = (svg: string): number[][] =>
  [...svg.matchAll(/M([\d.]+) ([\d.]+)A([\d.]+)/g)].map(([, x, y, r]) => [Number(x) + Number(r), Number(y)]);

describe('markChart', () => {
  it('places marks by ratio on a logarithmic axis and by difference on a linear one', () => {
    const at = centres(
      chart([
        {
          name: 'a',
          tone: 'one',
          marks: [
            { x: 1, y: 0 },
            { x: 10, y: 5 },
            { x: 100, y: 10 },
          ],
        },
      ]),
    );
    assert.equal(at.length, 3);
    const [a, b, c] = at as [[number, number], [number, number], [number, number]];
    assert.ok(Math.abs(b[0] - (a[0] + c[0]) / 2) < 0.11 && c[0] > a[0] + 100, JSON.stringify(at));
    assert.ok(Math.abs(b[1] - (a[1] + c[1]) / 2) < 0.11 && c[1] < a[1] - 100, JSON.stringify(at));
  });
  it('leaves out what is not finite, not positive on a logarithmic axis, or outside', () => {
    const svg = chart([
      {
        name: 'a',
        tone: 'one',
        marks: [
          { x: Number.NaN, y: 1 },
          { x: 0, y: 1 },
          { x: -2, y: 1 },
          { x: 5, y: 11 },
          { x: 5, y: Number.POSITIVE_INFINITY },
          { x: 5, y: 5 },
        ],
      },
    ]);
    assert.equal(centres(svg).length, 1);
    assert.doesNotMatch(svg, /NaN|Infinity/);
  });
  it('draws an interval from its low to its high end, cut at the frame', () => {
    const svg = chart([
      {
        name: 'a',
        tone: 'one',
        marks: [
          { x: 10, y: 5, low: 2.5, high: 7.5 },
          { x: 20, y: 5, low: -5, high: 5 },
        ],
      },
    ]);
    const whiskers = [...svg.matchAll(/M([\d.]+) ([\d.]+)L\1 ([\d.]+)/g)].map(
      ([, , top, bottom]) => Number(bottom) - Number(top),
    );
    const ends = whiskers.filter((length) => length > 1);
    // Half the axis both: 7.5 - 2.5, and 5 - 0.
    assert.ok(
      ends.some((length, i) => ends.some((other, j) => i !== j && Math.abs(length - other) < 0.3)),
      JSON.stringify(whiskers),
    );
  });
  it('gives labels places of their own and leaves out those without one', () => {
    const crowd = Array.from({ length: 30 }, (_, i) => ({ x: 10 + i / 100, y: 5, label: `label ${i}` }));
    const shown = [...chart([{ name: 'a', tone: 'one', marks: crowd }]).matchAll(/>label \d+</g)].length;
    assert.ok(shown >= 1 && shown <= 8, String(shown));
  });
  it('escapes names and titles', () => {
    const evil = '<img src=x onerror=alert(1)>';
    assert.doesNotMatch(
      chart([{ name: evil, tone: 'one', marks: [{ x: 10, y: 5, label: evil }] }], {
        title: evil,
        note: evil,
        panel: false,
        verticals: [{ x: 10, label: evil, tone: 'two' }],
      }),
      /<img/,
    );
  });
});
