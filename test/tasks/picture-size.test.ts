import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { classesOnPicture, valuesOnPicture } from '../../src/tasks/picture-size.js';
import { call, fromTypedArray, randn, scope, type Tensor } from '../../src/torch/index.js';

/** The picture as it is: a crop of all of it. */
const whole = (side: number): number[] => [0, 0, side, side, 0, 0, 0, 1];

describe('a view laid on its picture', () => {
  test('of the same size is itself', () => {
    scope(() => {
      const maps = randn([1, 1, 6, 6]);
      const found = valuesOnPicture(maps, { view: whole(6), width: 6, height: 6 });
      for (const [i, value] of (maps.data() as Float32Array).entries()) assert.ok(Math.abs(value - found[i]!) < 1e-6);
    });
  });
  test("of a square picture is PyTorch's bilinear enlargement", () => {
    scope(() => {
      const maps = randn([1, 1, 5, 5]);
      const found = valuesOnPicture(maps, { view: whole(12), width: 12, height: 12 });
      const expected = call<Tensor>('aten::upsample_bilinear2d', [maps, [12, 12], false, null, null]).data();
      for (const [i, value] of (expected as Float32Array).entries()) assert.ok(Math.abs(value - found[i]!) < 1e-5);
    });
  });
  test('follows crop, shift, flip and the reduction of the decoder', () => {
    scope(() => {
      // The view shows columns 2 to 6 and rows 1 to 5 of a picture of 8 x 6, once as large; each value names its place.
      const values = Float32Array.from({ length: 16 }, (_, i) => (i % 4) + 10 * Math.floor(i / 4));
      const maps = fromTypedArray(values, [1, 1, 4, 4]);
      const at = (view: number[], x: number, y: number, width = 8): number =>
        valuesOnPicture(maps, { view, width, height: 6 })[y * width + x]!;
      const crop = [2, 1, 4, 4];
      assert.equal(at([...crop, 0, 0, 0, 1], 2, 1), 0);
      assert.equal(at([...crop, 0, 0, 0, 1], 5, 4), 33);
      assert.equal(at([...crop, 0, 0, 1, 1], 2, 1), 3, 'flipped');
      assert.equal(at([...crop, 1, 0, 0, 1], 3, 1), 0, 'shifted by a column');
      // Past the view's border stands the border's value.
      assert.equal(at([...crop, 0, 0, 0, 1], 7, 5), 33);
      // Of a picture of 16 columns decoded at half its size, columns 4 and 5 lie around the first centre of the view.
      const [left, right] = [4, 5].map((x) => at([...crop, 0, 0, 0, 0.5], x, 2, 16));
      assert.ok(left === 0 && Math.abs(right! - 0.25) < 1e-6, `${left}, ${right}`);
    });
  });
  test('gives the class with the highest number, of two equal ones the first', () => {
    scope(() => {
      const logits = fromTypedArray(Float32Array.from([1, 0, 0, 2, 1, 3, 0, 2]), [1, 2, 2, 2]);
      assert.deepEqual([...classesOnPicture(logits, { view: whole(2), width: 2, height: 2 })], [0, 1, 0, 0]);
    });
  });
});
