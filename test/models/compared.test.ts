import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  candidateModel,
  createModel,
  type ImageModel,
  type ModelOverrides,
  modelCost,
  modelShapes,
  PUBLISHED_COMPARED,
  ResNeSt,
  type ResNeStOptions,
  type TResNetOptions,
} from '../../src/models/index.js';
import type { Module } from '../../src/nn/index.js';
import { BlurPool2d, SpaceToDepth } from '../../src/nn/index.js';
import {
  call,
  fromTypedArray,
  liveTensors,
  manualSeed,
  noGrad,
  scope,
  type Tensor,
  to,
  zeros,
} from '../../src/torch/index.js';
import { assertMatches, fixtureTensor, loadState, matchesFixture } from '../fixtures/compare.js';
import { openFixture } from '../fixtures/open.js';

// Oracle: timm's own code in float64 (make_tresnet_resnest.py).
const plain = { classes: 5, dropout: 0, stochasticDepth: 0 } as const;
const tresnet = (options: Partial<TResNetOptions>): Partial<TResNetOptions> => ({ ...plain, ...options });
const resnest = (options: Partial<ResNeStOptions>): Partial<ResNeStOptions> => ({
  ...plain,
  width: 0.0625,
  stemWidth: 128,
  layers: [1, 1, 1, 1],
  ...options,
});
const variants: [file: string, name: string, options: ModelOverrides][] = [
  ['tresnet_m', 'tresnet-m', tresnet({ width: 0.0625, layers: [1, 2, 2, 1] })],
  ['tresnet_v2', 'tresnet-v2-l', tresnet({ width: 0.125, layers: [1, 1, 1, 1] })],
  ['resnest_2s', 'resnest-26d', resnest({ layers: [1, 2, 1, 1] })],
  ['resnest_1s4x', 'resnest-50d-1s4x24d', resnest({})],
  ['resnest_4s2x', 'resnest-50d-4s2x40d', resnest({ baseWidth: 64 })],
];

const norm = (values: Float32Array): number => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));

for (const [fileName, name, options] of variants)
  describe(`${fileName} against timm`, () => {
    for (const memoryFormat of ['contiguous', 'channels_last'] as const) {
      test(`${memoryFormat}: logits, loss, gradients, running statistics`, () => {
        const before = liveTensors();
        const model = createModel(name, options);
        matchesFixture(model, `${fileName}.safetensors`, `${fileName}.safetensors`, memoryFormat);
        model.dispose();
        assert.equal(liveTensors(), before, 'every tensor is released');
      });

      test(`${memoryFormat}: each block alone`, () => {
        const file = openFixture(`${fileName}.safetensors`);
        const model = createModel(name, options);
        const modules = new Map<string, Module>(model.modules());
        const paths = new Set([...file.entries.keys()].flatMap((key) => /^block\.(.+)\.input$/.exec(key)?.[1] ?? []));
        assert.ok(paths.size >= 2);
        for (const path of paths)
          scope(() => {
            loadState(model, file, (key) => `param.${key}`);
            model.to({ memoryFormat });
            const block = modules.get(path)!;
            const of = (what: string): string => `block.${path}.${what}`;
            const x = to(fixtureTensor(file, of('input')), { memoryFormat });
            x.requiresGrad = true;
            model.train(false);
            assertMatches(
              noGrad(() => block.forward(x)),
              file,
              of('out_eval'),
              1e-4,
            );
            model.train();
            const out = block.forward(x);
            assertMatches(out, file, of('out_train'), 1e-4);
            out.backward(fixtureTensor(file, of('grad_output')));
            assertMatches(x.grad, file, of('grad_input'), 1e-4);
            for (const [key, parameter] of block.parameters()) {
              if (file.readFloat32(of(`grad.${key}`)).some((value) => value !== 0))
                assertMatches(parameter.grad, file, of(`grad.${key}`), 1e-4);
              // Batch norm takes the bias before it away: what is left of its gradient is rounding, which goes with the weight's.
              else {
                const weight = norm(file.readFloat32(of(`grad.${key.replace(/bias$/, 'weight')}`)));
                assert.ok(norm(parameter.grad!.data() as Float32Array) < 1e-4 * weight, `${path}: gradient of ${key}`);
              }
            }
            for (const [key, buffer] of block.buffers()) assertMatches(buffer, file, of(`after.${key}`), 1e-4);
            for (const parameter of model.parameters().values()) parameter.grad = null;
          });
        model.dispose();
        file.close();
      });
    }
  });

test('parameters and multiply-adds of every published row', () => {
  for (const { name, size, parameters, gmacs } of PUBLISHED_COMPARED) {
    const cost = modelCost(`${name}@${size}`, { batch: 2 });
    assert.equal(cost.parameters, parameters, name);
    assert.ok(Math.abs(cost.multiplyAdds / 1e9 - gmacs) < 0.0006, `${name}@${size}: ${cost.multiplyAdds}`);
  }
});

test('the shapes of a file tell the model; a size or value that it cannot have is an error that says so', () => {
  for (const name of ['tresnet-l', 'resnest-26d', 'resnest-50d-4s2x40d', 'resnet-50'])
    assert.equal(candidateModel(modelShapes(name))?.name, name);
  assert.throws(() => modelCost('resnest-14d', { batch: 1 }), /batch of 2 or more for resnest-14d/);
  assert.throws(() => modelCost('tresnet-m', { size: 31 }), /at least 32 pixels/);
  assert.throws(
    () => createModel('resnest-14d', { cardinality: 7, width: 0.0625 }),
    /channels that cardinality 7 and radix 2 of split attention divide but it has 56, 32 inside/,
  );
  assert.throws(() => createModel('tresnet-m', { radix: 2 } as object), /an option of tresnet-m but received "radix"/);
  assert.throws(() => createModel('resnest-14d', { avd: 'both' } as object), /last, first or none as avd/);
});

// timm tresnet.py and resnet.py (init_weights), PyTorch's Conv2d and Linear.
test('kernels, classifiers and biases start as theirs do', () => {
  const deviation = (values: Float32Array): number => norm(values) / Math.sqrt(values.length);
  const near = (tensor: Tensor, expected: number, name: string): void => {
    const found = deviation(tensor.data() as Float32Array);
    // Of n numbers the deviation is known to 1/sqrt(2n) of it; five of them.
    assert.ok(
      Math.abs(found / expected - 1) < 5 / Math.sqrt(2 * tensor.size),
      `${name}: ${found}, expected ${expected}`,
    );
  };
  const cases: [ImageModel, Record<string, number>][] = [
    [
      createModel('tresnet-m', { layers: [1, 1, 1, 1] }, 3),
      {
        'body.layer2.0.conv2.conv.weight': Math.sqrt(2 / (9 * 128)),
        'body.layer3.0.se.fc1.weight': Math.sqrt(2 / 128),
        'body.layer3.0.se.fc1.bias': 1 / Math.sqrt(3 * 256),
        'head.fc.weight': 0.01,
        'head.fc.bias': 1 / Math.sqrt(3 * 2048),
      },
    ],
    [
      createModel('resnest-50d-4s2x40d', { layers: [1, 1, 1, 1] }, 3),
      {
        // 640 outputs of 8 groups: fan_out counts them all.
        'layer2.0.conv2.conv.weight': Math.sqrt(2 / (9 * 640)),
        'layer2.0.conv2.fc2.bias': 1 / Math.sqrt(3 * 80),
        'fc.weight': 1 / Math.sqrt(3 * 2048),
        'fc.bias': 1 / Math.sqrt(3 * 2048),
      },
    ],
  ];
  for (const [model, expected] of cases) {
    const state = model.state();
    for (const [key, value] of Object.entries(expected)) near(state.get(key)!, value, key);
    const last = model instanceof ResNeSt ? 'layer4.0.bn3.weight' : 'body.layer2.0.conv2.bn.weight';
    assert.ok((state.get(last)!.data() as Float32Array).every((value) => value === 0));
    model.dispose();
  }
});

test('space to depth: channel (side i + j) C + c; what is missing of a last cell is 0', () => {
  scope(() => {
    const [side, C, H, W] = [2, 3, 3, 4];
    const x = Float32Array.from({ length: 2 * C * H * W }, (_, i) => i + 1);
    const y = new SpaceToDepth(side).forward(fromTypedArray(x, [2, C, H, W]));
    assert.deepEqual([...y.shape], [2, 12, 2, 2]);
    const values = y.data() as Float32Array;
    for (let n = 0, at = 0; n < 2; n++)
      for (let channel = 0; channel < 12; channel++)
        for (let row = 0; row < 2; row++)
          for (let column = 0; column < 2; column++, at++) {
            const [i, j, c] = [Math.floor(channel / 6), Math.floor(channel / 3) % 2, channel % 3];
            const [h, w] = [2 * row + i, 2 * column + j];
            assert.equal(values[at], h < H ? x[((n * C + c) * H + h) * W + w] : 0);
          }
  });
});

test('blur pooling: (1, 2, 1) x (1, 2, 1) / 16 about every other position, mirrored at the border without its own pixel', () => {
  scope(() => {
    const [H, W] = [4, 5];
    const x = Float32Array.from({ length: H * W }, (_, i) => (i * i) % 17);
    const y = new BlurPool2d().forward(fromTypedArray(x, [1, 1, H, W]));
    assert.deepEqual([...y.shape], [1, 1, 2, 3]);
    const mirror = (at: number, side: number): number => (at < 0 ? -at : at >= side ? 2 * (side - 1) - at : at);
    const expected = [0, 2].flatMap((h) =>
      [0, 2, 4].map((w) => {
        let sum = 0;
        for (const i of [-1, 0, 1])
          for (const j of [-1, 0, 1])
            sum += ((2 - Math.abs(i)) * (2 - Math.abs(j)) * x[mirror(h + i, H) * W + mirror(w + j, W)]!) / 16;
        return sum;
      }),
    );
    for (const [i, value] of (y.data() as Float32Array).entries())
      assert.ok(Math.abs(value - expected[i]!) < 1e-5, `${value}, expected ${expected[i]}`);
  });
});

test('feature maps halve at every stage, rounded up, whatever the sides', () => {
  for (const [name, stemStride] of [
    ['tresnet-m', 4],
    ['tresnet-v2-l', 2],
    ['resnest-14d', 4],
    ['resnest-14d', 1],
  ] as const) {
    const model = createModel(name, { width: 0.125, layers: [1, 1, 1, 1], stemStride, classes: 3 } as ModelOverrides);
    scope(() => {
      const [h, w] = [18 * stemStride, 11 * stemStride - 1];
      const maps = model.features(zeros([1, 3, h, w]));
      const stride = { c2: 1, c3: 2, c4: 4, c5: 8 };
      for (const key of ['c2', 'c3', 'c4', 'c5'] as const)
        assert.deepEqual(
          [...maps[key].shape],
          [1, model.featureWidths[key], ...[h, w].map((side) => Math.ceil(side / stemStride / stride[key]))],
        );
      assert.equal(model.totalStride, 8 * stemStride);
    });
    model.dispose();
  }
});

test('in training stochastic depth drops the branch of a whole sample, its rate rising from block to block', () => {
  const model = createModel('tresnet-m', {
    width: 0.125,
    layers: [1, 1, 1, 2],
    classes: 3,
    stochasticDepth: 0.4,
  });
  const blocks = model.blocks();
  assert.deepEqual(
    blocks.map((block) => Number(block.stochasticDepthRate.toFixed(6))),
    [0, 0.1, 0.2, 0.3, 0.4],
  );
  manualSeed(3);
  scope(() => {
    // The last block starts as its shortcut; with another gamma the samples that are dropped are those that stay as they were.
    const last = blocks[4]!.train();
    noGrad(() => call('aten::fill_.Scalar', [last.lastNorm.weight, 1]));
    const n = 400;
    const x = fromTypedArray(
      Float32Array.from({ length: n * 256 * 4 }, (_, i) => Math.abs(Math.sin(i * 1.7))),
      [n, 256, 2, 2],
    );
    const [given, out] = [x.data() as Float32Array, last.forward(x).data() as Float32Array];
    let dropped = 0;
    for (let i = 0; i < n; i++)
      if (given.subarray(i * 1024, (i + 1) * 1024).every((value, j) => value === out[i * 1024 + j])) dropped++;
    assert.ok(Math.abs(dropped / n - 0.4) < 0.125, `${dropped} of ${n} dropped`);
  });
  model.dispose();
});
