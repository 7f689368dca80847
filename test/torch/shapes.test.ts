import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  add,
  add_,
  addon,
  avgPool2d,
  avgPool3d,
  batchNorm,
  call,
  clone,
  conv2d,
  conv3d,
  copy_,
  crossEntropy,
  detach,
  dropout,
  flatten,
  fromTypedArray,
  generator,
  globalAvgPool2d,
  globalAvgPool3d,
  linear,
  liveTensors,
  maxPool2d,
  maxPool3d,
  mul,
  noGrad,
  ones,
  pad,
  permute,
  randn,
  relu,
  relu_,
  reshape,
  SHAPE_RULES,
  scope,
  shapeOnly,
  sigmoid,
  silu,
  softmax,
  type Tensor,
  tensor,
  to,
  zeros,
} from '../../src/torch/index.js';

const image = (n = 2, c = 4, side = 9): Tensor => zeros([n, c, side, side]);
const clip = (): Tensor => zeros([2, 4, 5, 9, 8]);
const inPlace = (op: string, args: unknown[] = [], named = {}) => [
  () => call<Tensor>(op, [zeros([2, 3]), ...args], named),
];
const normalise = (x: Tensor, shortcut: Tensor | null, activation: string): Tensor =>
  call('rescaled::batch_norm_act', [x, ones([4]), zeros([4]), zeros([4]), ones([4]), shortcut, activation, 0.1, 1e-5]);

/** Calls of every operator that has a rule: libtorch and the rule must make the same shape and dtype. */
const CASES: Record<string, (() => Tensor)[]> = {
  'aten::conv2d': [
    () => conv2d(image(), zeros([6, 4, 3, 3]), zeros([6]), { stride: 2, padding: 1 }),
    () => conv2d(image(2, 4, 8), zeros([6, 4, 3, 3]), null, { stride: 2 }),
    () => conv2d(image(), zeros([8, 1, 5, 5]), null, { groups: 4, padding: [2, 1], stride: [1, 2] }),
    () => conv2d(image(), zeros([2, 4, 3, 3]), null, { dilation: 2 }),
  ],
  'aten::conv3d': [
    () => conv3d(clip(), zeros([6, 4, 3, 1, 1]), zeros([6]), [2, 1, 1], [1, 0, 0]),
    () => conv3d(clip(), zeros([6, 4, 5, 7, 7]), null, [2, 2, 2], [2, 3, 3]),
    () => conv3d(clip(), zeros([6, 4, 1, 3, 3]), null, [1, 2, 1], [0, 1, 0]),
  ],
  'aten::batch_norm': [() => batchNorm(image(), ones([4]), zeros([4]), zeros([4]), ones([4]), true, 0.1, 1e-5)],
  'aten::linear': [
    () => linear(zeros([2, 3]), zeros([5, 3]), zeros([5])),
    () => linear(zeros([2, 7, 3]), zeros([5, 3]), null),
  ],
  'aten::relu': [() => relu(image())],
  'aten::relu_': [() => relu_(image())],
  'aten::leaky_relu': [() => call('aten::leaky_relu', [image(), 0.01])],
  'aten::leaky_relu_': inPlace('aten::leaky_relu_', [0.01]),
  'aten::silu': [() => silu(image())],
  'aten::silu_': inPlace('aten::silu_'),
  'aten::sigmoid': [() => sigmoid(image())],
  'aten::add.Tensor': [
    () => add(image(), image()),
    () => add(zeros([4, 1, 3]), zeros([2, 1])),
    () => add(zeros([]), zeros([2])),
  ],
  'aten::add_.Tensor': [() => add_(image(), image()), () => add_(zeros([2, 3]), zeros([3]))],
  'aten::mul.Tensor': [() => mul(image(), zeros([2, 4, 1, 1])), () => mul(zeros([2, 1]), zeros([3]))],
  'aten::mul.Scalar': [() => mul(image(), 2)],
  'aten::avg_pool2d': [1, 2, 5, 8, 9]
    .map((side) => () => avgPool2d(image(1, 1, side), 2, 2, { ceilMode: true, countIncludePad: false }))
    .concat(() => avgPool2d(image(), 3, 2, { padding: 1 })),
  'aten::max_pool2d': [1, 8, 9].map((side) => () => maxPool2d(image(1, 1, side), 3, 2, 1)),
  'aten::avg_pool3d': [
    () => avgPool3d(clip(), [2, 3, 3], [1, 2, 2], [0, 1, 1]),
    () => avgPool3d(clip(), [4, 7, 7], [1, 1, 1]),
  ],
  'aten::max_pool3d': [
    () => maxPool3d(clip(), [1, 3, 3], [1, 2, 2], [0, 1, 1]),
    () => maxPool3d(clip(), [3, 3, 3], [2, 2, 2], [1, 1, 1]),
  ],
  'aten::adaptive_avg_pool3d': [() => globalAvgPool3d(clip())],
  'aten::sum.dim_IntList': [() => call('aten::sum.dim_IntList', [image(), [2, 3], true])],
  'aten::adaptive_avg_pool2d': [() => globalAvgPool2d(image())],
  'aten::constant_pad_nd': [() => pad(image(), [0, 1, 2, 3]), () => pad(image(), [1, 1])],
  'aten::conv1d': [() => call('aten::conv1d', [zeros([2, 1, 9]), zeros([1, 1, 5]), null, [1], [2]])],
  'aten::gelu': [() => call('aten::gelu', [image()])],
  'aten::matmul': [
    () => call('aten::matmul', [zeros([2, 3, 4, 5]), zeros([3, 5, 6])]),
    () => call('aten::matmul', [zeros([4, 5]), zeros([2, 5, 6])]),
    () => call('aten::matmul', [zeros([2, 1, 4, 5]), zeros([1, 3, 5, 6])]),
  ],
  'aten::index_select': [
    () => call('aten::index_select', [zeros([7, 3]), 0, fromTypedArray(Int32Array.of(6, 0, 0, 2), [4])]),
  ],
  'rescaled::gelu': [() => call('rescaled::gelu', [image()])],
  'rescaled::standardise': [() => call('rescaled::standardise', [zeros([6, 4, 3, 3]), ones([6, 1, 1, 1]), 0.5, 1e-5])],
  'aten::reflection_pad2d': [() => call('aten::reflection_pad2d', [image(2, 4, 3), [2, 1, 0, 2]])],
  'aten::reshape': [() => reshape(image(2, 4, 8), [2, 4, 4, 2, 4, 2])],
  'aten::permute': [() => permute(clip(), [0, 2, 1, 4, 3])],
  'aten::slice.Tensor': [
    () => call('aten::slice.Tensor', [image(), 1, 1, 3]),
    () => call('aten::slice.Tensor', [image(), 3, 2, 9]),
  ],
  'aten::softmax.int': [() => softmax(image(), 2)],
  'aten::flatten.using_ints': [() => flatten(image()), () => flatten(image(), 0), () => flatten(image(), 2)],
  'aten::dropout': [() => dropout(image(), 0.5, true)],
  'aten::cross_entropy_loss': [() => crossEntropy(zeros([2, 5]), fromTypedArray(new BigInt64Array(2), [2]), 0.1)],
  'rescaled::conv_product': [
    () => call('rescaled::conv_product', [to(image(), { dtype: 'bfloat16' }), zeros([6, 4, 3, 3]), 2, 1]),
  ],
  'rescaled::conv2d': [() => call('rescaled::conv2d', [image(), zeros([6, 2, 3, 3]), null, [2, 2], [1, 1], [1, 1], 2])],
  'rescaled::max_pool': [() => call('rescaled::max_pool', [image(), 3, 2, 1])],
  'rescaled::avg_pool': [2, 9].map(
    (side) => () => call('rescaled::avg_pool', [image(2, 4, side), 2, 2, 0, true, false]),
  ),
  'rescaled::blur_pool': [2, 8, 9].map((side) => () => call('rescaled::blur_pool', [image(2, 4, side)])),
  'rescaled::radix_sum': [() => call('rescaled::radix_sum', [image(2, 12), zeros([2, 12, 1, 1]), 3])],
  'rescaled::scale_add_relu': [() => call('rescaled::scale_add_relu', [image(), zeros([2, 4, 1, 1]), image()])],
  'rescaled::winograd_conv': [() => call('rescaled::winograd_conv', [image(), zeros([6, 4, 3, 3]), 2])],
  'rescaled::conv_weight_product': [() => call('rescaled::conv_weight_product', [image(), zeros([6, 4, 3, 3]), 2, 1])],
  'rescaled::depthwise_conv': [() => call('rescaled::depthwise_conv', [image(), zeros([4, 1, 5, 5]), 2, 2])],
  'rescaled::scale': [() => call('rescaled::scale', [image(), zeros([2, 4, 1, 1])])],
  'rescaled::batch_norm_act': [
    () => normalise(image(), null, 'silu'),
    () => normalise(image(), image(), 'relu'),
    () => normalise(image(), image(), 'none'),
    () => normalise(image(), null, 'leaky_relu'),
  ],
  'aten::zeros': [() => zeros([2, 3], { dtype: 'int64' }), () => zeros([])],
  'aten::ones': [() => ones([2, 0, 3])],
  'aten::randn': [() => randn([2, 3], { dtype: 'float64' })],
  'aten::randn.generator': [() => randn([2, 3], { generator: generator(1) })],
  'aten::zeros_like': [() => call('aten::zeros_like', [zeros([3], { dtype: 'float64' })])],
  'aten::clone': [() => clone(zeros([3], { dtype: 'int32' }))],
  'aten::detach': [() => detach(image())],
  'aten::to.dtype': [() => to(image(), { dtype: 'bfloat16' })],
  'aten::to.device': [() => call('aten::to.device', [image(), 'cpu', 'float64'])],
  'aten::contiguous': [() => to(image(), { memoryFormat: 'channels_last' })],
  'aten::normal_': inPlace('aten::normal_', [0, 1]),
  'aten::uniform_': inPlace('aten::uniform_', [-1, 1]),
  'aten::erfinv_': inPlace('aten::erfinv_'),
  'aten::fill_.Scalar': inPlace('aten::fill_.Scalar', [1]),
  'aten::zero_': inPlace('aten::zero_'),
  'aten::bernoulli_.float': inPlace('aten::bernoulli_.float', [0.5]),
  'aten::div_.Scalar': inPlace('aten::div_.Scalar', [2]),
  'aten::mul_.Scalar': inPlace('aten::mul_.Scalar', [2]),
  'aten::copy_': [() => copy_(zeros([2, 3]), ones([3]))],
};

const facts = (body: () => Tensor) => (): object => {
  const result = noGrad(body);
  return { shape: [...result.shape], dtype: result.dtype, device: result.device, size: result.size };
};

for (const op of Object.keys(SHAPE_RULES)) {
  const [base, overload = ''] = op.split('.') as [string, string?];
  test(`the shape rule of ${op} makes what libtorch makes`, {
    skip: addon().findOperator(base, overload) === null && 'this engine has no such operator',
  }, () => {
    const cases = CASES[op];
    assert.ok(cases !== undefined && cases.length > 0, 'it has no case in this test');
    for (const body of cases) {
      const used = new Set<string>();
      assert.deepEqual(shapeOnly(facts(body), { onCall: (name) => used.add(name) }), scope(facts(body)));
      assert.ok(used.has(op), `the case calls ${[...used].join(', ')}`);
    }
  });
}

test('what libtorch refuses, the rules refuse', () => {
  for (const body of [
    () => conv2d(image(1, 4, 2), zeros([1, 4, 5, 5]), null),
    () => conv2d(image(1, 3), zeros([1, 4, 1, 1]), null),
    () => maxPool2d(image(1, 1, 2), 3, 1),
    () => linear(zeros([2, 3]), zeros([5, 4]), null),
    () => add(zeros([2, 3]), zeros([2])),
  ]) {
    assert.throws(() => scope(body));
    assert.throws(() => shapeOnly(() => scope(body)), RangeError);
  }
});

test('an operator without a rule is named, and so is the want of data', () => {
  assert.throws(
    () => shapeOnly(() => call('aten::conv2', [])),
    /no shape rule for "aten::conv2" \(did you mean "aten::conv2d"\?\)/,
  );
  assert.throws(() => shapeOnly(() => call('toString')), /no shape rule for "aten::toString"/);
  for (const use of [(x: Tensor) => x.data(), (x: Tensor) => x.item(), (x: Tensor) => x.backward()])
    assert.throws(() => shapeOnly(() => use(zeros([1]))), /have a shape but no data/);
});

test('inside, scopes and handles work as outside; outside, nothing has changed', () => {
  scope(() => {
    const real = tensor([1, 2]);
    const before = liveTensors();
    shapeOnly(() => {
      const x = zeros([3]);
      const inner = scope(() => {
        const temporary = ones([3]);
        const sum = add(x, temporary);
        assert.equal(liveTensors(), 3);
        return { sum, temporary: [temporary, temporary][1]! };
      });
      scope(() => void relu(inner.sum));
      assert.equal(liveTensors(), 3);
      inner.temporary.dispose();
      assert.ok(inner.temporary.disposed);
      assert.throws(() => inner.temporary.shape, /disposed/);
      x.requiresGrad = true;
      assert.equal(add(x, inner.sum).requiresGrad, true);
      assert.equal(noGrad(() => add(x, inner.sum)).requiresGrad, false);
      assert.throws(() => add(real, x), /made outside/);
    });
    assert.equal(liveTensors(), before);
    assert.throws(() => shapeOnly(() => call('aten::nothing')));
    assert.deepEqual([...add(real, real).data()], [2, 4]);
  });
});
