import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  call,
  fromTypedArray,
  generator,
  gradients,
  inferenceMode,
  isGradEnabled,
  keep,
  liveTensors,
  manualSeed,
  matmul,
  mul,
  noGrad,
  randn,
  relu,
  schema,
  scope,
  sum,
  Tensor,
  TensorDisposedError,
  tensor,
  to,
} from '../../src/torch/index.js';

const values = (x: Tensor): number[] => [...(x.data() as Float32Array)];

test('operators are called by name and overload, with defaults and named arguments', () => {
  const a = tensor([1, 2, 3]);
  const b = tensor([10, 20, 30]);
  assert.deepEqual(values(call('aten::add.Tensor', [a, b])), [11, 22, 33]);
  assert.deepEqual(values(call('aten::add.Tensor', [a, b], { alpha: 2 })), [21, 42, 63]);
  assert.deepEqual(values(call('add.Tensor', [a, b])), [11, 22, 33]);
  assert.match(
    schema('aten::add.Tensor'),
    /^aten::add\.Tensor\(Tensor self, Tensor other, \*, Scalar alpha=1\) -> Tensor/,
  );
});

test('every kind of argument converts by the schema', () => {
  const x = tensor([
    [1, 5, 3],
    [4, 2, 6],
  ]);
  assert.deepEqual(values(call('aten::sum.dim_IntList', [x, [1], true])), [9, 12]); // int list, bool
  assert.deepEqual(values(call('aten::sum.dim_IntList', [x, [0]], { dtype: 'float64' })), [5, 7, 9]); // dtype by name
  const [top, where] = call<[Tensor, Tensor]>('aten::max.dim', [x, 1]); // two results
  assert.deepEqual(values(top), [5, 6]);
  assert.deepEqual([...(where.data() as BigInt64Array)], [1n, 2n]);
  assert.deepEqual(values(call('aten::cat', [[x, x], 1])).length, 12); // tensor list
  assert.deepEqual(values(call('aten::clamp', [x, null, 3])), [1, 3, 3, 3, 2, 3]); // optional scalars
  assert.deepEqual(
    call<Tensor>('aten::full', [[2, 2], 7], { dtype: 'int32', device: 'cpu' }).data(),
    new Int32Array([7, 7, 7, 7]),
  );
  assert.deepEqual(
    values(call('aten::div.Tensor_mode', [x, tensor([2])], { rounding_mode: 'floor' })),
    [0, 2, 1, 2, 1, 3],
  ); // string
  const image = tensor([
    [
      [
        [1, 2],
        [3, 4],
      ],
    ],
  ]);
  const last = call<Tensor>('aten::contiguous', [image], { memory_format: 'channels_last' });
  assert.ok(last.isContiguous('channels_last'));
  assert.deepEqual(values(call('aten::max_pool2d', [image, 2])), [4]); // one number for int[2]
  assert.deepEqual(
    values(call('aten::index.Tensor', [tensor([5, 6, 7]), [fromTypedArray(new BigInt64Array([2n, 0n]), [2])]])),
    [7, 5],
  ); // optional tensors
});

test('integer tensors stay integer and bigint carries 64 bits', () => {
  const big = fromTypedArray(new BigInt64Array([2n ** 53n + 1n]), [1]);
  const sum1 = call<Tensor>('aten::add.Scalar', [big, 2n]);
  assert.equal(sum1.dtype, 'int64');
  assert.deepEqual(sum1.data(), new BigInt64Array([2n ** 53n + 3n]));
});

test('errors name the operator, the argument and what was expected', () => {
  const a = tensor([1, 2]);
  assert.throws(
    () => call('aten::add.Tensor', [a, 'x']),
    /aten::add\.Tensor: expected a Tensor for argument "other" \(position 1\) but received the string "x"/,
  );
  assert.throws(() => call('aten::add.Tensor', [a]), /argument "other" \(position 1, Tensor\) is missing/);
  assert.throws(() => call('aten::add.Tensor', [a, a], { beta: 1 }), /no argument is called "beta"/);
  assert.throws(() => call('aten::add.Tensor', [a, a, 1, 2, 3]), /at most 3 arguments but received 5/);
  assert.throws(() => call('aten::sum.dim_IntList', [a, [0.5]]), /expected an integer for argument "dim"/);
  assert.throws(() => call('aten::sum', [a], { dtype: 'float31' }), /a dtype name such as "float32"/);
  assert.throws(() => call('aten::ad', [a]), /no operator "aten::ad"/);
  assert.throws(() => call('aten::add', [a, a]), /overloads are: .*aten::add\.Tensor/);
  assert.throws(() => call('aten::relu', [new Tensor()]), /expected a Tensor for argument "self"/);
  assert.throws(
    () => matmul(tensor([[1, 2]]), tensor([[1, 2]])),
    (error: Error) =>
      /aten::matmul: .*shapes? cannot be multiplied/.test(error.message) && !/frame #|\.cpp/.test(error.message),
  );
});

test('typed arrays go in and come out in every dtype', async () => {
  for (const array of [
    new Float32Array([1, -2]),
    new Float64Array([1, -2]),
    new Int32Array([1, -2]),
    new Int16Array([1, -2]),
    new Int8Array([1, -2]),
    new Uint8Array([1, 254]),
    new BigInt64Array([1n, -2n]),
  ]) {
    const x = fromTypedArray(array, [2]);
    assert.deepEqual(x.data(), array);
    assert.deepEqual(await x.read(), array);
  }
  for (const dtype of ['bfloat16', 'float16'] as const) {
    const x = fromTypedArray(new Float32Array([1.5, -0.25]), [2], { dtype });
    assert.equal(x.dtype, dtype);
    assert.deepEqual(x.data(), new Float32Array([1.5, -0.25]));
  }
  assert.throws(() => fromTypedArray(new Float32Array(3), [2, 2]), /holds 4 elements, but the array has 3/);
  assert.deepEqual(fromTypedArray(new Float32Array(0), [0, 3]).shape, [0, 3]);
  const transposed = call<Tensor>('aten::t', [
    tensor([
      [1, 2],
      [3, 4],
    ]),
  ]);
  assert.deepEqual(values(transposed), [1, 3, 2, 4]);
});

test('autograd: gradients, accumulation, detach, no-grad and inference scopes', () => {
  const x = tensor([2, -3]);
  x.requiresGrad = true;
  sum(mul(x, x)).backward();
  assert.deepEqual(values(x.grad!), [4, -6]);
  sum(mul(x, x)).backward();
  assert.deepEqual(values(x.grad!), [8, -12]);
  x.grad = null;
  assert.equal(x.grad, null);
  const [g] = gradients([sum(relu(x))], [x]);
  assert.deepEqual(values(g!), [1, 0]);
  assert.equal(x.grad, null);
  // d2/dx2 of x^3 is 6x
  const [first] = gradients([sum(mul(mul(x, x), x))], [x], { createGraph: true });
  const [second] = gradients([sum(first!)], [x]);
  assert.deepEqual(values(second!), [12, -18]);
  assert.equal(call<Tensor>('aten::detach', [mul(x, 2)]).requiresGrad, false);
  noGrad(() => {
    assert.equal(isGradEnabled(), false);
    assert.equal(mul(x, 2).requiresGrad, false);
  });
  assert.equal(isGradEnabled(), true);
  assert.throws(
    () =>
      noGrad(() => {
        throw new Error('inside');
      }),
    /inside/,
  );
  assert.equal(isGradEnabled(), true);
  const inferred = inferenceMode(() => mul(x, 2));
  assert.throws(() => sum(mul(inferred, x)).backward(), /[Ii]nference tensors?/);
  assert.throws(() => sum(tensor([1])).backward(), /does not require grad/);
});

test('seeds repeat', () => {
  manualSeed(7);
  const a = values(randn([4]));
  manualSeed(7);
  assert.deepEqual(values(randn([4])), a);
  assert.notDeepEqual(values(randn([4])), a);
  const draw = () => values(randn([4], { generator: generator(9) }));
  assert.deepEqual(draw(), draw());
});

test('scopes free what is not returned', () => {
  const before = liveTensors();
  const kept: Tensor[] = [];
  const result = scope(() => {
    const x = tensor([1, 2]);
    const y = mul(x, 2);
    kept.push(keep(mul(y, 3)));
    const inner = scope(() => ({ list: [mul(y, 5)], lost: 1 }));
    return { inner, y };
  });
  assert.equal(liveTensors(), before + 3);
  assert.deepEqual(values(result.inner.list[0]!), [10, 20]);
  for (const x of [result.y, result.inner.list[0]!, kept[0]!]) x.dispose();
  assert.equal(liveTensors(), before);
  assert.throws(
    () =>
      scope(() => {
        tensor([1]);
        throw new Error('inside');
      }),
    /inside/,
  );
  assert.equal(liveTensors(), before);
  assert.throws(() => scope(async () => 1), /cannot be async/);
});

test('a disposed tensor says so', () => {
  const x = tensor([1]);
  x.dispose();
  x.dispose();
  assert.equal(x.disposed, true);
  assert.throws(
    () => relu(x),
    (error) => error instanceof TensorDisposedError && /aten::relu: this tensor has been disposed/.test(error.message),
  );
  assert.throws(() => x.shape, TensorDisposedError);
  assert.equal(String(x), 'Tensor(disposed)');
});

test('memory formats and dtypes convert', () => {
  const x = tensor([
    [
      [
        [1, 2],
        [3, 4],
      ],
    ],
  ]);
  assert.equal(to(x, { dtype: 'float64' }).dtype, 'float64');
  assert.equal(to(x, {}), x);
});
