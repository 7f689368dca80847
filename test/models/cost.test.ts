import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { type ModelCost, modelCost, modelNames, PUBLISHED_RESNET_RS } from '../../src/models/index.js';
import { peakLiveBytes } from '../../src/models/memory.js';
import {
  add,
  add_,
  crossEntropy,
  fromTypedArray,
  linear,
  relu_,
  scope,
  shapeOnly,
  silu,
  type TapeEvent,
  type Tensor,
  zeros,
} from '../../src/torch/index.js';
import { fixturePath } from '../fixtures/open.js';

type Counts = Pick<ModelCost, 'parameters' | 'multiplyAdds' | 'activations'>;
const PYTORCH = JSON.parse(readFileSync(fixturePath('cost.json'), 'utf8')) as Record<string, Counts>;

test("parameters, multiply-adds and activations equal PyTorch's count of 24 models", () => {
  assert.equal(Object.keys(PYTORCH).length, 24);
  for (const [name, expected] of Object.entries(PYTORCH)) {
    const { parameters, multiplyAdds, activations } = modelCost(name, { batch: 2 });
    assert.deepEqual({ parameters, multiplyAdds, activations }, expected, name);
  }
});

test('the eleven ResNet-RS models have the published parameters and multiply-adds', () => {
  assert.equal(PUBLISHED_RESNET_RS.length, 11);
  for (const row of PUBLISHED_RESNET_RS) {
    const cost = modelCost(`resnet-rs-${row.depth}@${row.resolution}`);
    assert.equal(cost.parameters, row.parameters);
    assert.equal((cost.multiplyAdds / 1e9).toFixed(2), row.gmacs.toFixed(2));
  }
});

test('ResNet-50 at 224 pixels: 4.089 G multiply-adds, by hand', () => {
  // Stem; then (1x1, 3x3, 1x1) of each block and the shortcut of each stage's first, side after the stride.
  let sum = 112 ** 2 * 64 * 3 * 49;
  let cin = 64;
  for (const [stage, blocks] of [3, 4, 6, 3].entries()) {
    const width = 64 * 2 ** stage;
    const area = (56 / 2 ** stage) ** 2;
    for (let i = 0; i < blocks; i++) {
      const before = i === 0 && stage > 0 ? 4 * area : area;
      sum +=
        before * cin * width + area * (9 * width * width + 4 * width * width) + (i === 0 ? area * cin * 4 * width : 0);
      cin = 4 * width;
    }
  }
  assert.equal(modelCost('resnet-50').multiplyAdds, sum + 2048 * 1000);
});

test('the layers of every model add up to it, and the batch changes no count', () => {
  for (const name of modelNames()) {
    const options = name.startsWith('efficientnet-rs') ? { size: 192 } : {};
    const cost = modelCost(name, { ...options, batch: 3 });
    assert.equal(
      cost.layers.reduce((sum, { parameters }) => sum + parameters, 0),
      cost.parameters,
      name,
    );
    assert.equal(new Set(cost.layers.map(({ path }) => path)).size, cost.layers.length, `${name}: a path comes twice`);
    const other = modelCost(name, { ...options, batch: 7 });
    assert.deepEqual(other.layers, cost.layers, name);
    assert.ok(other.trainMemoryBytes > cost.trainMemoryBytes);
  }
});

test('a layer, by hand', () => {
  const { layers } = modelCost('resnet-50');
  assert.deepEqual(layers[0], {
    path: 'conv1',
    operator: 'conv2d',
    output: [64, 112, 112],
    parameters: 9408,
    multiplyAdds: 118_013_952,
    activations: 802_816,
  });
  assert.deepEqual(layers.at(-1), {
    path: 'fc',
    operator: 'linear',
    output: [1000],
    parameters: 2_049_000,
    multiplyAdds: 2_048_000,
    activations: 0,
  });
});

test('a moving average costs a copy of the state', () => {
  const buffers = 2 * 26_560; // channels of ResNet-50's 53 batch norms
  const [without, withEma] = [modelCost('resnet-50'), modelCost('resnet-50', { ema: true })];
  assert.equal(withEma.liveBytes - without.liveBytes, 4 * (25_557_032 + buffers));
});

test('wrong sizes and batches are refused', () => {
  assert.throws(() => modelCost('resnet-50', { size: 31 }), /at least 32 pixels for resnet-50.*received 31/);
  assert.throws(() => modelCost('resnet-50', { batch: 0 }), /batch of 1 or more/);
  assert.throws(() => modelCost('resnt-50'), /Did you mean "resnet-50"/);
});

function peak(body: () => void): number {
  const tape: TapeEvent[] = [];
  let recording = true;
  shapeOnly(
    () => {
      body();
      recording = false;
    },
    { onEvent: (event) => void (recording && tape.push(event)) },
  );
  return peakLiveBytes(tape);
}
const weight = (...shape: number[]): Tensor => {
  const tensor = zeros(shape);
  tensor.requiresGrad = true;
  return tensor;
};

test('memory of one linear layer, by hand', () => {
  const bytes = peak(() => {
    const x = zeros([2, 3]); // 24
    const logits = linear(x, weight(4, 3), weight(4)); // 48 + 16, 32
    crossEntropy(logits, fromTypedArray(new BigInt64Array(2), [2])); // labels 16, loss 4, log-probabilities 32
  });
  // 172 after forward; the gradients of loss (4) and logits (32) come, log-probabilities and loss gradient go: 172;
  // weight (48) and bias (16).
  assert.equal(bytes, 24 + 48 + 16 + 32 + 16 + 4 + 32 + 64);
});

test('memory of two layers in a row: what is kept, what is freed on the way, what is shared', () => {
  // Tensors of 400 bytes; temporaries end with their scope, the last result stays.
  const twice = (layer: (x: Tensor) => Tensor): number =>
    peak(() => void scope(() => layer(scope(() => layer(weight(100))))));
  // silu keeps its input: two of them and the result, the loss's gradient (4), one gradient.
  assert.equal(twice(silu), 3 * 400 + 4 + 400);
  // Addition keeps nothing: an operand and a result; and it hands on the gradient that it gets.
  assert.equal(
    twice((x) => add(x, x)),
    2 * 400,
  );
  // In place, each layer is one tensor, which relu keeps. Back come relu's gradient, and the sum of the three times
  // that it is handed on.
  assert.equal(
    twice((x) => relu_(add_(add(x, x), x))),
    2 * 400 + 2 * 400,
  );
});
