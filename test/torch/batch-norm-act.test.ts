import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  add,
  batchNorm,
  call,
  type DType,
  fromTypedArray,
  generator,
  getThreads,
  gradients,
  keep,
  mul,
  noGrad,
  ones,
  randn,
  relu,
  setThreads,
  silu,
  sum,
  type Tensor,
  to,
  zeros,
} from '../../src/torch/index.js';

type Kind = 'none' | 'relu' | 'silu' | 'leaky_relu';
const KINDS: readonly Kind[] = ['none', 'relu', 'silu', 'leaky_relu'];
const LEAK = 0.07;
const VARIANTS = KINDS.flatMap(
  (kind) =>
    [
      [kind, false],
      [kind, true],
    ] as const,
);

interface Inputs {
  x: Tensor;
  weight: Tensor;
  bias: Tensor;
  shortcut: Tensor;
  /** What the result is multiplied by before it is summed: the gradient that flows back. */
  grad: Tensor;
}
function inputs(
  dtype: DType,
  shape: readonly number[] = [3, 20, 5, 5],
  options: { mean?: number; format?: 'contiguous' | 'channels_last' } = {},
): Inputs {
  const random = generator(7);
  const c = shape[1]!;
  const draw = (size: readonly number[]): Tensor => randn(size, { dtype, generator: random });
  const picture = (): Tensor => to(draw(shape), { memoryFormat: options.format ?? 'channels_last' });
  const result = {
    x: add(picture(), options.mean ?? 0),
    weight: add(draw([c]), 1),
    bias: draw([c]),
    shortcut: picture(),
    grad: picture(),
  };
  for (const key of ['x', 'weight', 'bias', 'shortcut'] as const) result[key].requiresGrad = true;
  return result;
}
interface Running {
  mean: Tensor;
  variance: Tensor;
}
const running = ({ x }: Inputs): Running => ({
  mean: ones([x.shape[1]!], { dtype: x.dtype }),
  variance: mul(ones([x.shape[1]!], { dtype: x.dtype }), 3),
});

function fused(
  { x, weight, bias, shortcut }: Inputs,
  kind: Kind,
  added: boolean,
  { mean, variance }: Running,
  momentum = 0.1,
): Tensor {
  return call('rescaled::batch_norm_act', [
    x,
    weight,
    bias,
    mean,
    variance,
    added ? shortcut : null,
    kind,
    momentum,
    1e-3,
    LEAK,
  ]);
}
function plain(
  { x, weight, bias, shortcut }: Inputs,
  kind: Kind,
  added: boolean,
  { mean, variance }: Running,
  momentum = 0.1,
): Tensor {
  const y = batchNorm(x, weight, bias, mean, variance, true, momentum, 1e-3);
  const z = added ? add(y, shortcut) : y;
  if (kind === 'leaky_relu') return call('aten::leaky_relu', [z, LEAK]);
  return kind === 'relu' ? relu(z) : kind === 'silu' ? silu(z) : z;
}
const wanted = (given: Inputs, added: boolean): Tensor[] => [
  given.x,
  given.weight,
  given.bias,
  ...(added ? [given.shortcut] : []),
];
const slopes = (out: Tensor, given: Inputs, added: boolean): Tensor[] =>
  gradients([sum(mul(out, given.grad))], wanted(given, added)) as Tensor[];

function relative(actual: Tensor, expected: Tensor): number {
  const [a, b] = [actual.data() as Float64Array, expected.data() as Float64Array];
  assert.equal(a.length, b.length);
  let [off, size] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    off += (a[i]! - b[i]!) ** 2;
    size += b[i]! ** 2;
  }
  return Math.sqrt(off / size);
}
const bytes = (tensors: readonly Tensor[]): Buffer =>
  Buffer.concat(tensors.map((t) => Buffer.from((t.data() as Float32Array).buffer)));

// Oracle: PyTorch's own batch norm, addition and activation. 37 channels and 75 rows leave remainders of every unrolled
// loop.
for (const [dtype, tolerance] of [
  ['float64', 1e-12],
  ['float32', 1e-5],
] as const) {
  for (const [shape, format] of [
    [[3, 20, 5, 5], 'channels_last'],
    [[3, 37, 5, 5], 'contiguous'],
    [[2, 3, 61, 60], 'channels_last'],
    [[4, 600, 1, 1], 'channels_last'],
    [[2, 20, 3, 4, 5], 'channels_last'],
  ] as const) {
    test(`equals PyTorch's operators: values, gradients, running statistics; ${dtype} [${shape.join(', ')}] ${format}`, () => {
      for (const [kind, added] of VARIANTS) {
        const given = inputs(dtype, shape, { format });
        for (const momentum of [0.1, 1]) {
          const [ours, theirs] = [running(given), running(given)];
          const [a, b] = [fused(given, kind, added, ours, momentum), plain(given, kind, added, theirs, momentum)];
          assert.ok(a.isContiguous('channels_last'));
          assert.ok(relative(a, b) < tolerance, `${kind} ${added}: ${relative(a, b)}`);
          assert.ok(
            relative(ours.mean, theirs.mean) < tolerance && relative(ours.variance, theirs.variance) < tolerance,
            'running statistics',
          );
          const [da, db] = [slopes(a, given, added), slopes(b, given, added)];
          da.forEach((slope, i) =>
            assert.ok(
              relative(slope, db[i]!) < tolerance,
              `${kind} ${added}, gradient ${i}: ${relative(slope, db[i]!)}`,
            ),
          );
        }
      }
    });
  }
}

test('a mean 10,000 times the deviation: float32 statistics keep their digits', () => {
  const single = inputs('float32', [4, 8, 30, 30], { mean: 1e4 });
  const exact: Inputs = {
    ...single,
    x: to(single.x, { dtype: 'float64' }),
    weight: to(single.weight, { dtype: 'float64' }),
    bias: to(single.bias, { dtype: 'float64' }),
  };
  const [ours, reference] = [running(single), running(exact)];
  fused(single, 'none', false, ours, 1);
  plain(exact, 'none', false, reference, 1);
  assert.ok(relative(to(ours.variance, { dtype: 'float64' }), reference.variance) < 1e-6);
  assert.ok(relative(to(ours.mean, { dtype: 'float64' }), reference.mean) < 1e-7);
});

test('a first value far from the rest does not spoil the variance', () => {
  const single = inputs('float32', [2, 4, 40, 40]);
  noGrad(() => call('aten::index_fill_.int_Scalar', [single.x, 2, fromTypedArray(new BigInt64Array([0n]), [1]), 1e4]));
  const exact: Inputs = {
    ...single,
    x: to(single.x, { dtype: 'float64' }),
    weight: to(single.weight, { dtype: 'float64' }),
    bias: to(single.bias, { dtype: 'float64' }),
  };
  const [ours, reference] = [running(single), running(exact)];
  fused(single, 'none', false, ours, 1);
  plain(exact, 'none', false, reference, 1);
  assert.ok(relative(to(ours.variance, { dtype: 'float64' }), reference.variance) < 1e-5);
});

test('the gradient agrees with finite differences in float64', () => {
  for (const [kind, added] of VARIANTS) {
    const given = inputs('float64', [2, 3, 2, 2]);
    const exact = slopes(fused(given, kind, added, running(given)), given, added);
    const step = 1e-5;
    wanted(given, added).forEach((tensor, i) => {
      const slope = exact[i]!.data() as Float64Array;
      for (let k = 0; k < tensor.size; k++) {
        const shifted = (by: number): number => {
          const data = tensor.data() as Float64Array;
          data[k]! += by;
          const moved = fromTypedArray(data, tensor.shape);
          const changed = Object.fromEntries(
            Object.entries(given).map(([key, value]) => [key, value === tensor ? moved : (value as Tensor)]),
          ) as unknown as Inputs;
          return sum(mul(fused(changed, kind, added, running(given)), given.grad)).item();
        };
        const numeric = (shifted(step) - shifted(-step)) / (2 * step);
        assert.ok(
          Math.abs(numeric - slope[k]!) < 1e-7,
          `${kind} ${added}, input ${i}, element ${k}: ${slope[k]} against ${numeric}`,
        );
      }
    });
  }
});

test('silu holds from one end of float32 to the other', () => {
  const values = new Float32Array([
    -1e4, -200, -89, -88, -87, -50, -20, -1, -1e-3, 0, 1e-3, 1, 20, 87, 88, 200, 1e4, 2.5,
  ]);
  // Two rows of opposite sign have mean 0 and deviation |v|; the weight then gives back the value.
  const x = fromTypedArray(new Float32Array([...values, ...values.map((v) => -v)]), [2, values.length, 1, 1]);
  const one = ones([values.length]);
  const out = call<Tensor>('rescaled::batch_norm_act', [
    x,
    fromTypedArray(values.map(Math.abs), [values.length]),
    zeros([values.length]),
    one,
    one,
    null,
    'silu',
    1,
    0,
  ]).data() as Float32Array;
  values.forEach((v, i) => {
    if (v === 0) return; // 0/0: no deviation and no eps
    const expected = v / (1 + Math.exp(-v));
    assert.ok(
      Math.abs(out[i]! - expected) <= 1e-6 * Math.abs(expected) + 1e-34,
      `silu(${v}) = ${out[i]}, expected ${expected}`,
    );
  });
});

test('NaN passes through, so that a run can stop at it', () => {
  for (const kind of KINDS) {
    const given = inputs('float32', [2, 2, 3, 3]);
    noGrad(() => call('aten::index_fill_.int_Scalar', [given.x, 1, fromTypedArray(new BigInt64Array([1n]), [1]), NaN]));
    const out = fused(given, kind, false, running(given)).data() as Float32Array;
    assert.deepEqual(
      [...out].map(Number.isNaN),
      Array.from({ length: 36 }, (_, i) => Math.floor(i / 9) % 2 === 1),
      kind,
    );
  }
});

test('the same bytes on every run and with any number of threads', () => {
  const before = getThreads();
  try {
    for (const [kind, added] of VARIANTS) {
      const results = [1, 2, 3, 2].map((count) => {
        setThreads(count);
        const given = inputs('float32', [4, 24, 33, 31]);
        const kept = running(given);
        const out = fused(given, kind, added, kept);
        return bytes([out, kept.mean, kept.variance, ...slopes(out, given, added)]);
      });
      for (const other of results.slice(1)) assert.ok(other.equals(results[0]!), `${kind} ${added}`);
    }
  } finally {
    setThreads(before);
  }
});

test('inputs that need no gradient, and a gradient that is not in channels_last', () => {
  for (const [kind, added] of VARIANTS) {
    const given = inputs('float64');
    given.x.requiresGrad = false;
    given.shortcut.requiresGrad = false;
    const grad = to(given.grad, { memoryFormat: 'contiguous' });
    const pick = (out: Tensor): Tensor[] =>
      gradients([out], [given.weight, given.bias], { gradOutputs: [grad] }) as Tensor[];
    const [ours, theirs] = [
      pick(fused(given, kind, added, running(given))),
      pick(plain(given, kind, added, running(given))),
    ];
    ours.forEach((slope, i) => assert.ok(relative(slope, theirs[i]!) < 1e-12, `${kind} ${added} ${i}`));
    assert.equal(noGrad(() => fused(given, kind, added, running(given))).requiresGrad, false);
  }
});

test('a second derivative is refused, not silently wrong', () => {
  const given = inputs('float64');
  const out = fused(given, 'silu', false, running(given));
  assert.throws(
    () => gradients([sum(out)], [given.x], { createGraph: true }),
    /batch_norm_act has no second derivative/,
  );
});

test('a running statistic that another backward pass needs is not changed unseen', () => {
  const given = inputs('float64');
  const kept = running(given);
  const evaluated = batchNorm(given.x, given.weight, given.bias, kept.mean, kept.variance, false, 0.1, 1e-3);
  fused(given, 'relu', false, kept);
  assert.throws(() => gradients([sum(evaluated)], [given.x]), /modified by an inplace operation/);
});

test('mistakes are named', () => {
  const given = inputs('float32');
  const kept = running(given);
  const wrong = (change: Partial<Inputs>, kind = 'relu', stats = kept): unknown => {
    const all = { ...given, ...change };
    return call('rescaled::batch_norm_act', [
      all.x,
      all.weight,
      all.bias,
      stats.mean,
      stats.variance,
      all.shortcut,
      kind,
      0.1,
      1e-3,
    ]);
  };
  assert.throws(
    () => wrong({ x: keep(randn([20, 5])) }),
    /expected x of shape \[N, C, H, W\] or \[N, C, T, H, W\] but received \[20, 5\]/,
  );
  assert.throws(() => wrong({ weight: ones([3]) }), /expected weight of shape \[20\]/);
  assert.throws(() => wrong({ bias: ones([20], { dtype: 'float64' }) }), /expected bias in Float for x in Float/);
  assert.throws(() => wrong({}, 'relu', { ...kept, variance: ones([1, 20]) }), /expected running_var of shape \[20\]/);
  assert.throws(() => wrong({ shortcut: randn([3, 20, 5, 1]) }), /expected a shortcut of x's shape/);
  assert.throws(() => wrong({ x: to(given.x, { dtype: 'float16' }) }), /expected float32, float64 or bfloat16/);
  assert.throws(() => wrong({}, 'gelu'), /expected the activation none, relu, leaky_relu or silu but received gelu/);
  assert.throws(
    () => wrong({ x: randn([1, 20, 1, 1]), shortcut: randn([1, 20, 1, 1]) }),
    /Expected more than 1 value per channel when training, got input size \[1, 20, 1, 1\]/,
  );
  assert.throws(
    () => wrong({ x: randn([0, 20, 5, 5]), shortcut: randn([0, 20, 5, 5]) }),
    /Expected more than 1 value per channel/,
  );
});
