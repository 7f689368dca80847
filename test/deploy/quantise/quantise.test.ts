// What onnxruntime.quantization makes of the same network is the oracle: test/fixtures/make_int8_fixture.py.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { DataType, decodeModel, encodeModel } from '../../../src/deploy/onnx/schema.js';
import {
  answersOf,
  calibrate,
  layerErrors,
  lowered,
  relativeError,
  roundings,
} from '../../../src/deploy/quantise/calibrate.js';
import { layersOf } from '../../../src/deploy/quantise/layers.js';
import { classesOf, expectedLoss, fewest, lower } from '../../../src/deploy/quantise/lower.js';
import { quantise, quantiseWeights, type Range, scaleOf } from '../../../src/deploy/quantise/qdq.js';
import { Histogram } from '../../../src/deploy/quantise/ranges.js';
import { packageRoot } from '../../../src/package-root.js';

interface Fixture {
  size: number;
  classes: number;
  pictures: number;
  model: string;
  images: string;
  floatLogits: number[];
  int8Logits: number[];
  activations: Record<string, [scale: number, zeroPoint: number]>;
  layers: Record<string, { weights: number[]; scales: number[]; bias: number[] }>;
}

const fixture = JSON.parse(
  gunzipSync(readFileSync(join(packageRoot, 'test/fixtures/int8.json.gz'))).toString(),
) as Fixture;
const file = new Uint8Array(Buffer.from(fixture.model, 'base64'));
const model = decodeModel(file);
const views = {
  images: new Uint8Array(Buffer.from(fixture.images, 'base64')),
  n: fixture.pictures,
  size: fixture.size,
};
const one = { threads: 1 };
const calibrated = await calibrate(model, { views, heldOut: views, answer: 'logits' }, one);
/** Of the smallest and largest value, as the oracle takes them. */
const minMax = await (async () => {
  const ranges = new Map<string, Range>();
  for (const [name, [scale, zeroPoint]] of Object.entries(fixture.activations))
    ranges.set(name, { low: -zeroPoint * scale, high: (255 - zeroPoint) * scale });
  return ranges;
})();

test('layers are those that ONNX Runtime has in int8, a ReLU with what it follows', () => {
  const told = layersOf(model.graph).map(
    ({ name, nodes }) => `${name}: ${nodes.map(({ opType }) => opType).join('+')}`,
  );
  assert.deepEqual(told, [
    'stem: Conv+Relu',
    'block.conv1: Conv+Relu',
    'block.conv2: Conv',
    'globalaveragepool after block.conv2: GlobalAveragePool',
    'block.gate: Conv',
    'sigmoid after block.gate: Sigmoid',
    'mul after block.conv2: Mul',
    'add after block.conv2: Add+Relu',
    'globalaveragepool after block.conv2 (2): GlobalAveragePool',
    'flatten after block.conv2: Flatten',
    'fc: Gemm',
  ]);
});

test('scales, weights and biases are those of onnxruntime.quantization', async () => {
  const { layers } = calibrated;
  const { model: int8, tensors } = quantise(model, layers, minMax);
  for (const [name, { scale, zeroPoint }] of tensors) {
    const [theirs, zero] = fixture.activations[name]!;
    assert.ok(Math.abs(scale / theirs - 1) < 1e-6, `${name}: ${scale} against ${theirs}`);
    assert.equal(zeroPoint, zero, name);
  }
  const stored = new Map(int8.graph.initializer.map((tensor) => [tensor.name, tensor]));
  const bytes = (name: string): ArrayBuffer => new Uint8Array(stored.get(name)!.rawData).buffer;
  for (const [name, { weights, scales, bias }] of Object.entries(fixture.layers)) {
    assert.deepEqual([...new Int8Array(bytes(`${name}.weight_int8`))], weights, name);
    const ours = new Float32Array(bytes(`${name}.weight_scale`));
    scales.forEach((scale, o) => assert.ok(Math.abs(ours[o]! / scale - 1) < 1e-6));
    // One unit of a sum of products is far below one of the output.
    new Int32Array(bytes(`${name}.bias_int32`)).forEach((value, o) => assert.ok(Math.abs(value - bias[o]!) <= 1));
  }
  const answers = await answersOf(int8, 'logits', views, one);
  // The oracle rounds the logits too, to multiples of 0.017.
  fixture.int8Logits.forEach((logit, i) => assert.ok(Math.abs(answers[i]! - logit) < 0.02, `${answers[i]} ${logit}`));
});

test('calibration sees the values that the network has', () => {
  for (const [name, { low, high }] of calibrated.ranges) {
    const expected = minMax.get(name);
    if (expected === undefined) continue;
    const step = (expected.high - expected.low) / 255;
    assert.ok(low >= expected.low - step && high <= expected.high + step, `${name}: ${low} to ${high}`);
    assert.ok(high - low > 0.5 * (expected.high - expected.low));
  }
  const least = Math.min(...Object.values(calibrated.errors));
  assert.equal(calibrated.errors[calibrated.method], least);
  assert.ok(least > 0 && least < 0.01, `error ${least}`);
});

test('weights lie in the file as int8 alone, and the same pictures make the same bytes', async () => {
  const { model: int8 } = lowered(calibrated);
  for (const { name, dims, dataType } of int8.graph.initializer)
    assert.ok(dims.length !== 4 || dims[0] === 1 || dataType === DataType.INT8, `${name} is of type ${dataType}`);
  // ... and constants of the normalisation for a whole row, which ONNX Runtime is fast on.
  for (const name of ['mean', 'std'])
    assert.deepEqual(int8.graph.initializer.find((tensor) => tensor.name === name)!.dims, [1, 3, 1, fixture.size]);
  const again = await calibrate(decodeModel(file), { views, heldOut: views, answer: 'logits' }, one);
  assert.deepEqual(encodeModel(lowered(again).model), encodeModel(int8));
});

test('a layer left in float32 reads its own weights, and what follows it is rounded as before', async () => {
  const { model: mixed, tensors } = lowered(calibrated, new Set(['block.conv1', 'fc']));
  const reads = (name: string): string[] => mixed.graph.node.find(({ name: own }) => own === name)!.input;
  assert.equal(reads('block.conv1')[1], 'block.conv1.weight');
  assert.equal(reads('block.conv1')[0], 'a.dequantised');
  assert.equal(reads('block.conv2')[1], 'block.conv2.weight.dequantised');
  assert.ok(tensors.has('b'), 'what block.conv2 reads is rounded');
  assert.ok(mixed.graph.node.some(({ input }) => input[1] === 'fc.weight'));
  const wanted = Float32Array.from(fixture.floatLogits);
  const [all, less] = [
    relativeError(wanted, await answersOf(lowered(calibrated).model, 'logits', views, one)),
    relativeError(wanted, await answersOf(mixed, 'logits', views, one)),
  ];
  assert.ok(less > 0 && less < all, `${less} against ${all}`);
});

test('without any layer in int8 the network computes what it did', async () => {
  const { layers } = calibrated;
  const none = lowered(calibrated, new Set(layers.map(({ name }) => name)));
  assert.equal(none.tensors.size, 0);
  const answers = await answersOf(none.model, 'logits', views, one);
  fixture.floatLogits.forEach((logit, i) => assert.ok(Math.abs(answers[i]! - logit) < 1e-5));
});

test('the error of a layer is measured where it arises', async () => {
  const errors = await layerErrors(calibrated, lowered(calibrated), views, one);
  const of = new Map(errors.map(({ layer, sqnr }) => [layer, sqnr!]));
  assert.ok(of.get('stem')! > 30, `stem ${of.get('stem')} dB`);
  assert.ok(of.get('add after block.conv2')! < of.get('stem')!);
  assert.ok(!of.has('fc') && !of.has('flatten after block.conv2'));
});

test('the rounding of a tensor is heard in the answer; around it stand those that make and read it', async () => {
  const found = await roundings(calibrated, { views, answer: 'logits' }, one, () => {});
  const around = (layer: string, i = 0): readonly string[] => found.filter((each) => each.layer === layer)[i]!.around;
  assert.deepEqual(around('block.conv1'), ['block.conv1', 'block.conv2']);
  // What Flatten passes on is the same tensor.
  const pooled = 'globalaveragepool after block.conv2 (2)';
  assert.deepEqual(around(pooled), [pooled, 'flatten after block.conv2', 'fc']);
  // The picture, which no layer makes, and what the stem makes of it.
  const stem = ['stem', 'block.conv1', 'add after block.conv2'].join();
  assert.deepEqual([around('stem').join(), around('stem', 1).join()].sort(), ['stem', stem].sort());
  assert.ok(found.every(({ alone }, i) => alone > 20 && (i === 0 || alone >= found[i - 1]!.alone)));
});

test('layers go back to float32 until int8 costs no more than is allowed', async () => {
  const notes: string[] = [];
  const labels = classesOf(Float32Array.from(fixture.floatLogits), views.n);
  const about = { calibration: views, heldOut: views, judged: { ...views, labels }, ...one };
  const onNote = (text: string): void => void notes.push(text);
  const easy = await lower(file, { ...about, limits: { lost: 1, expected: 1, error: 1 }, onNote });
  assert.deepEqual(easy.float, []);
  assert.deepEqual(easy.cost, easy.costOfAll);
  const limit = easy.cost.error / 2;
  const strict = await lower(file, { ...about, limits: { lost: 0, expected: 1, error: limit }, onNote });
  assert.ok(strict.float.length > 0 && strict.float.length < strict.layers);
  assert.ok(strict.cost.error <= limit && strict.costOfAll.error > limit);
  // None of the six gets another class.
  assert.deepEqual([easy.cost.lost, easy.cost.expected], [0, 0]);
  const noLabels = await lower(file, {
    ...{ ...about, judged: views, onNote },
    limits: { lost: 1, expected: -1, error: 1 },
  });
  assert.ok(noLabels.float.length >= noLabels.layers - 1, 'nothing is enough for a limit that cannot be met');
  assert.ok(strict.errors.filter(({ alone }) => alone !== undefined).length >= 9);
  assert.ok(notes.some((text) => text.includes('looking for the layers that hurt')));
});

test('what is expected to be lost, by hand', () => {
  // Probabilities 0.6, 0.3, 0.1 of the first picture; the second keeps its class.
  const wanted = Float32Array.from([0.6, 0.3, 0.1, 0.2, 0.7, 0.1].map(Math.log));
  const given = Float32Array.of(0, 1, 0.5, 0, 1, 0);
  const { loss, high } = expectedLoss(wanted, given, 2);
  assert.ok(Math.abs(loss - 0.15) < 1e-6, `${loss}`);
  // 0.3 and 0: their standard deviation is 0.15.
  assert.ok(Math.abs(high - (0.15 + (1.96 * 0.15) / Math.sqrt(2))) < 1e-6, `${high}`);
  assert.deepEqual(expectedLoss(wanted, wanted, 2), { loss: 0, high: 0 });
});

test('the fewest layers are found by doubling and halving', async () => {
  for (const [need, most] of [
    [1, 9],
    [5, 9],
    [9, 9],
    [1, 1],
    [20, 9],
  ] as const) {
    let asked = 0;
    const found = await fewest(most, async (count) => {
      asked++;
      return count >= need;
    });
    assert.equal(found, Math.min(need, most));
    assert.ok(asked <= 8);
  }
});

test('scales hold 0, and weights are symmetric for each channel', () => {
  assert.deepEqual(scaleOf({ low: -1, high: 4.1 }), { scale: Math.fround(5.1 / 255), zeroPoint: 50 });
  assert.deepEqual(scaleOf({ low: 2, high: 5.1 }), { scale: Math.fround(0.02), zeroPoint: 0 });
  assert.deepEqual(scaleOf({ low: -5.1, high: -1 }), { scale: Math.fround(0.02), zeroPoint: 255 });
  assert.deepEqual(scaleOf({ low: 0, high: 0 }), { scale: 1, zeroPoint: 0 });
  // By hand: 127 / 127 and 0.254 / 127 are the units; halves go to the even side.
  const { weights, scales, bias } = quantiseWeights(
    Float32Array.of(127, -63.5, 2.5, 0.254, -0.002, 0.001),
    2,
    0.5,
    Float32Array.of(3, -1),
  );
  assert.deepEqual([...weights].slice(0, 5), [127, -64, 2, 127, -1]);
  assert.ok(Math.abs(scales[0]! - 1) < 1e-6 && Math.abs(scales[1]! - 0.002) < 1e-8);
  assert.deepEqual([...bias!], [6, -1000]);
  // A channel of no weights: its bias still fits into int32.
  const empty = quantiseWeights(new Float32Array(3), 1, 0.01, Float32Array.of(-7));
  assert.ok(Math.abs(empty.bias![0]! * 0.01 * empty.scales[0]! + 7) < 1e-5);
  assert.deepEqual([...empty.weights], [0, 0, 0]);
});

test('ranges by percentile and by least error, with an outlier', () => {
  // 100,000 values evenly between -1 and 3, and one of 40.
  const values = Float32Array.from({ length: 100_001 }, (_, i) => (i === 7 ? 40 : -1 + (4 * i) / 100_000));
  const histogram = new Histogram();
  assert.ok(histogram.widen(values));
  histogram.count(values);
  assert.deepEqual(histogram.range('min-max'), { low: -1, high: 40 });
  const width = 41 / 2048;
  // 5 of 100,001 are cut off at each end.
  const { low, high } = histogram.range('percentile-99.99');
  assert.ok(Math.abs(low + 1) <= width && Math.abs(high - 3) <= width, `${low} to ${high}`);
  // By hand: (h + 1)^2 / (255^2 12) + (40 - h)^2 / 100,001 is least at h = 35.34; ends are tried in hundredths.
  const least = histogram.range('mse');
  assert.ok(Math.abs(least.low + 1) < 0.06, `low ${least.low}`);
  assert.ok(Math.abs(least.high - 35.34) < 0.4, `high ${least.high}`);
  assert.ok(!new Histogram().widen(Float32Array.of(1, Number.NaN)));
  assert.ok(!new Histogram().widen(Float32Array.of(1, Number.POSITIVE_INFINITY)));
});
