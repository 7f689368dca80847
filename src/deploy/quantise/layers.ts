import { intOf, readersOf } from '../onnx/proto.js';
import type { GraphProto, NodeProto } from '../onnx/schema.js';

/** Nodes that int8 arithmetic computes as one: a convolution with the ReLU behind it, say. */
export interface Layer {
  /** As people know it: `layer1.0.conv1`, `add after layer1.0.conv3`. No two have the same. */
  readonly name: string;
  readonly nodes: readonly NodeProto[];
  /** Of a layer with weights: its axis of output channels is 0. */
  readonly weighted: boolean;
  /** Its output has the scale of its input, of which it only moves or chooses values. */
  readonly passes: boolean;
  /** Its output stays in float32: what a classifier says last. */
  readonly floatOutput: boolean;
  /** Activations that it reads. */
  readonly inputs: readonly string[];
  readonly output: string;
}

/** Operations that ONNX Runtime has in int8 besides those with weights. */
const PLAIN = ['Add', 'Mul', 'Sigmoid', 'LeakyRelu', 'AveragePool', 'GlobalAveragePool', 'Relu', 'Concat'];
const PASSING = ['MaxPool', 'Flatten', 'Reshape', 'Transpose'];

/**
 * The layers of an exported network that can be computed in int8, in their order: those with stored weights, and those between them that
 * read one of them. A ReLU behind an operation with no other reader belongs to it: the lower end of the quantised range, 0, is the ReLU.
 */
export function layersOf({ node: nodes, initializer, output }: GraphProto): Layer[] {
  const stored = new Set(initializer.map(({ name }) => name));
  const outputs = new Set(output.map(({ name }) => name));
  const readers = readersOf(nodes);
  /** The name of the nearest weighted layer behind each tensor that a layer makes. */
  const origin = new Map<string, string>();
  const taken = new Set<NodeProto>();
  const names = new Map<string, number>();
  const unique = (name: string): string => {
    const count = (names.get(name) ?? 0) + 1;
    names.set(name, count);
    return count === 1 ? name : `${name} (${count})`;
  };
  const layers: Layer[] = [];
  for (const node of nodes) {
    if (taken.has(node)) continue;
    const weighted = isWeighted(node, stored);
    const inputs = weighted ? [node.input[0]!] : node.input.filter((name) => name !== '' && !stored.has(name));
    const passes = PASSING.includes(node.opType);
    const quantised = inputs.some((name) => origin.has(name));
    const plain = PLAIN.includes(node.opType) && inputs.length === node.input.length;
    if (!weighted && !(quantised && (passes || plain))) continue;
    const own = node.output[0]!;
    const next = readers.get(own) ?? [];
    const fused = ['Conv', 'Add', 'Mul'].includes(node.opType) && next.length === 1 && next[0]!.opType === 'Relu';
    const relu = fused && !outputs.has(own) ? next[0]! : undefined;
    if (relu !== undefined) taken.add(relu);
    const last = relu?.output[0] ?? own;
    const before = inputs.map((name) => origin.get(name)).find((name) => name !== undefined);
    const name = unique(
      weighted
        ? node.input[1]!.replace(/(\.folded)?(\.weight)?(_\d+)?$/, '')
        : `${node.opType.toLowerCase()} after ${before}`,
    );
    origin.set(last, weighted ? name : before!);
    const layer = { name, weighted, passes, inputs, output: last };
    const floatOutput = node.opType === 'Gemm' || outputs.has(last);
    layers.push({ ...layer, floatOutput, nodes: relu === undefined ? [node] : [node, relu] });
    // What reads it reads float32.
    if (floatOutput) origin.delete(last);
  }
  return layers.filter(({ weighted, floatOutput }) => weighted || !floatOutput);
}

function isWeighted(node: NodeProto, stored: ReadonlySet<string>): boolean {
  const [, weight, bias] = node.input;
  if (weight === undefined || !stored.has(weight) || (bias !== undefined && !stored.has(bias))) return false;
  // Of a matrix product rows of W are outputs, as `linear` writes it.
  return node.opType === 'Conv' || (node.opType === 'Gemm' && intOf(node, 'transB', 0) === 1);
}
