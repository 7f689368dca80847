import { attributeOf, floatsOf, nodeOf, tensorOf } from '../onnx/proto.js';
import type { GraphProto, ModelProto, NodeProto, TensorProto } from '../onnx/schema.js';
import type { Layer } from './layers.js';

/** What of a tensor's values is kept apart: real numbers from `low` to `high`, 0 among them. */
export interface Range {
  readonly low: number;
  readonly high: number;
}

/** x = scale (q - zeroPoint) with q of 0 to 255 */
export interface Scale {
  readonly scale: number;
  readonly zeroPoint: number;
}

const LEVELS = 255;
const MOST_WEIGHT = 127;
/** Of the sum that an int32 holds half is left to the products. */
const MOST_BIAS = 2 ** 30;

/** scale = (high - low) / 255 as float32, zeroPoint = round(-low / scale): 0 is exact. */
export function scaleOf({ low, high }: Range): Scale {
  const [from, to] = [Math.min(low, 0), Math.max(high, 0)];
  const scale = Math.fround((to - from) / LEVELS);
  // Of a tensor that is always 0 any scale will do; one that float32 cannot divide by will not.
  if (!(scale > 1e-30)) return { scale: 1, zeroPoint: 0 };
  return { scale, zeroPoint: Math.min(LEVELS, Math.max(0, Math.round(-from / scale))) };
}

/** A layer's weights in int8 and its bias in int32. */
export interface QuantisedWeights {
  /** [O, ...], symmetric: w = scales[o] q */
  readonly weights: Int8Array;
  /** [O] */
  readonly scales: Float32Array;
  /** [O]: b = inputScale scales[o] q */
  readonly bias?: Int32Array;
}

/**
 * Weights symmetric for each output channel o, and the bias in the unit of the sum of products:
 *
 *     s_o = max |W_o| / 127,  W'_o = round(W_o / s_o),  b'_o = round(b_o / (s_x s_o))
 *
 * (Jacob et al. 2018, section 2). s_o is larger where b'_o would leave the range of int32: a channel of nearly no weights.
 */
export function quantiseWeights(
  weights: Float32Array,
  channels: number,
  inputScale: number,
  bias?: Float32Array,
): QuantisedWeights {
  const each = weights.length / channels;
  const scales = new Float32Array(channels);
  const quantised = new Int8Array(weights.length);
  const biases = bias && new Int32Array(channels);
  for (let o = 0; o < channels; o++) {
    let most = 0;
    for (let i = o * each; i < (o + 1) * each; i++) most = Math.max(most, Math.abs(weights[i]!));
    const least = bias === undefined ? 0 : Math.abs(bias[o]!) / (inputScale * MOST_BIAS);
    scales[o] = Math.max(most / MOST_WEIGHT, least, 1e-30);
    const scale = scales[o]!;
    for (let i = o * each; i < (o + 1) * each; i++) quantised[i] = roundEven(weights[i]! / scale);
    if (biases !== undefined) biases[o] = roundEven(bias![o]! / (inputScale * scale));
  }
  return { weights: quantised, scales, ...(biases && { bias: biases }) };
}

/** Halves go to the even side, as in ONNX and NumPy. */
function roundEven(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/** The tensors whose values must be known to quantise these layers. */
export function tensorsOf(layers: readonly Layer[]): string[] {
  const names = layers.flatMap(({ inputs, output, floatOutput }) => [...inputs, ...(floatOutput ? [] : [output])]);
  return [...new Set(names)];
}

/** A network in int8, and where its quantised tensors are. */
export interface Quantised {
  readonly model: ModelProto;
  /** By the tensor of the float32 network: the name of its uint8 values, and their scale. */
  readonly tensors: ReadonlyMap<string, Scale & { readonly name: string }>;
}

/**
 * A network with these layers in int8, in QDQ form: QuantizeLinear and DequantizeLinear around each, which ONNX Runtime joins with it into
 * one operation on integers. Weights lie in the file as int8. The other layers read and give float32, as before.
 * @param ranges of all of `tensorsOf(layers)`
 */
export function quantise(model: ModelProto, layers: readonly Layer[], ranges: ReadonlyMap<string, Range>): Quantised {
  const { graph } = model;
  const stored = new Map(graph.initializer.map((tensor) => [tensor.name, tensor]));
  const added: TensorProto[] = [];
  const add = (...[name, shape, data]: Parameters<typeof tensorOf>): string => {
    added.push(tensorOf(name, shape, data));
    return name;
  };
  const scales = scalesOf(layers, ranges);
  const made = new Set(layers.filter(({ floatOutput }) => !floatOutput).map(({ output }) => output));
  const owner = new Map(layers.flatMap((layer) => layer.nodes.map((node) => [node, layer] as const)));
  const tensors = new Map<string, Scale & { name: string }>();

  /** The operations behind a tensor, of which `from` holds the real numbers, and the name of those that come back. */
  const around = (name: string, from: string): { nodes: NodeProto[]; back: string } => {
    const { scale, zeroPoint } = scales.get(name)!;
    const ends = [
      add(`${name}.scale`, [], Float32Array.of(scale)),
      add(`${name}.zero_point`, [], Uint8Array.of(zeroPoint)),
    ];
    const [bytes, back] = [`${name}.quantised`, `${name}.dequantised`];
    tensors.set(name, { name: bytes, scale, zeroPoint });
    const nodes = [
      nodeOf('QuantizeLinear', [from, ...ends], [bytes]),
      nodeOf('DequantizeLinear', [bytes, ...ends], [back]),
    ];
    return { nodes, back };
  };
  const nodes: NodeProto[] = [];
  for (const node of graph.node) {
    const layer = owner.get(node);
    const first = layer?.nodes[0] === node;
    if (first)
      // Of a tensor that float32 arithmetic makes these read the quantised values, all others the tensor itself.
      for (const name of layer.inputs)
        if (!made.has(name) && !tensors.has(name)) nodes.push(...around(name, name).nodes);
    const read = (name: string): string =>
      made.has(name) || (first && layer.inputs.includes(name)) ? `${name}.dequantised` : name;
    const copy: NodeProto = { ...node, input: node.input.map(read), output: [...node.output] };
    if (first && layer.weighted) nodes.push(...storeWeights(copy, layer, scales.get(layer.inputs[0]!)!, stored, add));
    const [name] = node.output;
    if (made.has(name!)) {
      copy.output[0] = `${name}.real`;
      nodes.push(copy, ...around(name!, `${name}.real`).nodes);
    } else nodes.push(copy);
  }
  const read = new Set(nodes.flatMap(({ input }) => input));
  const initializer = [...graph.initializer, ...added].filter(({ name }) => read.has(name)).map(inRows(graph));
  return { model: { ...model, graph: { ...graph, node: nodes, initializer } }, tensors };
}

/**
 * Constants of the normalisation [1, 3, 1, 1] as [1, 3, 1, S]. Where convolutions are in int8, ONNX Runtime normalises pictures [N, S, S, 3] and is
 * slow on rows of three numbers: 0.4 of 4.6 ms on EfficientNet-B0 at 160 pixels.
 */
function inRows({ node: nodes, input: [images] }: GraphProto): (tensor: TensorProto) => TensorProto {
  const side = images!.type.tensorType.shape?.dim[2]?.dimValue;
  const constants = new Set(
    nodes.filter(({ opType }) => opType === 'Sub' || opType === 'Div').map(({ input }) => input[1]),
  );
  return (tensor) => {
    const { name, dims } = tensor;
    if (side === undefined || !constants.has(name) || dims.join() !== '1,3,1,1') return tensor;
    const values = floatsOf(tensor);
    return tensorOf(
      name,
      [1, 3, 1, side],
      Float32Array.from({ length: 3 * side }, (_, i) => values[Math.floor(i / side)]!),
    );
  };
}

/** The scale of each tensor; one that a layer only passes on has that of what was passed. */
function scalesOf(layers: readonly Layer[], ranges: ReadonlyMap<string, Range>): Map<string, Scale> {
  const scales = new Map<string, Scale>();
  const scaleFor = (name: string): Scale => {
    const known = scales.get(name) ?? scaleOf(ranges.get(name)!);
    scales.set(name, known);
    return known;
  };
  for (const { inputs, output, passes, floatOutput } of layers) {
    for (const name of inputs) scaleFor(name);
    if (passes) scales.set(output, scaleFor(inputs[0]!));
    else if (!floatOutput) scaleFor(output);
  }
  return scales;
}

/** Lets a node read its weights from int8; the operations that make numbers of them again. */
function storeWeights(
  node: NodeProto,
  { name }: Layer,
  { scale: inputScale }: Scale,
  stored: ReadonlyMap<string, TensorProto>,
  add: (...args: Parameters<typeof tensorOf>) => string,
): NodeProto[] {
  const weight = stored.get(node.input[1]!)!;
  const bias = node.input[2] === undefined ? undefined : floatsOf(stored.get(node.input[2])!);
  const channels = weight.dims[0]!;
  const whole = quantiseWeights(floatsOf(weight), channels, inputScale, bias);
  const axis = [attributeOf('axis', 0)];
  const back = (part: string, values: string, scales: string, zeros: Int8Array | Int32Array): NodeProto =>
    nodeOf(
      'DequantizeLinear',
      [values, scales, add(`${name}.${part}_zero_point`, [channels], zeros)],
      [`${name}.${part}.dequantised`],
      axis,
    );
  const scales = add(`${name}.weight_scale`, [channels], whole.scales);
  const weights = add(`${name}.weight_int8`, weight.dims, whole.weights);
  const nodes = [back('weight', weights, scales, new Int8Array(channels))];
  node.input[1] = nodes[0]!.output[0]!;
  if (whole.bias !== undefined) {
    const products = whole.scales.map((scale) => inputScale * scale);
    const biases = add(`${name}.bias_int32`, [channels], whole.bias);
    const biasScales = add(`${name}.bias_scale`, [channels], products);
    nodes.push(back('bias', biases, biasScales, new Int32Array(channels)));
    node.input[2] = nodes[1]!.output[0]!;
  }
  return nodes;
}
