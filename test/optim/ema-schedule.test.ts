import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { cosine, Ema, emaDecay, scaledPeak } from '../../src/optim/index.js';
import { call, scope, tensor } from '../../src/torch/index.js';
import { fixturePath } from '../fixtures/open.js';

// Oracle: the formulae in Python, the averages in exact fractions (make_ema_schedule.py).
const fixture = JSON.parse(readFileSync(fixturePath('ema_schedule.json'), 'utf8')) as {
  schedules: { peak: number; total: number; warmup: number; rates: [number, number][] }[];
  decay: number;
  ramp: [number, number][];
  ema: { start: number; firstStep: number; values: number[]; after: number[] };
};
const near = (actual: number, expected: number, tolerance: number, what: string): void =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${what}: ${actual}, expected ${expected}`);

describe('learning rate', () => {
  for (const { rates, ...options } of fixture.schedules) {
    test(`cosine of ${options.total} steps, ${options.warmup} of warm-up, peak ${options.peak}`, () => {
      for (const [t, rate] of rates) near(cosine(t, options), rate, 1e-12, `step ${t}`);
    });
  }
  test('0.1 per 256 pictures', () => {
    assert.equal(scaledPeak(0.1, 4096), 1.6);
    assert.equal(scaledPeak(0.1, 256), 0.1);
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
