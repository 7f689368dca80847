import { tensorOf } from './proto.js';
import { type AttributeProto, AttributeType, type NodeProto, type TensorProto } from './schema.js';

export type AttributeValue = number | readonly number[] | string | { float: number };

/** One ONNX operation. Names stand for tensors; an empty input name is an optional input left out. */
export interface OnnxNode {
  op: string;
  inputs: string[];
  outputs: string[];
  attributes: Record<string, AttributeValue>;
}

/** A tensor stored in the file: a weight (float32) or a shape (int64). */
export interface Initializer {
  readonly shape: readonly number[];
  readonly data: Float32Array | BigInt64Array;
}

/**
 * An ONNX graph under construction. Every tensor has one name and one producer, in order of execution;
 * ATen's in-place operations have been resolved before they get here.
 */
export class OnnxGraph {
  nodes: OnnxNode[] = [];
  readonly initializers = new Map<string, Initializer>();
  #count = 0;

  /** Appends an operation with one result and returns the result's name. */
  add(op: string, inputs: string[], attributes: Record<string, AttributeValue> = {}): string {
    const output = `${op.toLowerCase()}_${this.#count++}`;
    this.nodes.push({ op, inputs, outputs: [output], attributes });
    return output;
  }

  /** Appends an operation with several results and returns their names. */
  addAll(op: string, inputs: string[], results: number, attributes: Record<string, AttributeValue> = {}): string[] {
    const outputs = Array.from({ length: results }, () => `${op.toLowerCase()}_${this.#count++}`);
    this.nodes.push({ op, inputs, outputs, attributes });
    return outputs;
  }

  /** Stores float32 values under a name that `hint` resembles. */
  floats(data: Float32Array | readonly number[], shape: readonly number[], hint = 'constant'): string {
    return this.#store(hint, { shape, data: data instanceof Float32Array ? data : Float32Array.from(data) });
  }

  /** Stores a vector of int64 (a shape, paddings). */
  ints(values: readonly number[], hint = 'shape'): string {
    return this.#store(hint, { shape: [values.length], data: BigInt64Array.from(values, BigInt) });
  }

  #store(hint: string, initializer: Initializer): string {
    let name = hint;
    while (this.initializers.has(name)) name = `${hint}_${this.#count++}`;
    this.initializers.set(name, initializer);
    return name;
  }

  /** Gives a tensor another name everywhere. */
  rename(from: string, to: string): void {
    const change = (names: string[]) => names.map((name) => (name === from ? to : name));
    for (const node of this.nodes) {
      node.inputs = change(node.inputs);
      node.outputs = change(node.outputs);
    }
  }

  /** The nodes that read each tensor. A node that reads it twice counts twice. */
  consumers(): Map<string, OnnxNode[]> {
    const readers = new Map<string, OnnxNode[]>();
    for (const node of this.nodes) {
      for (const input of node.inputs) readers.set(input, [...(readers.get(input) ?? []), node]);
    }
    return readers;
  }

  /** Drops the operations that none of `outputs` needs, and the stored tensors that no operation reads. */
  prune(outputs: readonly string[]): void {
    const needed = new Set(outputs);
    const kept: OnnxNode[] = [];
    for (const node of this.nodes.toReversed()) {
      if (!node.outputs.some((output) => needed.has(output))) continue;
      kept.push(node);
      for (const input of node.inputs) needed.add(input);
    }
    this.nodes = kept.reverse();
    for (const name of this.initializers.keys()) if (!needed.has(name)) this.initializers.delete(name);
  }
}

/** @param index makes the node's name: `Conv_12`. */
export function nodeProto(node: OnnxNode, index: number): NodeProto {
  return {
    input: node.inputs,
    output: node.outputs,
    name: `${node.op}_${index}`,
    opType: node.op,
    attribute: Object.entries(node.attributes).map(([name, value]) => attributeProto(name, value)),
  };
}

function attributeProto(name: string, value: AttributeValue): AttributeProto {
  if (typeof value === 'number') return { name, type: AttributeType.INT, i: value };
  if (typeof value === 'string') return { name, type: AttributeType.STRING, s: Buffer.from(value) };
  if ('float' in value) return { name, type: AttributeType.FLOAT, f: value.float };
  return { name, type: AttributeType.INTS, ints: [...value] };
}

export const tensorProto = (name: string, { shape, data }: Initializer): TensorProto => tensorOf(name, shape, data);
