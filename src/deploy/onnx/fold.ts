import type { OnnxGraph, OnnxNode } from './graph.js';

/**
 * Moves zero padding into the convolution that follows it: ONNX convolutions take a padding for each side, PyTorch's do
 * not. Exact. Only where the convolution is the padding's one reader.
 */
export function foldPadding(graph: OnnxGraph): void {
  forEachPair(graph, 'Pad', 'Conv', (pad, conv) => {
    const amounts = graph.initializers.get(pad.inputs[1]!)!.data;
    const value = graph.initializers.get(pad.inputs[2]!)!.data;
    const [, channelsBefore, top, left, , channelsAfter, bottom, right] = Array.from(amounts, Number);
    if (Number(value[0]) !== 0 || channelsBefore !== 0 || channelsAfter !== 0) return;
    const extra = [top!, left!, bottom!, right!];
    if (extra.some((side) => side < 0)) return;
    conv.attributes.pads = (conv.attributes.pads as readonly number[]).map((side, i) => side + extra[i]!);
    conv.inputs[0] = pad.inputs[0]!;
    remove(graph, pad);
  });
}

/**
 * Folds batch normalisation (statistics fixed) into the convolution before it, where nothing else reads the
 * convolution:
 *
 *     s = gamma / sqrt(var + eps),  W' = s W,  b' = beta + s (b - mean)
 *
 * computed in float64 and rounded once to float32.
 */
export function foldBatchNorm(graph: OnnxGraph): void {
  forEachPair(graph, 'Conv', 'BatchNormalization', (conv, norm) => {
    const stored = (name: string | undefined) => (name === undefined ? undefined : graph.initializers.get(name));
    const [gamma, beta, mean, variance] = norm.inputs
      .slice(1)
      .map((name) => stored(name)?.data as Float32Array | undefined);
    const weight = stored(conv.inputs[1]);
    const bias = stored(conv.inputs[2])?.data as Float32Array | undefined;
    if (!gamma || !beta || !mean || !variance || !weight || (conv.inputs.length > 2 && !bias)) return;
    const epsilon = (norm.attributes.epsilon as { float: number }).float;
    const channels = weight.shape[0]!;
    const perChannel = weight.data.length / channels;
    const newWeight = Float32Array.from(weight.data as Float32Array);
    const newBias = new Float32Array(channels);
    for (let c = 0; c < channels; c++) {
      const scale = gamma[c]! / Math.sqrt(variance[c]! + epsilon);
      for (let i = c * perChannel; i < (c + 1) * perChannel; i++) newWeight[i]! *= scale;
      newBias[c] = beta[c]! + scale * ((bias?.[c] ?? 0) - mean[c]!);
    }
    // New tensors, since a convolution used twice may be followed by two different normalisations.
    const hint = conv.inputs[1]!.replace(/\.?weight$/, '');
    conv.inputs = [
      conv.inputs[0]!,
      graph.floats(newWeight, weight.shape, `${hint}.folded.weight`),
      graph.floats(newBias, [channels], `${hint}.folded.bias`),
    ];
    conv.outputs = norm.outputs;
    remove(graph, norm);
  });
}

/** Calls `fold` for each `first` node whose result only one node reads, a `second` that takes it as its first input. */
function forEachPair(graph: OnnxGraph, first: string, second: string, fold: (a: OnnxNode, b: OnnxNode) => void): void {
  const consumers = graph.consumers();
  for (const node of [...graph.nodes]) {
    if (node.op !== first) continue;
    const readers = consumers.get(node.outputs[0]!) ?? [];
    const reader = readers[0];
    if (readers.length === 1 && reader!.op === second && reader!.inputs[0] === node.outputs[0]) fold(node, reader!);
  }
}

function remove(graph: OnnxGraph, node: OnnxNode): void {
  graph.nodes = graph.nodes.filter((other) => other !== node);
}
