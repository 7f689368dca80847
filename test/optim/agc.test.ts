import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { RescaledError } from '../../src/errors.js';
import { createModel } from '../../src/models/index.js';
import { type AgcRule, clipUnits, decayGroups, LossScaler } from '../../src/optim/index.js';
import { resolveRecipe } from '../../src/recipe/recipe.js';
import { fromTypedArray, keep, liveTensors, mul, ones, scope, type Tensor } from '../../src/torch/index.js';
import { agcOf, buildOptimiser } from '../../src/train/step/optimiser.js';
import { applyGradients } from '../../src/train/step/update.js';
import { fixturePath } from '../fixtures/open.js';

interface Row {
  shape: number[];
  values: number[];
  gradient: number[];
  clipped: number[];
}
const { factor, parameters: rows } = JSON.parse(readFileSync(fixturePath('agc.json'), 'utf8')) as {
  factor: number;
  parameters: Record<string, Row>;
};

/** A parameter whose gradient is this: that of the sum of p * gradient. */
function parameterWith(shape: readonly number[], values: readonly number[], gradient: readonly number[]): Tensor {
  const p = keep(fromTypedArray(Float32Array.from(values), shape));
  p.requiresGrad = true;
  scope(() => mul(p, fromTypedArray(Float32Array.from(gradient), shape)).backward(ones(shape)));
  return p;
}

function clipped(
  rule: AgcRule,
  given: Record<string, Omit<Row, 'clipped'>>,
  by: number,
  except: string[],
): Record<string, number[]> {
  const before = liveTensors();
  const parameters = new Map(
    Object.entries(given).map(([key, { shape, values, gradient }]) => [key, parameterWith(shape, values, gradient)]),
  );
  clipUnits([{ parameters, weightDecay: 0 }], { factor: by, rule, except: new Set(except) });
  const found = Object.fromEntries(
    [...parameters].map(([key, p]) => [key, scope(() => Array.from(p.grad!.data() as Float32Array))]),
  );
  for (const p of parameters.values()) p.dispose();
  assert.equal(liveTensors(), before, 'every tensor is released');
  return found;
}

const near = (actual: readonly number[], expected: readonly number[], what: string): void => {
  assert.equal(actual.length, expected.length, what);
  for (const [i, value] of actual.entries())
    assert.ok(
      Math.abs(value - expected[i]!) <= 1e-6 * (1 + Math.abs(expected[i]!)),
      `${what}[${i}]: ${value}, expected ${expected[i]}`,
    );
};

describe('adaptive gradient clipping', () => {
  test('timm: equals timm.utils.agc, gains one by one, weight and bias of the classifier left out', () => {
    const found = clipped('timm', rows, factor, ['last.weight', 'last.bias']);
    for (const [key, row] of Object.entries(rows)) near(found[key]!, row.clipped, key);
    assert.notDeepEqual(rows['conv.gain']!.clipped, rows['conv.gain']!.gradient);
  });

  test('paper: by hand; a channel of a weight, all gains and all biases are a unit each; a unit under its limit stays', () => {
    const found = clipped(
      'paper',
      {
        // |W| 5 and 1: limits 0.5 and 0.1; |G| 1 and 0.05.
        weight: { shape: [2, 2, 1, 1], values: [3, 4, 1, 0], gradient: [0.6, 0.8, 0.03, 0.04] },
        // One unit: |W| 2, limit 0.2; |G| 4.
        gain: { shape: [4, 1, 1, 1], values: [1, 1, 1, 1], gradient: [2, 2, 2, 2] },
        // |W| 0 counts as 1e-3: limit 1e-4; |G| 0.5.
        bias: { shape: [2], values: [0, 0], gradient: [0.3, 0.4] },
        // |W| 0.5, limit 0.05; |G| 3.
        skipinit_gain: { shape: [], values: [0.5], gradient: [-3] },
        head: { shape: [1, 2], values: [1, 0], gradient: [9, 9] },
        zero: { shape: [1, 2], values: [1, 0], gradient: [0, 0] },
      },
      0.1,
      ['head'],
    );
    near(found['weight']!, [0.3, 0.4, 0.03, 0.04], 'weight');
    near(found['gain']!, [0.1, 0.1, 0.1, 0.1], 'gain');
    near(found['bias']!, [0.6e-4, 0.8e-4], 'bias');
    near(found['skipinit_gain']!, [-0.05], 'skip gain');
    near(found['head']!, [9, 9], 'head');
    near(found['zero']!, [0, 0], 'zero');
  });

  test('in a step: after the loss scale is taken away, before weight decay and momentum', () => {
    const wrong = { wrongNorm: () => new RescaledError('norm'), wrongScale: () => new RescaledError('scale') };
    const recipe = resolveRecipe('nfnet', 'nf-resnet-26', 64, {
      weightDecay: 0,
      momentum: 0,
      nesterov: false,
      agc: 0.1,
    }).values;
    const make = () => createModel('nf-resnet-26', { width: 0.0625, layers: [1, 1, 1, 1], classes: 3 } as object, 1);
    const [a, b] = [make(), make()];
    const scaler = new LossScaler();
    for (const [model, using] of [
      [a, undefined],
      [b, scaler],
    ] as const) {
      const optimiser = buildOptimiser(recipe, model);
      for (const p of model.parameters().values())
        scope(() => {
          const large = fromTypedArray(new Float32Array(p.size).fill(5 * (using?.scale ?? 1)), [...p.shape]);
          mul(p, large).backward(ones([...p.shape]));
        });
      const before = new Map([...model.parameters()].map(([key, p]) => [key, (p.data() as Float32Array).slice()]));
      applyGradients(optimiser, 1, { clipNorm: 0, agc: agcOf(recipe, model), scaler: using, ...wrong });
      for (const [key, p] of model.parameters()) {
        const [old, now] = [before.get(key)!, p.data() as Float32Array];
        const moved = Math.hypot(...now.map((value, i) => value - old[i]!));
        const limit = 0.1 * Math.hypot(1e-3 * Math.sqrt(p.shape[0] ?? 1), Math.hypot(...old));
        if (key === 'head.fc.weight')
          assert.ok(Math.abs(moved - 5 * Math.sqrt(p.size)) < 1e-3, `${key} is not clipped`);
        else assert.ok(moved <= limit * 1.001, `${key} moved by ${moved}, at most ${limit}`);
      }
      optimiser.dispose();
    }
    for (const [key, p] of a.parameters())
      near([...(b.parameters().get(key)!.data() as Float32Array)], [...(p.data() as Float32Array)], key);
    for (const model of [a, b]) model.dispose();
  });

  test('the rule kernels decays neither gains, biases nor skip gains; timm decays gains', () => {
    const model = createModel('dm-nfnet-f0', { width: 0.125, layers: [1, 1, 1, 1], classes: 3 } as object, 1);
    const decayed = (rule: 'kernels' | 'timm'): string[] => [
      ...decayGroups(model.parameters(), new Set(), 1, rule)[0]!.parameters.keys(),
    ];
    assert.ok(decayed('kernels').every((key) => key.endsWith('.weight')));
    assert.equal(
      decayed('kernels').length,
      [...model.parameters().keys()].filter((key) => key.endsWith('.weight')).length,
    );
    assert.ok(decayed('timm').includes('stem.conv1.gain') && !decayed('timm').includes('stages.0.0.skipinit_gain'));
    model.dispose();
  });
});
