import { RescaledError } from '../../errors.js';
import { type AttributeProto, AttributeType, DataType, type NodeProto, type TensorProto } from './schema.js';

/** What a stored tensor may be made of. */
export type TensorData = Float32Array | Int8Array | Uint8Array | Int32Array | Uint16Array | BigInt64Array;

const TYPES: readonly (readonly [new (...args: never[]) => TensorData, number])[] = [
  [Float32Array, DataType.FLOAT],
  [Int8Array, DataType.INT8],
  [Uint8Array, DataType.UINT8],
  [Int32Array, DataType.INT32],
  [Uint16Array, DataType.FLOAT16],
  [BigInt64Array, DataType.INT64],
];

/**
 * A stored tensor; a Uint16Array holds the bits of float16. The bytes are those in memory: ONNX stores little-endian values, as does every
 * machine that Node runs on but s390x.
 */
export function tensorOf(name: string, shape: readonly number[], data: TensorData): TensorProto {
  const [, dataType] = TYPES.find(([type]) => data instanceof type)!;
  return { dims: [...shape], dataType, name, rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) };
}

/** The values of a stored float32 tensor. @throws RescaledError for another type */
export function floatsOf({ name, dataType, rawData }: TensorProto): Float32Array {
  if (dataType !== DataType.FLOAT)
    throw new RescaledError(`Expected float32 values in ${name} but their type is number ${dataType} of ONNX.`);
  // In a file they need not begin at a multiple of four.
  return new Float32Array(new Uint8Array(rawData).buffer);
}

/** A whole number or whole numbers as an attribute. */
export const attributeOf = (name: string, value: number | readonly number[]): AttributeProto =>
  typeof value === 'number'
    ? { name, type: AttributeType.INT, i: value }
    : { name, type: AttributeType.INTS, ints: [...value] };

export const nodeOf = (
  opType: string,
  input: string[],
  output: string[],
  attribute: AttributeProto[] = [],
): NodeProto => ({ input, output, name: `${opType}_${output[0]}`, opType, attribute });

/** The whole number of an attribute. */
export const intOf = ({ attribute }: NodeProto, name: string, otherwise: number): number =>
  attribute.find((one) => one.name === name)?.i ?? otherwise;

/** The nodes that read each tensor. */
export function readersOf(nodes: readonly NodeProto[]): Map<string, NodeProto[]> {
  const readers = new Map<string, NodeProto[]>();
  for (const node of nodes)
    for (const input of new Set(node.input)) readers.set(input, [...(readers.get(input) ?? []), node]);
  return readers;
}
