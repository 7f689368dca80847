import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExportOptions } from '../../src/deploy/onnx/export.js';
import { packageRoot } from '../../src/package-root.js';
import type { TraceArg, TraceGraph, TraceNode } from '../../src/torch/trace.js';

/** The network of test/fixtures/make_onnx_fixture.py as a trace, with what PyTorch computes for `images`. */
export interface OnnxNet {
  trace: TraceGraph;
  options: ExportOptions;
  size: number;
  classes: number;
  pictures: number;
  /** [pictures, size, size, 3] */
  images: Uint8Array;
  /** [pictures, classes] */
  logits: Float32Array;
}

interface FixtureRecord {
  size: number;
  classes: number;
  pictures: number;
  mean: [number, number, number];
  std: [number, number, number];
  inputs: number[];
  outputs: number[];
  values: Record<string, number[]>;
  constants: Record<string, string>;
  nodes: TraceNode[];
  tensors: Record<string, { shape: number[]; offset: number }>;
}

const fixtures = join(packageRoot, 'test/fixtures');

export function loadNet(): OnnxNet {
  const record = JSON.parse(readFileSync(join(fixtures, 'onnx-net.json'), 'utf8')) as FixtureRecord;
  const bytes = new Uint8Array(readFileSync(join(fixtures, 'onnx-net.bin')));
  const floats = (name: string) => {
    const { shape, offset } = record.tensors[name]!;
    return new Float32Array(
      bytes.buffer,
      offset,
      shape.reduce((a, b) => a * b, 1),
    );
  };
  const constants = Object.entries(record.constants).map(
    ([id, name]) => [Number(id), { name, tensor: fakeTensor(floats(name), record.tensors[name]!.shape) }] as const,
  );
  const { size, classes, pictures, mean, std } = record;
  return {
    trace: {
      inputs: record.inputs,
      outputs: record.outputs,
      nodes: record.nodes,
      values: new Map(
        Object.entries(record.values).map(([id, shape]) => [Number(id), { id: Number(id), shape, dtype: 'float32' }]),
      ),
      constants: new Map(constants),
    },
    options: {
      output: { kind: 'classes' as const, labels: Array.from({ length: classes }, (_, k) => `class ${k}`) },
      preprocess: { size, evalCrop: 0.875, mean, std },
      training: { model: 'test-net', dataset: 'none', trainImages: 0, epochs: 1, top1: 0.5, weights: 'ema', seed: 3 },
    },
    size,
    classes,
    pictures,
    images: bytes.subarray(record.tensors.images!.offset).subarray(0, pictures * size * size * 3),
    logits: floats('logits'),
  };
}

type ConstantTensor = TraceGraph['constants'] extends Map<number, { tensor: infer T }> ? T : never;

/** What the writer reads of a tensor, without the engine. */
export function fakeTensor(data: Float32Array, shape: readonly number[]): ConstantTensor {
  return { data: () => data, shape, dtype: 'float32' } as unknown as ConstantTensor;
}

/** A trace of one chain of calls: value 0 is the input of `shape`, call i makes value i + 1. */
export function chain(
  shape: readonly number[],
  calls: { op: string; args: unknown[]; shape: readonly number[] }[],
  weights: Record<string, number[]> = {},
): TraceGraph {
  const shapes = [shape, ...calls.map((call) => call.shape)];
  const names = Object.keys(weights);
  return {
    inputs: [0],
    outputs: [calls.length],
    values: new Map(shapes.map((each, id) => [id, { id, shape: each, dtype: 'float32' }])),
    constants: new Map(
      names.map((name, i) => [100 + i, { name, tensor: fakeTensor(randoms(weights[name]!), weights[name]!) }] as const),
    ),
    nodes: calls.map(({ op, args }, i) => {
      const [name, overload = ''] = op.split('.');
      const self: TraceArg = { kind: 'value', id: i };
      return { op: `aten::${name}`, overload, args: [self, ...args.map((arg) => toArg(arg, names))], outputs: [i + 1] };
    }),
  };
}

/** A string names a weight. */
function toArg(value: unknown, weights: readonly string[]): TraceArg {
  if (Array.isArray(value)) return { kind: 'list', items: value.map((item) => toArg(item, weights)) };
  if (typeof value === 'string' && weights.includes(value)) return { kind: 'value', id: 100 + weights.indexOf(value) };
  return { kind: 'const', value: value as number | boolean | string | null };
}

function randoms(shape: readonly number[]): Float32Array {
  return Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * 12.9898) * 0.5);
}
