import { existsSync } from 'node:fs';
import { z } from 'zod';
import { RescaledError, UsageError } from '../errors.js';
import { writeFileAtomic } from '../files.js';
import type { Module } from '../nn/index.js';
import type { Ema, Optimiser } from '../optim/index.js';
import type { Tensor } from '../torch/index.js';
import { type WeightsFacts, writeFacts } from '../weights/facts.js';
import { encodeSafetensors, SafetensorsFile, type TensorToWrite } from '../weights/formats/safetensors.js';
import type { WeightsFile } from '../weights/formats/weights-file.js';
import { loadInto } from '../weights/load.js';
import type { RunConfig } from './config.js';

const stateSchema = z.strictObject({
  step: z.int(),
  /** Updates by the optimiser; a step whose pictures are all broken makes none. Earlier versions did not count them. */
  updates: z.int().default(0),
  epoch: z.int(),
  /** Batches of `epoch` that are done. */
  batchInEpoch: z.int(),
  epochLoss: z.number(),
  /** Sums over the pictures of `epoch` so far, by the names of the task's figures. */
  epochFigures: z.record(z.string(), z.number()),
  epochImages: z.number(),
  images: z.number(),
  seconds: z.number(),
  waitedSeconds: z.number(),
  /** The best value of the task's primary metric so far. */
  bestScore: z.number().optional(),
  /** Epochs done when it was reached. */
  bestEpoch: z.int().default(0),
  /** By early stopping. */
  ended: z.boolean().default(false),
  broken: z.array(z.tuple([z.number(), z.string()])),
  /** Of a run in float16. */
  lossScale: z.strictObject({ scale: z.number().positive(), good: z.int().min(0) }).optional(),
});
/** Where a run stands, apart from its tensors. */
export type RunState = z.infer<typeof stateSchema>;

export const freshState = (): RunState => ({
  step: 0,
  updates: 0,
  epoch: 0,
  batchInEpoch: 0,
  epochLoss: 0,
  epochFigures: {},
  epochImages: 0,
  images: 0,
  seconds: 0,
  waitedSeconds: 0,
  bestEpoch: 0,
  ended: false,
  broken: [],
});

function* encoded(tensors: Iterable<[string, Tensor]>): Generator<TensorToWrite> {
  // Copied out when its turn to be written comes, so that only one tensor is held twice.
  for (const [name, tensor] of tensors)
    yield { name, dtype: 'F32', shape: tensor.shape, bytes: () => new Uint8Array(tensor.data().buffer) };
}

function* prefixed(prefix: string, tensors: ReadonlyMap<string, Tensor>): Generator<[string, Tensor]> {
  for (const [key, tensor] of tensors) yield [`${prefix}.${key}`, tensor];
}

/**
 * Weights as timm and PyTorch name them, with the facts that a reader needs in the header.
 * @param own what the run's task says of its weights
 */
export function saveWeights(
  path: string,
  state: ReadonlyMap<string, Tensor>,
  config: RunConfig,
  own: WeightsFacts,
  facts: Record<string, string>,
): void {
  const metadata = {
    format: 'pt',
    ...writeFacts({
      model: config.model,
      modelOptions: { ...config.modelOptions },
      ...own,
      size: config.size,
      evalCrop: config.recipe.values.evalCrop,
      ...(config.recipe.values.fit === 'letterbox' && { fit: 'letterbox' as const }),
      ...config.input,
      activation: 'activation' in config.modelOptions ? (config.modelOptions.activation as 'relu' | 'silu') : 'silu',
    }),
    // Not the path: weights are passed on, and where the pictures lay is nobody's business.
    data: JSON.stringify({ ...config.data, path: undefined, seed: config.seed }),
    ...facts,
  };
  writeFileAtomic(path, encodeSafetensors(encoded(state), metadata));
}

/**
 * Everything that the next step depends on, in one file: weights, EMA, the optimiser's state and, as JSON in the
 * header, where the run stands.
 */
export function saveCheckpoint(
  path: string,
  model: Module,
  optimiser: Optimiser,
  ema: Ema | undefined,
  state: RunState,
): void {
  state.updates = optimiser.steps;
  const tensors = function* (): Generator<[string, Tensor]> {
    yield* prefixed('model', model.state());
    if (ema !== undefined) yield* prefixed('ema', ema.shadow);
    for (const [slot, tensors] of optimiser.slots) yield* prefixed(slot, tensors);
  };
  writeFileAtomic(path, encodeSafetensors(encoded(tensors()), { state: JSON.stringify(state) }));
}

/** Whether a weights file is a checkpoint: it says where a run stands, whatever state its optimiser has. */
export const isCheckpoint = ({ format, metadata }: WeightsFile): boolean =>
  format === 'safetensors' && metadata['state'] !== undefined;

/**
 * @param upgrade brings the state of an earlier version to today's form
 * @throws UsageError when there is no checkpoint, RescaledError when it does not fit the run
 */
export function loadCheckpoint(
  path: string,
  model: Module,
  optimiser: Optimiser,
  ema: Ema | undefined,
  upgrade: (state: unknown) => unknown = (state) => state,
): RunState {
  if (!existsSync(path))
    throw new UsageError(
      `Expected a checkpoint at ${path} but there is none: the run stopped before its first one. Start it again without --resume.`,
    );
  const file = SafetensorsFile.open(path);
  try {
    const targets = new Map<string, Tensor>([
      ...prefixed('model', model.state()),
      ...(ema === undefined ? [] : prefixed('ema', ema.shadow)),
      ...[...optimiser.slots].flatMap(([slot, tensors]) => [...prefixed(slot, tensors)]),
    ]);
    loadInto(file, targets);
    const parsed = stateSchema.safeParse(upgrade(JSON.parse(file.metadata['state'] ?? 'null')));
    if (!parsed.success)
      throw new RescaledError(`Expected the state of a run in the header of ${path} but it is missing or damaged.`);
    optimiser.steps = parsed.data.updates;
    return parsed.data;
  } finally {
    file.close();
  }
}
