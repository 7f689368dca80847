import assert from 'node:assert/strict';
import { test } from 'node:test';
import { batchBounds, batchesOf } from '../src/batches.js';

test('pictures that fill no whole batch are dropped, kept apart or spread', () => {
  assert.deepEqual(batchBounds(10, 4, 'drop'), [0, 4, 8]);
  assert.deepEqual(batchBounds(10, 4, 'keep'), [0, 4, 8, 10]);
  assert.deepEqual(batchBounds(10, 4, 'spread'), [0, 3, 6, 10]);
  assert.deepEqual(batchBounds(8, 4, 'spread'), [0, 4, 8]);
  // Never a single picture: three in batches of two are one batch.
  assert.deepEqual(batchBounds(3, 2, 'spread'), [0, 3]);
  assert.deepEqual(batchBounds(5, 64, 'spread'), [0, 5]);
});

test('spread leaves no picture out, no batch above the asked size and none of one picture', () => {
  for (let n = 2; n < 200; n++)
    for (let batch = 2; batch < 70; batch++) {
      const bounds = batchBounds(n, batch, 'spread');
      const sizes = bounds.slice(1).map((end, i) => end - bounds[i]!);
      assert.equal(bounds[0], 0);
      assert.equal(bounds.at(-1), n);
      assert.equal(sizes.length, batchesOf(n, batch, 'spread'));
      assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1);
      assert.ok(Math.min(...sizes) >= 2, `${n} in ${batch}`);
      assert.ok(Math.max(...sizes) <= Math.max(batch, 3), `${n} in ${batch}`);
    }
});
