import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { packageRoot } from '../../src/package-root.js';
import { liveTensors } from '../../src/torch/index.js';
import { nearest } from '../../src/transfer/solve/knn.js';
import { minimise } from '../../src/transfer/solve/lbfgs.js';
import { choosePenalty, classified, Logistic, PENALTIES, shareRight } from '../../src/transfer/solve/linear.js';
import { rowsOf, stacked } from '../../src/transfer/solve/rows.js';

/** Made by make_transfer.py with scikit-learn. */
const fixture = JSON.parse(readFileSync(join(packageRoot, 'test', 'fixtures', 'transfer.json'), 'utf8')) as {
  n: number;
  test: number;
  d: number;
  classes: number;
  features: number[];
  labels: number[];
  logistic: { l2: number; weight: number[]; bias: number[]; objective: number; predicted: number[] }[];
  neighbours: { k: number; temperature: number; predicted: number[] }[];
};
const { n, d, classes } = fixture;
const all = { data: Float32Array.from(fixture.features), n: n + fixture.test, d };
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);
const train = rowsOf(all, range(0, n));
const held = rowsOf(all, range(n, all.n));
const labels = Int32Array.from(fixture.labels.slice(0, n));
const heldLabels = Int32Array.from(fixture.labels.slice(n));

const near = (a: ArrayLike<number>, b: ArrayLike<number>, most: number): void => {
  assert.equal(a.length, b.length);
  const scale = Math.max(1, ...Array.from(b, Math.abs));
  for (let i = 0; i < a.length; i++)
    assert.ok(Math.abs(a[i]! - b[i]!) <= most * scale, `${i}: ${a[i]} against ${b[i]}`);
};

test("logistic regression agrees with scikit-learn's in weights, biases, objective and predictions", () => {
  const before = liveTensors();
  const problem = new Logistic(train, labels, classes, 1e-8);
  const usual = new Logistic(train, labels, classes);
  for (const known of [...fixture.logistic].sort((a, b) => b.l2 - a.l2)) {
    const fit = problem.fit(known.l2);
    assert.ok(fit.converged, `l2 ${known.l2}: gradient ${fit.gradient} after ${fit.iterations}`);
    const mean = fit.bias.reduce((sum, value) => sum + value, 0) / classes;
    near(fit.weight, known.weight, 2e-4);
    near(
      fit.bias.map((value) => value - mean),
      known.bias,
      2e-4,
    );
    for (const { objective } of [fit, usual.fit(known.l2)])
      assert.ok(Math.abs(objective - known.objective) <= 1e-6 * known.objective, `${objective} ${known.objective}`);
    assert.deepEqual([...classified(fit, held, heldLabels).predicted], known.predicted);
  }
  problem.dispose();
  usual.dispose();
  assert.equal(liveTensors(), before);
});

test('the penalty is chosen on other pictures, and the chosen fit is what its row of the path says', async () => {
  const validation = { features: held, labels: heldLabels };
  const { fit, path } = (await choosePenalty(train, labels, classes, validation))!;
  assert.equal(path.length, 45);
  assert.ok(Math.abs(PENALTIES[0]! - 1e-6) < 1e-18 && Math.abs(PENALTIES[44]! - 1e5) < 1e-6);
  const { predicted, loss } = classified(fit, held, heldLabels);
  const row = path.find(({ l2 }) => l2 === fit.l2)!;
  assert.equal(shareRight(predicted, heldLabels), row.top1);
  assert.equal(loss, row.loss);
  assert.ok(path.every((one) => one.top1 < row.top1 || (one.top1 === row.top1 && one.loss >= row.loss)));
  let asked = 0;
  const stopped = await choosePenalty(train, labels, classes, validation, { goesOn: async () => asked++ < 3 });
  assert.deepEqual([stopped, asked], [undefined, 4]);
});

test('the scale and the place of features change the penalty alone', () => {
  const moved = { ...train, data: train.data.map((value) => 16 * value + 48) };
  const [plain, other] = [new Logistic(train, labels, classes), new Logistic(moved, labels, classes)];
  const [a, b] = [plain.fit(0.5), other.fit(0.5 * 16 ** 2)];
  near(
    b.weight.map((value) => 16 * value),
    a.weight,
    1e-4,
  );
  assert.ok(Math.abs(a.objective - b.objective) < 1e-5 * a.objective);
  plain.dispose();
  other.dispose();
});

test('neighbours by cosine vote as in NumPy and scikit-learn, and more of them than there are are all', () => {
  for (const { k, temperature, predicted } of fixture.neighbours)
    assert.deepEqual([...nearest(train, labels, classes, held, { k, temperature })], predicted, `k ${k}`);
  assert.deepEqual(
    [...nearest(train, labels, classes, held, { k: 200, temperature: 0.07 })],
    fixture.neighbours.at(-1)!.predicted,
  );
  const zero = { data: new Float32Array(d), n: 1, d };
  assert.equal(nearest(train, labels, classes, zero).length, 1);
});

test('rows are taken and put together in order', () => {
  const part = rowsOf(all, [5, 2]);
  assert.deepEqual([...part.data.subarray(0, d)], [...all.data.subarray(5 * d, 6 * d)]);
  const both = stacked([part, rowsOf(all, [7])]);
  assert.equal(both.n, 3);
  assert.deepEqual([...both.data.subarray(2 * d)], [...all.data.subarray(7 * d, 8 * d)]);
});

test('L-BFGS finds the minimum of the Rosenbrock valley, and says when it did not', () => {
  const valley = (x: Float64Array, gradient: Float64Array): number => {
    const [a, b] = [x[0]!, x[1]!];
    gradient[0] = -2 * (1 - a) - 400 * a * (b - a * a);
    gradient[1] = 200 * (b - a * a);
    return (1 - a) ** 2 + 100 * (b - a * a) ** 2;
  };
  const found = minimise(valley, Float64Array.of(-1.2, 1), { tolerance: 1e-9, iterations: 200 });
  assert.ok(found.converged && found.iterations < 60, JSON.stringify(found));
  near(found.x, [1, 1], 1e-8);
  assert.equal(minimise(valley, Float64Array.of(-1.2, 1), { tolerance: 1e-9, iterations: 3 }).converged, false);
});
