import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkParity } from '../../../src/deploy/parity.js';
import { createModel, type ModelOverrides } from '../../../src/models/index.js';
import { taskNamed } from '../../../src/tasks/index.js';
import { call, generator, noGrad, scope } from '../../../src/torch/index.js';
import { Normaliser } from '../../../src/train/index.js';
import { exportModel } from '../../../src/trained/export.js';
import { temporaryFolder } from '../../data/helpers.js';

const folder = temporaryFolder();
const FRAMES = 5;
const CLIPS = 3;

for (const [name, size, options] of [
  ['resnet3d-50', 32, { width: 0.125 }],
  ['resnet3d-rs-50', 49, { width: 0.125 }],
  ['resnet3d-14', 32, { width: 0.25, selfGate: true }],
  ['slow-50', 64, { width: 0.125, headWindow: 2 }],
  ['r2plus1d-18', 32, { width: 0.25 }],
  ['mc3-18', 32, { width: 0.25 }],
] as [string, number, ModelOverrides][])
  test(`${name} at ${FRAMES} x ${size} ${JSON.stringify(options)}: the exported file computes the model's logits`, async () => {
    const model = createModel(name, { ...options, classes: 4 }, 1);
    const random = generator(2);
    noGrad(() =>
      scope(() => {
        for (const [key, tensor] of model.state()) {
          if (tensor.shape.length !== 1) continue;
          if (/running_var$|weight$/.test(key)) call('aten::uniform_', [tensor, 0.5, 1.5], { generator: random });
          else call('aten::normal_', [tensor, 0, 0.2], { generator: random });
        }
      }),
    );
    const task = taskNamed('video');
    const classes = ['a', 'b', 'c', 'd'];
    const clip = { frames: FRAMES, stride: 1, rule: 'garden' as const, clips: 1, crops: 1 };
    const input = { mean: [0.5, 0.4, 0.3], std: [0.2, 0.3, 0.25], interpolation: 'bilinear', clip } as const;
    const loaded = {
      ...{ model: model.train(false), name, title: name, task, settings: task.settingsOf({ classes }, 4), classes },
      ...{ size, evalCrop: 1, classCount: 4, input: input as never, path: '' },
    };
    const { path, parity } = await exportModel(loaded, join(folder, 'model.onnx'), {});
    assert.equal(parity, undefined);
    const without = await exportModel(loaded, path, {}, 'synthetic', { pictures: 4 });
    assert.ok(without.parity!.synthetic === true && without.parity!.pictures === 4);
    assert.ok(without.parity!.maxAbsDiff < 1e-4 * without.parity!.largest!, JSON.stringify(without.parity));
    const images = Uint8Array.from(
      { length: CLIPS * FRAMES * size * size * 3 },
      (_, i) => (i * 7919 + (i >> 7) * 31) % 251,
    );
    const normaliser = new Normaliser('cpu', input as never);
    const referenceLogits = scope(() =>
      noGrad(() => model.forward(normaliser.input(images, CLIPS, size)).data()),
    ) as Float32Array;
    const scale = Math.max(...referenceLogits.map(Math.abs));
    const about = { images, n: CLIPS, size, referenceLogits, classes: 4, threads: 1 };
    const found = await checkParity({ ...about, onnx: readFileSync(path), frames: FRAMES, batch: 2 });
    assert.ok(scale > 1e-3 && found.maxAbsDiff < 1e-4 * scale, `logits of ${scale} differ by ${found.maxAbsDiff}`);
    assert.equal(found.top1Agreement, 1);
    await assert.rejects(
      checkParity({ ...about, onnx: path }),
      /Expected a file for pictures of .* but it takes clips of 5 frames of/,
    );
    normaliser.dispose();
    model.dispose();
  });
