import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { packageRoot } from '../../../src/package-root.js';
import { drawnSets } from '../../../src/tasks/bootstrap.js';
import { pixelFigures, pixelScorer } from '../../../src/tasks/segment/confusion.js';

// Made by test/fixtures/make_pixels.py with Keras, detectron2's evaluator and CSAIL's functions.
interface Case {
  classes: number;
  pictures: [truth: number[], predicted: number[]][];
  detectron2: { miou: number | null; accuracy: number; classAccuracy: number; iou: (number | null)[] };
  keras: number;
  csail: number;
}
const { masks } = JSON.parse(readFileSync(join(packageRoot, 'test', 'fixtures', 'pixels.json'), 'utf8')) as {
  masks: Case[];
};

const near = (actual: number | undefined, expected: number, tolerance = 1e-12): void =>
  assert.ok(Math.abs(actual! - expected) <= tolerance, `${actual}, not ${expected}`);
const scored = ({ pictures, classes }: Pick<Case, 'pictures' | 'classes'>) => {
  const scorer = pixelScorer(classes);
  for (const [truth, predicted] of pictures) scorer.add(truth, predicted);
  return scorer;
};

test('mIoU by three rules, accuracy of pixels and classes, against the programs that they come from', () => {
  assert.equal(masks.length, 20);
  // The rules differ where a class is absent.
  assert.ok(masks.some(({ keras, csail, detectron2 }) => keras !== csail && Math.abs(keras - detectron2.miou!) > 1e-3));
  for (const one of masks) {
    const { miou, accuracy, classAccuracy, classes } = scored(one).result();
    near(miou.keras, one.keras, 1e-6); // float32 there
    near(miou.detectron2, one.detectron2.miou!);
    near(miou.csail, one.csail, 1e-9); // it has 1e-10 under the fraction
    near(accuracy, one.detectron2.accuracy);
    near(classAccuracy, one.detectron2.classAccuracy);
    for (const [k, { truth, iou }] of classes.entries())
      if (truth === 0) assert.equal(one.detectron2.iou[k], null);
      else near(iou, one.detectron2.iou[k]!);
  }
});

describe('mIoU by hand', () => {
  const of = (rows: number[][]) => pixelFigures(Float64Array.from(rows.flat()), rows.length, 1).miou;

  test('a class that is nowhere', () => {
    const { keras, detectron2, csail } = of([
      [3, 1, 0],
      [2, 4, 0],
      [0, 0, 0],
    ]);
    near(keras, 0.5357143, 5e-8);
    near(detectron2, 0.5357143, 5e-8);
    near(csail, 0.3571429, 5e-8);
  });

  test('a class that is only predicted', () => {
    const { keras, detectron2 } = of([
      [3, 1, 1],
      [2, 4, 0],
      [0, 0, 0],
    ]);
    near(keras, 0.3333333, 5e-8);
    near(detectron2, 0.5, 5e-8);
  });

  test("Keras's own examples", () => {
    near(
      scored({
        classes: 2,
        pictures: [
          [
            [0, 0, 1, 1],
            [0, 1, 0, 1],
          ],
        ],
      }).result().miou.keras,
      0.33333334,
      5e-8,
    );
    // Weights of 0.3, 0.3, 0.3 and 0.1: as many pixels.
    const truth = [0, 0, 0, 0, 0, 0, 1, 1, 1, 1];
    near(
      scored({ classes: 2, pictures: [[truth, [0, 0, 0, 1, 1, 1, 0, 0, 0, 1]]] }).result().miou.keras,
      0.23809525,
      5e-8,
    );
  });

  test('what is not asked for leaves the matrix, whatever is predicted there', () => {
    const { counts, pixels } = scored({
      classes: 2,
      pictures: [
        [
          [0, 255, 255, 1],
          [0, 0, 1, 0],
        ],
      ],
    }).result();
    assert.deepEqual([[...counts], pixels], [[1, 0, 1, 0], 2]);
  });

  test('the mean is over pixels, not over pictures', () => {
    // Picture 1: 1 of 1 pixel; picture 2: 1 of 3.
    const scorer = scored({
      classes: 1 + 1,
      pictures: [
        [[0], [0]],
        [
          [0, 0, 0],
          [0, 1, 1],
        ],
      ],
    });
    assert.equal(scorer.result().accuracy, 0.5);
    assert.equal(scorer.result().miou.detectron2, 0.5);
    assert.equal(scorer.picture(1).accuracy, 1 / 3);
    assert.equal(scorer.picture(0).accuracy, 1);
  });

  test('without a pixel there are no figures', () => {
    const scorer = scored({ classes: 2, pictures: [[[255], [0]]] });
    const { miou, accuracy, images } = scorer.result();
    assert.deepEqual([miou, accuracy, images], [{}, undefined, 0]);
  });

  test('what does not fit is told', () => {
    const scorer = pixelScorer(2);
    assert.throws(() => scorer.add([0, 1], [0]), /prediction of 2 pixels but received 1/);
    assert.throws(() => scorer.add([2], [0]), /classes from 0 to 1, in masks also 255, but received 2 in a mask/);
    assert.throws(() => scorer.add([0], [255]), /255 predicted/);
    assert.throws(() => scorer.picture(0), /below 0/);
  });
});

test('intervals: a drawn set is the set with its pictures repeated', () => {
  const many = masks.filter(({ pictures }) => pictures.length >= 3);
  assert.ok(many.length > 3);
  for (const one of many) {
    const scorer = scored(one);
    for (const times of drawnSets(one.pictures.length, { draws: 5 })) {
      const pictures = [...times].flatMap((count, i) => new Array<Case['pictures'][0]>(count).fill(one.pictures[i]!));
      assert.deepEqual(scorer.result(times), scored({ ...one, pictures }).result());
    }
    const { miou, accuracy, classes } = scorer.intervals({ draws: 200 });
    const whole = scorer.result();
    assert.ok(miou.keras!.low <= whole.miou.keras! && whole.miou.keras! <= miou.keras!.high);
    assert.ok(accuracy!.low < accuracy!.high);
    assert.equal(classes.length, one.classes);
    assert.deepEqual(scorer.intervals({ draws: 200 }).miou, miou);
  }
});
