import { RescaledError, UsageError } from '../../errors.js';
import { packageVersion } from '../../package-root.js';
import type { TraceGraph } from '../../torch/trace.js';
import {
  type ExportedOutput,
  type OnnxMetadata,
  type Preprocess,
  resizeRule,
  type TrainingFacts,
  toProperties,
} from '../metadata.js';
import { convert } from './convert.js';
import { foldBatchNorm, foldPadding } from './fold.js';
import { nodeProto, OnnxGraph, tensorProto } from './graph.js';
import { outputsOf } from './outputs.js';
import { DataType, type DimensionProto, encodeModel, IR_VERSION, OPSET, type ValueInfoProto } from './schema.js';

export interface ExportOptions {
  /** What stands in a row of the model's output. */
  output: ExportedOutput;
  preprocess: Pick<Preprocess, 'size' | 'evalCrop' | 'fit' | 'mean' | 'std' | 'clip'> & {
    interpolation?: Preprocess['interpolation'];
  };
  training: TrainingFacts;
  /** Of boxes: the product of all strides of the trunk. */
  totalStride?: number;
}

/** Largest size of a protobuf message, weights included. */
const PROTOBUF_LIMIT = 2 ** 31 - 1;

/**
 * Writes a model as one ONNX file (operator set 13) that classifies raw pixels:
 *
 *     images [N, S, S, 3] uint8  ->  x = (images - 255 mean) / (255 std) as [N, 3, S, S]
 *                                ->  logits [N, K], probabilities [N, K]
 *
 * or finds boxes, masks or depth in them (outputs.ts). Clips of T frames are [N, T, S, S, 3] and x is [N, 3, T, S, S]. The batch N is free.
 * Batch normalisation is folded into convolutions. Labels, preprocessing and training facts travel
 * in the file's metadata.
 *
 * @param trace one forward in evaluation mode: one float32 input, normalised, [n, 3, S, S] or [n, 3, T, S, S]; one output
 * @returns the bytes of the file
 * @throws RescaledError for an operator that cannot be exported; UsageError when labels or size do not fit the trace
 */
export function exportOnnx(trace: TraceGraph, options: ExportOptions): Uint8Array {
  const { output: gives } = options;
  const preprocess = fullPreprocess(options.preprocess);
  const { size, mean, std, clip } = preprocess;
  /** Between the batch and the channels. */
  const sides = clip === undefined ? [size, size] : [clip.frames, size, size];
  const { traced, why, outputs, add } = outputsOf(gives, size, options.totalStride);
  const [input, output] = ends(trace, sides, traced, why);

  const graph = new OnnxGraph();
  const channels = [1, 3, ...sides.map(() => 1)];
  const bytes = graph.add('Cast', ['images'], { to: DataType.FLOAT });
  const planes = graph.add('Transpose', [bytes], { perm: [0, sides.length + 1, ...sides.map((_, i) => i + 1)] });
  const centred = graph.add('Sub', [
    planes,
    graph.floats(
      mean.map((value) => value * 255),
      channels,
      'mean',
    ),
  ]);
  const normalised = graph.add('Div', [
    centred,
    graph.floats(
      std.map((value) => value * 255),
      channels,
      'std',
    ),
  ]);

  const raw = convert(trace, graph, new Map([[input, normalised]])).get(output);
  if (raw === undefined || graph.initializers.has(raw)) {
    throw new RescaledError(
      'Cannot export to ONNX: the output of the trace does not depend on its input. Trace the whole forward.',
    );
  }
  const names = outputs.map(({ name }) => name);
  add(graph, raw).forEach((from, i) => graph.rename(from, names[i]!));

  graph.prune(names);
  foldPadding(graph);
  foldBatchNorm(graph);
  graph.prune(names);

  const weightBytes = [...graph.initializers.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
  if (weightBytes > PROTOBUF_LIMIT - 2 ** 24) {
    throw new RescaledError(
      `Cannot export to ONNX: ${weightBytes} bytes of weights do not fit into one file (limit 2 GiB). ` +
        'Choose a smaller model.',
    );
  }
  const version = packageVersion;
  return encodeModel({
    irVersion: IR_VERSION,
    producerName: 'rescaled',
    producerVersion: version,
    opsetImport: [{ domain: '', version: OPSET }],
    graph: {
      name: options.training.model,
      node: graph.nodes.map(nodeProto),
      initializer: [...graph.initializers].map(([name, tensor]) => tensorProto(name, tensor)),
      input: [
        valueInfo('images', DataType.UINT8, [{ dimParam: 'N' }, ...[...sides, 3].map((dimValue) => ({ dimValue }))]),
      ],
      output: outputs.map(({ name, type, dims }) =>
        valueInfo(
          name,
          type,
          dims.map((side) => (typeof side === 'string' ? { dimParam: side } : { dimValue: side })),
        ),
      ),
    },
    metadataProps: toProperties({ version, ...statedOf(gives), preprocess, training: options.training }),
  });
}

function fullPreprocess(given: ExportOptions['preprocess']): Preprocess {
  const { size, evalCrop, fit, mean, std, clip, interpolation = 'bicubic' } = given;
  if (
    mean.length !== 3 ||
    std.length !== 3 ||
    !mean.every(Number.isFinite) ||
    !std.every((value) => value > 0 && value < Infinity)
  ) {
    throw new UsageError(
      `Expected three numbers for mean and three above 0 for std but received ${JSON.stringify({ mean, std })}.`,
    );
  }
  return {
    size,
    evalCrop,
    ...(fit && { fit }),
    interpolation,
    layout: clip === undefined ? 'NHWC' : 'NTHWC',
    channels: 'RGB',
    mean,
    std,
    resizeRule: resizeRule(size, evalCrop, interpolation, fit),
    ...(clip && { clip }),
  };
}

/** What the metadata say of the outputs. */
function statedOf(gives: ExportedOutput): Pick<OnnxMetadata, 'labels' | 'numbers' | 'boxes' | 'depth'> {
  if (gives.kind === 'numbers') return { labels: [], numbers: [...gives.names] };
  if (gives.kind === 'depth') return { labels: [], depth: { unit: 'metre', farthest: gives.farthest } };
  return { labels: [...gives.labels], ...(gives.kind === 'boxes' && { boxes: { ...gives.detector.predict } }) };
}

/**
 * The trace's input and output, checked against the sides of a picture or clip and what is wanted.
 * @param wanted sides of the output behind the batch @param why these
 */
function ends(
  trace: TraceGraph,
  sides: readonly number[],
  wanted: readonly number[],
  why: string,
): [input: number, output: number] {
  const [input] = trace.inputs;
  const [output] = trace.outputs;
  if (trace.inputs.length !== 1 || trace.outputs.length !== 1) {
    throw new RescaledError(
      `Cannot export to ONNX: expected a trace with one input and one output ` +
        `but it has ${trace.inputs.length} and ${trace.outputs.length}.`,
    );
  }
  const expectShape = (id: number, what: string, expected: string, rest: readonly number[]) => {
    const shape = trace.values.get(id)?.shape ?? [];
    if (shape.length === rest.length + 1 && rest.every((side, i) => side === shape[i + 1])) return;
    throw new UsageError(
      `Cannot export to ONNX: expected ${expected} for the traced ${what} but its shape is [${shape.join(', ')}].`,
    );
  };
  const size = sides.at(-1)!;
  expectShape(input!, 'input', `[n, 3, ${sides.join(', ')}] (preprocess.size is ${size})`, [3, ...sides]);
  expectShape(output!, 'output', `[n, ${wanted.join(', ')}] (${why})`, wanted);
  return [input!, output!];
}

function valueInfo(name: string, elemType: number, dim: DimensionProto[]): ValueInfoProto {
  return { name, type: { tensorType: { elemType, shape: { dim } } } };
}
