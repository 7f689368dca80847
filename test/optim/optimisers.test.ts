import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { parameter } from '../../src/nn/index.js';
import {
  AdamW,
  clipGradients,
  Lamb,
  type Optimiser,
  type ParameterGroup,
  RmsProp,
  Sgd,
  scaleRates,
} from '../../src/optim/index.js';
import { liveTensors, scope, tensor } from '../../src/torch/index.js';
import { assertMatches, fixtureTensor } from '../fixtures/compare.js';
import { openFixture } from '../fixtures/open.js';

// Oracles (make_optimisers.py): torch.optim.AdamW, TensorFlow's and the LAMB paper's formulae in NumPy, torch's
// clip_grad_norm_.
const file = openFixture('optimisers.safetensors');
after(() => file.close());
const rates = file.readFloat32('lr');

const adam = { momentum: 0.9, squareDecay: 0.99 };
const rms = { momentum: 0.9, squareDecay: 0.9, epsilon: 1e-3 };
const cases: [kind: string, slots: string[], make: (groups: ParameterGroup[]) => Optimiser][] = [
  ['adamw', ['mean', 'square'], (groups) => new AdamW(groups, { ...adam, epsilon: 1e-3 })],
  ['rmsprop', ['velocity', 'square'], (groups) => new RmsProp(groups, rms)],
  ['rmsprop-decoupled', ['velocity', 'square'], (groups) => new RmsProp(groups, { ...rms, decayMode: 'decoupled' })],
  ['sgd-decoupled', [], (groups) => new Sgd(groups, { momentum: 0.9, nesterov: false, decayMode: 'decoupled' })],
  ['lamb', [], (groups) => new Lamb(groups, { ...adam, epsilon: 1e-6 })],
];

describe('optimisers against their references', () => {
  for (const [kind, slots, make] of cases) {
    test(`${kind}: parameters and state after each of five steps`, () => {
      const before = liveTensors();
      const parameters = new Map(
        ['a', 'b', 'c'].map((name) => [name, parameter(fixtureTensor(file, `${name}.start`))]),
      );
      const some = (...names: string[]) => new Map(names.map((name) => [name, parameters.get(name)!]));
      const optimiser = make([
        { parameters: some('a', 'c'), weightDecay: 0.01 },
        { parameters: some('b'), weightDecay: 0 },
      ]);
      const held = liveTensors();
      for (const [step, rate] of rates.entries()) {
        scope(() => {
          for (const [name, p] of parameters) p.grad = fixtureTensor(file, `${name}.grad.${step}`);
        });
        optimiser.step(rate);
        assert.equal(liveTensors(), held, 'no temporary is left, no gradient either');
        for (const [name, p] of parameters) {
          assertMatches(p, file, `${kind}.${name}.${step}`, 2e-6);
          for (const slot of slots)
            assertMatches(optimiser.slots.get(slot)!.get(name), file, `${kind}.${slot}.${name}.${step}`, 2e-6);
        }
      }
      optimiser.dispose();
      for (const p of parameters.values()) p.dispose();
      assert.equal(liveTensors(), before);
    });
  }
});

describe('clipping by the global norm against torch', () => {
  for (const limit of [1, 100]) {
    test(`at ${limit}`, () =>
      scope(() => {
        const parameters = new Map(['a', 'b'].map((name) => [name, parameter(fixtureTensor(file, `${name}.start`))]));
        for (const [name, p] of parameters) p.grad = fixtureTensor(file, `${name}.grad.0`);
        const held = liveTensors();
        const norm = clipGradients([{ parameters, weightDecay: 0 }], limit);
        assert.equal(liveTensors(), held);
        assert.ok(Math.abs(norm - file.readFloat32(`clip.${limit}.norm`)[0]!) < 1e-5 * norm, `norm ${norm}`);
        for (const [name, p] of parameters) assertMatches(p.grad, file, `clip.${limit}.${name}`, 1e-6);
        for (const p of parameters.values()) p.dispose();
      }));
  }
  test('a norm that is not finite is told, and nothing is scaled', () =>
    scope(() => {
      const p = parameter(tensor([1, 2]));
      p.grad = tensor([Infinity, 3]);
      assert.equal(clipGradients([{ parameters: new Map([['p', p]]), weightDecay: 0 }], 1), Infinity);
      assert.deepEqual([...p.grad.data()], [Infinity, 3]);
      p.dispose();
    }));
});

test('the learning rate of a parameter can be scaled', () =>
  scope(() => {
    const parameters = new Map(['near', 'far'].map((name) => [name, parameter(tensor([1]))]));
    const groups = scaleRates([{ parameters, weightDecay: 0 }], (key) => (key === 'far' ? 0.25 : 1));
    const sgd = new Sgd(groups, { momentum: 0, nesterov: false });
    for (const p of parameters.values()) p.grad = tensor([1]);
    sgd.step(0.5);
    assert.equal(parameters.get('near')!.item(), 0.5);
    assert.equal(parameters.get('far')!.item(), 0.875);
    sgd.dispose();
    for (const p of parameters.values()) p.dispose();
  }));
