import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { constant, cosine, Ema, emaDecay, exponential, oneCycle, scaledPeak, steps } from '../../src/optim/index.js';
import { call, scope, tensor } from '../../src/torch/index.js';
import { fixturePath } from '../fixtures/open.js';

// Oracle: the formulae in Python, the averages in exact fractions (make_ema_schedule.py).
const fixture = JSON.parse(readFileSync(fixturePath('ema_schedule.json'), 'utf8')) as {
  schedules: { peak: number; total: number; warmup: number; rates: [number, number][] }[];
  decay: number;
  ramp: [number, number][];
  ema: { start: number; firstStep: number; values: number[]; after: number[] };
};
// Oracle: torch's OneCycleLR, and the formulae of tensorflow/tpu in Python (make_schedules.py).
const others = JSON.parse(readFileSync(fixturePath('schedules.json'), 'utf8')) as {
  oneCycle: { peak: number; total: number; warmup: number; rates: [number, number][] }[];
  tf1: { peak: number; epochs: number; starts: [number, number, number, number]; rates: [number, number][] };
  exponential: { peak: number; stepsPerEpoch: number; rates: [number, number][] };
};
const near = (actual: number, expected: number, tolerance: number, what: string): void =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${what}: ${actual}, expected ${expected}`);

describe('learning rate', () => {
  for (const { rates, ...options } of fixture.schedules) {
    test(`cosine of ${options.total} steps, ${options.warmup} of warm-up, peak ${options.peak}`, () => {
      for (const [t, rate] of rates) near(cosine(t, options), rate, 1e-12, `step ${t}`);
    });
  }
  for (const { rates, ...options } of others.oneCycle) {
    test(`one cycle of ${options.total} steps, ${options.warmup} of them up`, () => {
      assert.equal(rates.length, options.total);
      for (const [t, rate] of rates) near(oneCycle(t, options), rate, 1e-12, `step ${t}`);
    });
  }
  test('steps of the released TF1 code, an epoch being 312 steps', () => {
    const [warmup, ...boundaries] = others.tf1.starts.map((epoch) => 312 * epoch);
    const options = { peak: others.tf1.peak, total: 312 * others.tf1.epochs, warmup: warmup!, boundaries, factor: 0.1 };
    for (const [epoch, rate] of others.tf1.rates) near(steps(312 * epoch, options), rate, 1e-12, `epoch ${epoch}`);
  });
  test('steps of the classic recipe: 0.1, and a tenth of it from epochs 30, 60 and 80 on', () => {
    const options = { peak: 0.1, total: 900, warmup: 0, boundaries: [300, 600, 800], factor: 0.1 };
    for (const [t, rate] of [
      [0, 0.1],
      [299, 0.1],
      [300, 0.01],
      [599, 0.01],
      [600, 0.001],
      [800, 0.0001],
      [899, 0.0001],
    ] as const)
      near(steps(t, options), rate, 1e-15, `step ${t}`);
  });
  test('exponential staircase of EfficientNet', () => {
    const { peak, stepsPerEpoch, rates } = others.exponential;
    const options = {
      peak,
      total: 350 * stepsPerEpoch,
      warmup: 5 * stepsPerEpoch,
      every: 2.4 * stepsPerEpoch,
      factor: 0.97,
    };
    for (const [t, rate] of rates) near(exponential(t, options), rate, 1e-12, `step ${t}`);
  });
  test('constant after a ramp', () => {
    const options = { peak: 0.4, total: 10, warmup: 4 };
    assert.deepEqual(
      [0, 1, 3, 4, 9].map((t) => Number(constant(t, options).toFixed(9))),
      [0, 0.1, 0.3, 0.4, 0.4],
    );
  });
  test('the peak of a batch: linear, by its root, or as it is', () => {
    assert.equal(scaledPeak(0.1, 4096, 'linear'), 1.6);
    assert.equal(scaledPeak(0.1, 256, 'linear'), 0.1);
    // google-research/simclr: 0.3 x 4096/256 and 0.075 x sqrt(4096) are the same rate.
    near(scaledPeak(0.3, 4096, 'linear'), 4.8, 1e-12, 'linear');
    near(scaledPeak(0.075, 4096, 'sqrt'), 4.8, 1e-12, 'sqrt');
    assert.equal(scaledPeak(0.1, 4096, 'none'), 0.1);
  });
});

describe('exponential moving average', () => {
  test('decay ramp', () => {
    for (const [t, decay] of fixture.ramp) near(emaDecay(fixture.decay, t), decay, 1e-15, `step ${t}`);
  });

  test('average of a scalar sequence, and swap there and back', () => {
    const { start, firstStep, values, after } = fixture.ema;
    const weight = tensor([start]);
    const ema = new Ema(new Map([['w', weight]]), fixture.decay);
    for (const [i, value] of values.entries()) {
      call('aten::fill_.Scalar', [weight, value]);
      scope(() => ema.update(firstStep + i));
      near(ema.shadow.get('w')!.item(), after[i]!, 1e-5, `update ${i}`);
    }
    ema.swap();
    near(weight.item(), after.at(-1)!, 1e-5, 'swapped in');
    ema.swap();
    assert.equal(weight.item(), values.at(-1));
    near(ema.shadow.get('w')!.item(), after.at(-1)!, 1e-5, 'swapped back');
    ema.dispose();
    weight.dispose();
  });
});
