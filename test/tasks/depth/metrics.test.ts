import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { packageRoot } from '../../../src/package-root.js';
import { drawnSets } from '../../../src/tasks/bootstrap.js';
import {
  DEPTH_FIGURES,
  type DepthCrop,
  type DepthFigures,
  depthFigures,
  depthScorer,
} from '../../../src/tasks/depth/metrics.js';

// Made by test/fixtures/make_pixels.py with the functions of BTS.
const { depths, large } = JSON.parse(readFileSync(join(packageRoot, 'test', 'fixtures', 'pixels.json'), 'utf8')) as {
  depths: {
    crop: DepthCrop;
    min: number;
    max: number;
    height: number;
    width: number;
    truth: number[];
    predicted: (number | string)[];
    expected: DepthFigures;
  }[];
  large: Record<'eigen' | 'garg', DepthFigures>;
};

const WORDS: Record<string, number> = { nan: Number.NaN, inf: Number.POSITIVE_INFINITY };
const asNumber = (value: number | string): number => (typeof value === 'number' ? value : WORDS[value]!);

function agree(actual: DepthFigures | undefined, expected: Partial<DepthFigures>, tolerance = 1e-10): void {
  for (const [name, value] of Object.entries(expected))
    assert.ok(
      Math.abs(actual![name as keyof DepthFigures] - value) <= tolerance * Math.max(1, value),
      `${name}: ${actual![name as keyof DepthFigures]}, not ${value}`,
    );
}

describe('figures of depth', () => {
  test('against BTS: limits, crops, what is no number', () => {
    assert.equal(depths.length, 12);
    for (const { truth, predicted, expected, width, height, ...options } of depths) {
      assert.deepEqual(Object.keys(expected).sort(), [...DEPTH_FIGURES].sort());
      agree(depthFigures(predicted.map(asNumber), truth, { width, height }, options), expected);
    }
  });

  test("against BTS at NYU Depth's size, with both crops", () => {
    const at = (rule: (x: number, y: number) => number): Float64Array =>
      Float64Array.from({ length: 480 * 640 }, (_, i) => rule(i % 640, Math.floor(i / 640)));
    const truth = at((x, y) => 0.5 + ((x * y) % 97) / 20);
    const predicted = at((x, y) => 0.6 + ((x * y) % 97) / 22 + ((x + y) % 89) / 300);
    for (const crop of ['eigen', 'garg'] as const)
      agree(depthFigures(predicted, truth, { width: 640, height: 480 }, { crop }), large[crop]);
  });

  const [g, p] = [
    [1, 2, 4],
    [1.2, 2.6, 4],
  ];
  const row = { width: 3, height: 1 };
  test('three pixels by hand', () => {
    const figures = depthFigures(p, g, row);
    agree(figures, { d1: 2 / 3, d2: 1, d3: 1, absRel: 0.1666667, sqRel: 0.0733333, rmse: 0.3651484 }, 5e-8);
    agree(figures, { rmseLog: 0.1844597, log10: 0.0643749, silog: 10.9789188 }, 5e-7);
    // With prediction and truth in the other's place.
    agree(depthFigures(g, p, row), { absRel: 0.1324786 }, 5e-8);
  });

  test('a ratio of exactly 1.25 is outside of d1', () => {
    agree(depthFigures([1.25, 2, 4], [1, 2.5, 4], row), { d1: 1 / 3, d2: 1 });
  });

  test('a prediction that is off by one factor has no SILog, and no NaN', () => {
    agree(depthFigures([0.3, 0.9, 2.1], [0.1, 0.3, 0.7], row), { silog: 0 }, 1e-5);
  });

  test('readings that are none, or out of the limits, do not count', () => {
    const truth = [0, Number.NaN, Number.POSITIVE_INFINITY, 10, 1e-3, -1];
    assert.equal(depthFigures([1, 1, 1, 1, 1, 1], truth, { width: 3, height: 2 }), undefined);
    agree(depthFigures([1, 1, 3, 1, 1, 1], [0, 0, 4, 0, 0, 0], { width: 3, height: 2 }), { absRel: 0.25 });
  });

  test('what does not fit is told', () => {
    assert.throws(() => depthFigures(p, g, { width: 2, height: 1 }), /2 x 1 predicted depths .* but received 3/);
    assert.throws(() => depthFigures(p, g, row, { crop: 'eigen' }), /640 x 480 .* but received one of 3 x 1/);
    assert.throws(() => depthFigures(p, g, row, { min: 3, max: 2 }), /received 3 to 2/);
    assert.throws(() => depthFigures(p, g, row, { crop: 'x' as DepthCrop }), /none, eigen, garg but received "x"/);
  });
});

describe('pictures together', () => {
  const one = { width: 1, height: 1 };
  const scorerOf = () => {
    const scorer = depthScorer();
    scorer.add([1, 1, 1], [2, 2, 2], { width: 3, height: 1 });
    scorer.add([4], [1], one);
    scorer.add([1], [0], one);
    return scorer;
  };

  test('the mean of pictures, all pixels at once, and pictures without readings', () => {
    const scorer = scorerOf();
    const { mean, pooled, images, skipped, pixels } = scorer.result();
    assert.deepEqual({ images, skipped, pixels }, { images: 2, skipped: 1, pixels: 4 });
    agree(mean, { rmse: (1 + 3) / 2, absRel: (0.5 + 3) / 2 });
    agree(pooled, { rmse: Math.sqrt((3 * 1 + 9) / 4), absRel: (3 * 0.5 + 3) / 4 });
    agree(scorer.picture(1), { rmse: 3 });
    assert.equal(scorer.picture(2), undefined);
    assert.deepEqual(depthScorer().result().mean, undefined);
  });

  test('error against distance', () => {
    const { distances } = scorerOf().result();
    assert.equal(distances.length, 40);
    const seen = distances.filter(({ pixels }) => pixels > 0);
    assert.deepEqual(seen, [
      { from: 1, to: 1.25, pixels: 1, absRel: 3, rmse: 3, bias: 3, d1: 0 },
      { from: 2, to: 2.25, pixels: 3, absRel: 0.5, rmse: 1, bias: -1, d1: 0 },
    ]);
    assert.deepEqual([distances[0]!.from, distances[39]!.to], [0, 10]);
  });

  test('intervals: a drawn set is the set with its pictures repeated', () => {
    const cases = depths.slice(0, 4);
    const scored = (list: readonly number[]) => {
      const scorer = depthScorer();
      for (const i of list) scorer.add(cases[i]!.predicted.map(asNumber), cases[i]!.truth, cases[i]!);
      return scorer;
    };
    const scorer = scored([0, 1, 2, 3]);
    for (const times of drawnSets(4, { draws: 10 })) {
      const drawn = [...times].flatMap((count, i) => new Array<number>(count).fill(i));
      const [a, b] = [scorer.result(times), scored(drawn).result()];
      agree(a.mean, b.mean!);
      agree(a.pooled, b.pooled!);
      assert.deepEqual([a.images, a.pixels, a.skipped], [b.images, b.pixels, b.skipped]);
      assert.deepEqual(
        a.distances.map(({ pixels }) => pixels),
        b.distances.map(({ pixels }) => pixels),
      );
    }
    const { mean, pooled, distances } = scorer.intervals({ draws: 200, seed: 1 });
    const whole = scorer.result();
    for (const [i, bin] of whole.distances.entries())
      if (bin.pixels === 0) assert.deepEqual(distances[i], {});
      else assert.ok(distances[i]!.bias!.low <= bin.bias! && bin.bias! <= distances[i]!.bias!.high);
    for (const name of DEPTH_FIGURES) {
      assert.ok(mean[name]!.low <= whole.mean![name] && whole.mean![name] <= mean[name]!.high, name);
      assert.ok(pooled[name]!.low <= whole.pooled![name] && whole.pooled![name] <= pooled[name]!.high, name);
    }
    assert.deepEqual(scorer.intervals({ draws: 200, seed: 1 }), { mean, pooled, distances });
  });
});
