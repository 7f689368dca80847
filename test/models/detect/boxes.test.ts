import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  anchorsFor,
  anchorsOf,
  BACKGROUND,
  decodeBox,
  encodeBox,
  gridsOf,
  IGNORED,
  matchAnchors,
  matchPlaces,
  overlapOf,
  suppress,
} from '../../../src/models/detect/index.js';

const floats = (...values: number[]): Float32Array => Float32Array.from(values);
const near = (actual: ArrayLike<number>, expected: readonly number[], within = 1e-5): void => {
  assert.equal(actual.length, expected.length);
  for (const [i, value] of expected.entries())
    assert.ok(Math.abs(actual[i]! - value) <= within, `${i}: ${actual[i]} in place of ${value}`);
};

describe('anchors', () => {
  test('as many as the group counts at 640 and 256 pixels', () => {
    const options = { rule: 'group', size: 4, scales: 3, ratios: [0.5, 1, 2] } as const;
    // 9 x (80^2 + 40^2 + 20^2 + 10^2 + 5^2) and 9 x (32^2 + 16^2 + 8^2 + 4^2 + 2^2).
    assert.equal(anchorsOf(options, 640, 8).length / 4, 76_725);
    assert.equal(anchorsOf(options, 256, 8).length / 4, 12_276);
  });

  test('rules: on the corner in whole pixels, or on the centre as they are', () => {
    const square = { size: 4, scales: 1, ratios: [1] };
    const first = (rule: 'torchvision' | 'group'): number[] => [
      ...anchorsOf({ rule, ...square }, 64, 8).subarray(0, 8),
    ];
    assert.deepEqual(first('torchvision'), [-16, -16, 16, 16, -8, -16, 24, 16]);
    assert.deepEqual(first('group'), [-12, -12, 20, 20, -4, -12, 28, 20]);
    // Height / width 2: 32 / sqrt 2 = 22.63 by 45.25.
    near(
      anchorsOf({ rule: 'group', size: 4, scales: 1, ratios: [2] }, 64, 8).subarray(0, 4),
      [...[4 - 11.3137, 4 - 22.6274, 4 + 11.3137, 4 + 22.6274]],
      1e-3,
    );
  });

  test('maps round up, and a smaller stem makes them finer', () => {
    assert.deepEqual(gridsOf(200, 8), [
      ...[
        { side: 25, stride: 8 },
        { side: 13, stride: 15 },
        { side: 7, stride: 28 },
      ],
      ...[
        { side: 4, stride: 50 },
        { side: 2, stride: 100 },
      ],
    ]);
    assert.deepEqual(
      gridsOf(64, 4).map(({ side }) => side),
      [16, 8, 4, 2, 1],
    );
    const { anchors } = anchorsFor(
      { kind: 'fcos', anchors: { rule: 'group', size: 4, scales: 3, ratios: [1] } },
      64,
      32,
    );
    assert.deepEqual([...anchors.subarray(4, 8)], [4, -4, 12, 4]);
  });
});

describe('codes', () => {
  // By hand: centres (5, 10) and (7, 8), sides 10 x 20 and 10 x 12; ln(12 / 20).
  const [anchor, box] = [floats(0, 0, 10, 20), floats(2, 2, 12, 14)];
  test('encode and decode', () => {
    const code = new Float32Array(4);
    encodeBox(anchor, 0, box, 0, code, 0);
    near(code, [0.2, -0.1, 0, -0.5108256]);
    const back = new Float32Array(4);
    decodeBox(code, 0, anchor, 0, back, 0);
    near(back, [2, 2, 12, 14]);
  });
  test('a side grows at most 62.5-fold', () => {
    const out = new Float32Array(4);
    decodeBox(floats(0, 0, 50, 0), 0, anchor, 0, out, 0);
    near([out[2]! - out[0]!, out[3]! - out[1]!], [625, 20], 1e-3);
  });
});

describe('matching', () => {
  const anchors = floats(0, 0, 10, 10, 2, 0, 12, 10, 4, 0, 14, 10, 40, 40, 50, 50);
  test('positive, ignored and background, with and without the band', () => {
    // Overlaps with the box: 1, 80/120, 60/140 = 0.43, 0.
    const boxes = floats(0, 0, 10, 10);
    assert.deepEqual([...matchAnchors(anchors, boxes, { high: 0.5, low: 0.4 })], [0, 0, IGNORED, BACKGROUND]);
    assert.deepEqual([...matchAnchors(anchors, boxes, { high: 0.5, low: 0.5 })], [0, 0, BACKGROUND, BACKGROUND]);
  });
  test('each box has its best anchor, however little they overlap', () => {
    const boxes = floats(0, 0, 10, 10, 44, 44, 45, 45);
    const found = matchAnchors(anchors, boxes, { high: 0.5, low: 0.4 });
    assert.deepEqual([...found], [0, 0, IGNORED, 1]);
  });
  test("a box that no anchor touches is nobody's", () => {
    const found = matchAnchors(anchors, floats(100, 100, 101, 101), { high: 0.5, low: 0.4 });
    assert.deepEqual([...found], [BACKGROUND, BACKGROUND, BACKGROUND, BACKGROUND]);
  });
  test('no box: all are background', () => {
    assert.deepEqual([...matchAnchors(anchors, floats(), { high: 0.5, low: 0.4 })], new Array(4).fill(BACKGROUND));
  });
  test("FCOS: inside, near the centre, of the level's size; of two boxes the smaller", () => {
    const options = { kind: 'fcos', anchors: { rule: 'torchvision', size: 4, scales: 3, ratios: [1] } } as const;
    const { anchors: places, grids } = anchorsFor(options, 64, 32);
    // Of 28 x 28 around (16, 16): P3 takes places up to 64 pixels from the farthest edge, within 12 of the centre.
    const boxes = floats(2, 2, 30, 30, 8, 8, 24, 24);
    const found = matchPlaces(places, boxes, grids);
    const of = (box: number): number[] => [...found.keys()].filter((i) => found[i] === box);
    // (16, 16) is in both; (8, y) and (24, y) lie on the smaller one's edge, which is not inside.
    assert.equal(found[2 * 8 + 2], 1);
    assert.deepEqual(of(0), [9, 10, 11, 17, 19, 25, 26, 27]);
    // The larger's farthest edge is 14 away at its centre: too near for P4 (64 to 128) and all above.
    assert.ok(of(0).every((i) => i < 64) && of(1).every((i) => i < 64));
    assert.ok(
      matchPlaces(places, floats(-40, -40, 104, 104), grids)
        .subarray(64, 80)
        .includes(0),
      'a large one is found on P4',
    );
  });
});

describe('suppression', () => {
  const boxes = floats(0, 0, 10, 10, 0, 0, 10, 9, 0, 0, 10, 10, 20, 20, 30, 30);
  test('class by class, ties in their order', () => {
    assert.ok(Math.abs(overlapOf(boxes, 0, 1) - 0.9) < 1e-6);
    const kept = (classes: number[], scores: number[], threshold: number, most = 9): number[] =>
      suppress(boxes, floats(...scores), Int32Array.from(classes), threshold, most);
    assert.deepEqual(kept([0, 0, 0, 0], [0.5, 0.9, 0.8, 0.1], 0.5), [1, 3]);
    assert.deepEqual(kept([0, 0, 1, 0], [0.5, 0.9, 0.8, 0.1], 0.5), [1, 2, 3]);
    assert.deepEqual(kept([0, 0, 0, 0], [0.5, 0.5, 0.5, 0.5], 0.5), [0, 3]);
    // More than the threshold, not as much.
    assert.deepEqual(kept([0, 0, 0, 0], [0.9, 0.8, 0.7, 0.1], 0.95), [0, 1, 3]);
    assert.deepEqual(kept([0, 0, 1, 0], [0.5, 0.9, 0.8, 0.1], 0.5, 2), [1, 2]);
  });
});
