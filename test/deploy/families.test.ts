import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openDataset } from '../../src/data/dataset.js';
import { exportOnnx } from '../../src/deploy/onnx/export.js';
import { toFloat16 } from '../../src/deploy/onnx/float16.js';
import { decodeModel } from '../../src/deploy/onnx/schema.js';
import { answersOf, calibrate, lowered, relativeError } from '../../src/deploy/quantise/calibrate.js';
import { viewsFrom } from '../../src/deploy/quantise/probe.js';
import { OnnxSession } from '../../src/deploy/session.js';
import { createModel, type ModelOverrides } from '../../src/models/index.js';
import { IMAGENET_INPUT } from '../../src/run/config.js';
import { taskNamed } from '../../src/tasks/index.js';
import {
  call,
  fromTypedArray,
  generator,
  liveTensors,
  noGrad,
  reshape,
  scope,
  type Tensor,
  trace,
  zeros,
} from '../../src/torch/index.js';
import { exportModel } from '../../src/trained/export.js';
import { FASHION } from '../cli/helpers.js';

const folder = mkdtempSync(join(tmpdir(), 'rescaled-test-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const dataset = await openDataset(FASHION, { need: 'val', limitVal: 24 });

/** One of each kind of gate and activation. */
const LOWERED = [
  'resnet-26',
  'efficientnet-b0',
  'tresnet-v2-l',
  'eca-nfnet-l0',
  'lambda-resnet-26rpt',
  'resnest-50d-1s4x24d',
];

const models: [name: string, size: number, options: ModelOverrides][] = [
  ['resnet-18', 64, {}],
  ['resnet-50', 97, { width: 0.25 }],
  ['resnet-26', 64, { width: 0.25, stem: 'deep', avgDown: true, seRatio: 1 / 16 }],
  ['resnet-18', 28, { width: 0.25, stemStride: 1, seRatio: 0.25 }],
  ['resnet-rs-26', 97, { width: 0.5 }],
  ['resnet-rs-14', 28, { stemStride: 2, width: 0.5 }],
  ['efficientnet-b0', 128, {}],
  ['efficientnet-b1', 97, { width: 0.5 }],
  ['efficientnet-b0', 128, { padding: 'symmetric', normEpsilon: 1e-5 }],
  ['efficientnet-b0', 28, { stemStride: 1, width: 0.25, seRatio: 0 }],
  ['tresnet-m', 97, { width: 0.25, layers: [1, 1, 2, 1] }],
  ['tresnet-v2-l', 64, { width: 0.25, layers: [1, 1, 1, 1], stemStride: 2 }],
  ['resnest-14d', 97, { width: 0.25 }],
  ['resnest-50d-4s2x40d', 64, { width: 0.25, layers: [1, 1, 1, 1], baseWidth: 64 }],
  ['dm-nfnet-f0', 97, { width: 0.125, layers: [1, 1, 1, 1], groupWidth: 8 }],
  ['nfnet-l0', 64, { width: 0.125, layers: [1, 1, 1, 1], stemStride: 2 }],
  ['eca-nfnet-l0', 64, { width: 0.125, layers: [1, 1, 1, 1] }],
  ['nf-resnet-26', 97, { width: 0.125, layers: [1, 1, 1, 1] }],
  ['lambda-resnet-26t', 97, { width: 0.25, layers: [1, 1, 2, 1], lambdaEvery: [0, 0, 2, 1] }],
  ['lambda-resnet-26rpt', 64, { width: 0.25, layers: [1, 1, 2, 1], positionSize: 128 }],
  ['resnest-50d-1s4x24d', 28, { width: 0.25, layers: [1, 1, 1, 1], stemStride: 1 }],
];
for (const [name, size, options] of models)
  test(`${name} at ${size} ${JSON.stringify(options)}: the exported file computes the model's logits on real pictures`, async () => {
    const before = liveTensors();
    const model = createModel(name, { ...options, classes: 10 }, 1);
    const random = generator(2);
    // What training would have left: batch norms whose statistics, scales and shifts are not those of the start.
    noGrad(() =>
      scope(() => {
        for (const [key, tensor] of model.state()) {
          if (/gain$/.test(key)) call('aten::uniform_', [tensor, 0.5, 1.5], { generator: random });
          if (tensor.shape.length !== 1) continue;
          if (/running_var$|weight$/.test(key)) call('aten::uniform_', [tensor, 0.5, 1.5], { generator: random });
          else call('aten::normal_', [tensor, 0, 0.2], { generator: random });
        }
        // Logits of deviation 1, for which 1e-3 is a small difference.
        const pictures = call<Tensor>('aten::normal_', [zeros([8, 3, size, size]), 0, 1], { generator: random });
        const weight = model.state().get(`${model.head}.weight`)!;
        call('aten::div_.Tensor', [weight, call<Tensor>('aten::std', [model.forward(pictures), true])]);
      }),
    );
    const loaded = {
      model: model.to({ memoryFormat: 'channels_last' }),
      name,
      title: name,
      task: taskNamed(),
      settings: taskNamed().settings(dataset),
      classes: [...dataset.classes],
      size,
      evalCrop: 1,
      classCount: dataset.classes.length,
      input: IMAGENET_INPUT,
      weights: 'raw' as const,
      path: '',
    };
    const { parity } = await exportModel(loaded, join(folder, 'model.onnx'), {}, dataset, { pictures: 24 });
    model.dispose();
    assert.equal(parity!.pictures, 24);
    assert.ok(parity!.maxAbsDiff < 1e-3, `logits differ by ${parity!.maxAbsDiff}`);
    assert.equal(parity!.top1Agreement, 1);
    assert.equal(liveTensors(), before, 'every tensor is released');
    if (size <= 64 && LOWERED.includes(name)) await lowerBoth(join(folder, 'model.onnx'), size);
  });

/** The file in int8 and in float16, on pictures of noise, is what rounding makes of it. */
async function lowerBoth(file: string, size: number): Promise<void> {
  const [threads, answer, float] = [{ threads: 1 }, 'logits', decodeModel(readFileSync(file))];
  const images = Uint8Array.from({ length: 6 * size * size * 3 }, (_, i) => (i * 7919 + (i >> 5) * 31) % 251);
  const views = { images, n: 6, size };
  const wanted = await answersOf(float, answer, views, threads);
  const calibrated = await calibrate(float, { views, heldOut: viewsFrom(views, 0, 2), answer }, threads);
  const int8 = relativeError(wanted, await answersOf(lowered(calibrated).model, answer, views, threads));
  const float16 = relativeError(wanted, await answersOf(toFloat16(float), answer, views, threads));
  assert.ok(int8 > 0 && int8 < 0.05, `int8 is off by ${int8}`);
  assert.ok(float16 > 0 && float16 < 1e-4, `float16 is off by ${float16}`);
}

// A picture's rows in order are the frames of a clip of half its side: the file takes pictures, the network clips.
const clips: [name: string, options: object][] = [
  ['resnet3d-50', { temporal: 'alternating', poolFrameStride: 2, selfGate: true, seRatio: 0.25 }],
  ['slow-50', { headWindow: 1, stemStride: 2 }],
  ['r2plus1d-18', {}],
];
for (const [name, options] of clips)
  test(`${name} ${JSON.stringify(options)}: the operators of clips in a file compute the model's logits`, async () => {
    const size = 64;
    const model = createModel(name, { ...options, layers: [1, 2, 1, 1], width: 0.125, classes: 3 } as object, 1);
    const asClip = (x: Tensor): Tensor => model.forward(reshape(x, [x.shape[0]!, 3, 4, 32, 32]));
    const pixels = Uint8Array.from({ length: 2 * size * size * 3 }, (_, i) => (i * 7919) % 251);
    const [file, expected] = scope(() => {
      const onnx = exportOnnx(trace(asClip, [zeros([1, 3, size, size])]), {
        output: { kind: 'classes', labels: ['a', 'b', 'c'] },
        preprocess: { size, evalCrop: 1, mean: [0, 0, 0], std: [1, 1, 1] },
        training: { model: name },
      });
      const planes = Float32Array.from(pixels, (_, i) => {
        const [n, c, at] = [Math.floor(i / (3 * size * size)), Math.floor(i / (size * size)) % 3, i % (size * size)];
        return pixels[(n * size * size + at) * 3 + c]! / 255;
      });
      return [onnx, noGrad(() => asClip(fromTypedArray(planes, [2, 3, size, size]))).data() as Float32Array];
    });
    model.dispose();
    const session = await OnnxSession.create(file, name, { threads: 1 });
    const { values } = await session.run(pixels, 2);
    await session.close();
    const worst = Math.max(...expected.map((value, i) => Math.abs(value - values[i]!)));
    assert.ok(worst < 1e-4 * Math.max(...expected.map(Math.abs)), `logits differ by ${worst}`);
  });
