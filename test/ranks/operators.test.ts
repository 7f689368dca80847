// Batch norm over ranks against PyTorch's own where one rank has all; test/ranks/steps.ts shows it over several.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { settleLibrary } from '../../src/ranks/join.js';
import { freePort } from '../../src/ranks/port.js';
import { Group } from '../../src/torch/group.js';
import { call, type DType, ones, randn, type Tensor, to, zeros } from '../../src/torch/index.js';
import { relativeError } from '../fixtures/open.js';

settleLibrary();
let group: Group;
before(async () => {
  const place = { host: '127.0.0.1', port: await freePort(), rank: 0, world: 1, timeoutMs: 10_000 };
  assert.throws(() => call('rescaled::ranks_sum', [ones([1])]), /Expected a group of ranks/);
  group = await Group.join(place);
  group.shareOperators();
});
after(() => group.leave());

interface Case {
  shape: number[];
  dtype?: DType;
  format?: string;
  shift?: boolean;
  most: number;
}

const values = (tensor: Tensor): Float64Array => to(tensor, { dtype: 'float64' }).data() as Float64Array;

for (const { shape, dtype = 'float32', format = 'contiguous', shift = true, most } of [
  { shape: [8, 5], shift: false, most: 1e-6 },
  { shape: [4, 6, 7, 7], format: 'channels_last', most: 1e-6 },
  { shape: [2, 6, 3, 5, 5], format: 'channels_last_3d', most: 1e-6 },
  { shape: [4, 6, 7, 7], dtype: 'float64', most: 1e-12 },
  // Gradients of half the bits are rounded once.
  { shape: [4, 6, 7, 7], dtype: 'bfloat16', format: 'channels_last', most: 1e-2 },
] as Case[])
  test(`[${shape.join(', ')}] in ${dtype}, ${format}${shift ? '' : ', without a shift'}`, () => {
    const own = { dtype: dtype === 'float64' ? dtype : ('float32' as const) };
    const [given, gradient] = [to(randn(shape), { dtype }), to(randn(shape), { dtype })];
    const channels = [shape[1]!];
    const done = (norm: (x: Tensor, w: Tensor, b: Tensor | null, mean: Tensor, variance: Tensor) => Tensor) => {
      const x = call<Tensor>('aten::clone', [given], { memory_format: format });
      const weight = call<Tensor>('aten::add.Scalar', [ones(channels, own), 0.5]);
      const bias = shift ? zeros(channels, own) : null;
      for (const leaf of [x, weight, bias]) if (leaf !== null) leaf.requiresGrad = true;
      const [mean, variance] = [zeros(channels, own), ones(channels, own)];
      const y = norm(x, weight, bias, mean, variance);
      y.backward(gradient);
      assert.equal(y.dtype, dtype);
      return { y, dx: x.grad!, dw: weight.grad!, ...(bias && { db: bias.grad! }), mean, variance };
    };
    const [theirs, ours] = [
      done((x, w, b, m, v) => call('aten::batch_norm', [x, w, b, m, v, true, 0.1, 1e-5, true])),
      done((x, w, b, m, v) => call('rescaled::ranks_batch_norm', [x, w, b, m, v, 0.1, 1e-5])),
    ];
    for (const [name, tensor] of Object.entries(ours)) {
      const error = relativeError(values(tensor), values(theirs[name as keyof typeof theirs]!));
      assert.ok(error < most, `${name}: ${error}`);
    }
  });
