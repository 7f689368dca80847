import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { RescaledError } from '../../../src/errors.js';
import { createModel, type ImageModel } from '../../../src/models/index.js';
import { LossScaler } from '../../../src/optim/index.js';
import { resolveRecipe } from '../../../src/recipe/recipe.js';
import { crossEntropy, manualSeed, mul, randn, scope, type Tensor, tensor, to } from '../../../src/torch/index.js';
import { buildOptimiser } from '../../../src/train/step/optimiser.js';
import { applyGradients } from '../../../src/train/step/update.js';

const wrong = {
  wrongNorm: (norm: number) => new RescaledError(`norm ${norm}`),
  wrongScale: (scale: number) => new RescaledError(`scale ${scale}`),
};
const bytes = (tensors: Iterable<Tensor>): string[] =>
  Array.from(tensors, (x) => Buffer.from(x.data().buffer).toString('base64'));

/** Gradients of a step on pictures that depend on its number alone. */
function backward(model: ImageModel, step: number, scale: number): void {
  manualSeed(step);
  scope(() => {
    const loss = crossEntropy(model.forward(randn([4, 3, 16, 16])), to(tensor([0, 1, 2, 3]), { dtype: 'int64' }));
    mul(loss, scale).backward();
  });
}

/** One number of the last gradient, the head's bias [4], becomes infinite. */
function breakOne(model: ImageModel): void {
  const last = [...model.parameters().values()].at(-1)!;
  const gradient = tensor([1, Infinity, 2, 3]);
  last.grad = gradient;
  gradient.dispose();
}

describe('updates with a loss scale', () => {
  for (const optimiserName of ['sgd', 'rmsprop', 'adamw', 'lamb', 'lars'] as const) {
    test(`${optimiserName}: the same bytes as without, clipped or not; a gradient that is not finite changes nothing and halves the scale`, () => {
      for (const clipNorm of [0, 0.5]) {
        const recipe = resolveRecipe('quick', 'resnet-rs-14', 28, { optimiser: optimiserName }).values;
        const make = () => {
          const model = createModel('resnet-rs-14', { width: 0.125, classes: 4, stemStride: 1 }, 3).train();
          return { model, optimiser: buildOptimiser(recipe, model) };
        };
        const [plain, scaled] = [make(), make()];
        const scaler = new LossScaler();
        const state = ({ model, optimiser }: typeof plain): unknown => [
          bytes(model.parameters().values()),
          ...[...optimiser.slots.values()].map((slot) => bytes(slot.values())),
          optimiser.steps,
        ];
        for (let step = 0; step < 4; step++) {
          if (step === 2) {
            const before = state(scaled);
            backward(scaled.model, 9, scaler.scale);
            breakOne(scaled.model);
            assert.equal(applyGradients(scaled.optimiser, 0.1, { clipNorm, scaler, ...wrong }), false);
            assert.deepEqual(state(scaled), before);
            assert.deepEqual(scaler.state, { scale: 2 ** 15, good: 0 });
            assert.ok(
              [...scaled.model.parameters().values()].every(({ grad }) => grad === null),
              'gradients do not add up',
            );
          }
          backward(plain.model, step, 1);
          backward(scaled.model, step, scaler.scale);
          assert.equal(applyGradients(plain.optimiser, 0.1, { clipNorm, scaler: undefined, ...wrong }), true);
          assert.equal(applyGradients(scaled.optimiser, 0.1, { clipNorm, scaler, ...wrong }), true);
          assert.deepEqual(state(scaled), state(plain), `step ${step}`);
        }
        for (const { model, optimiser } of [plain, scaled]) {
          model.dispose();
          optimiser.dispose();
        }
      }
    });
  }

  test('when no scale helps, the run ends; without a scale a norm that is not finite ends it before it touches the weights', () => {
    const model = createModel('resnet-rs-14', { width: 0.125, classes: 4, stemStride: 1 }, 3).train();
    const optimiser = buildOptimiser(resolveRecipe('quick', 'resnet-rs-14', 28).values, model);
    const before = bytes(model.parameters().values());
    const scaler = new LossScaler();
    let skipped = 0;
    const broken = (clipNorm: number, using: LossScaler | undefined): boolean => {
      backward(model, 1, 1);
      breakOne(model);
      return applyGradients(optimiser, 0.1, { clipNorm, scaler: using, ...wrong });
    };
    assert.throws(() => {
      for (;;) {
        assert.equal(broken(0, scaler), false);
        skipped++;
      }
    }, /^RescaledError: scale 0\.00048828125$/);
    assert.equal(skipped, 26);
    assert.throws(() => broken(1, undefined), /^RescaledError: norm Infinity$/);
    assert.deepEqual(bytes(model.parameters().values()), before);
    model.dispose();
    optimiser.dispose();
  });
});
