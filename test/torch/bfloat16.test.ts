import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  add,
  batchNorm,
  call,
  conv2d,
  generator,
  getThreads,
  gradients,
  mul,
  ones,
  randn,
  relu,
  setThreads,
  silu,
  type Tensor,
  to,
  zeros,
} from '../../src/torch/index.js';

// Our kernels in bfloat16 against PyTorch's operators in float64 on the same numbers. What they write in bfloat16 has 8 significant bits; what they sum
// and keep in float32 must be as near as float32 is.
const HALF = 2 ** -8;
const SINGLE = 1e-5;

const random = generator(5);
/** Numbers that bfloat16 can hold, in channels_last. */
const maps = (shape: readonly number[], more = 0): Tensor => {
  const x = to(add(randn(shape, { generator: random }), more), { dtype: 'bfloat16', memoryFormat: 'channels_last' });
  x.requiresGrad = true;
  return x;
};
const vector = (count: number, more = 0): Tensor => {
  const x = add(randn([count], { generator: random }), more);
  x.requiresGrad = true;
  return x;
};
const exact = (x: Tensor): Tensor => to(x, { dtype: 'float64' });
const values = (x: Tensor): Float64Array => exact(x).data() as Float64Array;
/** Root of the sum of squared differences, by that of the expected ones. */
function off(actual: Tensor, expected: Tensor): number {
  const [a, b] = [values(actual), values(expected)];
  assert.equal(a.length, b.length);
  let [difference, size] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    difference += (a[i]! - b[i]!) ** 2;
    size += b[i]! ** 2;
  }
  return Math.sqrt(difference / size);
}
const near = (actual: Tensor, expected: Tensor, tolerance: number, what: string): void =>
  assert.ok(off(actual, expected) < tolerance, `${what}: ${off(actual, expected)}`);
/** Gradients of ours in bfloat16 and of theirs in float64, of the same inputs. */
function slopes(
  ours: Tensor,
  theirs: Tensor,
  inputs: readonly Tensor[],
  double: readonly Tensor[],
): [Tensor[], Tensor[]] {
  const grad = maps(ours.shape);
  return [
    gradients([ours], inputs, { gradOutputs: [grad] }) as Tensor[],
    gradients([theirs], double, { gradOutputs: [exact(grad)] }) as Tensor[],
  ];
}

for (const shape of [
  [3, 37, 5, 5],
  [2, 8, 41, 40],
  [2, 20, 3, 4, 5],
])
  test(`batch norm, addition and activation in bfloat16 [${shape.join(', ')}]: statistics and gradients in float32`, () => {
    for (const kind of ['none', 'relu', 'silu', 'leaky_relu'])
      for (const added of [false, true]) {
        const c = shape[1]!;
        const given = [maps(shape, 1), vector(c, 1), vector(c), ...(added ? [maps(shape)] : [])];
        const double = given.map(exact);
        const [x, weight, bias, shortcut = null] = given as [Tensor, Tensor, Tensor, Tensor?];
        const kept = [zeros([c]), ones([c])] as const;
        const keptDouble = kept.map(exact) as [Tensor, Tensor];
        const ours = call<Tensor>('rescaled::batch_norm_act', [
          x,
          weight,
          bias,
          ...kept,
          shortcut,
          kind,
          0.3,
          1e-3,
          0.1,
        ]);
        const y = batchNorm(double[0]!, double[1]!, double[2]!, ...keptDouble, true, 0.3, 1e-3);
        const z = added ? add(y, double[3]!) : y;
        const theirs =
          kind === 'none'
            ? z
            : kind === 'relu'
              ? relu(z)
              : kind === 'silu'
                ? silu(z)
                : call<Tensor>('aten::leaky_relu', [z, 0.1]);
        assert.equal(ours.dtype, 'bfloat16');
        near(ours, theirs, HALF, `${kind} ${added}`);
        for (const i of [0, 1] as const) near(kept[i], keptDouble[i], SINGLE, `${kind} ${added}, statistics ${i}`);
        const [own, other] = slopes(ours, theirs, given, double);
        own.forEach((slope, i) => {
          const parameter = i === 1 || i === 2;
          assert.equal(slope.dtype, parameter ? 'float32' : 'bfloat16');
          // After an addition relu looks at its rounded result, which is 0 where the sum is.
          near(slope, other[i]!, parameter ? SINGLE : HALF, `${kind} ${added}, gradient ${i}`);
        });
      }
  });

test('squeeze-excite in bfloat16: the product, with addition and relu and without', () => {
  const shape = [3, 20, 7, 6];
  const given = [maps(shape), maps([3, 20, 1, 1]), maps(shape)];
  const double = given.map(exact) as [Tensor, Tensor, Tensor];
  for (const [name, inputs, theirs] of [
    ['rescaled::scale', given.slice(0, 2), mul(double[0], double[1])],
    ['rescaled::scale_add_relu', given, relu(add(mul(double[0], double[1]), double[2]))],
  ] as const) {
    const ours = call<Tensor>(name, inputs);
    near(ours, theirs, HALF, name);
    const [own, other] = slopes(ours, theirs, inputs, double.slice(0, inputs.length));
    own.forEach((slope, i) => near(slope, other[i]!, HALF, `${name}, gradient ${i}`));
  }
});

/** Convolutions of our own with a weight in float32, which is rounded to bfloat16; what it should be is computed of the rounded one. */
for (const { name, x, weight, options } of [
  { name: 'depthwise_conv', x: [3, 32, 15, 13], weight: [32, 1, 5, 5], options: { stride: 2, padding: 2, groups: 32 } },
  { name: 'depthwise_conv', x: [2, 16, 9, 9], weight: [16, 1, 3, 3], options: { stride: 1, padding: 1, groups: 16 } },
  { name: 'conv_product', x: [3, 24, 9, 7], weight: [40, 24, 1, 1], options: { stride: 1, padding: 0 } },
  { name: 'conv_product', x: [2, 40, 5, 5], weight: [24, 40, 1, 1], options: { stride: 1, padding: 0 } },
  { name: 'conv_product', x: [2, 16, 9, 8], weight: [24, 16, 1, 1], options: { stride: 2, padding: 0 } },
  { name: 'conv_product', x: [2, 16, 9, 8], weight: [24, 16, 3, 3], options: { stride: 1, padding: 1 } },
  { name: 'conv_product', x: [2, 16, 9, 8], weight: [8, 16, 3, 3], options: { stride: 2, padding: 1 } },
  // Nothing but borders.
  { name: 'conv_product', x: [2, 16, 1, 2], weight: [8, 16, 3, 3], options: { stride: 1, padding: 1 } },
  { name: 'conv_product', x: [2, 16, 2, 1], weight: [8, 16, 3, 3], options: { stride: 3, padding: 3 } },
])
  test(`rescaled::${name} in bfloat16 [${x.join(', ')}] by [${weight.join(', ')}]: values and gradients`, () => {
    const given = [maps(x), to(randn(weight, { generator: random }), { memoryFormat: 'channels_last' })] as const;
    given[1].requiresGrad = true;
    const double = [exact(given[0]), exact(to(given[1], { dtype: 'bfloat16' }))] as const;
    const ours = call<Tensor>(`rescaled::${name}`, [...given, options.stride, options.padding]);
    const theirs = conv2d(double[0], double[1], null, options);
    assert.equal(ours.dtype, 'bfloat16');
    near(ours, theirs, HALF, 'values');
    const [own, other] = slopes(ours, theirs, given, double);
    assert.deepEqual([own[0]!.dtype, own[1]!.dtype], ['bfloat16', 'float32']);
    near(own[0]!, other[0]!, HALF, 'gradient of x');
    // Our own loop of the 5x5 sums in float32 and rounds nothing; a product that oneDNN makes comes back in bfloat16.
    near(own[1]!, other[1]!, weight[2] === 5 ? SINGLE : HALF, 'gradient of the weight');
  });

test('in bfloat16 too the same bytes with any number of threads', () => {
  const before = getThreads();
  const given = [maps([4, 24, 33, 31]), vector(24, 1), vector(24), maps([4, 24, 33, 31])];
  const gate = maps([4, 24, 1, 1]);
  const kernel = randn([24, 1, 5, 5], { generator: random });
  const wide = maps([3, 32, 20, 21]);
  const wideKernel = randn([32, 1, 5, 5], { generator: random });
  for (const weight of [kernel, wideKernel]) weight.requiresGrad = true;
  try {
    const results = [1, 2, 3].map((threads) => {
      setThreads(threads);
      const kept = [zeros([24]), ones([24])];
      const [x, weight, bias, shortcut] = given;
      const out = call<Tensor>('rescaled::batch_norm_act', [x, weight, bias, ...kept, shortcut, 'silu', 0.3, 1e-3]);
      const scaled = call<Tensor>('rescaled::scale_add_relu', [x, gate, shortcut]);
      const grad = ones(out.shape, { dtype: 'bfloat16' });
      const convolved = call<Tensor>('rescaled::depthwise_conv', [wide, wideKernel, 1, 2]);
      return [
        ...kept,
        out,
        scaled,
        ...(gradients([out], given, { gradOutputs: [grad] }) as Tensor[]),
        ...(gradients([scaled], [x!, gate], { gradOutputs: [grad] }) as Tensor[]),
        ...(gradients([convolved], [wideKernel], {
          gradOutputs: [ones(convolved.shape, { dtype: 'bfloat16' })],
        }) as Tensor[]),
      ].map(values);
    });
    for (const other of results.slice(1)) assert.deepEqual(other, results[0]);
  } finally {
    setThreads(before);
  }
});

test('bfloat16: ties go to the even number, overflow to infinity, NaN stays one', () => {
  // A gate of 1 and no shortcut give back what was rounded: 1 + 2^-8 and 1 + 3 * 2^-8 lie between two numbers of bfloat16.
  const one = to(ones([1, 1, 1, 1]), { dtype: 'bfloat16' });
  const product = (x: number, by: number): number => {
    const [a, b] = [x, by].map((value) => to(mul(ones([1, 1, 1, 1]), value), { dtype: 'bfloat16' }));
    return values(call<Tensor>('rescaled::scale_add_relu', [a, b, mul(one, 0)]))[0]!;
  };
  assert.equal(product(1 + 2 ** -7, 1.5), 1.5 + 2 ** -6); // 1.5 + 1.5 * 2^-7, a tie
  assert.equal(product(1 + 3 * 2 ** -7, 1.5), 1.5 + 2 ** -5); // 1.5 + 4.5 * 2^-7, a tie
  assert.equal(product(3e38, 3e38), Number.POSITIVE_INFINITY);
  assert.ok(Number.isNaN(product(Number.NaN, 1)));
});
