import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { boxErrors, judgePicture } from '../../../src/tasks/detect/measure/errors.js';
import { worstPictures } from '../../../src/tasks/detect/report.js';
import { detectionsOf, square, truthOf } from './helpers.js';

// Two classes; objects of 50 pixels far from each other, a crowd and a difficult one.
const truth = truthOf([
  { box: square(0, 0, 50) },
  { box: square(100, 0, 50), label: 1 },
  { box: square(200, 0, 50) },
  { box: square(0, 100, 100), crowd: true },
  { box: square(200, 100, 20), difficult: true, label: 1 },
]);
const found = detectionsOf([
  { box: square(2, 0, 50), score: 0.9 }, // right
  { box: square(0, 1, 50), score: 0.8 }, // the same object again
  { box: square(101, 0, 50), score: 0.7 }, // class 0 on an object of class 1
  { box: square(230, 0, 50), score: 0.6 }, // beside an object: overlap 0.25
  { box: square(300, 300, 50), score: 0.5, label: 1 }, // on nothing
  { box: square(20, 120, 30), score: 0.45 }, // within the crowd
  { box: square(200, 100, 20), score: 0.4, label: 1 }, // the difficult one
]);

describe('what goes wrong', () => {
  test('each detection and each object has one outcome', () => {
    const { objects, detections } = judgePicture(truth, found, 0);
    assert.deepEqual(
      detections.map(({ outcome, of }) => [outcome, of]),
      [
        ['right', 0],
        ['again', 0],
        ['other', 1],
        ['loose', 2],
        ['background', undefined],
        ['aside', undefined],
        ['aside', undefined],
      ],
    );
    assert.deepEqual(
      objects.map(({ outcome, by }) => [outcome, by]),
      [
        ['found', 0],
        ['taken', 2],
        ['missed', undefined],
        ['aside', undefined],
        ['aside', undefined],
      ],
    );
    assert.ok(Math.abs(objects[0]!.overlap! - 48 / 52) < 1e-6);
  });

  test('what is below the threshold is passed over', () => {
    const { detections, objects } = judgePicture(truth, found, 0.75);
    assert.deepEqual(
      detections.map(({ outcome }) => outcome),
      ['right', 'again'],
    );
    assert.equal(objects[1]!.outcome, 'missed');
  });

  test('an object of its own class goes before one of another, whatever the scores', () => {
    const one = truthOf([{ box: square(0, 0, 50), label: 1 }]);
    const both = detectionsOf([
      { box: square(0, 0, 50), score: 0.9 },
      { box: square(5, 0, 50), score: 0.3, label: 1 },
    ]);
    const { detections } = judgePicture(one, both, 0);
    assert.deepEqual(
      detections.map(({ outcome }) => outcome),
      ['background', 'right'],
    );
  });

  test('confusion with the background, classes, kinds and sizes', () => {
    const errors = boxErrors([truth], [found], { classes: 2, threshold: 0 });
    assert.deepEqual(errors.confusion, [
      [1, 0, 1],
      [1, 0, 0],
      [2, 1, 0],
    ]);
    assert.deepEqual(errors.classes, [
      { objects: 2, found: 1, taken: 0, missed: 1, detections: 4 },
      { objects: 1, found: 0, taken: 1, missed: 0, detections: 1 },
    ]);
    assert.deepEqual(errors.kinds, { other: 1, again: 1, loose: 1, background: 1 });
    const [size] = errors.sizes;
    assert.deepEqual({ ...size, overlap: 0 }, { from: 32, to: 64, objects: 3, found: 1, reached: 1, overlap: 0 });
    assert.deepEqual(errors.pictures, [{ picture: 0, found: 1, taken: 1, missed: 1, wrong: 4, f1: 2 / 8 }]);
  });

  test('the threshold is the one with the highest F1', () => {
    // By score: right, again, other, loose, background: F1 2/4, 2/5 and falling.
    const { threshold, scores } = boxErrors([truth], [found], { classes: 2 });
    assert.equal(threshold, Math.fround(0.9));
    assert.deepEqual(
      scores.map(({ precision, recall, f1 }) => [precision, recall, f1]),
      [1, 2, 3, 4, 5].map((n) => [1 / n, 1 / 3, 2 / (3 + n)]),
    );
    const none = boxErrors([truth], [detectionsOf([])], { classes: 2 });
    assert.deepEqual([none.threshold, none.scores, none.pictures[0]!.f1], [0.5, [], 0]);
  });

  test('points of the curve are what a judgement at that threshold gives', () => {
    const several = [0.9, 0.6, 0.6, 0.3].map((score, i) => ({ box: square(60 * i, 0, 50), score }));
    const objects = truthOf([{ box: square(2, 0, 50) }, { box: square(122, 0, 50) }, { box: square(180, 0, 50) }]);
    const { scores } = boxErrors([objects], [detectionsOf(several)], { classes: 1 });
    assert.equal(scores.length, 3);
    for (const { score, precision, recall } of scores) {
      const { detections } = judgePicture(objects, detectionsOf(several), score);
      const right = detections.filter(({ outcome }) => outcome === 'right').length;
      assert.deepEqual([precision, recall], [right / detections.length, right / 3]);
    }
  });

  test('the worst pictures: the lowest F1, of equal ones the more errors', () => {
    const empty = detectionsOf([]);
    const two = truthOf([{ box: square(0, 0, 9) }, { box: square(20, 0, 9) }]);
    const right = detectionsOf([{ box: square(0, 0, 9), score: 1 }]);
    const one = truthOf([{ box: square(0, 0, 9) }]);
    const errors = boxErrors([one, two, two, one, truthOf([])], [empty, empty, right, right, empty], { classes: 1 });
    assert.deepEqual(
      worstPictures(errors).map(({ picture }) => picture),
      [1, 0, 2],
    );
    assert.equal(worstPictures(errors, 1).length, 1);
  });
});
