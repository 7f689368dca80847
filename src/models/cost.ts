import { UsageError } from '../errors.js';
import {
  call,
  crossEntropy,
  elements,
  forwardIn,
  fromTypedArray,
  keep,
  type ShapeArgs,
  type ShapeRecord,
  shapeOnly,
  type TapeEvent,
  Tensor,
  zeros,
} from '../torch/index.js';
import { peakLiveBytes } from './memory.js';
import { createModel, type ModelOverrides, modelFacts } from './registry.js';

/** One operator that owns parameters. Counts are for one picture, or one clip. */
export interface LayerCost {
  /** State key without `.weight`: `layer1.0.conv1`. */
  path: string;
  /** 'conv2d' */
  operator: string;
  /** Of one picture: [C, H, W] or [K]; of a clip [C, T, H, W]. */
  output: number[];
  parameters: number;
  multiplyAdds: number;
  activations: number;
}

export interface ModelCost {
  model: string;
  /** Input side in pixels. */
  size: number;
  /** Of a clip, for models of clips alone. */
  frames?: number;
  batch: number;
  /** Of the training step whose memory is predicted. */
  precision: 'float32' | 'bfloat16';
  parameters: number;
  /** Of one picture or clip: convolutions (squeeze-excite included) and classifier, one for each product that is summed. */
  multiplyAdds: number;
  /** 2 for a multiply-add, as the ResNet-RS paper counts. */
  flops: number;
  /** Output elements of convolutions for one picture or clip (timm's definition). */
  activations: number;
  /** Predicted peak of a training step at `batch`; see memory.ts and docs/cost.md. */
  trainMemoryBytes: number;
  /** The part of it that tensors hold at once. */
  liveBytes: number;
  layers: LayerCost[];
}

export interface CostOptions {
  /** Input side; the model's own by default. */
  size?: number;
  /** Pictures in a training step; 32 by default. */
  batch?: number;
  /** A moving average of the state is kept beside it. */
  ema?: boolean;
  /** Of the training step whose memory is predicted; float32 by default. */
  precision?: 'float32' | 'bfloat16';
  /** As for `createModel`. */
  overrides?: ModelOverrides;
}

/** Bytes that are touched for a byte of live tensors: places between them in the heap that no other fits (native/heap.cpp). Measured: docs/memory.md. */
const HEAP_PER_LIVE_BYTE = 1.04;
/** What grows beside the tensors, whatever the model: oneDNN's work space and the kernels that it compiles. */
const ENGINE_BYTES = 24 * 2 ** 20;

/** Multiply-adds of one call: each element of the result sums over the weights of its output channel. */
const summing = (args: ShapeArgs, out: ShapeRecord): number =>
  (elements(out.shape) * elements(args.tensor(1).shape)) / args.tensor(1).shape[0]!;

/** Other ways to compute a convolution, which batch and machine decide on: they are shown, and count, as what they compute. */
const FASTER: readonly string[] = ['rescaled::winograd_conv', 'rescaled::conv_weight_product'];
/** How many multiply-adds an operator does; those that are not here do none that count. */
const MULTIPLY_ADDS: Readonly<Record<string, (args: ShapeArgs, out: ShapeRecord) => number>> = {
  'aten::conv1d': summing,
  'aten::conv2d': summing,
  'aten::conv3d': summing,
  'rescaled::conv2d': summing,
  'rescaled::conv_product': summing,
  'rescaled::depthwise_conv': summing,
  'aten::linear': summing,
};
const CONVOLUTIONS: readonly string[] = [
  'aten::conv1d',
  'aten::conv2d',
  'aten::conv3d',
  'rescaled::conv2d',
  'rescaled::conv_product',
  'rescaled::depthwise_conv',
];

/** The name with another side behind it; of a model of clips its frames stay. */
function atSize(name: string, size: number): string {
  const [base, given = ''] = name.split('@');
  return `${base}@${/^\d+x/.exec(given)?.[0] ?? ''}${size}`;
}

/**
 * What a model costs, from its shapes alone: no libtorch, no memory, milliseconds. Everything but `trainMemoryBytes` is
 * exact.
 * @throws UsageError for an unknown name, a size that is too small for the model's strides, or a batch below 1 (below 2
 * where the last maps are a single pixel: batch norm cannot train on one value a channel)
 */
export function modelCost(
  name: string,
  { size: wanted, batch = 32, ema = false, precision = 'float32', overrides = {} }: CostOptions = {},
): ModelCost {
  if (!Number.isSafeInteger(batch) || batch < 1)
    throw new UsageError(`Expected a batch of 1 or more but received ${batch}.`);
  const full = wanted === undefined ? name : atSize(name, wanted);
  const facts = modelFacts(full, overrides);
  const { size, frames } = facts;
  const stride = facts.options.stemStride * (facts.kind === 'efficientnet' ? 16 : 8);
  if (size < stride)
    throw new UsageError(
      `Expected at least ${stride} pixels for ${name}, whose strides multiply to ${stride}, ` +
        `but received ${size}. Choose a larger size.`,
    );
  const shape = [facts.options.channels, ...(frames === undefined ? [] : [frames]), size, size];
  // The last maps: of pictures a single position then, of clips one a frame that is left.
  const positions = (): number =>
    shapeOnly(() =>
      elements(
        createModel(full, overrides)
          .features(zeros([1, ...shape]))
          .c5.shape.slice(2),
      ),
    );
  if (batch === 1 && facts.kind === 'resnest')
    throw new UsageError(
      `Expected a batch of 2 or more for ${name} but received 1: the batch norm of split attention sees one value of a channel and picture.`,
    );
  if (batch === 1 && facts.kind !== 'nfnet' && size === stride && positions() === 1)
    throw new UsageError(
      `Expected a batch of 2 or more for ${name} at ${size} pixels but received 1: ` +
        'batch norm cannot train on the one value a channel that its last stage has.',
    );

  const tape: TapeEvent[] = [];
  const layers: LayerCost[] = [];
  let paths = new Map<unknown, string>();
  const derived = new Map<ShapeRecord, Pick<LayerCost, 'path' | 'parameters'>>();
  const onCall = (called: string, args: ShapeArgs, given: readonly unknown[], out: ShapeRecord): void => {
    const op = FASTER.includes(called) ? 'aten::conv2d' : called;
    const owners = given.map((value, i) =>
      paths.has(value)
        ? { path: paths.get(value)!, parameters: (value as Tensor).size }
        : derived.get(args.values[i] as ShapeRecord),
    );
    const [first, ...others] = owners.filter((owner) => owner !== undefined);
    if (first === undefined) return;
    const owner = {
      path: first.path,
      parameters: others.reduce((sum, { parameters }) => sum + parameters, first.parameters),
    };
    // What is made of parameters alone, such as a standardised kernel, is part of the layer that uses it.
    if (owners.every((each, i) => each !== undefined || !(given[i] instanceof Tensor))) {
      derived.set(out, owner);
      return;
    }
    layers.push({
      ...owner,
      operator: op.replace(/^\w+::/, ''),
      output: out.shape.slice(1),
      multiplyAdds: (MULTIPLY_ADDS[op]?.(args, out) ?? 0) / batch,
      activations: CONVOLUTIONS.includes(op) ? elements(out.shape) / batch : 0,
    });
  };
  let recording = true;
  const parameters = shapeOnly(
    () => {
      // In the order of a training run, so that the replay of its memory is one.
      const model = createModel(full, overrides).train().to({ memoryFormat: 'channels_last' });
      const trained = model.parameters();
      for (const tensor of trained.values()) keep(call<Tensor>('aten::zeros_like', [tensor])); // momentum
      if (ema) for (const tensor of model.state().values()) keep(call<Tensor>('aten::clone', [tensor]));
      paths = new Map([...trained].map(([key, tensor]) => [tensor, key.replace(/\.(weight|bias|gain)$/, '')]));
      const x = zeros([batch, ...shape]);
      const y = fromTypedArray(new BigInt64Array(0), [batch], { dtype: 'int64' });
      crossEntropy(
        forwardIn(precision, 'cpu', () => model.forward(x)),
        y,
        0.1,
      );
      recording = false;
      return model.parameterCount();
    },
    { onCall, onEvent: (event) => void (recording && tape.push(event)) },
  );
  const total = (key: 'multiplyAdds' | 'activations'): number => layers.reduce((sum, layer) => sum + layer[key], 0);
  const multiplyAdds = total('multiplyAdds');
  const liveBytes = peakLiveBytes(tape);
  return {
    model: name,
    size,
    ...(frames !== undefined && { frames }),
    batch,
    precision,
    parameters,
    multiplyAdds,
    flops: 2 * multiplyAdds,
    activations: total('activations'),
    trainMemoryBytes: Math.round(HEAP_PER_LIVE_BYTE * liveBytes + ENGINE_BYTES),
    liveBytes,
    layers,
  };
}
