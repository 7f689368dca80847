import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { UsageError } from '../../src/errors.js';
import { createModel, type ImageModel, modelCost, modelFacts, modelNames } from '../../src/models/index.js';
import { Conv3d, initialise, MaxPool3d, Module, SelfGate } from '../../src/nn/index.js';
import {
  call,
  generator,
  liveTensors,
  noGrad,
  randn,
  reshape,
  scope,
  shapeOnly,
  type Tensor,
  to,
  trace,
  zeros,
} from '../../src/torch/index.js';
import { matchesFixture } from '../fixtures/compare.js';
import { relativeError } from '../fixtures/open.js';

const small = { layers: [1, 2, 1, 1], width: 0.0625, classes: 5, dropout: 0, stochasticDepth: 0 };

// Oracle: definitions in plain PyTorch and torchvision's own, in float64 (make_video.py).
const variants: [fixture: string, model: string, options: Record<string, unknown>][] = [
  ['video_baseline', 'resnet3d-50', {}],
  ['video_gated', 'resnet3d-50', { temporal: 'alternating', poolFrameStride: 2, selfGate: true }],
  ['video_rs', 'resnet3d-rs-50', {}],
  ['video_slow', 'slow-50', { headWindow: 2 }],
  ['video_r3d', 'r3d-18', {}],
  ['video_mc3', 'mc3-18', {}],
  ['video_r2plus1d', 'r2plus1d-18', {}],
];
for (const [fixture, name, options] of variants)
  describe(`${fixture} against PyTorch`, () => {
    for (const memoryFormat of ['contiguous', 'channels_last'] as const)
      test(`${memoryFormat}: logits, loss, gradients, running statistics`, () => {
        const before = liveTensors();
        const model: ImageModel = createModel(name, { ...small, ...options } as object);
        matchesFixture(model, `${fixture}.safetensors`, `${fixture}.safetensors`, memoryFormat);
        model.dispose();
        assert.equal(liveTensors(), before, 'every tensor is released');
      });
  });

test('parameters and multiply-adds are those of the reference', () => {
  // Trained numbers at 400 classes, 1e9 multiply-adds of a clip. Oracle: tensorflow/models (R3D-50, R3D-50g, R3D-RS, SlowOnly), pytorchvideo
  // (slow_r50 at 8x256: 54.52 G), torchvision (docs of r3d_18, mc3_18, r2plus1d_18), and arithmetic on their definitions.
  const rows: [name: string, options: Record<string, unknown>, parameters: number, gmacs: number][] = [
    ['resnet3d-50', {}, 32_491_728, 91.03],
    ['resnet3d-50@256', {}, 32_491_728, 118.9],
    ['resnet3d-50', { temporal: 'alternating', poolFrameStride: 2, selfGate: true }, 33_617_872, 49.63],
    ['resnet3d-50', { stem: 'deep' }, 32_476_784, 88.01],
    ['resnet3d-50', { seRatio: 0.25 }, 42_570_384, 91.04],
    ['resnet3d-rs-50', {}, 48_129_840, 88.02],
    ['resnet3d-rs-50', { selfGate: false }, 42_555_440, 88.02],
    ['resnet3d-rs-50', { seRatio: 0.2, poolFrameStride: 2 }, 46_097_972, 47.23],
    ['resnet3d-rs-50', { classes: 101 }, 47_517_189, 88.02],
    ['resnet3d-rs-101', {}, 84_969_520, 175.4],
    ['resnet3d-rs-152', {}, 114_788_144, 256.2],
    ['resnet3d-rs-200', {}, 121_376_560, 312.1],
    ['resnet3d-rs-200@48x256', {}, 121_376_560, 611.4],
    ['resnet3d-rs-270', {}, 169_038_064, 425.5],
    ['resnet3d-rs-350', {}, 213_094_256, 547.6],
    ['slow-50@32x224', {}, 32_454_096, 166.96],
    ['slow-50@8x256', {}, 32_454_096, 54.52],
    ['r3d-18', {}, 33_371_472, 40.7],
    ['mc3-18', {}, 11_695_440, 43.34],
    ['r2plus1d-18', {}, 31_505_325, 40.52],
    ['resnet3d-rs-50@8x64', { classes: 9 }, 47_328_681, 1.81],
  ];
  for (const [name, overrides, parameters, gmacs] of rows) {
    const cost = modelCost(name, { batch: 2, overrides });
    const title = `${name} ${JSON.stringify(overrides)}`;
    assert.equal(cost.parameters, parameters, title);
    assert.ok(Math.abs(cost.multiplyAdds / 1e9 / gmacs - 1) < 1e-3, `${title}: ${cost.multiplyAdds / 1e9}`);
  }
});

test('frames and sizes: of stages, behind the @, and those that do not fit', () => {
  const shapes = (name: string, sides: number[]): number[][] =>
    shapeOnly(() =>
      Object.values(createModel(name, { classes: 2 }).features(zeros([1, 3, ...sides]))).map(({ shape }) => [...shape]),
    );
  assert.deepEqual(shapes('resnet3d-rs-50', [32, 224, 224]), [
    [1, 256, 16, 56, 56],
    [1, 512, 16, 28, 28],
    [1, 1024, 16, 14, 14],
    [1, 2048, 16, 7, 7],
  ]);
  assert.deepEqual(
    shapes('r2plus1d-18', [16, 112, 112]).map((shape) => shape.slice(1)),
    [
      [64, 16, 56, 56],
      [128, 8, 28, 28],
      [256, 4, 14, 14],
      [512, 2, 7, 7],
    ],
  );
  const facts = ['slow-50', 'slow-50@160', 'slow-50@4x160'].map((name) => modelFacts(name));
  assert.deepEqual(
    facts.map(({ frames, size }) => [frames, size]),
    [
      [8, 224],
      [8, 160],
      [4, 160],
    ],
  );
  assert.equal(modelFacts('resnet-50').frames, undefined);
  for (const name of ['slow-50@', 'slow-50@0x160', 'slow-50@4x', 'slow-50@4x4x4', 'resnet-50@8x112'])
    assert.throws(() => modelFacts(name), UsageError, name);
  assert.throws(() => modelFacts('resnet3d-51'), /did you mean "resnet3d-50"/i);
  assert.throws(() => createModel('slow-50', { avgDown: true }), /Expected an option of slow-50/);
  assert.throws(() => createModel('r3d-18', { stemStride: 4 }), /Expected 1 or 2 as stemStride/);
  const model = createModel('r3d-18', { width: 0.125, layers: [1, 1, 1, 1], classes: 2 });
  scope(() => {
    assert.throws(() => model.forward(zeros([1, 3, 16, 16])), /Expected clips .* model of clips learns from video/);
    assert.throws(() => model.forward(zeros([1, 3, 2, 15, 16])), /sides of 16 or more/);
    assert.deepEqual([...noGrad(() => model.forward(zeros([1, 3, 1, 16, 16]))).shape], [1, 2], 'one frame is a clip');
  });
  model.dispose();
  assert.ok(modelNames('clips').every((name) => modelFacts(name).frames! > 0));
  assert.ok(!modelNames().some((name) => modelNames('clips').includes(name)));
});

test('a batch of one clip trains where more than one position is left, and is refused where not', () => {
  for (const name of ['r3d-18@8x16', 'resnet3d-rs-50@1x32'])
    assert.throws(() => modelCost(name, { batch: 1 }), /Expected a batch of 2 or more/, name);
  for (const name of ['r3d-18@9x16', 'resnet3d-50@3x32']) assert.ok(modelCost(name, { batch: 1 }).parameters > 0);
});

test('with stem strides of 1 and 2 small clips keep their sides', () => {
  const c5 = (stemStride: 1 | 2 | 4, side: number): readonly number[] =>
    shapeOnly(() => [
      ...createModel('resnet3d-rs-50', { stemStride, classes: 2 }).features(zeros([1, 3, 8, side, side])).c5.shape,
    ]);
  assert.deepEqual(c5(1, 8), [1, 2048, 4, 1, 1]);
  assert.deepEqual(c5(2, 32), [1, 2048, 4, 2, 2]);
  assert.deepEqual(c5(4, 32), [1, 2048, 4, 1, 1]);
});

test('frames count where blocks look over them, and only there', () =>
  scope(() => {
    const options = { ...small, stemFrames: 1, stemFrameStride: 1 };
    const x = randn([1, 3, 4, 32, 32], { generator: generator(1) });
    const shuffled = call<Tensor>('aten::flip', [x, [2]]);
    const distance = (temporal: string): number => {
      const model = createModel('resnet3d-50', { ...options, temporal } as object, 3);
      const [a, b] = noGrad(() => [model.forward(x).data(), model.forward(shuffled).data()]) as Float32Array[];
      model.dispose();
      return relativeError(a!, b!);
    };
    assert.ok(distance('none') < 1e-5);
    assert.ok(distance('late') > 1e-3);
  }));

test('a trace calls the 3-D operators whatever the memory of the clip', () =>
  scope(() => {
    const model = createModel('resnet3d-rs-50', small as object);
    for (const format of ['contiguous', 'channels_last'] as const) {
      const x = to(zeros([1, 3, 2, 32, 32]), { memoryFormat: format });
      const ops = new Set(trace((clip) => model.forward(clip), [x]).nodes.map(({ op }) => op));
      assert.ok(ops.has('aten::conv3d') && !ops.has('aten::conv2d') && !ops.has('aten::permute'), [...ops].join());
    }
    model.dispose();
  }));

test('one layer: the views of channels_last memory give what the 3-D operators give, for all strides', () =>
  scope(() => {
    const x = randn([2, 6, 5, 7, 6], { generator: generator(2) });
    const kernels = [[1, 1], [1, 3], [3, 1], [3, 3]] as const; // biome-ignore format: a table
    for (const kernel of kernels)
      for (const stride of [
        [1, 1],
        [1, 2],
        [2, 1],
        [2, 2],
      ] as const) {
        const layers = [new Conv3d(6, 4, kernel, { stride, bias: true }), new MaxPool3d(kernel, stride)];
        for (const layer of layers) {
          initialise(layer, 'tf', 5);
          const [plain, last] = (['contiguous', 'channels_last'] as const).map((memoryFormat) => {
            const y = layer.to({ memoryFormat }).forward(to(x, { memoryFormat }));
            return { shape: [...y.shape], data: y.data() as Float32Array };
          });
          assert.deepEqual(last!.shape, plain!.shape);
          assert.ok(relativeError(last!.data, plain!.data) < 1e-5, `${kernel} ${stride}`);
          layer.dispose();
        }
      }
  }));

test('a self-gate starts with a truncated normal of 0.01', () => {
  class Two extends Module {
    readonly gate = new SelfGate(64);
    readonly conv = new Conv3d(64, 64, [1, 1]);
    forward = (x: Tensor): Tensor => x;
  }
  const two = new Two();
  initialise(two, 'tf', 1);
  const values = (reshape(two.gate.fc.weight, [-1]).data() as Float32Array).map(Math.abs);
  // Cut at two deviations; 0.8796 of the deviation is left.
  const deviation = Math.hypot(...values) / Math.sqrt(values.length);
  assert.ok(Math.max(...values) <= 0.02 && Math.abs(deviation - 0.008796) < 3e-4, String(deviation));
  const others = (reshape(two.conv.weight, [-1]).data() as Float32Array).map(Math.abs);
  assert.ok(Math.max(...others) > 0.1, 'other kernels start by the rule of the initialiser');
  two.dispose();
});
