import { RescaledError } from '../../errors.js';
import { didYouMean } from '../../suggest.js';
import type { TraceArg, TraceGraph, TraceNode } from '../../torch/trace.js';
import { Arguments, operatorName } from './arguments.js';
import { type Call, CONVERTERS, type Converter } from './converters.js';
import type { OnnxGraph } from './graph.js';
import { MAP_CONVERTERS } from './map-converters.js';

const ALL: Readonly<Record<string, Converter>> = { ...CONVERTERS, ...MAP_CONVERTERS };

/**
 * Adds the operations of a trace to `graph`.
 * @param known names of the trace's inputs in `graph`, by value id
 * @returns the name of every traced value, by id
 * @throws RescaledError naming an operator, dtype or argument that cannot be exported
 */
export function convert(trace: TraceGraph, graph: OnnxGraph, known: ReadonlyMap<number, string>): Map<number, string> {
  const names = new Map(known);
  const nameOf = (id: number, node: TraceNode): string => {
    const name = names.get(id) ?? constant(trace, graph, id);
    if (name === undefined) {
      throw new RescaledError(
        `Cannot export to ONNX: ${node.op} reads value ${id}, which the trace never made. Trace the whole forward.`,
      );
    }
    names.set(id, name);
    return name;
  };
  for (const node of trace.nodes) {
    const { converter, inPlace } = find(node);
    const call = callOf(trace, graph, node, nameOf);
    for (const id of node.outputs) checkType(trace, node, id);
    const result = converter(call);
    for (const id of node.outputs) names.set(id, result);
    // An in-place operation changes what later readers of its first argument see, whichever id the trace gives its
    // result.
    const self = node.args[0];
    if (inPlace && self?.kind === 'value') names.set(self.id, result);
  }
  return names;
}

function callOf(
  trace: TraceGraph,
  graph: OnnxGraph,
  node: TraceNode,
  nameOf: (id: number, node: TraceNode) => string,
): Call {
  const args = new Arguments(node);
  const shapeOf = (id: number) => trace.constants.get(id)?.tensor.shape ?? trace.values.get(id)?.shape;
  return {
    graph,
    args,
    tensor(index) {
      const arg = args.at(index);
      if (arg?.kind === 'value') return nameOf(arg.id, node);
      return graph.floats([args.number(index)], [], 'scalar');
    },
    tensors(index) {
      const arg = args.at(index);
      if (arg?.kind !== 'list') throw args.error(index, 'a list of tensors');
      return arg.items.map((item) => {
        if (item.kind !== 'value') throw args.error(index, 'a list of tensors');
        return nameOf(item.id, node);
      });
    },
    shape(index) {
      const arg: TraceArg | undefined = args.at(index);
      const shape = arg?.kind === 'value' ? shapeOf(arg.id) : undefined;
      if (shape === undefined) throw args.error(index, 'a tensor');
      return shape;
    },
    outputShape: shapeOf(node.outputs[0]!) ?? [],
  };
}

function find(node: TraceNode): { converter: Converter; inPlace: boolean } {
  const name = operatorName(node);
  const inPlace = /^[a-z0-9][a-z0-9_]*_(\.|$)/.test(name);
  const plain = inPlace ? name.replace(/_(?=\.|$)/, '') : name;
  const converter = Object.hasOwn(ALL, plain) ? ALL[plain] : undefined;
  if (converter !== undefined) return { converter, inPlace };
  const known = Object.keys(ALL);
  throw new RescaledError(
    'Cannot export to ONNX: no conversion for the operator ' +
      `${node.op.includes('::') ? node.op.split('::')[0] : 'aten'}::${name}.` +
      `${didYouMean(plain, known)} Known are ${known.sort().join(', ')}. Build the model from these, ` +
      'or add one to src/deploy/onnx/converters.ts.',
  );
}

/** A weight of the model, stored under its state key. */
function constant(trace: TraceGraph, graph: OnnxGraph, id: number): string | undefined {
  const entry = trace.constants.get(id);
  if (entry === undefined) return undefined;
  const { tensor, name } = entry;
  const data = tensor.data();
  if (data instanceof Float32Array) return graph.floats(data, tensor.shape, name || 'constant');
  if (data instanceof Float64Array) return graph.floats(Float32Array.from(data), tensor.shape, name || 'constant');
  throw new RescaledError(
    `Cannot export to ONNX: expected float32 for ${name || `constant ${id}`} but it is ${tensor.dtype}. ` +
      'Convert the model to float32 before the trace.',
  );
}

function checkType(trace: TraceGraph, node: TraceNode, id: number): void {
  const dtype = trace.values.get(id)?.dtype;
  if (dtype === undefined || dtype === 'float32' || trace.constants.has(id)) return;
  throw new RescaledError(
    `Cannot export to ONNX: expected float32 for the result of ${node.op} but it is ${dtype}. ` +
      'Trace without mixed precision.',
  );
}
