import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { advise, type Evidence, type Missing } from '../../../src/study/advice/advise.js';
import { whatNext } from '../../../src/study/advice/next.js';
import type { StudyPoint } from '../../../src/study/analysis/points.js';
import { ACCURACY, assertNear, grid, noise, point, pretendFlops } from '../synthetic.js';

const SHAPE = { depths: [26, 50, 101], widths: [0.5, 1, 2], sizes: [32, 64, 128] };
/** Gain for each doubling of FLOPs, with noise for each trial. */
function planted(
  depth: number,
  width: number,
  resolution: number,
  shake = 0.001,
  seed = 1,
): (at: StudyPoint) => number {
  const { normal } = noise(seed);
  return (at) =>
    0.4 +
    depth * Math.log2(at.depth / 26) +
    2 * width * Math.log2(at.width) +
    2 * resolution * Math.log2(at.size / 32) +
    shake * normal();
}
const kinds = (list: readonly (Evidence | Missing)[]) => [...new Set(list.map(({ kind }) => kind))];
const flopsOf = (at: { depth: number; width: number; size: number }) => pretendFlops(at);

describe('advise', () => {
  for (const [dimension, gains] of [
    ['depth', [0.03, 0.01, 0.01]],
    ['width', [0.005, 0.03, 0.01]],
    ['resolution', [0.005, 0.01, 0.03]],
  ] as const)
    it(`finds the planted winner, ${dimension}`, () => {
      const { full } = advise(grid(SHAPE, planted(gains[0], gains[1], gains[2])), ACCURACY);
      assert.deepEqual([full!.pays, full!.among], [dimension, [dimension]]);
      assert.deepEqual(
        full!.missing.filter(({ kind }) => kind !== 'more seeds'),
        [],
      );
      assert.deepEqual(kinds(full!.evidence), ['gain', 'contrast', 'diminishing', 'overfitting']);
    });
  it('is undecided between equals, and says how many seeds could tell', () => {
    const [regime] = advise(grid(SHAPE, planted(0.03, 0.03, 0.001, 0.02)), ACCURACY).regimes;
    assert.equal(regime!.pays, 'undecided');
    assert.deepEqual([...regime!.among].sort(), ['depth', 'width']);
    const more = regime!.missing.find(
      (one) => one.kind === 'more seeds' && one.first === 'depth' && one.second === 'width',
    );
    assert.ok(more?.kind === 'more seeds' && more.now === 3 && (more.needed === undefined || more.needed > 3));
  });
  it('counts the seeds that would tell by t(m - 1) s / sqrt(m)', () => {
    // Depth gains 0.03, 0.02, 0.01 a doubling, width nothing: mean 0.02, s = 0.01; t(2)/sqrt(3) = 2.48 is too wide,
    // t(3)/sqrt(4) = 1.59 is not.
    const [regime] = advise(
      grid(
        { depths: [26, 52], widths: [1, 2], sizes: [32] },
        (at, seed) => 0.4 + (at.depth === 52 ? 0.04 - 0.01 * seed : 0),
      ),
      ACCURACY,
    ).regimes;
    const more = regime!.missing.find(({ kind }) => kind === 'more seeds');
    assert.ok(more?.kind === 'more seeds');
    assert.deepEqual([more.now, more.needed], [3, 4]);
  });
  it('says that nothing pays where larger networks only lose', () => {
    assert.equal(advise(grid(SHAPE, planted(-0.01, -0.02, -0.01)), ACCURACY).full!.pays, 'none');
  });
  it('keeps regimes apart and warns where the short one would mislead', () => {
    const [short, long] = [planted(0.005, 0.03, 0.01), planted(0.03, 0.005, 0.01)];
    const { regimes, full, risk } = advise(
      grid({ ...SHAPE, epochs: [10, 100] }, (at) => (at.epochs === 10 ? short : long)(at)),
      ACCURACY,
    );
    assert.deepEqual(
      regimes.map(({ epochs, pays }) => [epochs, pays]),
      [
        [10, 'width'],
        [100, 'depth'],
      ],
    );
    assert.equal(full!.epochs, 100);
    assert.deepEqual(risk.otherwise, [{ epochs: 10, pays: 'width' }]);
    assertNear(risk.flopsRange, (101 / 26) * 16 * 16, 1e-9);
    assert.match(risk.source, /2103\.07579/);
  });
  it('names what is missing: seeds, points, failed trials, times', () => {
    const one = advise(grid({ ...SHAPE, seeds: 1 }, planted(0.03, 0.01, 0.01)), ACCURACY).full!;
    assert.equal(one.pays, 'not enough evidence');
    assert.deepEqual(one.missing, [{ kind: 'seeds', dimensions: ['depth', 'width', 'resolution'], now: 1 }]);
    // Two have intervals, and are not judged by them.
    const two = advise(grid({ ...SHAPE, seeds: 2 }, planted(0.03, 0.01, 0.01)), ACCURACY).full!;
    assert.deepEqual([two.pays, two.among, two.family.members], ['not enough evidence', [], []]);
    assert.deepEqual(two.missing, [{ kind: 'seeds', dimensions: ['depth', 'width', 'resolution'], now: 2 }]);
    const line = advise(grid({ ...SHAPE, widths: [1], sizes: [32] }, planted(0.03, 0, 0)), ACCURACY).full!;
    assert.equal(line.pays, 'not enough evidence');
    assert.deepEqual(line.missing, [{ kind: 'points', dimensions: ['width', 'resolution'] }]);
    const points = grid(SHAPE, planted(0.03, 0.01, 0.01)).map((at, i) =>
      i === 0
        ? { ...at, measured: undefined, score: new Map(), failed: [{ seed: 1, reason: 'not finite' }], pending: [2] }
        : at,
    );
    const { full } = advise(points, ACCURACY);
    assert.equal(full!.pays, 'depth');
    assert.deepEqual(
      full!.missing.filter(({ kind }) => kind !== 'more seeds'),
      [
        {
          kind: 'trials',
          failed: [{ name: points[0]!.name, seed: 1, reason: 'not finite' }],
          pending: [{ name: points[0]!.name, seed: 2 }],
        },
        { kind: 'times', names: [points[0]!.name] },
      ],
    );
  });
  it('reports over-fitting as evidence', () => {
    const { full } = advise(
      grid(
        { ...SHAPE, sizes: [32] },
        planted(0.03, -0.02, 0),
        (at) => 0.8 + 0.03 * Math.log2(at.width) + 0.03 * Math.log2(at.depth / 26),
      ),
      ACCURACY,
    );
    assert.equal(full!.pays, 'depth');
    const found = full!.evidence.find((one) => one.kind === 'overfitting' && one.direction === 'width');
    assert.deepEqual(found, { kind: 'overfitting', direction: 'width', overfits: 6, memorises: 0, judged: 6 });
    const gap = full!.evidence.find((one) => one.kind === 'gap' && one.direction === 'width');
    assert.ok(gap?.kind === 'gap');
    assertNear(gap.perDoubling.mean, 0.035, 0.05);
  });
  it('survives an empty study, and one where all failed', () => {
    const empty = advise([], ACCURACY, { flopsOf });
    assert.deepEqual([empty.regimes, empty.full, empty.next], [[], undefined, []]);
    const failed = advise(
      grid(SHAPE, () => 0).map((at) => ({ ...at, score: new Map(), failed: [{ seed: 1, reason: 'killed' }] })),
      ACCURACY,
      { flopsOf },
    );
    assert.equal(failed.full!.pays, 'not enough evidence');
    assert.equal(failed.full!.family.outcome, 'not enough evidence');
    assert.deepEqual(kinds(failed.full!.missing), ['trials', 'points']);
    assert.deepEqual(failed.next, []);
  });
  it('proposes no pictures larger than they are on disk', () => {
    const points = grid(SHAPE, planted(0.001, 0.001, 0.04));
    const sizes = (side?: number): number[] =>
      advise(points, ACCURACY, { flopsOf, ...(side !== undefined && { side }) })
        .next.filter(({ where }) => where === 'beyond the grid')
        .map(({ size }) => size);
    const largest = Math.max(...SHAPE.sizes);
    assert.deepEqual(sizes(), [1.5 * largest]);
    assert.deepEqual(sizes(largest + 11), [largest + 10]);
    assert.deepEqual(sizes(largest), []);
  });
  it('proposes what to try next along the paying dimension, with its price', () => {
    const { next, full } = advise(grid(SHAPE, planted(0.03, 0.01, 0.001)), ACCURACY, {
      flopsOf,
      trainPictures: 1000,
      seeds: 2,
    });
    const last = full!.family.members.at(-1)!;
    assert.equal(last.depth, 101);
    const [first] = next;
    assert.deepEqual(
      [first!.depth, first!.width, first!.size, first!.where, first!.base],
      [152, last.width, last.size, 'beyond the grid', last.name],
    );
    assertNear(first!.flopsRatio, 152 / 101, 1e-12);
    // 1000 pictures in batches of 10 for 20 epochs and 2 seeds: 4000 steps.
    assertNear(first!.trainStepMs, last.cost * 10 * (152 / 101), 1e-9);
    assertNear(first!.seconds, 4 * first!.trainStepMs!, 1e-9);
    assert.equal(next.length, 1, 'no depth of the registry lies between 50 and 101');
  });
});

describe('whatNext', () => {
  const at = (more: Partial<StudyPoint>) => point({ score: new Map([[1, 0.5]]), ...more });
  const values = (points: StudyPoint[], base: number, dimensions: Parameters<typeof whatNext>[2]) =>
    whatNext(points, points[base]!, dimensions, { flopsOf }).map(({ depth, width, size, where }) => [
      depth,
      width,
      size,
      where,
    ]);
  it('goes one step beyond the end, and into the gap below', () => {
    assert.deepEqual(values([at({ width: 0.5 }), at({ width: 1 })], 1, ['width']), [
      [26, 2, 32, 'beyond the grid'],
      [26, 0.7, 32, 'within the grid'],
    ]);
    assert.deepEqual(values([at({ size: 32 }), at({ size: 64 })], 1, ['resolution']), [
      [26, 1, 96, 'beyond the grid'],
      [26, 1, 46, 'within the grid'],
    ]);
    assert.deepEqual(values([at({ depth: 26 }), at({ depth: 200 })], 1, ['depth']), [
      [270, 1, 32, 'beyond the grid'],
      [101, 1, 32, 'within the grid'],
    ]); // sqrt(26 * 200) = 72: 101 is 1.40 times that, 50 lies 1.44 times below
  });
  it('fills the gaps on both sides of a base within the line', () => {
    assert.deepEqual(values([at({ width: 0.5 }), at({ width: 1 }), at({ width: 2 })], 1, ['width']), [
      [26, 1.4, 32, 'within the grid'],
      [26, 0.7, 32, 'within the grid'],
    ]);
  });
  it('never more than three, each of several dimensions in turn, one dimension at a time', () => {
    assert.deepEqual(values([at({ width: 0.5 }), at({ width: 1 }), at({ depth: 14 })], 1, ['width', 'depth']), [
      [26, 2, 32, 'beyond the grid'],
      [50, 1, 32, 'beyond the grid'],
      [26, 0.7, 32, 'within the grid'],
    ]);
  });
  it('leaves out what is in the study, what cannot be built, and depths of other blocks', () => {
    assert.deepEqual(values([at({ width: 0.95 }), at({ width: 1 })], 1, ['width']), [
      [26, 1.05, 32, 'beyond the grid'],
    ]);
    assert.deepEqual(whatNext([at({})], at({}), ['width'], { flopsOf: () => undefined }), []);
    assert.deepEqual(values([at({ family: 'resnet', depth: 18 })], 0, ['depth']), [[34, 1, 32, 'beyond the grid']]);
    assert.deepEqual(values([at({ depth: 420 })], 0, ['depth']), []);
    assert.deepEqual(
      values([at({ family: 'efficientnet', depth: 1 }), at({ family: 'efficientnet', depth: 1.2 })], 1, ['depth']),
      [
        [1.45, 1, 32, 'beyond the grid'],
        [1.1, 1, 32, 'within the grid'],
      ],
    );
  });
  it('has no price where the base has no time', () => {
    const [only] = whatNext([at({})], at({ measured: undefined }), ['width'], { flopsOf, trainPictures: 10 });
    assert.deepEqual([only!.trainStepMs, only!.seconds], [undefined, undefined]);
  });
});
