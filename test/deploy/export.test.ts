import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { exportOnnx } from '../../src/deploy/onnx/export.js';
import { decodeModel } from '../../src/deploy/onnx/schema.js';
import { checkParity } from '../../src/deploy/parity.js';
import { OnnxSession } from '../../src/deploy/session.js';
import { RescaledError, UsageError } from '../../src/errors.js';
import { chain, loadNet } from './onnx-net.js';

const net = loadNet();
const folder = mkdtempSync(join(tmpdir(), 'rescaled-test-'));
after(() => rmSync(folder, { recursive: true, force: true }));

test('the exported file computes what PyTorch computes, at batch 1 and 3', async () => {
  const onnx = exportOnnx(net.trace, net.options);
  for (const batch of [1, 3]) {
    const { images, pictures: n, size, classes, logits: referenceLogits } = net;
    const parity = await checkParity({ onnx, images, n, size, classes, referenceLogits, batch, threads: 1 });
    assert.ok(parity.maxAbsDiff < 1e-4, `logits differ by ${parity.maxAbsDiff}`);
    assert.ok(parity.maxAbsDiffProbabilities! < 1e-5, `probabilities differ by ${parity.maxAbsDiffProbabilities}`);
    assert.equal(parity.top1Agreement, 1);
    assert.equal(parity.pictures, 3);
  }
});

test('batch norm after a convolution and zero padding before one leave no node', () => {
  const { graph } = decodeModel(exportOnnx(net.trace, net.options));
  const norms = graph.node.filter((node) => node.opType === 'BatchNormalization');
  // Of seven stay the one that follows an addition and the one whose convolution has another reader.
  assert.deepEqual(
    norms.map(({ input }) => input[1]),
    ['pre.weight', 'bn4.weight'],
  );
  // The one Pad left is that of the average pool whose padding counts.
  assert.equal(graph.node.filter((node) => node.opType === 'Pad').length, 1);
  const stem = graph.node.find((node) => node.opType === 'Conv')!;
  assert.deepEqual(stem.attribute.find(({ name }) => name === 'pads')!.ints, [0, 0, 1, 1]);
});

/** The trace with new ids for in-place results, which later calls read by the new id or still by the old one. */
function renumbered(readNew: boolean): typeof net.trace {
  const nodes = structuredClone(net.trace.nodes);
  const values = new Map(net.trace.values);
  const latest = new Map<number, number>();
  for (const node of nodes) {
    for (const arg of node.args) if (readNew && arg.kind === 'value') arg.id = latest.get(arg.id) ?? arg.id;
    if (!node.op.endsWith('_')) continue;
    const old = node.outputs[0]!;
    const fresh = 1000 + values.size;
    values.set(fresh, { ...values.get(old)!, id: fresh });
    latest.set(old, fresh);
    node.outputs = [fresh];
  }
  assert.ok(latest.size >= 4);
  return { ...net.trace, nodes, values };
}

test('an in-place result is followed whether the trace gives it the old id or a new one', () => {
  const expected = exportOnnx(net.trace, net.options);
  assert.deepEqual(exportOnnx(renumbered(true), net.options), expected);
  assert.deepEqual(exportOnnx(renumbered(false), net.options), expected);
});

test('what the output does not need is left out', () => {
  const side = {
    op: 'aten::sigmoid',
    overload: '',
    args: [{ kind: 'value' as const, id: net.trace.inputs[0]! }],
    outputs: [9999],
  };
  const trace = { ...net.trace, nodes: [side, ...net.trace.nodes] };
  const count = (model: Uint8Array) => decodeModel(model).graph.node.length;
  assert.equal(count(exportOnnx(trace, net.options)), count(exportOnnx(net.trace, net.options)));
});

test('no weight is left that no node reads, and none has the batch in its shape', () => {
  const { graph } = decodeModel(exportOnnx(net.trace, net.options));
  const read = new Set(graph.node.flatMap((node) => node.input));
  for (const { name } of graph.initializer) assert.ok(read.has(name), `${name} is not read`);
  assert.deepEqual(graph.input[0]!.type.tensorType.shape!.dim, [
    { dimParam: 'N' },
    { dimValue: 28 },
    { dimValue: 28 },
    { dimValue: 3 },
  ]);
  assert.deepEqual(
    graph.output.map(({ name }) => name),
    ['logits', 'probabilities'],
  );
});

test('the checker of the Python package onnx accepts the file', (t) => {
  const python = '/usr/bin/python3';
  if (spawnSync(python, ['-c', 'import onnx']).status !== 0) return t.skip('python3 cannot import onnx');
  const path = join(folder, 'net.onnx');
  writeFileSync(path, exportOnnx(net.trace, net.options));
  const script = [
    'import json, sys, onnx',
    'm = onnx.load(sys.argv[1])',
    'onnx.checker.check_model(m, full_check=True)',
    'print(json.dumps([m.ir_version, m.opset_import[0].version, m.producer_name, sorted(p.key for p in m.metadata_props)]))',
  ].join('\n');
  const run = spawnSync(python, ['-c', script, path], { encoding: 'utf8' });
  assert.equal(run.status, 0, run.stderr);
  assert.deepEqual(JSON.parse(run.stdout), [
    7,
    13,
    'rescaled',
    ['labels', 'preprocess', 'rescaled.version', 'training'],
  ]);
});

const tail = [
  { op: 'adaptive_avg_pool2d', args: [1], shape: [1, 3, 1, 1] },
  { op: 'view', args: [[1, 3]], shape: [1, 3] },
];
const options = (size: number) => ({
  ...net.options,
  output: { kind: 'classes' as const, labels: ['a', 'b', 'c'] },
  preprocess: { ...net.options.preprocess, size },
});

async function runs(trace: Parameters<typeof exportOnnx>[0], size: number): Promise<Float32Array> {
  const session = await OnnxSession.create(exportOnnx(trace, options(size)), 'test', { threads: 1 });
  const { values } = await session.run(new Uint8Array(2 * size * size * 3).fill(200), 2);
  await session.close();
  return values;
}

test('numbers, alpha and reshapes with the batch kept', async () => {
  const plain = await runs(chain([1, 3, 4, 4], tail), 4);
  const trace = chain(
    [1, 3, 4, 4],
    [
      { op: 'mul.Tensor', args: [3], shape: [1, 3, 4, 4] },
      { op: 'add.Scalar', args: [2, 0.5], shape: [1, 3, 4, 4] },
      { op: 'sub_.Scalar', args: [4], shape: [1, 3, 4, 4] },
      { op: 'div.Tensor', args: [2], shape: [1, 3, 4, 4] },
      { op: 'reshape', args: [[1, 3, 2, 8]], shape: [1, 3, 2, 8] },
      { op: 'mean.dim', args: [[-1], true], shape: [1, 3, 2, 1] },
      { op: 'max_pool2d', args: [[2, 1]], shape: [1, 3, 1, 1] },
      { op: 'mean.dim', args: [[3, 2]], shape: [1, 3] },
    ],
  );
  const changed = await runs(trace, 4);
  assert.equal(changed.length, 6);
  plain.forEach((x, i) => assert.ok(Math.abs((3 * x + 1 - 4) / 2 - changed[i]!) < 1e-5));
});

test('an operator without a conversion is named, with the nearest known one', () => {
  const trace = chain([1, 3, 4, 4], [{ op: 'avg_pool1d', args: [], shape: [1, 3, 4, 4] }, ...tail]);
  assert.throws(
    () => exportOnnx(trace, options(4)),
    (error: Error) => {
      assert.ok(error instanceof RescaledError);
      assert.match(error.message, /aten::avg_pool1d\. Did you mean "avg_pool2d"\?/);
      return true;
    },
  );
});

test('training mode, reshapes of the batch and other precisions are refused', () => {
  const shape = [1, 3, 4, 4];
  const cases: [Parameters<typeof chain>[1], RegExp][] = [
    [[{ op: 'dropout', args: [0.5, true], shape }, ...tail], /aten::dropout in training mode/],
    [
      [{ op: 'batch_norm', args: [null, null, null, null, true, 0.1, 1e-5, false], shape }, ...tail],
      /aten::batch_norm in training mode/,
    ],
    [[{ op: 'view', args: [[3, 1, 4, 4]], shape: [3, 1, 4, 4] }, ...tail], /keeps dimension 0/],
    [[{ op: 'adaptive_avg_pool2d', args: [[2, 2]], shape: [1, 3, 2, 2] }, ...tail], /output size of 1 x 1/],
  ];
  for (const [calls, message] of cases) assert.throws(() => exportOnnx(chain(shape, calls), options(4)), message);
  const half = chain(shape, [{ op: 'to.dtype', args: [5], shape }, ...tail]);
  half.values.set(1, { id: 1, shape, dtype: 'float16' });
  assert.throws(() => exportOnnx(half, options(4)), /expected float32 for the result of aten::to but it is float16/);
});

test('labels and size must fit the trace', () => {
  assert.throws(
    () => exportOnnx(net.trace, { ...net.options, output: { kind: 'classes', labels: ['one'] } }),
    (error: Error) => {
      assert.ok(error instanceof UsageError);
      assert.match(
        error.message,
        /expected \[n, 1\] \(there are 1 labels\) for the traced output but its shape is \[2, 5\]/,
      );
      return true;
    },
  );
  assert.throws(
    () => exportOnnx(net.trace, { ...net.options, preprocess: { ...net.options.preprocess, size: 32 } }),
    /\[n, 3, 32, 32\]/,
  );
});
