import protobuf from 'protobufjs/light.js';

/**
 * The part of the ONNX file format that image models need, with the field numbers of the public onnx.proto
 * (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto). A file is one ModelProto.
 */

/** IR version 7 and operator set 13 are read by every ONNX Runtime since 1.8 (2021). */
export const IR_VERSION = 7;
export const OPSET = 13;

/** TensorProto.DataType */
export const DataType = { FLOAT: 1, UINT8: 2, INT8: 3, INT32: 6, INT64: 7, FLOAT16: 10 } as const;
/** AttributeProto.AttributeType */
export const AttributeType = { FLOAT: 1, INT: 2, STRING: 3, INTS: 7 } as const;

export interface AttributeProto {
  name: string;
  type: number;
  f?: number;
  i?: number;
  s?: Uint8Array;
  ints?: number[];
}
export interface NodeProto {
  input: string[];
  output: string[];
  name: string;
  opType: string;
  attribute: AttributeProto[];
}
export interface TensorProto {
  dims: number[];
  dataType: number;
  name: string;
  rawData: Uint8Array;
}
export interface DimensionProto {
  dimValue?: number;
  dimParam?: string;
}
export interface ValueInfoProto {
  name: string;
  type: { tensorType: { elemType: number; shape?: { dim: DimensionProto[] } } };
}
export interface GraphProto {
  node: NodeProto[];
  name: string;
  initializer: TensorProto[];
  input: ValueInfoProto[];
  output: ValueInfoProto[];
}
export interface ModelProto {
  irVersion: number;
  producerName: string;
  producerVersion: string;
  graph: GraphProto;
  opsetImport: { domain: string; version: number }[];
  metadataProps: { key: string; value: string }[];
}

const one = (type: string, id: number) => ({ type, id });
const many = (type: string, id: number) => ({ rule: 'repeated', type, id });

const valueTypes = {
  ValueInfoProto: { fields: { name: one('string', 1), type: one('TypeProto', 2) } },
  TypeProto: { fields: { tensorType: one('TypeTensor', 1) } },
  TypeTensor: { fields: { elemType: one('int32', 1), shape: one('TensorShapeProto', 2) } },
  TensorShapeProto: { fields: { dim: many('Dimension', 1) } },
  Dimension: { fields: { dimValue: one('int64', 1), dimParam: one('string', 2) } },
};

const modelFields = {
  irVersion: one('int64', 1),
  producerName: one('string', 2),
  producerVersion: one('string', 3),
  graph: one('GraphProto', 7),
  opsetImport: many('OperatorSetIdProto', 8),
  metadataProps: many('StringStringEntryProto', 14),
};

const shared = {
  ...valueTypes,
  OperatorSetIdProto: { fields: { domain: one('string', 1), version: one('int64', 2) } },
  StringStringEntryProto: { fields: { key: one('string', 1), value: one('string', 2) } },
};

const whole = protobuf.Root.fromJSON({
  nested: {
    ...shared,
    ModelProto: { fields: modelFields },
    GraphProto: {
      fields: {
        node: many('NodeProto', 1),
        name: one('string', 2),
        initializer: many('TensorProto', 5),
        input: many('ValueInfoProto', 11),
        output: many('ValueInfoProto', 12),
      },
    },
    NodeProto: {
      fields: {
        input: many('string', 1),
        output: many('string', 2),
        name: one('string', 3),
        opType: one('string', 4),
        attribute: many('AttributeProto', 5),
      },
    },
    AttributeProto: {
      fields: {
        name: one('string', 1),
        f: one('float', 2),
        i: one('int64', 3),
        s: one('bytes', 4),
        ints: many('int64', 8),
        type: one('int32', 20),
      },
    },
    TensorProto: {
      fields: { dims: many('int64', 1), dataType: one('int32', 2), name: one('string', 8), rawData: one('bytes', 9) },
    },
  },
}).lookupType('ModelProto');

/** The same file seen without its nodes and weights: reading it copies no weights. */
const header = protobuf.Root.fromJSON({
  nested: {
    ...shared,
    ModelProto: { fields: modelFields },
    GraphProto: {
      fields: { name: one('string', 2), input: many('ValueInfoProto', 11), output: many('ValueInfoProto', 12) },
    },
  },
}).lookupType('ModelProto');

/** A model as the bytes of an .onnx file. */
export function encodeModel(model: ModelProto): Uint8Array {
  return whole.encode(model).finish();
}

/** An .onnx file as a model; `rawData` are views into `bytes`. @throws an Error when the bytes are not protobuf. */
export function decodeModel(bytes: Uint8Array): ModelProto {
  return decode(whole, bytes) as ModelProto;
}

/** What `decodeHeader` reads: the model without nodes and weights. */
export type ModelHeader = Omit<ModelProto, 'graph'> & { graph?: Pick<GraphProto, 'name' | 'input' | 'output'> };

/**
 * Reads all of an .onnx file but its nodes and weights.
 * @throws an Error when the bytes are not protobuf or are cut off.
 */
export function decodeHeader(bytes: Uint8Array): ModelHeader {
  return decode(header, bytes) as ModelHeader;
}

function decode(type: protobuf.Type, bytes: Uint8Array): unknown {
  const reader = protobuf.Reader.create(bytes);
  // Otherwise fields outside the schema, weights included, are kept with the message.
  reader.discardUnknown = true;
  return type.toObject(type.decode(reader), { longs: Number, arrays: true });
}
