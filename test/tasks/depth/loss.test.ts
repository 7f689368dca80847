import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { bestConstant } from '../../../src/tasks/depth/evaluator.js';
import { BTS_SILOG, silogLoss } from '../../../src/tasks/depth/loss.js';
import { fromTypedArray, mul, scope, type Tensor } from '../../../src/torch/index.js';

const maps = (values: number[], ...shape: number[]): Tensor => fromTypedArray(Float32Array.from(values), shape);

describe('the scale-invariant log loss', () => {
  test("is BTS's", () => {
    scope(() => {
      // Run through cleinc/bts's own function: truth 1, 2, 4, prediction 1.2, 2.6, 4.
      const loss = silogLoss(maps([1.2, 2.6, 4, 9], 1, 1, 2, 2), maps([1, 2, 4, 0], 1, 2, 2)).item();
      assert.ok(Math.abs(loss - 1.2389279) < 1e-5, `${loss}`);
    });
  });
  test('looks at no pixel without a reading, and at none up to the nearest', () => {
    scope(() => {
      const prediction = maps([1.2, 2.6, 4, 9], 1, 1, 2, 2);
      prediction.requiresGrad = true;
      silogLoss(prediction, maps([1, 2, 0.1, 0], 1, 2, 2)).backward();
      const gradient = prediction.grad!.data() as Float32Array;
      assert.ok(gradient[0] !== 0 && gradient[1] !== 0);
      assert.deepEqual([gradient[2], gradient[3]], [0, 0]);
    });
  });
  test('does not change with the scale at a focus of 1, and does at 0', () => {
    scope(() => {
      const prediction = maps([1.2, 2.6, 4, 1.1], 1, 1, 2, 2);
      const truth = maps([1, 2, 4, 1], 1, 2, 2);
      const at = (focus: number, factor: number): number =>
        silogLoss(mul(prediction, factor), truth, { ...BTS_SILOG, focus }).item();
      // A difference of two numbers near to each other, in float32.
      assert.ok(Math.abs(at(1, 1) - at(1, 3)) < 1e-3);
      assert.ok(at(0, 3) > at(0, 1) + 1);
    });
  });
  test('without a reading is next to nothing and has no gradient', () => {
    scope(() => {
      const prediction = maps([1, 2, 3, 4], 1, 1, 2, 2);
      prediction.requiresGrad = true;
      const loss = silogLoss(prediction, maps([0, 0, 0, 0], 1, 2, 2));
      assert.ok(loss.item() < 1e-4);
      loss.backward();
      assert.ok((prediction.grad!.data() as Float32Array).every((value) => value === 0));
    });
  });
});

test('the best constant depth is the one that most readings are near to', () => {
  const steps = 1900;
  const at = (metres: number): number => Math.floor(Math.log(metres / 1e-3) / Math.log(1.01));
  const picture = (shares: [metres: number, share: number][]): Float64Array => {
    const counts = new Float64Array(steps);
    for (const [metres, share] of shares) counts[at(metres)]! += share;
    return counts;
  };
  // 2 and 2.2 m lie within 1.25 times of one depth, 5 m does not. A picture without readings counts for nothing.
  const found = bestConstant([
    picture([
      [2, 0.5],
      [5, 0.5],
    ]),
    picture([[2.2, 1]]),
    new Float64Array(0),
  ])!;
  assert.equal(found.d1, 0.75);
  assert.ok(found.metres > 2.2 / 1.25 && found.metres < 2 * 1.25, `${found.metres}`);
  assert.equal(bestConstant([]), undefined);
});
