import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { parameter } from '../../src/nn/index.js';
import { LossScaler, Sgd } from '../../src/optim/index.js';
import { fromTypedArray, liveTensors, type Tensor, tensor } from '../../src/torch/index.js';
import { fixturePath, relativeError } from '../fixtures/open.js';

interface Row {
  step: number;
  scale: number;
  good: number;
  weight: number[];
  other: number[];
  momentum: number[] | null;
}
/** PyTorch's own GradScaler, step by step. */
const { broken, steps, from2to16, from2to127 } = JSON.parse(readFileSync(fixturePath('loss_scaler.json'), 'utf8')) as {
  broken: Record<string, string>;
  steps: number;
  from2to16: Row[];
  from2to127: Row[];
};

const numbers = (x: Tensor): number[] => [...(x.data() as Float32Array)];

/** The run of make_loss_scaler.py, which gives a row wherever the scale changes or a step is left out. */
function run(scaler: LossScaler, steps: number, broken: Record<string, string>, size = 1): Row[] {
  const weight = parameter(tensor([1, -2, 0.5]));
  const other = parameter(tensor([3]));
  const optimiser = new Sgd(
    [
      {
        parameters: new Map([
          ['weight', weight],
          ['other', other],
        ]),
        weightDecay: 0,
      },
    ],
    { momentum: 0.9, nesterov: false },
  );
  const rows: Row[] = [];
  const live = liveTensors();
  for (let step = 1; step <= steps; step++) {
    const before = scaler.scale;
    const set = (p: Tensor, values: number[]): void => {
      const gradient = fromTypedArray(Float32Array.from(values), [values.length]);
      p.grad = gradient;
      gradient.dispose();
    };
    const gradient = numbers(weight).map(
      (w, i) => Math.fround(Math.fround(w * Math.fround(0.1)) + [step % 7, -(step % 3), 0.25][i]!) * size * before,
    );
    if (String(step) in broken) gradient[1] = { inf: Infinity, '-inf': -Infinity }[broken[step]!] ?? NaN;
    set(weight, gradient);
    set(other, [(step % 2) * size * before]);
    const finite = scaler.unscale(optimiser.groups);
    assert.equal(finite, !(String(step) in broken), `step ${step}`);
    scaler.update(finite);
    if (finite) optimiser.step(0.01);
    else optimiser.zeroGrad();
    if (scaler.scale !== before || !finite || step === steps)
      rows.push({
        step,
        ...scaler.state,
        weight: numbers(weight),
        other: numbers(other),
        momentum: numbers(optimiser.slots.get('velocity')!.get('weight')!),
      });
  }
  assert.equal(liveTensors(), live, 'nothing leaks');
  weight.dispose();
  other.dispose();
  optimiser.dispose();
  return rows;
}

function compare(actual: Row[], expected: Row[]): void {
  const scales = (rows: Row[]): number[][] => rows.map(({ step, scale, good }) => [step, scale, good]);
  assert.deepEqual(scales(actual), scales(expected));
  for (const [i, row] of expected.entries())
    for (const key of ['weight', 'other', 'momentum'] as const)
      assert.ok(relativeError(actual[i]![key]!, row[key]!) < 1e-5, `${key} at step ${row.step}`);
}

describe('loss scaling', () => {
  test("does to scale, weights and momentum what PyTorch's GradScaler does", () => {
    assert.deepEqual(
      from2to16.map(({ scale }) => Math.log2(scale)),
      [15, 16, 15, 14, 13, 14, 14],
      'the run has every case',
    );
    compare(run(new LossScaler(), steps, broken), from2to16);
  });

  test('grows no further than float32 goes', () =>
    compare(run(new LossScaler({ scale: 2 ** 127, good: 0 }), 2001, {}, 2 ** -30), from2to127));

  test('goes on from where it stood', () => {
    const scaler = new LossScaler();
    for (let i = 0; i < 1999; i++) scaler.update(true);
    const resumed = new LossScaler(JSON.parse(JSON.stringify(scaler.state)));
    resumed.update(true);
    assert.deepEqual(resumed.state, { scale: 2 ** 17, good: 0 });
    assert.deepEqual(LossScaler.START, { scale: 2 ** 16, good: 0 }, 'a constant');
  });

  test('looks at every number of every group, and large gradients are no reason to skip', () => {
    const weights = [
      parameter(
        tensor([
          [1, 1],
          [1, 1],
        ]),
      ),
      parameter(tensor([1])),
    ] as const;
    const groups = weights.map((weight, i) => ({ parameters: new Map([[String(i), weight]]), weightDecay: 0 }));
    const unscale = (a: number[][], b: number): boolean => {
      weights[0].grad = tensor(a);
      weights[1].grad = tensor([b]);
      return new LossScaler({ scale: 4, good: 0 }).unscale(groups);
    };
    // The square of 3e38 is not a float32.
    assert.equal(
      unscale(
        [
          [3e38, -3e38],
          [3e38, 1],
        ],
        8,
      ),
      true,
    );
    assert.deepEqual(
      [numbers(weights[0].grad!), numbers(weights[1].grad!)],
      [[3e38, -3e38, 3e38, 1].map((g) => Math.fround(g) / 4), [2]],
    );
    for (const bad of [NaN, Infinity, -Infinity]) {
      assert.equal(
        unscale(
          [
            [1, 2],
            [3, bad],
          ],
          1,
        ),
        false,
      );
      assert.equal(
        unscale(
          [
            [1, 2],
            [3, 4],
          ],
          bad,
        ),
        false,
      );
    }
  });
});
