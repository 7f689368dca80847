import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { parameter } from '../../src/nn/index.js';
import { type DecayRule, decayGroups, Sgd } from '../../src/optim/index.js';
import { liveTensors, scope, type Tensor, zeros } from '../../src/torch/index.js';
import { assertMatches, fixtureTensor } from '../fixtures/compare.js';
import { openFixture } from '../fixtures/open.js';

// Oracle: torch.optim.SGD (make_sgd.py): weight decay 0.01 on `a`, none on `b`, another learning rate at every step.
const file = openFixture('sgd.safetensors');
after(() => file.close());
const rates = file.readFloat32('lr');

describe('SGD against torch.optim.SGD', () => {
  for (const kind of ['plain', 'nesterov']) {
    test(`${kind}: parameters and momentum after each of five steps`, () => {
      const before = liveTensors();
      const parameters = new Map(['a', 'b'].map((name) => [name, parameter(fixtureTensor(file, `${name}.start`))]));
      const sgd = new Sgd(
        [
          { parameters: new Map([['a', parameters.get('a')!]]), weightDecay: 0.01 },
          { parameters: new Map([['b', parameters.get('b')!]]), weightDecay: 0 },
        ],
        { momentum: 0.9, nesterov: kind === 'nesterov' },
      );
      for (const [step, rate] of rates.entries()) {
        scope(() => {
          for (const [name, p] of parameters) p.grad = fixtureTensor(file, `${name}.grad.${step}`);
          sgd.step(rate);
          for (const [name, p] of parameters) {
            assert.equal(p.grad, null, 'the gradient is consumed');
            assertMatches(p, file, `${kind}.${name}.${step}`, 1e-6);
            assertMatches(sgd.slots.get('velocity')!.get(name), file, `${kind}.${name}.momentum.${step}`, 1e-6);
          }
        });
      }
      sgd.dispose();
      for (const p of parameters.values()) p.dispose();
      assert.equal(liveTensors(), before);
    });
  }

  test('a parameter without a gradient stays', () =>
    scope(() => {
      const p = parameter(fixtureTensor(file, 'b.start'));
      const sgd = new Sgd([{ parameters: new Map([['b', p]]), weightDecay: 0.1 }], { momentum: 0.9, nesterov: false });
      sgd.step(1);
      assertMatches(p, file, 'b.start', 1e-12);
      sgd.dispose();
      p.dispose();
    }));
});

test('weight-decay groups by rule', () =>
  scope(() => {
    const parameters = new Map<string, Tensor>([
      ['conv1.weight', zeros([2, 3, 3, 3])],
      ['bn1.weight', zeros([2])],
      ['bn1.bias', zeros([2])],
      ['se.fc1.bias', zeros([2])],
      ['layer1.0.gate.fc.weight', zeros([2, 2, 1, 1, 1])],
      ['fc.weight', zeros([4, 2])],
      ['fc.bias', zeros([4])],
    ]);
    const norms = new Set(['bn1.weight', 'bn1.bias']);
    const keys = (rule: DecayRule): string[][] =>
      decayGroups(parameters, norms, 4e-5, rule, new Set(['layer1.0.gate.fc.weight'])).map((group) => [
        String(group.weightDecay),
        ...group.parameters.keys(),
      ]);
    assert.deepEqual(keys('reference'), [
      ['0.00004', 'conv1.weight', 'se.fc1.bias', 'layer1.0.gate.fc.weight', 'fc.weight', 'fc.bias'],
      ['0', 'bn1.weight', 'bn1.bias'],
    ]);
    assert.deepEqual(keys('garden'), [
      ['0.00004', 'conv1.weight', 'fc.weight'],
      ['0', 'bn1.weight', 'bn1.bias', 'se.fc1.bias', 'layer1.0.gate.fc.weight', 'fc.bias'],
    ]);
    assert.deepEqual(keys('timm'), [
      ['0.00004', 'conv1.weight', 'layer1.0.gate.fc.weight', 'fc.weight'],
      ['0', 'bn1.weight', 'bn1.bias', 'se.fc1.bias', 'fc.bias'],
    ]);
    assert.deepEqual(keys('all'), [['0.00004', ...parameters.keys()], ['0']]);
  }));
