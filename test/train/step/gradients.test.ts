import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Random } from '../../../src/augment/random.js';
import type { Batch } from '../../../src/data/loading/batch.js';
import type { Labels } from '../../../src/data/loading/labels.js';
import { createModel } from '../../../src/models/index.js';
import { Conv2d, initialise, Linear, Module } from '../../../src/nn/index.js';
import { balancedWeights, classLoss } from '../../../src/tasks/classify/loss.js';
import { type ClassObjectiveOptions, classObjective } from '../../../src/tasks/classify/objective.js';
import { call, flatten, globalAvgPool2d, liveTensors, relu, type Tensor, tensor } from '../../../src/torch/index.js';
import { batchGradients, type GradientOptions } from '../../../src/train/step/gradients.js';
import { Normaliser } from '../../../src/train/step/input.js';

import { relativeError } from '../../fixtures/open.js';

/** No batch norm: every picture is computed by itself. */
class Plain extends Module {
  conv = new Conv2d(3, 6, 3, { bias: true });
  fc = new Linear(6, 4);
  forward(x: Tensor): Tensor {
    return this.fc.forward(flatten(globalAvgPool2d(relu(this.conv.forward(x)))));
  }
}

const size = 8;
const random = new Random(3);
const images = Uint8Array.from({ length: 11 * size * size * 3 }, () => Math.floor(256 * random.uniform()));
const batch: Batch<Labels> = {
  images,
  targets: { labels: Int32Array.from([0, 1, 2, 3, 3, 2, 1, 0, 0, 0, 3]) },
  indices: Int32Array.from({ length: 11 }, (_, i) => i),
  n: 11,
};
const unexpected = (): never => assert.fail('the loss is finite');

const plain = { mixup: 0, cutmix: 0, labelSmoothing: 0.1, classWeights: 'none' as const };

function gradients(
  model: Module,
  change: Partial<GradientOptions>,
  recipe: Partial<ClassObjectiveOptions['recipe']> = {},
): { loss: number; hits: number; values: Float32Array[] } {
  const normaliser = new Normaliser('cpu');
  const options: GradientOptions = { normaliser, size, parts: 1, precision: 'float32', recompute: 'norm', ...change };
  const { labels } = batch.targets;
  const objective = classObjective({
    recipe: { ...plain, ...recipe },
    classes: 4,
    labels,
    size,
    seed: 1,
    device: 'cpu',
  });
  const { loss, figures } = batchGradients(model, batch.n, objective.begin(batch, 2, 3), options, unexpected);
  const hits = figures['top1']!;
  const values = [...model.parameters().values()].map((p) => {
    const gradient = p.grad!;
    const copy = gradient.data() as Float32Array;
    gradient.dispose();
    p.grad = null;
    return copy;
  });
  normaliser.dispose();
  objective.dispose();
  return { loss, hits, values };
}

const flat = (arrays: Float32Array[]): number[] => arrays.flatMap((array) => [...array]);

describe('gradients in parts', () => {
  for (const [name, recipe] of [
    ['plain', {}],
    ['of mixed pictures', { mixup: 0.3 }],
  ] as const) {
    test(`without batch norm they are those of the whole batch (${name})`, () => {
      const model = new Plain();
      initialise(model, 'timm', 5);
      model.train();
      const whole = gradients(model, {}, recipe);
      assert.ok(
        flat(whole.values).some((g) => Math.abs(g) > 1e-3),
        'there are gradients',
      );
      for (const parts of [2, 4, 5, 64]) {
        const some = gradients(model, { parts }, recipe);
        assert.ok(relativeError(flat(some.values), flat(whole.values)) < 1e-5, `${parts} parts`);
        assert.ok(Math.abs(some.loss - whole.loss) < 1e-5);
        assert.equal(some.hits, whole.hits);
      }
      model.dispose();
    });
  }

  test('with class weights too', () => {
    const model = new Plain();
    initialise(model, 'timm', 6);
    model.train();
    const classWeights = 'balanced' as const;
    const whole = gradients(model, {}, { classWeights });
    assert.ok(relativeError(flat(gradients(model, { parts: 3 }, { classWeights }).values), flat(whole.values)) < 1e-5);
    assert.ok(
      relativeError(flat(gradients(model, {}).values), flat(whole.values)) > 1e-2,
      'the weights change something',
    );
    model.dispose();
  });

  test('with batch norm they differ, since its statistics are those of a part; nothing leaks', () => {
    const model = createModel('resnet-rs-14', { width: 0.125, classes: 4, stemStride: 1 }, 7).train();
    const before = liveTensors();
    const whole = gradients(model, {});
    const parts = gradients(model, { parts: 3 });
    assert.equal(liveTensors(), before);
    const difference = relativeError(flat(parts.values), flat(whole.values));
    assert.ok(difference > 1e-3, `difference ${difference}`);
    assert.ok(Math.abs(parts.loss - whole.loss) < 0.5, 'the losses are near each other');
    model.dispose();
  });
});

test('in bfloat16 the loss and the gradients are near those in float32, and float32 themselves', () => {
  const model = createModel('resnet-rs-14', { width: 0.125, classes: 4, stemStride: 1, dropout: 0 }, 7).train();
  const [exact, mixed] = [gradients(model, {}), gradients(model, { precision: 'bfloat16' })];
  const difference = relativeError(flat(mixed.values), flat(exact.values));
  assert.ok(difference > 1e-4 && difference < 0.3, `difference ${difference}`);
  assert.ok(Math.abs(mixed.loss - exact.loss) < 0.02, `losses ${mixed.loss} and ${exact.loss}`);
  model.dispose();
});

test('scaled by a power of two they are the same numbers times it, bit by bit, in parts too', () => {
  const model = createModel('resnet-rs-14', { width: 0.125, classes: 4, stemStride: 1, dropout: 0 }, 7).train();
  for (const parts of [1, 3]) {
    const [plain, scaled] = [gradients(model, { parts }), gradients(model, { parts, scale: 2 ** 16 })];
    assert.deepEqual(
      flat(scaled.values),
      flat(plain.values).map((g) => g * 2 ** 16),
    );
    assert.deepEqual([scaled.loss, scaled.hits], [plain.loss, plain.hits], 'the loss told is not scaled');
  }
  model.dispose();
});

describe('class weights', () => {
  test('balanced: N/(K n), the mean weight of a picture is 1, a missing class has 0', () => {
    const weights = balancedWeights([0, 0, 0, 1, 3, 3], 4, 'cpu');
    assert.deepEqual(
      [...weights.data()].map((w) => Number(w).toFixed(4)),
      ['0.6667', '2.0000', '0.0000', '1.0000'],
    );
    weights.dispose();
  });

  test('the loss is the mean of weight times cross-entropy', () => {
    // logits of 0 and log 3: probabilities 1/4 and 3/4; cross-entropies log 4 and log(4/3).
    const logits = tensor([
      [0, Math.log(3)],
      [0, Math.log(3)],
      [0, Math.log(3)],
    ]);
    const labels = call<Tensor>('aten::to.dtype', [tensor([0, 1, 1]), 'int64']);
    const weights = tensor([2, 0.5]);
    const expected = (2 * Math.log(4) + 0.5 * Math.log(4 / 3) * 2) / 3;
    assert.ok(Math.abs(classLoss(logits, labels, 0, weights).item() - expected) < 1e-6);
  });
});
