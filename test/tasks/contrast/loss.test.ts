import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { alignment, distillationLoss, ntXent, spread, uniformity, viewsOf } from '../../../src/tasks/contrast/loss.js';
import { gradients, manualSeed, ones, randn, scope, type Tensor, tensor, to } from '../../../src/torch/index.js';
import { assertMatches, fixtureTensor } from '../../fixtures/compare.js';
import { openFixture } from '../../fixtures/open.js';

// Oracles (make_simclr.py): the paper's formula pair by pair, the released code's two halves, PyTorch's autograd.
const file = openFixture('simclr.safetensors');
after(() => file.close());

const near = (actual: number, expected: number, tolerance = 2e-6): void =>
  assert.ok(Math.abs(actual - expected) <= tolerance * Math.max(1, Math.abs(expected)), `${actual}, not ${expected}`);
const trained = (x: Tensor): Tensor => {
  x.requiresGrad = true;
  return x;
};
const cases = [...file.entries.keys()].filter((key) => /^ntxent\..*\.z$/.test(key)).map((key) => key.slice(0, -2));

describe('NT-Xent against the paper, the released code and autograd', () => {
  assert.equal(cases.length, 4);
  for (const name of cases) {
    const temperature = Number(/^ntxent\.\d+\.\d+\.(.*)$/.exec(name)![1]);
    for (const [reduction, stored] of [
      ['mean', 'mean'],
      ['sum-of-views', 'sum'],
    ] as const)
      test(`${name}, ${reduction}: loss, gradient and figures`, () =>
        scope(() => {
          const z = trained(fixtureTensor(file, `${name}.z`));
          const { loss, figures } = ntXent(z, { temperature, reduction });
          assertMatches(loss, file, `${name}.${stored}`, 2e-6);
          assertMatches(gradients([loss], [z])[0], file, `${name}.${stored}.grad`, 1e-5);
          const { accuracy, positive, negative } = figures();
          const expected = file.readFloat32(`${name}.figures`);
          near(accuracy, expected[0]!);
          near(positive, expected[1]!);
          near(negative, expected[2]!);
        }));
  }

  const loss = (rows: number[][], reduction: 'mean' | 'sum-of-views' = 'mean'): number =>
    scope(() => ntXent(tensor(rows), { temperature: 0.5, reduction }).loss.item());
  test('worked out by hand, temperature 0.5', () => {
    const [a, b] = [
      [1, 0, 0],
      [0, 1, 0],
    ];
    // ln(e^2 + 2) - 2, and ln(e^2 + 2) where each picture's views lie apart and on those of the other one.
    near(loss([a, a, b, b]), 0.2395448);
    near(loss([a, a, b, b], 'sum-of-views'), 0.4790895);
    near(loss([a, b, a, b]), 2.2395448);
    near(loss(Array.from({ length: 8 }, () => a)), Math.log(7));
  });

  test('lengths of rows do not count; in bfloat16 the loss is float32 all the same', () =>
    scope(() => {
      const rows = [
        [1, 2],
        [2, 1],
        [-1, 0.5],
        [-1, 1],
      ];
      near(loss(rows), loss(rows.map((row, i) => row.map((x) => x * 10 ** (i - 2)))));
      const half = ntXent(to(tensor(rows), { dtype: 'bfloat16' }), { temperature: 0.5, reduction: 'mean' });
      assert.equal(half.loss.dtype, 'float32');
      near(half.loss.item(), loss(rows));
    }));

  test('rows of zeros and a temperature of 0.001 stay finite, with their gradients', () =>
    scope(() => {
      const z = trained(
        tensor([
          [0, 0],
          [1, 0],
          [0, 1],
          [1, 1e-3],
        ]),
      );
      const { loss } = ntXent(z, { temperature: 0.001, reduction: 'mean' });
      assert.ok(Number.isFinite(loss.item()) && loss.item() > 100, `${loss.item()}`);
      assert.ok([...gradients([loss], [z])[0]!.data()].every((g) => Number.isFinite(Number(g))));
    }));

  test('what is no pairs of views is refused', () =>
    scope(() => {
      for (const shape of [[3, 4], [2, 4], [4], [4, 2, 2]])
        assert.throws(
          () => ntXent(ones(shape), { temperature: 1, reduction: 'mean' }),
          (error: Error) => error instanceof RangeError && error.message.includes(`[${shape.join(', ')}]`),
        );
      assert.throws(() => ntXent(ones([4, 2]), { temperature: 0, reduction: 'mean' }), /above 0 but received 0/);
    }));
});

describe('how outputs lie on the sphere', () => {
  for (const name of cases)
    test(`${name}: alignment, uniformity and spread as their authors' code, with gradients`, () =>
      scope(() => {
        for (const [kind, measure] of Object.entries({ alignment, uniformity, spread })) {
          const z = trained(fixtureTensor(file, `${name}.z`));
          const value = measure(z);
          assertMatches(value, file, `${name}.${kind}`, 2e-6);
          assertMatches(gradients([value], [z])[0], file, `${name}.${kind}.grad`, 2e-5);
        }
      }));

  test('of one point: alike, even, without spread; of independent numbers the spread is 1/sqrt(d)', () =>
    scope(() => {
      const point = ones([6, 4]);
      near(alignment(point).item(), 0);
      near(uniformity(point).item(), 0);
      near(spread(point).item(), 0);
      manualSeed(5);
      near(spread(randn([2000, 16])).item(), 0.25, 0.01);
    }));

  test('rows 2k and 2k + 1 are the views of picture k', () =>
    scope(() => {
      const [first, second] = viewsOf(tensor([[0], [1], [2], [3]]));
      assert.deepEqual([...first.data()], [0, 2]);
      assert.deepEqual([...second.data()], [1, 3]);
    }));
});

describe('distillation with a temperature', () => {
  test('worked out by hand', () =>
    scope(() => {
      const [teacher, student] = [tensor([[2, 0, -1]]), tensor([[1, 0, 0]])];
      near(distillationLoss(student, teacher, 1).item(), 0.70765);
      near(distillationLoss(student, teacher, 2).item(), 3.9204436);
    }));
  for (const temperature of ['0.1', '1.0', '2.0'])
    test(`T=${temperature}: loss and gradient, of logits and of probabilities; none reaches the teacher`, () =>
      scope(() => {
        for (const [kind, key] of [
          ['logits', 'teacher'],
          ['probabilities', 'probabilities'],
        ] as const) {
          const student = trained(fixtureTensor(file, 'distil.student'));
          const teacher = trained(fixtureTensor(file, `distil.${key}`));
          const loss = distillationLoss(student, teacher, Number(temperature), kind);
          assertMatches(loss, file, `distil.${temperature}`, 5e-6);
          loss.backward();
          assertMatches(student.grad, file, `distil.${temperature}.grad`, 2e-5);
          assert.equal(teacher.grad, null);
        }
      }));
  test('a class of probability 0 stays at 0', () =>
    scope(() => {
      const loss = distillationLoss(tensor([[1, 2, 3]]), tensor([[0.5, 0.5, 0]]), 0.5, 'probabilities');
      near(loss.item(), 0.25 * (Math.log(Math.exp(2) + Math.exp(4) + Math.exp(6)) - 3));
    }));
  test('other shapes and temperatures are refused', () =>
    scope(() => {
      assert.throws(() => distillationLoss(ones([2, 3]), ones([2, 4]), 1), /\[2, 3\] and \[2, 4\]/);
      assert.throws(() => distillationLoss(ones([2, 3]), ones([2, 3]), Number.NaN), /above 0 but received NaN/);
    }));
});
