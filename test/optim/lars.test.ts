import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { createModel } from '../../src/models/index.js';
import { parameter } from '../../src/nn/index.js';
import { Lars, type LarsOptions, MOMENTUM_RATES, splitPlain } from '../../src/optim/index.js';
import { resolveRecipe } from '../../src/recipe/recipe.js';
import { liveTensors, noGrad, scope, type Tensor, tensor, zeros } from '../../src/torch/index.js';
import { buildOptimiser } from '../../src/train/step/optimiser.js';
import { assertMatches, fixtureTensor } from '../fixtures/compare.js';
import { openFixture } from '../fixtures/open.js';

// Oracle (make_simclr.py): the released code's formulae in NumPy, float64, held against torch.optim.SGD.
const file = openFixture('simclr.safetensors');
after(() => file.close());
const rates = file.readFloat32('lars.lr');
const released: LarsOptions = { momentum: 0.9, nesterov: false, trustCoefficient: 0.001, momentumRate: 'inside' };

describe('LARS against its references', () => {
  for (const momentumRate of MOMENTUM_RATES)
    for (const nesterov of [false, true]) {
      const kind = `lars.${momentumRate}${nesterov ? '-nesterov' : ''}`;
      test(`${kind}: parameters and velocity after each of six steps, with weights and gradients of 0 and a plain group`, () => {
        const before = liveTensors();
        const parameters = new Map(
          ['a', 'b', 'c', 'd'].map((name) => [name, parameter(fixtureTensor(file, `lars.${name}.start`))]),
        );
        const some = (...names: string[]) => new Map(names.map((name) => [name, parameters.get(name)!]));
        const optimiser = new Lars(
          [
            { parameters: some('a', 'c'), weightDecay: 0.01 },
            { parameters: some('b'), weightDecay: 0, plain: true },
            { parameters: some('d'), weightDecay: 0 },
          ],
          { ...released, nesterov, momentumRate },
        );
        const held = liveTensors();
        for (const [step, rate] of rates.entries()) {
          scope(() => {
            for (const [name, p] of parameters) p.grad = fixtureTensor(file, `lars.${name}.grad.${step}`);
          });
          optimiser.step(rate);
          assert.equal(liveTensors(), held, 'no temporary is left, no gradient either');
          for (const [name, p] of parameters) {
            assertMatches(p, file, `${kind}.${name}.${step}`, 2e-6);
            assertMatches(optimiser.slots.get('velocity')!.get(name), file, `${kind}.velocity.${name}.${step}`, 2e-6);
          }
        }
        optimiser.dispose();
        for (const p of parameters.values()) p.dispose();
        assert.equal(liveTensors(), before);
      });
    }

  test('worked out by hand: w = (3, 4), g = (0.6, 0.8), weight decay 1e-4, rate 0.3', () =>
    scope(() => {
      const w = parameter(tensor([3, 4]));
      const lars = new Lars([{ parameters: new Map([['w', w]]), weightDecay: 1e-4 }], released);
      const velocity = lars.slots.get('velocity')!.get('w')!;
      const close = (actual: Tensor, expected: number[], tolerance: number): void =>
        [...actual.data()].forEach((x, i) => {
          assert.ok(Math.abs(Number(x) - expected[i]!) < tolerance, `${x}, not ${expected[i]}`);
        });
      // |w| = 5 and |g + wd w| = 1.0005: trust 0.001 * 5/1.0005 = 0.0049975; times 0.3 and (0.6003, 0.8004).
      for (const expected of [
        [0.0009, 0.0012],
        [0.00170973, 0.00227964],
      ]) {
        w.grad = tensor([0.6, 0.8]);
        lars.step(0.3);
        close(velocity, expected, 5e-9);
      }
      close(w, [3 - 0.0009 - 0.00170973, 4 - 0.0012 - 0.00227964], 5e-7);
      lars.dispose();
      w.dispose();
    }));

  test('a factor on gradients changes nothing where nothing is decayed, but for plain parameters', () =>
    scope(() => {
      const after = (factor: number): number[][] => {
        const [w, b] = [parameter(tensor([3, 4])), parameter(tensor([1, 1]))];
        const lars = new Lars(
          [
            { parameters: new Map([['w', w]]), weightDecay: 0 },
            { parameters: new Map([['b', b]]), weightDecay: 0, plain: true },
          ],
          released,
        );
        w.grad = tensor([0.5 * factor, 0.25 * factor]);
        b.grad = tensor([factor, factor]);
        lars.step(1);
        lars.dispose();
        return [w, b].map((p) => [...p.data()].map(Number));
      };
      const [one, two] = [after(1), after(2)];
      assert.deepEqual(one[0], two[0]);
      assert.deepEqual(
        [one[1], two[1]],
        [
          [0, 0],
          [-1, -1],
        ],
      );
    }));
});

test('plain are tensors of one dimension and those that are named', () =>
  scope(() => {
    const parameters = new Map<string, Tensor>([
      ['conv1.weight', zeros([2, 3, 3, 3])],
      ['bn1.weight', zeros([2])],
      ['fc.weight', zeros([4, 2])],
      ['fc.bias', zeros([4])],
    ]);
    const groups = splitPlain([{ parameters, weightDecay: 0.1, rateScale: 2 }], new Set(['fc.weight']));
    assert.deepEqual(
      groups.map(({ parameters: some, ...rest }) => [[...some.keys()], rest]),
      [
        [['conv1.weight'], { weightDecay: 0.1, rateScale: 2 }],
        [['bn1.weight', 'fc.weight', 'fc.bias'], { weightDecay: 0.1, rateScale: 2, plain: true }],
      ],
    );
  }));

test('a recipe with LARS: batch norm, biases and the layer of the classes are plain; only kernels decay; stages keep their rates', () => {
  for (const layerDecay of [1, 0.5]) {
    const recipe = resolveRecipe('resnet-rs', 'resnet-rs-14', 64, { optimiser: 'lars', layerDecay }).values;
    const model = createModel('resnet-rs-14', { width: 0.125, classes: 4, stemStride: 1 }, 3);
    const optimiser = buildOptimiser(recipe, model) as Lars;
    assert.deepEqual(optimiser.options, released);
    const facts = new Map(
      optimiser.groups.flatMap(({ parameters, weightDecay, plain = false, rateScale = 1 }) =>
        [...parameters.keys()].map((key) => [key, { weightDecay, plain, rateScale }] as const),
      ),
    );
    assert.deepEqual([...facts.keys()].sort(), [...model.parameters().keys()].sort());
    for (const [key, p] of model.parameters()) {
      const { weightDecay, plain, rateScale } = facts.get(key)!;
      const kernel = p.shape.length > 1;
      assert.equal(weightDecay, kernel ? 1e-4 : 0, key);
      assert.equal(plain, !kernel || key === 'fc.weight', key);
      if (key.startsWith('fc.')) assert.equal(rateScale, 1, key);
      if (key.startsWith('layer4.')) assert.equal(rateScale, layerDecay, key);
    }
    optimiser.dispose();
    model.dispose();
  }
});

test('norms whose product is too small for float32 keep their ratio', () =>
  noGrad(() =>
    scope(() => {
      const w = parameter(tensor([[1e-18, 0]]));
      const lars = new Lars([{ parameters: new Map([['w', w]]), weightDecay: 0 }], released);
      w.grad = tensor([[-1e-17, 0]]);
      lars.step(1);
      // Both norms are in float32's range: the step is 0.001 |w| along the gradient.
      const moved = Number(w.data()[0]) / 1e-18 - 1;
      assert.ok(Math.abs(moved - 0.001) < 1e-5, `${moved}`);
      lars.dispose();
      w.dispose();
    }),
  ));
