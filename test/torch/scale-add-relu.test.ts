import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BatchNorm2d, squeeze } from '../../src/nn/index.js';
import {
  add,
  call,
  type DType,
  fromTypedArray,
  generator,
  gradients,
  mul,
  randn,
  relu,
  sum,
  type Tensor,
  to,
} from '../../src/torch/index.js';

function inputs(dtype: DType, n = 3, c = 20, sides: readonly number[] = [5, 5]): [Tensor, Tensor, Tensor, Tensor] {
  const random = generator(11);
  const draw = (shape: number[]): Tensor => {
    const x = to(randn(shape, { dtype, generator: random }), { memoryFormat: 'channels_last' });
    x.requiresGrad = true;
    return x;
  };
  return [
    draw([n, c, ...sides]),
    draw([n, c, ...sides.map(() => 1)]),
    draw([n, c, ...sides]),
    to(randn([n, c, ...sides], { dtype, generator: random }), { memoryFormat: 'channels_last' }),
  ];
}

const largestDifference = (a: Tensor, b: Tensor): number => {
  const [x, y] = [a.data() as Float64Array, b.data() as Float64Array];
  return x.reduce((worst, value, i) => Math.max(worst, Math.abs(value - y[i]!)), 0);
};

for (const [dtype, tolerance] of [
  ['float64', 1e-12],
  ['float32', 1e-5],
] as const) {
  for (const sides of [
    [5, 5],
    [3, 4, 5],
  ])
    test(`the fused end of a block equals PyTorch's operators, values and gradients, ${dtype}, ${sides.join('x')}`, () => {
      const [x, gate, shortcut, weight] = inputs(dtype, 3, 20, sides);
      const fused = call<Tensor>('rescaled::scale_add_relu', [x, gate, shortcut]);
      const plain = relu(add(mul(x, gate), shortcut));
      assert.ok(largestDifference(fused, plain) < tolerance);
      assert.ok(fused.isContiguous('channels_last'));
      const ours = gradients([sum(mul(fused, weight))], [x, gate, shortcut]);
      const theirs = gradients([sum(mul(plain, weight))], [x, gate, shortcut]);
      for (let i = 0; i < 3; i++) assert.ok(largestDifference(ours[i]!, theirs[i]!) < tolerance, `gradient ${i}`);
      const [a, b] = [call<Tensor>('rescaled::scale', [x, gate]), mul(x, gate)].map((out) =>
        gradients([out], [x, gate], { gradOutputs: [weight] }),
      );
      for (let i = 0; i < 2; i++) assert.ok(largestDifference(a![i]!, b![i]!) < tolerance * 10, `scale, gradient ${i}`);
    });
}

test('the gradient agrees with finite differences in float64', () => {
  const [x, gate, shortcut, weight] = inputs('float64', 1, 3, [2, 2]);
  const value = (a: Tensor, b: Tensor, c: Tensor): number =>
    sum(mul(call<Tensor>('rescaled::scale_add_relu', [a, b, c]), weight)).item();
  const all = [x, gate, shortcut] as const;
  const exact = gradients([sum(mul(call<Tensor>('rescaled::scale_add_relu', [...all]), weight))], [...all]);
  const step = 1e-6;
  all.forEach((tensor, i) => {
    const slope = exact[i]!.data() as Float64Array;
    for (let k = 0; k < tensor.size; k++) {
      const shifted = (by: number): number => {
        const data = tensor.data() as Float64Array;
        data[k]! += by;
        const moved = fromTypedArray(data, tensor.shape);
        return value(...(all.map((other, j) => (j === i ? moved : other)) as [Tensor, Tensor, Tensor]));
      };
      const numeric = (shifted(step) - shifted(-step)) / (2 * step);
      assert.ok(Math.abs(numeric - slope[k]!) < 1e-6, `input ${i}, element ${k}: ${slope[k]} against ${numeric}`);
    }
  });
});

for (const [dtype, tolerance] of [
  ['float64', 1e-12],
  ['float32', 1e-5],
] as const) {
  test(`scaling alone equals PyTorch's product, values and gradients, ${dtype}`, () => {
    const [x, gate, , weight] = inputs(dtype);
    for (const [picture, grad] of [
      [x, weight],
      [to(x, { memoryFormat: 'contiguous' }), to(weight, { memoryFormat: 'contiguous' })],
    ] as const) {
      const [ours, theirs] = [call<Tensor>('rescaled::scale', [picture, gate]), mul(picture, gate)];
      assert.ok(ours.isContiguous('channels_last'));
      assert.equal(largestDifference(ours, theirs), 0);
      const [a, b] = [ours, theirs].map((out) => gradients([out], [x, gate], { gradOutputs: [grad] }));
      for (let i = 0; i < 2; i++) assert.ok(largestDifference(a![i]!, b![i]!) < tolerance * 10, `gradient ${i}`);
    }
    const [onlyGate] = gradients(
      [call<Tensor>('rescaled::scale', [to(weight, { memoryFormat: 'channels_last' }), gate])],
      [gate],
      { gradOutputs: [weight] },
    );
    assert.ok(
      largestDifference(onlyGate!, call<Tensor>('aten::sum.dim_IntList', [mul(weight, weight), [2, 3], true])) <
        tolerance * 10,
    );
  });
}

test('the mean of squeeze-excite and its gradient while training equal the pooling of evaluation', () => {
  for (const sides of [
    [5, 5],
    [3, 4, 5],
  ]) {
    const [x, gate] = inputs('float64', 3, 20, sides);
    const [ours, theirs] = [squeeze(x, true), squeeze(x, false)];
    assert.ok(largestDifference(ours, theirs) < 1e-14);
    const [a, b] = [ours, theirs].map((out) => gradients([add(sum(mul(out, gate)), sum(mul(x, x)))], [x])[0]!);
    assert.ok(largestDifference(a!, b!) < 1e-14);
  }
});

test('what batch norm made is computed again of its input: the gradients are the same', () => {
  for (const [dtype, tolerance] of [
    ['float64', 1e-12],
    ['float32', 1e-5],
    ['bfloat16', 1e-9],
  ] as const) {
    const [before, gate, shortcut, weight] = inputs(dtype);
    const own = dtype === 'float64' ? dtype : 'float32';
    const norm = new BatchNorm2d(20);
    norm.train();
    for (const key of ['weight', 'bias', 'running_mean', 'running_var'] as const)
      norm[key] = randn([20], { dtype: own, generator: generator(2) });
    const y = norm.forward(before);
    const slopes = (x: Tensor): Tensor[] =>
      gradients([call<Tensor>('rescaled::scale_add_relu', [x, gate, shortcut])], [x, gate, shortcut], {
        gradOutputs: [weight],
        retainGraph: true,
      }) as Tensor[];
    const again = slopes(y);
    // A copy has no node that it is made again by.
    const plain = slopes(call('aten::clone', [y]));
    const difference = (i: number) =>
      largestDifference(to(plain[i]!, { dtype: 'float64' }), to(again[i]!, { dtype: 'float64' }));
    for (let i = 0; i < 3; i++) assert.ok(difference(i) < tolerance, `${dtype}, gradient ${i}: ${difference(i)}`);
  }
});

test('a NaN stays one', () => {
  for (const dtype of ['float64', 'float32'] as const) {
    const [x, gate, shortcut] = inputs(dtype, 1, 2, [1, 1]);
    const bad = mul(x, NaN);
    assert.ok(
      (call<Tensor>('rescaled::scale_add_relu', [bad, gate, shortcut]).data() as Float64Array).every(Number.isNaN),
    );
  }
});

test('a second derivative is refused, not silently wrong', () => {
  const [x, gate, shortcut] = inputs('float64');
  for (const out of [
    call<Tensor>('rescaled::scale_add_relu', [x, gate, shortcut]),
    call<Tensor>('rescaled::scale', [x, gate]),
  ])
    assert.throws(() => gradients([sum(out)], [x], { createGraph: true }), /has no second derivative/);
});

test('wrong shapes are named', () => {
  const [x, gate] = inputs('float32');
  assert.throws(() => call('rescaled::scale', [x, x]), /expected a gate of shape/);
  assert.throws(() => call('rescaled::scale', [x, to(gate, { dtype: 'float64' })]), /expected x and gate of one dtype/);
  assert.throws(() => call('rescaled::scale_add_relu', [x, x, x]), /expected a gate of shape/);
  assert.throws(() => call('rescaled::scale_add_relu', [x, gate, gate]), /expected x and shortcut of one shape/);
});
