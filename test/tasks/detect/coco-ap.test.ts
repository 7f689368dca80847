import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { packageRoot } from '../../../src/package-root.js';
import { drawnSets, middle } from '../../../src/tasks/bootstrap.js';
import { COCO_STATS, type CocoStats, cocoAp, cocoScored } from '../../../src/tasks/detect/coco-ap.js';
import type { Detections, Truth } from '../../../src/tasks/detect/truth.js';
import { detectionsOf, type Marked, square, truthOf } from './helpers.js';

// Made by test/fixtures/make_coco_ap.py with pycocotools.
interface Case {
  classes: number;
  difficult: 'count' | 'ignore';
  pictures: { truth: number[][]; found: number[][] }[];
  expected: {
    stats: number[];
    ap: number[];
    ap50: number[];
    ar100: number[];
    curves?: { precision: number[][][]; scores: number[][][] };
  };
}
const cases = JSON.parse(
  gunzipSync(readFileSync(join(packageRoot, 'test', 'fixtures', 'coco-ap.json.gz'))).toString('utf8'),
) as Case[];

const near = (actual: number, expected: number, what: string): void =>
  assert.ok(Math.abs(actual - expected) <= 1e-12, `${what}: ${actual}, not ${expected}`);

const asTruth = (rows: number[][]): Truth => ({
  boxes: Float32Array.from(rows.flatMap((row) => row.slice(0, 4))),
  classes: Int32Array.from(rows, (row) => row[4]!),
  crowd: Uint8Array.from(rows, (row) => row[5]!),
  difficult: Uint8Array.from(rows, (row) => row[6]!),
  area: Float32Array.from(rows, (row) => row[7]!),
});
const asDetections = (rows: number[][]): Detections => ({
  boxes: Float32Array.from(rows.flatMap((row) => row.slice(0, 4))),
  classes: Int32Array.from(rows, (row) => row[4]!),
  scores: Float32Array.from(rows, (row) => row[5]!),
});
const given = ({ pictures }: Case): [Truth[], Detections[]] => [
  pictures.map(({ truth }) => asTruth(truth)),
  pictures.map(({ found }) => asDetections(found)),
];

describe('COCO AP against pycocotools', () => {
  test('the twelve numbers and those of each class, 240 cases', () => {
    assert.equal(cases.length, 240);
    for (const [i, one] of cases.entries()) {
      const { stats, classes } = cocoAp(...given(one), one);
      for (const [k, name] of COCO_STATS.entries()) near(stats[name], one.expected.stats[k]!, `case ${i}, ${name}`);
      for (const [label, of] of classes.entries())
        for (const name of ['ap', 'ap50', 'ar100'] as const)
          near(of[name], one.expected[name][label]!, `case ${i}, class ${label}, ${name}`);
    }
  });

  test('the cases have what makes them hard', () => {
    const pictures = cases.flatMap(({ pictures }) => pictures);
    const truths = pictures.flatMap(({ truth }) => truth);
    assert.ok(truths.some((row) => row[5] === 1) && truths.some((row) => row[6] === 1));
    assert.ok(pictures.some(({ truth, found }) => truth.length + found.length === 0));
    assert.ok(pictures.some(({ found }) => found.filter((row) => row[4] === 0).length > 100));
    for (const stat of [0, 3, 4, 5]) {
      assert.ok(cases.some(({ expected }) => expected.stats[stat] === -1));
      assert.ok(cases.filter(({ expected }) => expected.stats[stat]! > 0 && expected.stats[stat]! < 1).length > 100);
    }
  });

  test('curves', () => {
    let compared = 0;
    for (const one of cases) {
      const { curves } = one.expected;
      if (curves === undefined) continue;
      const scorer = cocoScored(...given(one), one);
      for (let label = 0; label < one.classes; label++)
        for (const [t, overlap] of [0.5, 0.75].entries()) {
          const curve = scorer.curve(label, overlap);
          const expected: number[] = curves.precision[t]!.map((row) => row[label]!);
          if (curve === undefined) {
            assert.equal(expected[0], -1);
            continue;
          }
          compared++;
          for (let r = 0; r <= 100; r++) {
            near(curve.precision[r]!, expected[r]!, `precision at ${r}`);
            // At recall 0 pycocotools has the highest score of all, whatever it found; beyond the last recall 0.
            const score = curves.scores[t]![r]![label]!;
            if (r > 0) near(Number.isNaN(curve.scores[r]!) ? 0 : curve.scores[r]!, score, `score at ${r}`);
          }
        }
    }
    assert.ok(compared > 20, `${compared}`);
  });
});

/** One picture, one class. */
const single = (objects: readonly Marked[], found: Parameters<typeof detectionsOf>[0]): CocoStats =>
  cocoAp([truthOf(objects)], [detectionsOf(found)], { classes: 1 }).stats;
const nearly = (actual: number, expected: number): void =>
  assert.ok(Math.abs(actual - expected) < 5e-8, `${actual}, not ${expected}`);

// What cocoeval.py gave, worked out apart from the cases above.
describe('COCO AP, single cases', () => {
  const [a, b, far] = [square(0, 0, 50), square(100, 0, 50), square(300, 300, 50)];
  const hitMissHit = [
    { box: a, score: 0.9 },
    { box: far, score: 0.8 },
    { box: b, score: 0.7 },
  ];

  test('hit, miss, hit', () => {
    nearly(single([{ box: a }, { box: b }], hitMissHit).ap, 0.8349835);
    const others = [{ box: square(0, 200, 50) }, { box: square(100, 200, 50) }];
    nearly(single([{ box: a }, { box: b }, ...others], hitMissHit).ap, 0.4224422);
  });

  test('a detection 10 of 100 pixels beside its object', () => {
    const { ap, ap50, ap75, ar1 } = single([{ box: square(0, 0, 100) }], [{ box: [10, 0, 110, 100], score: 1 }]);
    nearly(ap, 0.7);
    assert.deepEqual([ap50 > 1 - 1e-12, ap75 > 1 - 1e-12], [true, true]);
    nearly(ar1, 0.7);
  });

  test('a copy of a hit does not count once all is found, a miss before the hit does', () => {
    const copies = [
      { box: a, score: 0.9 },
      { box: a, score: 0.8 },
    ];
    nearly(single([{ box: a }], copies).ap, 1);
    nearly(
      single(
        [{ box: a }],
        [
          { box: far, score: 0.9 },
          { box: a, score: 0.8 },
        ],
      ).ap,
      0.5,
    );
  });

  test('a detection within a crowd is neither right nor wrong', () => {
    const objects = [{ box: square(200, 200, 100), crowd: true }, { box: a }];
    nearly(
      single(objects, [
        { box: square(220, 220, 20), score: 0.9 },
        { box: a, score: 0.8 },
      ]).ap,
      1,
    );
  });

  test('the first of all objects is found like any other: there are no ids, and none is 0', () => {
    nearly(single([{ box: a }], [{ box: a, score: 0.5 }]).ap, 1);
  });

  test('nothing to be found: -1 everywhere', () => {
    assert.deepEqual(Object.values(single([], [{ box: a, score: 0.5 }])), new Array(12).fill(-1));
    assert.deepEqual(Object.values(cocoAp([], [], { classes: 3 }).stats), new Array(12).fill(-1));
  });

  test('areas', () => {
    const found = [
      { box: square(0, 0, 20), score: 0.9 },
      { box: square(100, 100, 50), score: 0.8 },
    ];
    const { ap, apSmall, apMedium, apLarge, ar1, ar10 } = single(
      found.map(({ box }) => ({ box })),
      found,
    );
    for (const one of [ap, apSmall, apMedium, ar10]) nearly(one, 1);
    assert.equal(apLarge, -1);
    nearly(ar1, 0.5);
  });

  test('what does not fit is told', () => {
    const truth = truthOf([{ box: a }]);
    const found = detectionsOf([{ box: a, score: 0.5 }]);
    assert.throws(() => cocoAp([truth], [], { classes: 1 }), /Expected 1 lists of detections but received 0/);
    const scores = [Number.NaN];
    assert.throws(() => cocoAp([truth], [{ ...found, scores }], { classes: 1 }), /finite scores but received NaN/);
    assert.throws(() => cocoAp([truth], [{ ...found, classes: [1] }], { classes: 1 }), /from 0 to 0 but received 1/);
    assert.throws(() => cocoAp([{ ...truth, area: [] }], [found], { classes: 1 }), /expected 1 areas but received 0/);
  });
});

describe('intervals of COCO AP', () => {
  // Without equal scores in two pictures the drawn set can be measured as if it were a set of its own.
  const distinct = cases.filter(({ pictures, classes }) => pictures.length >= 4 && classes <= 5).slice(0, 20);
  const unlike = ([truths, found]: [Truth[], Detections[]]): [Truth[], Detections[]] => [
    truths,
    found.map((one, i) => ({ ...one, scores: Float64Array.from(one.scores, (score) => score + i * 1e-4) })),
  ];

  test('a drawn set is the set with its pictures repeated', () => {
    for (const one of distinct) {
      const [truths, found] = unlike(given(one));
      const scorer = cocoScored(truths, found, one);
      for (const times of drawnSets(truths.length, { draws: 5, seed: 3 })) {
        const drawn = [...times].flatMap((count, i) => new Array<number>(count).fill(i));
        // Copies of a picture need scores of their own, or they would mix with each other.
        const copies = drawn.map((i, k) => ({
          ...found[i]!,
          scores: Float64Array.from(found[i]!.scores, (score, d) => score - d * 1e-9 + k * 1e-13),
        }));
        const whole = cocoAp(
          drawn.map((i) => truths[i]!),
          copies,
          one,
        );
        const { stats, classes } = scorer.result(times);
        for (const name of COCO_STATS) near(stats[name], whole.stats[name], name);
        for (const [k, of] of classes.entries())
          for (const key of ['ap', 'ap50', 'ap75', 'ar100', 'truths', 'detections'] as const)
            near(of[key], whole.classes[k]![key], key);
      }
    }
  });

  test('are a function of the seed, and hold the value', () => {
    const one = cases.find(({ pictures, expected }) => pictures.length === 8 && expected.stats[0]! > 0.2)!;
    const scorer = cocoScored(...given(one), one);
    const { stats, classes } = scorer.intervals({ draws: 200, seed: 1 });
    const { ap } = scorer.result().stats;
    assert.ok(stats.ap!.low < ap && ap < stats.ap!.high, `${ap} in ${JSON.stringify(stats.ap)}`);
    assert.equal(classes.length, one.classes);
    assert.deepEqual(scorer.intervals({ draws: 200, seed: 1 }), { stats, classes });
    assert.notDeepEqual(scorer.intervals({ draws: 200, seed: 2 }), { stats, classes });
  });

  test('one picture has none', () => {
    assert.deepEqual(
      cocoScored([truthOf([{ box: square(0, 0, 9) }])], [detectionsOf([])], { classes: 1 }).intervals(),
      {
        stats: {},
        classes: [{}],
      },
    );
  });

  test('quantiles are those of NumPy', () => {
    // numpy.quantile(numpy.arange(41.) ** 2, [.025, .975])
    assert.deepEqual(middle(Array.from({ length: 41 }, (_, i) => i * i).reverse(), 2), { low: 1, high: 1521 });
    assert.deepEqual(middle([3, Number.NaN, 1], 2), { low: 1.05, high: 2.95 });
    assert.equal(middle([Number.NaN], 2), undefined);
  });
});
