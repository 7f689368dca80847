import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import {
  Activate,
  AvgPool2d,
  BatchNorm2d,
  Conv2d,
  Dropout,
  Linear,
  MaxPool2d,
  type Module,
  SqueezeExcite,
  stochasticDepth,
} from '../../src/nn/index.js';
import {
  crossEntropy,
  fromTypedArray,
  globalAvgPool2d,
  manualSeed,
  mul,
  ones,
  relu,
  scope,
  sigmoid,
  silu,
  type Tensor,
  to,
} from '../../src/torch/index.js';
import { assertMatches, fixtureTensor, loadState } from '../fixtures/compare.js';
import { openFixture } from '../fixtures/open.js';

// Oracle: PyTorch in float64 (make_layers.py).
const file = openFixture('layers.safetensors');
after(() => file.close());
const tolerance = 1e-5;

const modules: Record<string, () => Module> = {
  conv3x3s2: () => new Conv2d(5, 7, 3, { stride: 2 }),
  depthwise3x3: () => new Conv2d(6, 6, 3, { groups: 6 }),
  conv1x1: () => new Conv2d(8, 4, 1, { bias: true }),
  bn_train: () => new BatchNorm2d(6).train(),
  bn_eval: () => new BatchNorm2d(6),
  avg_pool2: () => new AvgPool2d(),
  max_pool3: () => new MaxPool2d(),
  linear: () => new Linear(9, 5),
  squeeze_excite: () => new SqueezeExcite(8, 4),
};
const functions: Record<string, (x: Tensor) => Tensor> = {
  relu,
  sigmoid,
  silu,
  global_mean: globalAvgPool2d,
  // Activations may work in place, which autograd forbids on a leaf.
  'relu (module)': (x) => new Activate('relu').forward(mul(x, 1)),
  'silu (module)': (x) => new Activate('silu').forward(mul(x, 1)),
};

/** Output and gradient of the input against `<name>.*` of the fixture; the forward pass is given by the caller. */
function checkPass(name: string, format: 'contiguous' | 'channels_last', forward: (x: Tensor) => Tensor): void {
  const raw = fixtureTensor(file, `${name}.input`);
  const input = raw.shape.length === 4 ? to(raw, { memoryFormat: format }) : raw;
  input.requiresGrad = true;
  const output = forward(input);
  assertMatches(output, file, `${name}.output`, tolerance);
  output.backward(fixtureTensor(file, `${name}.grad_output`));
  assertMatches(input.grad, file, `${name}.grad_input`, tolerance);
}

for (const format of ['contiguous', 'channels_last'] as const) {
  describe(`against PyTorch, ${format}`, () => {
    for (const [name, build] of Object.entries(modules)) {
      test(name, () =>
        scope(() => {
          const layer = build();
          const nameOf = (key: string): string => `${name}.${key.replace(/^(fc\d)\./, '$1_')}`;
          loadState(layer, file, nameOf);
          layer.to({ memoryFormat: format });
          checkPass(name, format, (x) => layer.forward(x));
          for (const [key, parameter] of layer.parameters())
            assertMatches(parameter.grad, file, nameOf(key).replace(/^(\w+)\./, '$1.grad_'), tolerance);
          for (const [key, buffer] of layer.buffers()) assertMatches(buffer, file, `${nameOf(key)}_after`, tolerance);
          layer.dispose();
        }),
      );
    }
    for (const [name, forward] of Object.entries(functions)) {
      test(name, () => scope(() => checkPass(name.replace(' (module)', ''), format, forward)));
    }
  });
}

test('cross entropy with label smoothing: value and gradient', () =>
  scope(() => {
    const logits = fixtureTensor(file, 'cross_entropy.input');
    logits.requiresGrad = true;
    const labels = fromTypedArray(
      new BigInt64Array(file.read('cross_entropy.labels').slice().buffer as ArrayBuffer),
      [6],
    );
    const loss = crossEntropy(logits, labels, 0.1);
    assertMatches(loss, file, 'cross_entropy.output', tolerance);
    loss.backward();
    assertMatches(logits.grad, file, 'cross_entropy.grad_input', tolerance);
  }));

describe('stochastic depth and dropout', () => {
  test('a sample is kept whole and scaled by 1/(1 - rate), or dropped whole', () =>
    scope(() => {
      manualSeed(1);
      const n = 2000;
      const result = stochasticDepth(ones([n, 2, 1, 1]), 0.25, true).data() as Float32Array;
      let kept = 0;
      for (let i = 0; i < n; i++) {
        assert.equal(result[2 * i], result[2 * i + 1]);
        if (result[2 * i] !== 0) {
          assert.ok(Math.abs(result[2 * i]! - 4 / 3) < 1e-6);
          kept++;
        }
      }
      // Binomial(2000, 0.75): deviation 19.4; five of them.
      assert.ok(Math.abs(kept - 1500) < 97, `${kept} of 2000 kept`);
    }));

  test('both are the identity in evaluation and at rate 0', () =>
    scope(() => {
      const x = ones([3, 2, 1, 1]);
      assert.equal(stochasticDepth(x, 0.5, false), x);
      assert.equal(stochasticDepth(x, 0, true), x);
      assert.equal(new Dropout(0.5).forward(x), x);
      assert.equal(new Dropout(0).train().forward(x), x);
    }));

  test('dropout zeroes elements at its rate and scales the rest by 1/(1 - rate)', () =>
    scope(() => {
      manualSeed(2);
      const result = new Dropout(0.25)
        .train()
        .forward(ones([2000]))
        .data() as Float32Array;
      assert.ok(result.every((value) => value === 0 || Math.abs(value - 4 / 3) < 1e-6));
      assert.ok(Math.abs(result.filter((value) => value !== 0).length - 1500) < 97);
    }));
});
