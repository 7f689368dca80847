import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drawMix, type Mix, mixImages, mixLabels, mixTargets, symmetricBeta } from '../../src/augment/mix.js';
import { Random } from '../../src/augment/random.js';
import { repeatedOrder } from '../../src/augment/repeat.js';

test('symmetricBeta has mean 1/2, variance 1 / (4 (2 alpha + 1)), and the arcsine law at alpha 1/2', () => {
  for (const alpha of [0.01, 0.2, 0.5, 1, 3, 40]) {
    const random = new Random(1, Math.round(alpha * 100));
    const n = 20000;
    const values = Array.from({ length: n }, () => symmetricBeta(alpha, random));
    assert.ok(values.every((value) => value >= 0 && value <= 1));
    const variance = 1 / (4 * (2 * alpha + 1));
    const mean = values.reduce((a, b) => a + b) / n;
    assert.ok(Math.abs(mean - 0.5) < 5 * Math.sqrt(variance / n), `alpha ${alpha}: mean ${mean}`);
    const seen = values.reduce((sum, value) => sum + (value - 0.5) ** 2, 0) / n;
    assert.ok(Math.abs(seen / variance - 1) < 0.06, `alpha ${alpha}: variance ${seen}, expected ${variance}`);
    // P(x < q) = 2/pi asin(sqrt q) at alpha 1/2.
    if (alpha === 0.5)
      assert.ok(
        Math.abs(values.filter((value) => value < 0.1).length / n - (2 / Math.PI) * Math.asin(Math.sqrt(0.1))) < 0.015,
      );
  }
  assert.throws(() => symmetricBeta(0, new Random(1)), /alpha above 0 .* received 0/);
});

test('mixup weighs two pictures, bytes rounded, floats not; the batch is not changed', () => {
  const mix: Mix = { lambda: 0.75, partners: Uint32Array.of(1, 0) };
  const bytes = Uint8Array.of(0, 100, 255, 10, 101, 254);
  const before = bytes.slice();
  assert.deepEqual([...mixImages(bytes, 2, 1, 1, mix)], [3, 100, 255, 8, 101, 254]); // 2.5, 100.25, 254.75, 7.5, 100.75, 254.25
  assert.deepEqual(bytes, before);
  assert.deepEqual([...mixImages(Float32Array.of(0, 1, 2, 4, 4, 4), 2, 1, 1, mix)], [1, 1.75, 2.5, 3, 3.25, 3.5]);
  assert.throws(() => mixImages(bytes, 2, 2, 2, mix), /Expected 2 pictures of 2 x 2/);
});

test('CutMix puts the box of the partner into the picture', () => {
  const mix: Mix = { lambda: 1 - 2 / 6, partners: Uint32Array.of(1, 0), box: [1, 0, 2, 2] };
  const grey = (values: number[]) => values.flatMap((v) => [v, v, v]);
  const batch = Uint8Array.from([...grey([1, 2, 3, 4, 5, 6]), ...grey([11, 12, 13, 14, 15, 16])]);
  assert.deepEqual(
    [...mixImages(batch, 2, 3, 2, mix)],
    [...grey([1, 12, 3, 4, 15, 6]), ...grey([11, 2, 13, 14, 5, 16])],
  );
});

test('targets are the weighted labels and sum to 1', () => {
  const mix: Mix = { lambda: 0.25, partners: Uint32Array.of(2, 1, 0) };
  const labels = Int32Array.of(0, 1, 2);
  assert.deepEqual([...mixLabels(labels, mix)], [2, 1, 0]);
  assert.deepEqual([...mixTargets(labels, 3, mix)], [0.25, 0, 0.75, 0, 1, 0, 0.75, 0, 0.25]);
  assert.throws(() => mixTargets(Int32Array.of(0, 3, 1), 3, mix), /labels from 0 to 2 but received 3/);
});

test('drawMix: off, one of them, both by turns; the box has the area that lambda says', () => {
  assert.equal(drawMix({ mixup: 0, cutmix: 0 }, 4, 8, 8, new Random(1)), undefined);
  let cut = 0;
  const lambdas: number[] = [];
  for (let i = 0; i < 2000; i++) {
    const mix = drawMix({ mixup: 0.2, cutmix: 1 }, 6, 32, 24, new Random(2, i))!;
    assert.deepEqual([...mix.partners].sort(), [0, 1, 2, 3, 4, 5]);
    assert.deepEqual(drawMix({ mixup: 0.2, cutmix: 1 }, 6, 32, 24, new Random(2, i)), mix);
    if (mix.box === undefined) continue;
    cut++;
    const [x0, y0, x1, y1] = mix.box;
    assert.ok(x0 >= 0 && y0 >= 0 && x1 <= 32 && y1 <= 24 && x0 <= x1 && y0 <= y1);
    assert.ok(Math.abs(mix.lambda - (1 - ((x1 - x0) * (y1 - y0)) / (32 * 24))) < 1e-12);
    lambdas.push(mix.lambda);
  }
  assert.ok(Math.abs(cut / 2000 - 0.5) < 0.06, `${cut}`);
  // Boxes cut off at the borders leave more of the picture than Beta(1, 1) alone would.
  const mean = lambdas.reduce((a, b) => a + b) / cut;
  assert.ok(mean > 0.6 && mean < 0.8, `mean lambda ${mean}`);
  assert.ok(Math.min(...lambdas) < 0.2 && Math.max(...lambdas) > 0.97);
});

test('repeatedOrder repeats each entry in a row and keeps the length', () => {
  const order = Uint32Array.of(5, 3, 9, 1, 0, 7, 2);
  assert.deepEqual([...repeatedOrder(order, 3)], [5, 5, 5, 3, 3, 3, 9]);
  assert.deepEqual(repeatedOrder(order, 1), order);
  assert.throws(() => repeatedOrder(order, 0), /at least 1, but received 0/);
});
