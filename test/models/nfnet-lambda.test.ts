import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  candidateModel,
  createModel,
  type LambdaResNet,
  type LambdaResNetOptions,
  type ModelOverrides,
  modelCost,
  modelFacts,
  modelShapes,
  type NfNet,
  type NfNetOptions,
} from '../../src/models/index.js';
import { LambdaLayer, type Module, StandardisedConv2d } from '../../src/nn/index.js';
import {
  call,
  fromTypedArray,
  generator,
  liveTensors,
  manualSeed,
  noGrad,
  scope,
  type Tensor,
  to,
  zeros,
} from '../../src/torch/index.js';
import { blocksMatch, matchesFixture } from '../fixtures/compare.js';

// Oracle: timm's own code in float64 (make_nfnet_lambda.py).
const plain = { classes: 5, dropout: 0, stochasticDepth: 0 } as const;
const nfnet = (options: Partial<NfNetOptions>): Partial<NfNetOptions> => ({
  ...{ ...plain, width: 0.125, layers: [1, 2, 1, 1], stageWidths: [128, 128, 192, 192] },
  ...{ groupWidth: 8, bottleneckRatio: 0.5, finalWidth: 384 },
  ...options,
});
const lambda = (options: Partial<LambdaResNetOptions>): Partial<LambdaResNetOptions> => ({
  ...{ ...plain, width: 0.0625, lambdaEvery: [0, 0, 2, 1], activation: 'silu' },
  ...options,
});
const variants: [file: string, name: string, options: ModelOverrides][] = [
  ['nfnet_dm', 'dm-nfnet-f0', nfnet({})],
  ['nfnet_se', 'nfnet-l0', nfnet({})],
  ['nfnet_eca', 'eca-nfnet-l0', nfnet({ layers: [1, 1, 1, 1] })],
  [
    'nfnet_res',
    'nf-resnet-26',
    {
      ...plain,
      width: 0.0625,
      layers: [2, 1, 1, 1],
      stageWidths: [256, 256, 512, 512],
    } satisfies Partial<NfNetOptions>,
  ],
  ['lambda_conv', 'lambda-resnet-26t', lambda({ layers: [1, 1, 2, 1], context: 5 })],
  ['lambda_rel', 'lambda-resnet-26rpt', lambda({ layers: [1, 1, 2, 2], positionSize: 64 })],
];

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
        blocksMatch(() => createModel(name, options), `${fileName}.safetensors`, memoryFormat);
      });
    }
  });

const noise = (shape: readonly number[], seed: number): Tensor =>
  call('aten::normal_', [zeros(shape), 0, 1], { generator: generator(seed) });
const values = (tensor: Tensor): Float32Array => tensor.data() as Float32Array;
const close = (actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void => {
  assert.equal(actual.length, expected.length);
  for (let i = 0; i < actual.length; i++)
    assert.ok(Math.abs(actual[i]! - expected[i]!) < tolerance, `${i}: ${actual[i]}, expected ${expected[i]}`);
};
const small = { ...plain, width: 0.125, layers: [1, 1, 1, 1], groupWidth: 8 } as const;

describe('standardised kernels', () => {
  test('gain * scale / sqrt(N) * (W - mean) / sqrt(var + 1e-5), by hand; training and evaluation, in any order of memory', () => {
    scope(() => {
      const conv = new StandardisedConv2d(2, 3, 3, 1.7);
      noGrad(() => {
        call('aten::copy_', [conv.weight, noise([3, 2, 3, 3], 1)]);
        call('aten::copy_', [conv.gain, fromTypedArray(Float32Array.of(0.5, 2, -1), [3, 1, 1, 1])]);
        call('aten::copy_', [conv.bias, fromTypedArray(Float32Array.of(1, 2, 3), [3])]);
      });
      const weight = values(conv.weight);
      const expected = [0.5, 2, -1].flatMap((gain, o) => {
        const row = [...weight.subarray(18 * o, 18 * (o + 1))];
        const mean = row.reduce((sum, value) => sum + value, 0) / 18;
        const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 18;
        return row.map((value) => (gain * 1.7 * (value - mean)) / Math.sqrt(18) / Math.sqrt(variance + 1e-5));
      });
      // Each tap of each input alone: a map of 3x3 whose middle sees one kernel.
      for (const memoryFormat of ['contiguous', 'channels_last'] as const)
        for (const training of [true, false]) {
          conv.to({ memoryFormat }).train(training);
          const found: number[] = new Array(54);
          for (let at = 0; at < 18; at++) {
            const x = new Float32Array(18);
            x[at] = 1;
            const y = values(conv.forward(to(fromTypedArray(x, [1, 2, 3, 3]), { memoryFormat })));
            for (let o = 0; o < 3; o++) found[18 * o + at] = y[9 * o + 4]! - (o + 1);
          }
          close(found, expected, 1e-5);
        }
      for (const tensor of conv.state().values()) tensor.dispose();
    });
  });
});

test('each block starts as its shortcut: skip gains at 0 and gains 1, without them the last gains at 0', () => {
  for (const [name, zero] of [
    ['dm-nfnet-f0', 'skipinit_gain'],
    ['nfnet-f0', 'conv3.gain'],
  ] as const) {
    const model = createModel(name, small as object) as NfNet;
    for (const [key, parameter] of model.parameters())
      if (/gain$/.test(key)) {
        const isZero = key.startsWith('stages') && key.endsWith(zero);
        assert.ok(
          values(parameter).every((value) => value === (isZero ? 0 : 1)),
          key,
        );
      }
    scope(() => {
      // 0.2 * 2 * gate * bias of 0: the branch is nothing.
      const block = createModel(name, {
        ...small,
        stageWidths: [128, 128, 128, 128],
        layers: [1, 2, 1, 1],
      } as object) as NfNet;
      const x = noise([2, 16, 5, 4], 3);
      close(values(block.blocks()[2]!.forward(x)), values(x), 1e-7);
      block.dispose();
    });
    model.dispose();
  }
});

test('SAME padding of DeepMind: of an even map a strided kernel begins at its first pixel, symmetric padding one before it', () => {
  scope(() => {
    const models = ['dm-nfnet-f0', 'nfnet-f0'].map((name) => createModel(name, small as object, 1) as NfNet);
    const [same, symmetric] = models.map(({ stem }) => stem.conv1!) as [StandardisedConv2d, StandardisedConv2d];
    const pixel = (at: number): Tensor =>
      fromTypedArray(
        Float32Array.from({ length: 192 }, (_, i) => (i % 64 === 9 * at ? 1 : 0)),
        [1, 3, 8, 8],
      );
    // What output (row, row) of every channel makes of one pixel on the diagonal.
    const seen = (conv: Module, at: number, row: number): number[] => {
      const y = values(conv.forward(pixel(at)));
      return Array.from({ length: y.length / 16 }, (_, o) => y[16 * o + 5 * row]! / (conv as StandardisedConv2d).scale);
    };
    // The kernel's first tap, and its last but one at the other end, where the zero stands.
    close(seen(same, 0, 0), seen(symmetric, 1, 1), 1e-6);
    close(seen(same, 7, 3), seen(symmetric, 2, 1), 1e-6);
    assert.ok(Math.hypot(...seen(same, 0, 0)) > 0.01);
    for (const model of models) model.dispose();
  });
});

test('by the place of gamma the first kernel and the last activation have it or not', () => {
  const scales = (name: string): number[] => {
    const { stem, final_conv } = createModel(name, small as object) as NfNet;
    return [stem.conv1!.scale, stem.conv2!.scale, final_conv!.scale];
  };
  const gelu = 1.7015043497085571;
  assert.deepEqual(scales('dm-nfnet-f0'), [1, gelu, 1]);
  assert.deepEqual(scales('nfnet-f0'), [gelu, gelu, gelu]);
  // beta of F0's third stage, as in the reference: .96225045 .98058068 .96225045 .94491118 .92847669 .91287093
  const betas = (createModel('dm-nfnet-f0', { ...small, layers: [1, 2, 6, 3] } as object) as NfNet)
    .blocks()
    .map(({ conv1 }) => Number((conv1.scale / gelu).toFixed(6)));
  assert.deepEqual(
    betas.slice(0, 9),
    [1, 0.980581, 0.980581, 0.96225, 0.980581, 0.96225, 0.944911, 0.928477, 0.912871],
  );
});

test('stochastic depth drops the branch of a whole sample, and a network without statistics takes one picture', () => {
  const options = {
    ...small,
    stageWidths: [128, 128, 128, 128],
    layers: [1, 2, 1, 1],
    stochasticDepth: 0.4,
    zeroInitLastGamma: false,
  };
  const model = createModel('nfnet-l0', options as object) as NfNet;
  assert.deepEqual(
    model.blocks().map(({ stochasticDepthRate }) => Number(stochasticDepthRate.toFixed(6))),
    [0, 0.1, 0.2, 0.3, 0.4],
  );
  manualSeed(5);
  scope(() => {
    const block = model.blocks()[2]!.train();
    const n = 400;
    const x = noise([n, 16, 2, 2], 4);
    const [given, out] = [values(x), values(block.forward(x))];
    let dropped = 0;
    for (let i = 0; i < n; i++)
      if (given.subarray(i * 64, (i + 1) * 64).every((value, j) => value === out[i * 64 + j])) dropped++;
    assert.ok(Math.abs(dropped / n - 0.2) < 0.1, `${dropped} of ${n} dropped`);
    assert.deepEqual([...model.train().forward(noise([1, 3, 32, 32], 5)).shape], [1, 5]);
  });
  model.dispose();
});

/** The definition, position by position. */
function lambdaByHand(layer: LambdaLayer, x: Tensor): number[] {
  const { heads, keyDepth, context, positions } = layer.options;
  const [, , height = 0, width = 0] = x.shape;
  const [all, depth] = [height * width, layer.depth];
  const qkv = values(layer.qkv.forward(x));
  const at = (channel: number, m: number): number => qkv[channel * all + m]!;
  // Batch norms as they start: in evaluation x / sqrt(1 + 1e-5).
  const norm = 1 / Math.sqrt(1 + 1e-5);
  const table = values((layer.pos_emb ?? layer.conv_lambda?.weight)!);
  const weight = (k: number, down: number, right: number): number => {
    if (context === 0) {
      const [rows, columns] = positions;
      return table[((down + rows - 1) * (2 * columns - 1) + right + columns - 1) * keyDepth + k]!;
    }
    const [i, j] = [down + (context - 1) / 2, right + (context - 1) / 2];
    return i < 0 || j < 0 || i >= context || j >= context ? 0 : table[(k * context + i) * context + j]!;
  };
  const y: number[] = new Array(layer.channels * all);
  for (let m = 0; m < all; m++)
    for (let v = 0; v < depth; v++) {
      const lambda = Array.from({ length: keyDepth }, (_, k) => {
        const keys = Array.from({ length: all }, (_, n) => Math.exp(at(heads * keyDepth + k, n)));
        const total = keys.reduce((sum, key) => sum + key, 0);
        let sum = layer.conv_lambda === undefined ? 0 : values(layer.conv_lambda.bias)[k]!;
        for (let n = 0; n < all; n++) {
          const [down, right] = [Math.floor(n / width) - Math.floor(m / width), (n % width) - (m % width)];
          sum += (keys[n]! / total + weight(k, down, right)) * norm * at((heads + 1) * keyDepth + v, n);
        }
        return sum;
      });
      for (let h = 0; h < heads; h++)
        y[(h * depth + v) * all + m] = lambda.reduce(
          (sum, value, k) => sum + value * norm * at(h * keyDepth + k, m),
          0,
        );
    }
  return y;
}

test('lambda layer: the definition by hand, with local context and with the middle of an embedding for larger maps', () => {
  for (const context of [3, 0]) {
    const layer = new LambdaLayer(8, { heads: 2, keyDepth: 3, context, positions: [5, 6] });
    scope(() => {
      noGrad(() => {
        for (const [i, [key, tensor]] of [...layer.state()].entries())
          if (/qkv|conv_lambda|pos_emb/.test(key)) call('aten::copy_', [tensor, noise(tensor.shape, i + 1)]);
      });
      const x = noise([1, 8, 3, 4], 9);
      close(values(layer.forward(x)), lambdaByHand(layer, x), 1e-4);
      if (context === 0) assert.throws(() => layer.forward(noise([1, 8, 6, 4], 9)), /at most 5 x 6 positions/);
    });
    layer.dispose();
  }
});

test('feature maps, sizes, and shapes that tell the model', () => {
  for (const [name, options] of [
    ['dm-nfnet-f0', small],
    ['nf-resnet-26', { ...small, stemStride: 2 }],
    ['lambda-resnet-50ts', { ...plain, width: 0.125, layers: [1, 2, 2, 1], lambdaEvery: [0, 2, 2, 1] }],
  ] as [string, object][]) {
    const model = createModel(name, options as ModelOverrides);
    const stride = model.options.stemStride;
    scope(() => {
      const [h, w] = [18 * stride, 11 * stride - 1];
      const maps = model.features(zeros([1, 3, h, w]));
      for (const [i, key] of (['c2', 'c3', 'c4', 'c5'] as const).entries())
        assert.deepEqual(
          [...maps[key].shape],
          [1, model.featureWidths[key], ...[h, w].map((side) => Math.ceil(side / stride / 2 ** i))],
        );
    });
    model.dispose();
  }
  for (const name of ['dm-nfnet-f1', 'eca-nfnet-l0', 'nf-seresnet-50', 'lambda-resnet-26rpt', 'lambda-resnet-26t'])
    assert.equal(candidateModel(modelShapes(name))?.name, name);
  assert.equal(modelFacts('dm-nfnet-f0').size, 192);
  assert.equal((modelFacts('lambda-resnet-26rpt@320').options as LambdaResNet['options']).positionSize, 320);
  assert.ok(modelCost('nf-resnet-26', { batch: 1, size: 32 }).parameters > 0);
  assert.throws(() => createModel('lambda-resnet-26t', { context: 4 } as object), /an odd number up to 63/);
  assert.throws(() => createModel('lambda-resnet-26t', { heads: 3 } as object), /3 heads of a lambda layer divide/);
});
