import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import type { WeightsFile } from '../../../src/weights/formats/weights-file.js';
import { kerasName } from '../../../src/weights/names/keras.js';
import { type KeyPlan, planKeys } from '../../../src/weights/names/plan.js';
import { mapTensorFlow } from '../../../src/weights/names/tensorflow.js';
import { transformed, transformedShape } from '../../../src/weights/names/transforms.js';
import { fixturePath } from '../../fixtures/open.js';
import {
  efficientNetKeys,
  kerasEfficientNet,
  kerasResNetRs,
  tensorFlowEfficientNet,
  tensorFlowResNetRs,
  type Variables,
} from '../../fixtures/tensorflow-models.js';

/** A file of which only names and shapes are there. */
const file = (format: WeightsFile['format'], variables: Variables): WeightsFile => ({
  path: 'x',
  format,
  metadata: {},
  ignored: new Map(),
  close: () => {},
  entries: new Map([...variables].map(([name, shape]) => [name, { dtype: 'F32', shape }])),
  read: () => assert.fail(),
  readFloat32: () => assert.fail(),
});

const resnetRs50 = new Map(
  (JSON.parse(readFileSync(fixturePath('resnet_rs_50_keys.json'), 'utf8')) as { state: [string, number[]][] }).state,
);

/** Every key of the model exactly once, with its shape, and nothing besides. */
function assertCovers(plan: KeyPlan, model: ReadonlyMap<string, number[]>): void {
  assert.deepEqual(plan.unknown, []);
  const sorted = (entries: Iterable<[string, readonly number[]]>): [string, readonly number[]][] =>
    [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
  assert.deepEqual(sorted([...plan.tensors].map(([key, { shape }]) => [key, shape])), sorted(model));
}

const count = (shapes: Iterable<[string, number[]]>): number => {
  let sum = 0;
  for (const [key, shape] of shapes)
    if (!/running_|moving_|normalization\/(mean|variance|count)/.test(key))
      sum += shape.reduce((product, size) => product * size, 1);
  return sum;
};

describe('whole models', () => {
  test('the models written down here are the published ones, by their numbers of parameters', () => {
    // EfficientNet-B0 and -B1: paper Table 2 (5.3 M, 7.8 M) and torchvision's exact counts; ResNet-RS-50 counted from
    // timm.
    assert.equal(count(efficientNetKeys(1, 1)), 5_288_548);
    assert.equal(count(efficientNetKeys(1, 1.1)), 7_794_184);
    assert.equal(count(efficientNetKeys(2, 3.1)), 66_347_960);
    assert.equal(count(tensorFlowEfficientNet('e', 1, 1)), 5_288_548);
    assert.equal(count(kerasEfficientNet(1, 1)), 5_288_548);
    assert.equal(count(tensorFlowResNetRs([3, 4, 6, 3])), 35_691_912);
    assert.equal(count(kerasResNetRs([3, 4, 6, 3])), 35_691_912);
  });

  test('Keras, ResNet-RS-50', () => assertCovers(planKeys(file('keras', kerasResNetRs([3, 4, 6, 3]))), resnetRs50));
  test('TensorFlow, ResNet-RS-50, with and without a scope', () => {
    for (const scope of ['', 'resnet_model/']) {
      const plan = planKeys(file('tensorflow', tensorFlowResNetRs([3, 4, 6, 3], scope)));
      assertCovers(plan, resnetRs50);
      assert.deepEqual([plan.family, plan.ema], ['resnet-rs', false]);
    }
  });
  for (const [name, width, depth] of [
    ['b0', 1, 1],
    ['b1', 1, 1.1],
    ['b7', 2, 3.1],
  ] as const) {
    test(`Keras, EfficientNet-${name}`, () => {
      const plan = planKeys(file('keras', kerasEfficientNet(width, depth)));
      assertCovers(plan, efficientNetKeys(width, depth));
      assert.equal(plan.family, 'efficientnet');
      assert.deepEqual(
        [...plan.ignored.keys()],
        [
          'normalization/normalization/mean:0',
          'normalization/normalization/variance:0',
          'normalization/normalization/count:0',
        ],
      );
    });
    test(`TensorFlow, EfficientNet-${name}`, () => {
      const plan = planKeys(file('tensorflow', tensorFlowEfficientNet(`efficientnet-${name}`, width, depth)));
      assertCovers(plan, efficientNetKeys(width, depth));
      assert.equal(plan.family, 'efficientnet');
    });
  }
  test('TensorFlow, ResNet-RS of other depths: the blocks are found by their shapes', () => {
    for (const layers of [
      [3, 4, 23, 3],
      [4, 44, 87, 4],
      [1, 1, 1, 1],
    ]) {
      const { tensors, unknown } = planKeys(file('tensorflow', tensorFlowResNetRs(layers)));
      assert.deepEqual(unknown, []);
      const blocks = [1, 2, 3, 4].map(
        (stage) =>
          [...tensors.keys()].filter((key) => key.startsWith(`layer${stage}.`) && key.endsWith('.conv2.weight')).length,
      );
      assert.deepEqual(blocks, layers);
    }
  });
});

test('single names, by hand', () => {
  const rs = (name: string): unknown => kerasName(name, 'resnet-rs');
  assert.deepEqual(rs('BlockGroup2__block_0_batch_norm_1/gamma:0'), { key: 'layer1.0.bn1.weight', transform: 'none' });
  assert.deepEqual(rs('g/BlockGroup5__block_11__se_se_expand/kernel'), {
    key: 'layer4.11.se.fc2.weight',
    transform: 'conv',
  });
  assert.deepEqual(rs('stem_3_stem_batch_norm_3/moving_variance:0'), { key: 'bn1.running_var', transform: 'none' });
  assert.deepEqual(rs('predictions/kernel:0'), { key: 'fc.weight', transform: 'dense' });
  for (const name of [
    'predictions',
    'stem_1_stem_conv_5/kernel:0',
    'BlockGroup6__block_0__conv_1/kernel:0',
    'BlockGroup2__block_0__conv_1/constructor',
    'BlockGroup2__block_0_toString/gamma:0',
    'stem_conv/kernel:0',
  ])
    assert.equal(rs(name), undefined, name);
  const b = (name: string): unknown => kerasName(name, 'efficientnet');
  assert.deepEqual(b('block1a_bn/beta:0'), { key: 'blocks.0.0.bn1.bias', transform: 'none' });
  assert.deepEqual(b('block7d_bn/beta:0'), { key: 'blocks.6.3.bn2.bias', transform: 'none' });
  assert.deepEqual(b('block4c_dwconv/depthwise_kernel:0'), {
    key: 'blocks.3.2.conv_dw.weight',
    transform: 'depthwise',
  });
  assert.deepEqual(b('predictions/bias:0'), { key: 'classifier.bias', transform: 'none' });
  for (const name of [
    'block8a_bn/beta:0',
    'block1a_constructor/beta:0',
    'constructor/kernel:0',
    'block1a_bn/constructor:0',
    'block1a_bn/iteration:0',
  ])
    assert.equal(b(name), undefined, name);
});

test('moving averages are taken; slots and counters are named and left', () => {
  const variables = tensorFlowEfficientNet('b0', 1, 1);
  const some = 'b0/stem/conv2d/kernel';
  variables
    .set(`${some}/ExponentialMovingAverage`, variables.get(some)!)
    .set(`${some}/RMSProp`, variables.get(some)!)
    .set(`${some}/RMSProp_1`, variables.get(some)!);
  variables
    .set(`${some}/Momentum`, variables.get(some)!)
    .set('global_step', [])
    .set('b0/other/conv2d/kernel', [1, 1, 2, 2]);
  const { mapped, ignored, unknown, ema } = mapTensorFlow(variables);
  assert.equal(ema, true);
  assert.equal(mapped.get(`${some}/ExponentialMovingAverage`)?.key, 'conv_stem.weight');
  assert.equal(mapped.get('b0/stem/tpu_batch_normalization/gamma')?.key, 'bn1.weight'); // without an average, as it is
  assert.deepEqual(
    [...ignored.keys()],
    [some, `${some}/RMSProp`, `${some}/RMSProp_1`, `${some}/Momentum`, 'global_step'],
  );
  assert.deepEqual(unknown, ['b0/other/conv2d/kernel']);
});

test('what is neither family stays unknown: nothing is guessed', () => {
  const plain = new Map([
    ['conv2d/kernel', [7, 7, 3, 64]],
    ['batch_normalization/gamma', [64]],
    ['dense/kernel', [64, 10]],
  ]);
  assert.deepEqual(mapTensorFlow(plain).unknown, [...plain.keys()]);
  const cut = tensorFlowResNetRs([3, 4, 6, 3]);
  cut.delete('conv2d_30/kernel'); // numbers behind it would mean other layers
  cut.delete('batch_normalization_20/gamma');
  assert.equal(mapTensorFlow(cut).family, undefined);
  const odd = tensorFlowEfficientNet('b0', 1, 1);
  odd.set('b0/blocks_16/conv2d/kernel', [1, 1, 2, 2]); // no EfficientNet has 17 blocks
  assert.equal(mapTensorFlow(odd).mapped.size, 0);
});

test('two tensors for one key are an error', () => {
  const variables: Variables = new Map([
    ['block1a_dwconv/depthwise_kernel:0', [3, 3, 4, 1]],
    ['other/block1a_dwconv/depthwise_kernel:0', [3, 3, 4, 1]],
  ]);
  assert.throws(() => planKeys(file('keras', variables)), /Both .* are "blocks.0.0.conv_dw.weight"/);
});

test('a kernel without four axes is an error that names it', () => {
  assert.throws(
    () => planKeys(file('keras', new Map([['block1a_dwconv/depthwise_kernel:0', [3, 3]]]))),
    /4 axes for "block1a_dwconv.*\[3, 3\]/,
  );
});

test('a prefix is taken off, and others are left with the reason', () => {
  const { tensors, ignored } = planKeys(
    file(
      'pytorch',
      new Map([
        ['net.w', [1]],
        ['head.w', [1]],
        ['net.bn.num_batches_tracked', []],
      ]),
    ),
    'net.',
  );
  assert.deepEqual([...tensors], [['w', { source: 'net.w', transform: 'none', shape: [1] }]]);
  assert.deepEqual([...ignored.keys()], ['head.w', 'net.bn.num_batches_tracked']);
  assert.throws(() => planKeys(file('pytorch', new Map([['w', [1]]])), 'net.'), /begin with "net\."/);
});

test('the transforms, element by element', () => {
  const values = (n: number): Uint8Array<ArrayBuffer> =>
    new Uint8Array(Float32Array.from({ length: n }, (_, i) => i).buffer);
  const at = (transform: 'conv' | 'depthwise' | 'dense', shape: number[]): Float32Array =>
    new Float32Array(transformed(transform, values(shape.reduce((a, b) => a * b)), 'F32', shape).buffer);
  const [H, W, I, O] = [2, 3, 4, 5];
  const conv = at('conv', [H, W, I, O]);
  const depthwise = at('depthwise', [H, W, I, O]);
  assert.deepEqual(transformedShape('conv', [H, W, I, O], ''), [O, I, H, W]);
  assert.deepEqual(transformedShape('depthwise', [H, W, I, O], ''), [I * O, 1, H, W]);
  for (let h = 0; h < H; h++)
    for (let w = 0; w < W; w++)
      for (let i = 0; i < I; i++)
        for (let o = 0; o < O; o++) {
          const source = ((h * W + w) * I + i) * O + o;
          assert.equal(conv[((o * I + i) * H + h) * W + w], source);
          assert.equal(depthwise[((i * O + o) * H + h) * W + w], source); // multiplier o of channel i
        }
  assert.deepEqual([...at('dense', [2, 3])], [0, 3, 1, 4, 2, 5]);
  assert.deepEqual(transformedShape('dense', [2, 3], ''), [3, 2]);
});
