import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../src/augment/random.js';
import { exportOnnx } from '../../src/deploy/onnx/export.js';
import { checkParity } from '../../src/deploy/parity.js';
import { call, flatten, noGrad, scope, type Tensor, trace, zeros } from '../../src/torch/index.js';
import { Normaliser } from '../../src/train/index.js';

const SIZE = 8;
/** Enlarged unevenly and made smaller again, cut from both ends and by steps, made positive: [n, 3, 8, 8] -> [n, 60]. */
const maps = (x: Tensor): Tensor => {
  const wide = call<Tensor>('aten::upsample_bilinear2d', [x, [13, 11], false, null, null]);
  const cut = call<Tensor>('aten::slice.Tensor', [call('aten::slice.Tensor', [wide, 2, 2, 12]), 3, -9, 11, 2]);
  const small = call<Tensor>('aten::upsample_bilinear2d', [cut, [5, 4], false, null, null]);
  return flatten(call<Tensor>('aten::softplus', [small]));
};

test('enlarging, cutting and softplus are the same in ONNX Runtime, whatever the batch', async () => {
  const random = new Random(3);
  const n = 3;
  const images = Uint8Array.from({ length: n * SIZE * SIZE * 3 }, () => random.int(256));
  const input = { mean: [0.5, 0.5, 0.5], std: [0.2, 0.2, 0.2] } as {
    mean: [number, number, number];
    std: [number, number, number];
  };
  const names = Array.from({ length: 60 }, (_, i) => `n${i}`);
  const onnx = scope(() =>
    exportOnnx(trace(maps, [zeros([1, 3, SIZE, SIZE])], new Map()), {
      output: { kind: 'numbers', names },
      preprocess: { size: SIZE, evalCrop: 1, ...input },
      training: { model: 'maps' },
    }),
  );
  const normaliser = new Normaliser('cpu', input);
  const referenceLogits = scope(() => noGrad(() => maps(normaliser.input(images, n, SIZE)).data() as Float32Array));
  for (const batch of [1, 3]) {
    const { maxAbsDiff } = await checkParity({
      onnx,
      images,
      n,
      size: SIZE,
      classes: 60,
      referenceLogits,
      batch,
      threads: 1,
    });
    assert.ok(maxAbsDiff < 1e-5, `differs by ${maxAbsDiff}`);
  }
  normaliser.dispose();
});
