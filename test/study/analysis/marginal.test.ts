import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { lines, neighbours } from '../../../src/study/analysis/dimensions.js';
import { type Along, type Contrast, marginalGains, type RegimeGains } from '../../../src/study/analysis/marginal.js';
import type { StudyPoint } from '../../../src/study/analysis/points.js';
import { ACCURACY, assertNear, bySeed, grid, noise, point } from '../synthetic.js';

/** A doubling of depth costs one doubling of FLOPs and of time, one of width or size costs two. */
const planted =
  (depth: number, width: number, resolution: number) =>
  (at: StudyPoint): number =>
    0.5 + depth * Math.log2(at.depth / 26) + 2 * width * Math.log2(at.width) + 2 * resolution * Math.log2(at.size / 32);
const along = (gains: RegimeGains, dimension: string): Along => gains.along.find((one) => one.dimension === dimension)!;
const contrast = (gains: RegimeGains, first: string, second: string, size?: number): Contrast =>
  gains.contrasts.find((one) => one.first === first && one.second === second && one.size === size)!;
const SHAPE = { depths: [26, 52, 104], widths: [0.5, 1, 2], sizes: [32, 64, 128] };

describe('marginalGains', () => {
  it('finds planted gains for each doubling, whatever the luck of a seed that all points share', () => {
    const truth = planted(0.03, 0.01, 0.02);
    const { normal } = noise(5);
    const [gains] = marginalGains(
      grid(SHAPE, (at, seed) => truth(at) + 0.05 * seed + 0.0005 * normal()),
      ACCURACY,
    );
    assert.equal(gains!.cost, 'trainStepMs');
    for (const [dimension, gain] of [
      ['depth', 0.03],
      ['width', 0.01],
      ['resolution', 0.02],
    ] as const) {
      const found = along(gains!, dimension);
      assert.equal(found.outcome, 'measured');
      assert.equal(found.pairs, 18);
      assertNear(found.perDoubling!.mean, gain, 0.02);
      assert.equal(found.perDoubling!.verdict, 'better');
    }
    const depthWidth = contrast(gains!, 'depth', 'width');
    assertNear(depthWidth.difference!.mean, 0.02, 0.03);
    assert.equal(depthWidth.difference!.verdict, 'better');
    assert.equal(depthWidth.difference!.paired, true);
    assert.equal(contrast(gains!, 'width', 'resolution').difference!.verdict, 'worse');
    assert.equal(contrast(gains!, 'depth', 'width', 64).difference!.verdict, 'better');
    assert.equal(gains!.pairs.length, 54);
  });
  it('has the interval of hand-derived figures: two seeds, one pair', () => {
    // Seed 1 gains 0.02, seed 2 gains 0.04, over 2 doublings: 0.01 and 0.02, s = 0.00707, s / sqrt(2) = 0.005, t(1) =
    // 12.706.
    const pair = [point({ width: 1, score: bySeed(0.5, 0.6) }), point({ width: 2, score: bySeed(0.52, 0.64) })];
    const [gains] = marginalGains(pair, ACCURACY);
    const { perDoubling, bySeed: seeds } = along(gains!, 'width');
    assertNear(perDoubling!.mean, 0.015, 1e-9);
    assertNear(perDoubling!.high, 0.015 + 12.7062 * 0.005, 1e-5);
    assert.deepEqual(
      seeds.map(({ seed }) => seed),
      [1, 2],
    );
    const [only] = gains!.pairs;
    assertNear(only!.doublings, 2, 1e-12);
    assertNear(only!.perDoubling!.mean, 0.015, 1e-9);
    assertNear(only!.perDoubling!.high, 0.015 + 12.7062 * 0.005, 1e-5);
    assert.deepEqual([only!.fromValue, only!.toValue, only!.cost], [1, 2, 'trainStepMs']);
  });
  it('compares depth and width at each size by its own points: width wins at 32, depth at 64', () => {
    const { normal } = noise(6);
    const [gains] = marginalGains(
      grid(
        { ...SHAPE, sizes: [32, 64] },
        (at) => (at.size === 32 ? planted(0, 0.02, 0) : planted(0.02, 0, 0))(at) + 0.0005 * normal(),
      ),
      ACCURACY,
    );
    assert.deepEqual(
      [32, 64].map((size) => contrast(gains!, 'depth', 'width', size).difference!.verdict),
      ['worse', 'better'],
    );
    assertNear(contrast(gains!, 'depth', 'width', 64).difference!.mean, 0.02, 0.05);
  });
  it('keeps regimes apart: width pays in the short one, depth in the long one', () => {
    const { normal } = noise(9);
    const points = grid(
      { ...SHAPE, epochs: [10, 350] },
      (at) => (at.epochs === 10 ? planted(0.005, 0.02, 0) : planted(0.02, -0.01, 0))(at) + 0.001 * normal(),
    );
    const [short, long] = marginalGains(points, ACCURACY);
    assert.deepEqual([short!.epochs, long!.epochs], [10, 350]);
    assert.equal(contrast(short!, 'depth', 'width').difference!.verdict, 'worse');
    assert.equal(contrast(long!, 'depth', 'width').difference!.verdict, 'better');
    assert.equal(along(long!, 'width').perDoubling!.verdict, 'worse');
  });
  it('says that one seed, and no pair, are not enough evidence', () => {
    const [one] = marginalGains(grid({ ...SHAPE, seeds: 1 }, planted(0.03, 0.01, 0.02)), ACCURACY);
    assert.equal(along(one!, 'depth').outcome, 'not enough evidence');
    assert.equal(along(one!, 'depth').why, 'one seed only');
    assertNear(along(one!, 'depth').perDoubling!.mean, 0.03, 1e-6);
    assert.equal(along(one!, 'depth').perDoubling!.low, undefined);
    assert.equal(contrast(one!, 'depth', 'width').difference!.verdict, 'unknown');
    const [failed] = marginalGains(
      grid(SHAPE, () => 0.5).map((at) => ({ ...at, score: new Map() })),
      ACCURACY,
    );
    assert.equal(along(failed!, 'depth').why, 'no pairs with results');
    assert.equal(failed!.pairs[0]!.score, undefined);
    assert.equal(contrast(failed!, 'depth', 'width').difference, undefined);
    assert.deepEqual(marginalGains([], ACCURACY), []);
  });
  it('leaves the pairs of a failed trial out, by name, so that all seeds see the same pairs', () => {
    const points = grid({ depths: [26, 52, 104, 208], widths: [1], sizes: [32] }, planted(0.03, 0, 0));
    const broken = points.map((at) =>
      at.depth === 208 ? { ...at, score: new Map([...at.score].filter(([seed]) => seed !== 2)) } : at,
    );
    const found = along(marginalGains(broken, ACCURACY)[0]!, 'depth');
    assert.deepEqual(
      found.bySeed.map(({ seed }) => seed),
      [1, 2, 3],
    );
    assert.equal(found.pairs, 2);
    assert.deepEqual(found.leftOut, [`${points[2]!.name} -> ${points[3]!.name}`]);
    assertNear(found.perDoubling!.mean, 0.03, 1e-6);
  });
  it('counts against FLOPs where a time is missing, and says so', () => {
    const points = grid(SHAPE, planted(0.03, 0.01, 0.02)).map((at, i) =>
      i === 0
        ? { ...at, measured: undefined }
        : { ...at, measured: { ...at.measured!, trainStepMs: at.measured!.trainStepMs ** 2 } },
    );
    const [gains] = marginalGains(points, ACCURACY);
    assert.equal(gains!.cost, 'flops');
    assertNear(along(gains!, 'depth').perDoubling!.mean, 0.03, 1e-6);
    assert.deepEqual([...new Set(gains!.pairs.map(({ cost }) => cost))].sort(), ['flops', 'trainStepMs']);
  });
  it('compares time by the picture where a larger network has a smaller batch', () => {
    const score = planted(0.03, 0, 0);
    const points = grid({ depths: [26, 52], widths: [1], sizes: [32] }, score).map((at) =>
      at.depth === 52
        ? { ...at, batch: 5, measured: { ...at.measured!, trainStepMs: at.measured!.trainStepMs / 2 } }
        : at,
    );
    assertNear(along(marginalGains(points, ACCURACY)[0]!, 'depth').perDoubling!.mean, 0.03, 1e-6);
  });
  it('does not divide by a cost that is no higher', () => {
    const points = grid({ depths: [26, 52], widths: [1], sizes: [32] }, planted(0.03, 0, 0)).map((at) => ({
      ...at,
      measured: { ...at.measured!, trainStepMs: 10 },
    }));
    const [gains] = marginalGains(points, ACCURACY);
    assert.equal(along(gains!, 'depth').why, 'no dearer');
    assert.equal(gains!.pairs[0]!.perDoubling, undefined);
    assertNear(gains!.pairs[0]!.score!.mean, 0.03, 1e-6);
  });
  it('finds returns that diminish: a square root gains less in its upper half', () => {
    const { normal } = noise(2);
    const [gains] = marginalGains(
      grid(
        { depths: [26], widths: [1], sizes: [32, 64, 128] },
        (at) => 0.3 + 0.1 * Math.sqrt(Math.log2(at.size / 32)) + 0.001 * normal(),
      ),
      ACCURACY,
    );
    const found = gains!.diminishing.find(({ dimension }) => dimension === 'resolution')!;
    assertNear(found.lower.perDoubling!.mean, 0.05, 0.05);
    assertNear(found.upper.perDoubling!.mean, 0.05 * (Math.SQRT2 - 1), 0.1);
    assert.equal(found.change!.verdict, 'worse');
    assert.equal(gains!.diminishing.find(({ dimension }) => dimension === 'depth')!.change, undefined);
  });
});

describe('neighbours', () => {
  const named = (depth: number, more: Partial<StudyPoint> = {}) => point({ depth, score: new Map(), ...more });
  it('differ in one direction only, with none between', () => {
    const found = neighbours(
      [named(104), named(26), named(52), named(52, { width: 2 }), named(400, { size: 64 }), named(400, { epochs: 90 })],
      'depth',
    );
    assert.deepEqual(
      found.map(({ from, to }) => [from.depth, to.depth]),
      [
        [26, 52],
        [52, 104],
      ],
    );
    assert.deepEqual(
      neighbours([named(26), named(26, { epochs: 90 })], 'epochs').map(({ to }) => to.epochs),
      [90],
    );
  });
  it('never step from basic blocks to bottlenecks, nor from one family to another', () => {
    const classic = [18, 26, 34, 50].map((depth) => named(depth, { family: 'resnet' }));
    assert.deepEqual(
      lines([...classic, named(101)], 'depth').map((line) => line.map(({ depth }) => depth)),
      [[18, 34], [26, 50], [101]],
    );
  });
});
