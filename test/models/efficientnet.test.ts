import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  createModel,
  type EfficientNet,
  type EfficientNetOptions,
  PUBLISHED_EFFICIENTNET,
  roundFilters,
} from '../../src/models/index.js';
import { fromTypedArray, liveTensors, manualSeed, scope } from '../../src/torch/index.js';
import { matchesFixture } from '../fixtures/compare.js';

const tiny = (options: Partial<EfficientNetOptions> = {}): EfficientNet =>
  createModel('efficientnet-b0', { width: 0.125, depth: 0.5, classes: 5, dropout: 0, stochasticDepth: 0, ...options });

// Oracle: efficientnet_reference.py and torchvision in PyTorch, float64 (make_efficientnet.py).
const variants: [name: string, options: Partial<EfficientNetOptions>][] = [
  ['even', {}],
  ['odd', {}],
  ['stem1', { stemStride: 1 }],
  ['symmetric', { padding: 'symmetric', normEpsilon: 1e-5 }],
];
for (const [name, options] of variants)
  describe(`efficientnet_${name} against PyTorch`, () => {
    for (const memoryFormat of ['contiguous', 'channels_last'] as const)
      test(`${memoryFormat}: logits, loss, gradients, running statistics`, () => {
        const before = liveTensors();
        const model = tiny(options);
        matchesFixture(model, 'efficientnet_params.safetensors', `efficientnet_${name}.safetensors`, memoryFormat);
        model.dispose();
        assert.equal(liveTensors(), before, 'every tensor is released');
      });
  });

test('the rate of stochastic depth of block i of N is rate * i / N', () => {
  const model = createModel('efficientnet-b0', { width: 0.125, classes: 5 });
  const rates = model.blocks
    .flatMap((stage) => [...stage])
    .map((block) => (block as unknown as { stochasticDepthRate: number }).stochasticDepthRate);
  // Sixteen blocks and a final rate of 0.2: the last one drops at 0.2 * 15/16.
  const expected = [
    0, 0.0125, 0.025, 0.0375, 0.05, 0.0625, 0.075, 0.0875, 0.1, 0.1125, 0.125, 0.1375, 0.15, 0.1625, 0.175, 0.1875,
  ];
  assert.deepEqual(
    rates.map((rate) => Number(rate.toFixed(12))),
    expected,
  );
  model.dispose();
});

test('in training a block with a shortcut keeps a sample as it was at its rate, and scales the others by 1/(1-rate)', () => {
  const rate = 0.3;
  const model = createModel('efficientnet-b0', { width: 0.125, classes: 5, stochasticDepth: (rate * 16) / 10 });
  // Block 10 of 16 is the second of the fifth stage's three: stride 1, equal widths.
  const block = [...model.blocks[4]!][2]!;
  assert.equal((block as unknown as { stochasticDepthRate: number }).stochasticDepthRate.toFixed(12), rate.toFixed(12));
  manualSeed(5);
  const n = 2000;
  scope(() => {
    const values = Float32Array.from({ length: n * 16 * 4 }, (_, i) => Math.sin(i * 1.7));
    const x = fromTypedArray(values, [n, 16, 2, 2]);
    const out = block.train().forward(x).data() as Float32Array;
    const dropped = Array.from({ length: n }, (_, i) =>
      out.subarray(i * 64, (i + 1) * 64).every((value, j) => value === values[i * 64 + j]),
    ).filter(Boolean).length;
    // Binomial: deviation sqrt(0.3 * 0.7 / 2000) = 0.0102; five of them.
    assert.ok(Math.abs(dropped / n - rate) < 0.052, `${dropped} of ${n} dropped`);
    // With the rate at 0 the same batch statistics give the whole branch, of which the kept samples hold 1/(1 - rate).
    (block as unknown as { stochasticDepthRate: number }).stochasticDepthRate = 0;
    const whole = block.forward(x).data() as Float32Array;
    let kept = 0;
    for (let i = 0; i < n; i++) {
      if (out[i * 64] === values[i * 64] && out[i * 64 + 1] === values[i * 64 + 1]) continue;
      kept++;
      for (let j = i * 64; j < (i + 1) * 64; j++) {
        const branch = (whole[j]! - values[j]!) / (1 - rate);
        assert.ok(
          Math.abs(out[j]! - values[j]! - branch) < 1e-4,
          `sample ${i}: ${out[j]! - values[j]!}, expected ${branch}`,
        );
      }
    }
    assert.equal(kept, n - dropped);
  });
  model.dispose();
});

test('a block whose stride or widths allow no shortcut drops nothing', () => {
  const model = createModel('efficientnet-b0', { width: 0.125, classes: 5, stochasticDepth: 0.9 });
  const first = [...model.blocks[5]!][0]! as unknown as {
    stochasticDepthRate: number;
    hasShortcut: boolean;
    training: boolean;
    forward: EfficientNet['forward'];
  };
  assert.ok(first.stochasticDepthRate > 0.5 && !first.hasShortcut);
  scope(() => {
    const x = fromTypedArray(
      Float32Array.from({ length: 64 * 16 * 16 }, (_, i) => Math.cos(i)),
      [64, 16, 4, 4],
    );
    model.train();
    const once = first.forward(x).data() as Float32Array;
    assert.deepEqual(first.forward(x).data(), once);
  });
  model.dispose();
});

test('widths are rounded to multiples of 8, never below 0.9 of the exact one', () => {
  // By hand: 32 * 1.1 = 35.2 -> 32 (32 >= 31.68); 24 * 1.1 = 26.4 -> 24 (>= 23.76); 80 * 0.125 = 10 -> 8 < 9, so 16.
  const cases: [filters: number, width: number, rounded: number][] = [
    [32, 1, 32],
    [32, 1.1, 32],
    [24, 1.1, 24],
    [40, 1.1, 48],
    [16, 1.4, 24],
    [32, 1.8, 56],
    [320, 1.6, 512],
    [1280, 2, 2560],
    [16, 0.25, 8],
    [24, 0.25, 8],
    [80, 0.125, 16],
    [40, 0.25, 16],
    [112, 0.25, 32],
  ];
  for (const [filters, width, rounded] of cases)
    assert.equal(roundFilters(filters, width), rounded, `${filters} * ${width}`);
});

test('blocks per stage are ceil(depth * repeat)', () => {
  const blocks = (depth: number): number[] => {
    const model = createModel('efficientnet-b0', { width: 0.125, depth, classes: 5 });
    model.dispose();
    return model.blocks.map((stage) => [...stage].length);
  };
  assert.deepEqual(blocks(1.1), [2, 3, 3, 4, 4, 5, 2]);
  assert.deepEqual(blocks(3.1), [4, 7, 7, 10, 10, 13, 4]);
  const total = PUBLISHED_EFFICIENTNET.map(({ depth }) => blocks(depth).reduce((a, b) => a + b));
  assert.deepEqual(total, [16, 23, 23, 26, 32, 39, 45, 55]); // 16 to 55 blocks: reference table, mbconv_blocks
});
