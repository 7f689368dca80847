import { RescaledError } from '../../errors.js';
import { float16Bits } from '../../weights/formats/dtypes.js';
import { attributeOf, floatsOf, nodeOf, readersOf, tensorOf } from './proto.js';
import { DataType, type ModelProto, type NodeProto, type TensorProto } from './schema.js';

const WEIGHTED = ['Conv', 'Gemm', 'MatMul', 'BatchNormalization'];
/** Operations whose result is of whole numbers. */
const WHOLE = ['Shape', 'ArgMax', 'NonMaxSuppression'];

/**
 * A network with weights and activations in float16 from the first layer with weights to the last. What stands before (normalisation) and behind
 * (softmax, decoding of boxes) stays in float32, and so do inputs and outputs.
 * @throws RescaledError for a weight that float16 cannot hold
 */
export function toFloat16(model: ModelProto): ModelProto {
  const { graph } = model;
  const stored = new Map(graph.initializer.map((tensor) => [tensor.name, tensor]));
  const inside = region(graph.node, stored);
  const floats = floatTensors(graph.node, stored);
  const outputs = new Set(graph.output.map(({ name }) => name));
  const readers = readersOf(graph.node);
  const half = (name: string): string => `${name}.float16`;
  const made = new Set<string>();
  const added = new Map<string, TensorProto>();
  const nodes: NodeProto[] = [];
  for (const node of graph.node) {
    if (!inside.has(node)) {
      nodes.push(node);
      continue;
    }
    const input = node.input.map((name) => {
      if (name === '' || !floats.has(name)) return name;
      const known = stored.get(name);
      if (known !== undefined) added.set(name, halved(known, half(name)));
      else if (!made.has(name)) {
        nodes.push(cast(name, half(name), DataType.FLOAT16));
        made.add(name);
      }
      return half(name);
    });
    const output = node.output.map((name) => (floats.has(name) ? half(name) : name));
    nodes.push({ ...node, input, output });
    for (const name of node.output) {
      if (!floats.has(name)) continue;
      made.add(name);
      const outside = (readers.get(name) ?? []).some((reader) => !inside.has(reader));
      if (outside || outputs.has(name)) nodes.push(cast(half(name), name, DataType.FLOAT));
    }
  }
  const read = new Set(nodes.flatMap((node) => node.input));
  const initializer = [...graph.initializer, ...added.values()].filter(({ name }) => read.has(name));
  return { ...model, graph: { ...graph, node: nodes, initializer } };
}

const cast = (from: string, to: string, type: number): NodeProto =>
  nodeOf('Cast', [from], [to], [attributeOf('to', type)]);

/** Layers with stored weights, and all that lies between two of them. */
function region(nodes: readonly NodeProto[], stored: ReadonlyMap<string, unknown>): Set<NodeProto> {
  const weighted = nodes.filter(
    ({ opType, input }) => WEIGHTED.includes(opType) && input.slice(1).some((name) => stored.has(name)),
  );
  const begun = new Set(weighted.flatMap(({ output }) => output));
  const behind = new Set(weighted);
  for (const node of nodes)
    if (behind.has(node) || node.input.some((name) => begun.has(name))) {
      behind.add(node);
      for (const name of node.output) begun.add(name);
    }
  const wanted = new Set<string>();
  const inside = new Set<NodeProto>();
  for (const node of nodes.toReversed())
    if (weighted.includes(node) || node.output.some((name) => wanted.has(name))) {
      for (const name of node.input) wanted.add(name);
      if (behind.has(node)) inside.add(node);
    }
  return inside;
}

/** The tensors that hold float32. */
function floatTensors(nodes: readonly NodeProto[], stored: ReadonlyMap<string, TensorProto>): Set<string> {
  const floats = new Set<string>();
  for (const [name, { dataType }] of stored) if (dataType === DataType.FLOAT) floats.add(name);
  for (const { opType, input, output, attribute } of nodes) {
    const to = attribute.find(({ name }) => name === 'to')?.i;
    const float = opType === 'Cast' ? to === DataType.FLOAT : !WHOLE.includes(opType) && floats.has(input[0]!);
    if (float) for (const name of output) floats.add(name);
  }
  return floats;
}

function halved(tensor: TensorProto, name: string): TensorProto {
  const values = floatsOf(tensor);
  const bits = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) {
    bits[i] = float16Bits(values[i]!);
    if ((bits[i]! & 0x7fff) >= 0x7c00)
      throw new RescaledError(
        `Expected weights of at most 65504 for float16 but ${tensor.name} has ${values[i]}. Export in float32.`,
      );
  }
  return tensorOf(name, tensor.dims, bits);
}
