import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { packageRoot } from '../../../src/package-root.js';
import { drawnSets } from '../../../src/tasks/bootstrap.js';
import { overlap } from '../../../src/tasks/detect/measure/pairs.js';
import { vocAp, vocScorer } from '../../../src/tasks/detect/measure/voc-ap.js';
import type { Detections, Truth } from '../../../src/tasks/detect/truth.js';
import { detectionsOf, type Marked, square, truthOf } from './helpers.js';

// Made by test/fixtures/make_voc_ap.py with detectron2's port of the devkit; coordinates are indices of pixels.
interface Case {
  classes: number;
  pictures: { truth: number[][]; found: number[][] }[];
  expected: Record<'2007' | '2010', Record<'0.5' | '0.75', (number | null)[]>>;
}
const cases = JSON.parse(
  gunzipSync(readFileSync(join(packageRoot, 'test', 'fixtures', 'voc-ap.json.gz'))).toString('utf8'),
) as Case[];

/** @param shift of the left and upper sides */
function given({ pictures }: Case, shift = 0): [Truth[], Detections[]] {
  const box = ([x0, y0, x1, y1]: number[]) => [x0! + shift, y0! + shift, x1!, y1!] as const;
  return [
    pictures.map(({ truth }) =>
      truthOf(truth.map((row) => ({ box: box(row), label: row[4]!, difficult: row[5] === 1 }))),
    ),
    pictures.map(({ found }) => detectionsOf(found.map((row) => ({ box: box(row), label: row[4]!, score: row[5]! })))),
  ];
}

test("VOC AP by both rules against detectron2's port, 60 cases", () => {
  assert.equal(cases.length, 60);
  let scored = 0;
  // Indices of pixels are the same as edges one pixel further out on two sides.
  for (const one of cases)
    for (const rule of ['2007', '2010'] as const)
      for (const least of ['0.5', '0.75'] as const)
        for (const [pixels, shift] of [
          ['inclusive', 0],
          ['continuous', -1],
        ] as const) {
          const { classes, map } = vocAp(...given(one, shift), { ...one, rule, overlap: Number(least), pixels });
          const expected = one.expected[rule][least];
          for (const [label, { ap }] of classes.entries())
            if (expected[label] === null) assert.equal(ap, undefined);
            else assert.ok(Math.abs(ap! - expected[label]!) < 1e-12, `${ap}, not ${expected[label]}`);
          const known = expected.filter((ap) => ap !== null);
          scored += known.length;
          if (known.length === 0) assert.equal(map, undefined);
          else assert.ok(Math.abs(map! - known.reduce((sum, ap) => sum + ap, 0) / known.length) < 1e-12);
        }
  assert.ok(scored > 500, `${scored}`);
});

describe('VOC AP, single cases', () => {
  const [a, b, far] = [square(0, 0, 50), square(100, 0, 50), square(300, 300, 50)];
  const found = detectionsOf([
    { box: a, score: 0.9 },
    { box: far, score: 0.8 },
    { box: b, score: 0.7 },
  ]);
  const both = (objects: readonly Marked[], detections = found): (number | undefined)[] =>
    (['2007', '2010'] as const).map((rule) => vocAp([truthOf(objects)], [detections], { classes: 1, rule }).map);
  const near = (actual: (number | undefined)[], expected: number[]): void => {
    for (const [i, value] of expected.entries()) assert.ok(Math.abs(actual[i]! - value) < 5e-8, `${actual[i]}`);
  };

  test('hit, miss, hit', () => {
    near(both([{ box: a }, { box: b }]), [0.8484848, 0.8333333]);
    const others = [{ box: square(0, 200, 50) }, { box: square(100, 200, 50) }];
    near(both([{ box: a }, { box: b }, ...others]), [0.4545455, 0.4166667]);
  });

  test('an overlap in indices of pixels and in edges', () => {
    const boxes = [0, 0, 10, 10, 5, 5, 15, 15];
    assert.equal(overlap(boxes, 0, boxes, 1), 25 / 175);
    assert.equal(overlap(boxes, 0, boxes, 1, 1), 36 / 206);
    assert.equal(overlap([0, 0, 10, 10], 0, [10, 0, 20, 10], 0), 0);
  });

  test('what overlaps exactly the threshold is a miss, where COCO takes it', () => {
    near(both([{ box: square(0, 0, 10) }], detectionsOf([{ box: [0, 0, 10, 5], score: 1 }])), [0, 0]);
  });

  test('a second detection of an object is a miss, and tries no other object', () => {
    const two = [{ box: square(0, 0, 50) }, { box: [10, 0, 60, 50] as const }];
    const twice = detectionsOf([
      { box: a, score: 0.9 },
      { box: [1, 0, 51, 50], score: 0.8 },
    ]);
    near(both(two, twice), [6 / 11, 0.5]);
  });

  test('what is difficult is neither found nor missed', () => {
    near(both([{ box: a }, { box: far, difficult: true }, { box: b }]), [1, 1]);
    assert.deepEqual(both([{ box: a, difficult: true }]), [undefined, undefined]);
  });
});

test('intervals: a drawn set is the set with its pictures repeated', () => {
  for (const one of cases.filter(({ pictures }) => pictures.length >= 4).slice(0, 12))
    for (const rule of ['2007', '2010'] as const) {
      const [truths, found] = given(one, -1);
      const scorer = vocScorer({ ...one, rule });
      for (const [i, truth] of truths.entries()) scorer.add(truth, found[i]!);
      for (const times of drawnSets(truths.length, { draws: 5 })) {
        const drawn = [...times].flatMap((count, i) => new Array<number>(count).fill(i));
        const whole = vocAp(
          drawn.map((i) => truths[i]!),
          drawn.map((i) => found[i]!),
          { ...one, rule },
        );
        const { map, classes } = scorer.result(times);
        assert.ok(map === whole.map || Math.abs(map! - whole.map!) < 1e-12, `${map}, not ${whole.map}`);
        assert.deepEqual(
          classes.map(({ truths }) => truths),
          whole.classes.map(({ truths }) => truths),
        );
      }
      const { map } = scorer.result();
      const interval = scorer.intervals({ draws: 100, seed: 5 });
      assert.ok(interval.map!.low <= map! && map! <= interval.map!.high);
      assert.equal(interval.classes.length, one.classes);
    }
});
