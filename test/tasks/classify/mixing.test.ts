import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mixImages, mixLabels, mixTargets } from '../../../src/augment/mix.js';
import { Random } from '../../../src/augment/random.js';
import { mixedLoss, mixOf } from '../../../src/tasks/classify/mixing.js';
import { classObjective } from '../../../src/tasks/classify/objective.js';
import { call, fromTypedArray, scope, type Tensor } from '../../../src/torch/index.js';

test("the mixed loss is PyTorch's cross-entropy against soft targets, with and without label smoothing", () => {
  const [n, classes] = [7, 5];
  const random = new Random(1);
  const logits = Float32Array.from({ length: n * classes }, () => 3 * random.normal());
  const labels = Int32Array.from({ length: n }, () => random.int(classes));
  for (const recipe of [
    { mixup: 0.3, cutmix: 0 },
    { mixup: 0, cutmix: 1 },
  ])
    for (const smoothing of [0, 0.1]) {
      const mix = mixOf(recipe, n, 16, 4, 2, 9)!;
      const [ours, theirs] = scope(() => {
        const x = fromTypedArray(logits, [n, classes]);
        const asLabels = (values: Int32Array): Tensor => fromTypedArray(values, [n], { dtype: 'int64' });
        const soft = fromTypedArray(mixTargets(labels, classes, mix), [n, classes]);
        // reduction 1 is the mean, -100 the label that is left out; with probabilities as targets this is another path
        // in PyTorch.
        const expected = call<Tensor>('aten::cross_entropy_loss', [x, soft, null, 1, -100, smoothing]);
        return [
          mixedLoss(x, asLabels(labels), asLabels(mixLabels(labels, mix)), mix.lambda, smoothing).item(),
          expected.item(),
        ];
      });
      assert.ok(Math.abs(ours! - theirs!) < 1e-5, `${ours} and ${theirs}`);
    }
});

test('the mix of a batch is a function of (seed, epoch, batch), and none where the recipe has none', () => {
  const recipe = { mixup: 0.2, cutmix: 1 };
  const key = (...numbers: [number, number, number]) => JSON.stringify(mixOf(recipe, 8, 16, ...numbers));
  assert.equal(key(1, 2, 3), key(1, 2, 3));
  assert.equal(new Set([key(1, 2, 3), key(0, 2, 3), key(1, 0, 3), key(1, 2, 0)]).size, 4);
  assert.equal(mixOf({ mixup: 0, cutmix: 0 }, 8, 16, 1, 2, 3), undefined);
  const batch = {
    images: new Uint8Array(2 * 3 * 4).fill(8, 12),
    targets: { labels: Int32Array.of(0, 1) },
    indices: Int32Array.of(5, 6),
    n: 2,
  };
  const objective = classObjective({
    recipe: { ...recipe, cutmix: 0, labelSmoothing: 0, classWeights: 'none' },
    classes: 2,
    labels: batch.targets.labels,
    size: 2,
    seed: 1,
    device: 'cpu',
  });
  const { images } = objective.begin(batch, 2, 3);
  const mix = mixOf({ ...recipe, cutmix: 0 }, 2, 2, 1, 2, 3)!;
  assert.deepEqual(images, mixImages(batch.images, 2, 2, 2, mix));
  assert.deepEqual([...batch.images], [...new Uint8Array(12), ...new Uint8Array(12).fill(8)], 'the batch stays');
});
