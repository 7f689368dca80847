import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exportOnnx } from '../../src/deploy/onnx/export.js';
import { toFloat16 } from '../../src/deploy/onnx/float16.js';
import { DataType, decodeModel, encodeModel } from '../../src/deploy/onnx/schema.js';
import { checkParity, isFloat16Near } from '../../src/deploy/parity.js';
import { RescaledError } from '../../src/errors.js';
import { float16Bits } from '../../src/weights/formats/dtypes.js';
import { chain, loadNet } from './onnx-net.js';

test('the bits of float16 are those of NumPy', () => {
  // numpy.float32(x).astype(numpy.float16).view(numpy.uint16)
  for (const [value, bits] of [
    [0, 0x0000],
    [-0, 0x8000],
    [1, 0x3c00],
    [-2, 0xc000],
    [1 / 3, 0x3555],
    [65504, 0x7bff],
    [65519, 0x7bff],
    [65520, 0x7c00],
    [-1e9, 0xfc00],
    [2 ** -14, 0x0400],
    [2 ** -24, 0x0001],
    [2 ** -25, 0x0000],
    [3 * 2 ** -25, 0x0002],
    [1 + 2 ** -11, 0x3c00],
    [1 + 3 * 2 ** -11, 0x3c02],
    [2047.5, 0x6800],
    [Number.POSITIVE_INFINITY, 0x7c00],
  ] as const)
    assert.equal(float16Bits(value).toString(16), bits.toString(16), `of ${value}`);
});

test('a file in float16 has half the weights, float32 ends, and nearly the same answers', async () => {
  const net = loadNet();
  const whole = exportOnnx(net.trace, net.options);
  const onnx = encodeModel(toFloat16(decodeModel(whole)));
  const { graph } = decodeModel(onnx);
  assert.ok(
    graph.initializer.every(
      ({ dims, dataType }) => dims.length !== 4 || dims[0] === 1 || dataType === DataType.FLOAT16,
    ),
  );
  const softmax = graph.node.find(({ opType }) => opType === 'Softmax')!;
  assert.deepEqual(softmax.input, ['logits']);
  // One way in and one out.
  assert.equal(graph.node.filter(({ opType }) => opType === 'Cast').length, 3);
  const { images, pictures: n, size, classes, logits: referenceLogits } = net;
  const parity = await checkParity({ onnx, images, n, size, classes, referenceLogits, threads: 1 });
  assert.ok(parity.maxAbsDiff > 1e-6, 'it was rounded');
  assert.ok(parity.maxAbsDiff < 0.01, `logits differ by ${parity.maxAbsDiff}`);
  assert.equal(parity.top1Agreement, 1);
  assert.ok(isFloat16Near(parity));
  assert.ok(!isFloat16Near({ ...parity, maxAbsDiff: 0.03 * parity.largest! }));
  assert.ok(!isFloat16Near({ maxAbsDiff: Number.POSITIVE_INFINITY, largest: 5, pictures: 1 }));
  assert.ok(!isFloat16Near({ maxAbsDiff: 0, boxAgreement: 0.9, pictures: 1 }));
});

test('a weight that float16 cannot hold is named', () => {
  const net = loadNet();
  const trace = chain(
    [2, 3, 28, 28],
    [
      { op: 'conv2d', args: ['heavy.weight', null, [1, 1], [0, 0], [1, 1], 1], shape: [2, 5, 1, 1] },
      { op: 'flatten.using_ints', args: [1, -1], shape: [2, 5] },
    ],
    { 'heavy.weight': [5, 3, 28, 28] },
  );
  const weight = [...trace.constants.values()][0]!.tensor.data() as Float32Array;
  weight[3] = 7e4;
  const model = decodeModel(exportOnnx(trace, net.options));
  assert.throws(
    () => toFloat16(model),
    (error: unknown) => {
      assert.ok(error instanceof RescaledError);
      assert.match(error.message, /at most 65504 for float16 but heavy\.weight has 70000/);
      return true;
    },
  );
});
