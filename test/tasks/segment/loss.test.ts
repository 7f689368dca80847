import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { SegmentTargets } from '../../../src/data/annotations/map-targets.js';
import { pixelLoss } from '../../../src/tasks/segment/loss.js';
import { segmentObjective } from '../../../src/tasks/segment/objective.js';
import { bestConstant } from '../../../src/tasks/segment/text.js';
import { add, call, fromTypedArray, mul, randn, scope, type Tensor } from '../../../src/torch/index.js';

const options = { classes: 3, auxWeight: 0.5, labelSmoothing: 0 };
const masksOf = (values: number[], ...shape: number[]): Tensor =>
  fromTypedArray(Uint8Array.from(values), shape, { dtype: 'int64' });

describe('the loss of pixels', () => {
  test('is the mean over the pixels that are asked for, of all pictures together', () => {
    scope(() => {
      // By hand: logits (ln 3, 0, 0) give probabilities 3/5, 1/5, 1/5.
      const row = Math.log(3);
      const logits = fromTypedArray(Float32Array.from([row, row, row, row, 0, 0, 0, 0, 0, 0, 0, 0]), [1, 3, 2, 2]);
      const two = call<Tensor>('aten::cat', [[logits, logits], 0]);
      // Picture 0 has one pixel of class 0, picture 1 three of class 1; the others are not asked for.
      const loss = pixelLoss(two, masksOf([0, 255, 255, 255, 1, 1, 1, 255], 2, 2, 2), options).item();
      assert.ok(Math.abs(loss - (-Math.log(3 / 5) - 3 * Math.log(1 / 5)) / 4) < 1e-6, `${loss}`);
    });
  });
  test('without a pixel that is asked for is 0, and so are its gradients', () => {
    scope(() => {
      const logits = randn([1, 3, 2, 2]);
      logits.requiresGrad = true;
      const loss = pixelLoss(logits, masksOf([255, 255, 255, 255], 1, 2, 2), options);
      assert.equal(loss.item(), 0);
      loss.backward();
      assert.ok((logits.grad!.data() as Float32Array).every((value) => value === 0));
    });
  });
  test('of a second head counts by its weight', () => {
    scope(() => {
      const [main, aux] = [randn([1, 3, 2, 2]), randn([1, 3, 2, 2])];
      const masks = masksOf([0, 1, 2, 255], 1, 2, 2);
      const alone = (logits: Tensor): number => pixelLoss(logits, masks, options).item();
      const both = pixelLoss(call('aten::cat', [[main, aux], 1]), masks, options).item();
      assert.ok(Math.abs(both - (alone(main) + 0.5 * alone(aux))) < 1e-6);
    });
  });
});

const targetsOf = (masks: Uint8Array, n: number): SegmentTargets => ({
  masks,
  index: Int32Array.from({ length: n }, (_, i) => i),
  views: new Float32Array(8 * n),
  sides: new Int32Array(2 * n),
  truth: new Uint8Array(0),
});

test('a batch in parts has the loss, the gradient and the accuracy of the whole', () => {
  scope(() => {
    // Pictures with different numbers of pixels that are asked for.
    const masks = Uint8Array.from([0, 1, 2, 255, 255, 255, 255, 2, 1, 1, 0, 0, 2, 2, 2, 255]);
    const batch = { images: new Uint8Array(4 * 12), n: 4, indices: new Int32Array(4), targets: targetsOf(masks, 4) };
    const objective = segmentObjective({ classes: ['a', 'b', 'c'], auxWeight: 0, labelSmoothing: 0.1, device: 'cpu' });
    const step = objective.begin(batch, 0, 0);
    const values = randn([4, 3, 2, 2]);
    const run = (cuts: number[]): { loss: number; gradient: Float32Array; accuracy: number } => {
      const logits = call<Tensor>('aten::clone', [values]);
      logits.requiresGrad = true;
      let total: Tensor | undefined;
      let accuracy = 0;
      for (let k = 0; k + 1 < cuts.length; k++) {
        const [from, to] = [cuts[k]!, cuts[k + 1]!];
        const found = step.loss(call('aten::slice.Tensor', [logits, 0, from, to]), from, to);
        const weighed = mul(found.loss, (to - from) / 4);
        total = total === undefined ? weighed : add(total, weighed);
        accuracy += found.figures['accuracy']! / 4;
      }
      total!.backward();
      return { loss: total!.item(), gradient: logits.grad!.data() as Float32Array, accuracy };
    };
    const [whole, parts] = [run([0, 4]), run([0, 1, 4])];
    assert.ok(Math.abs(whole.loss - parts.loss) < 1e-6);
    assert.ok(Math.abs(whole.accuracy - parts.accuracy) < 1e-12);
    for (const [i, value] of whole.gradient.entries()) assert.ok(Math.abs(value - parts.gradient[i]!) < 1e-7);
    assert.equal(step.caption!(2), '50\u00a0% a, 50\u00a0% b');
    objective.dispose();
  });
});

test('the best constant answer is the most frequent class', () => {
  // By hand: 6 of 8 pixels, an IoU of 6/8 of one of two classes.
  const found = bestConstant([2, 6])!;
  assert.deepEqual([found.miou, found.accuracy], [0.375, 0.75]);
  assert.equal(found.name([{ name: 'a' }, { name: 'b' }]), 'b');
  assert.equal(bestConstant([0, 0]), undefined);
});
