import type { Dataset } from '../data/dataset.js';
import { LABELS } from '../data/loading/labels.js';
import { BatchLoader } from '../data/loading/loader.js';
import { fromProperties, toProperties } from '../deploy/metadata.js';
import { writeModel } from '../deploy/model-file.js';
import { exportOnnx } from '../deploy/onnx/export.js';
import { toFloat16 } from '../deploy/onnx/float16.js';
import { decodeModel, encodeModel } from '../deploy/onnx/schema.js';
import { checkParity, type Parity } from '../deploy/parity.js';
import type { Precision } from '../deploy/quantise/precision.js';
import { requireRuntime } from '../deploy/session.js';
import { clipFacts } from '../deploy/video/clip-facts.js';
import { RescaledError, UsageError } from '../errors.js';
import { type RunConfig, withDataAt } from '../run/config.js';
import { openRunData } from '../tasks/runs.js';
import { noGrad, scope, type Tensor, trace, zeros } from '../torch/index.js';
import { checkClasses, Normaliser } from '../train/index.js';
import { type LoadedModel, preprocessFor } from './load.js';
import { type Beside, boxParity, mapParity } from './parity.js';
import { syntheticSource } from './synthetic.js';

/** An exported file. */
export interface Exported {
  /** The ONNX file. */
  path: string;
  /** Its size. */
  bytes: number;
  /** How well it agrees with the model on real pictures; absent where ONNX Runtime is not installed. */
  parity?: Parity;
  /** The names of the classes in the order of the outputs, where the task has classes. */
  labels?: string;
}

/** Clips that are compared at most: each costs as much as its frames. */
const MOST_CLIPS = 32;

/** What an exported file says of the run that it comes from. */
export const trainingFacts = ({ data, trainImages, recipe, seed }: RunConfig): Record<string, unknown> => ({
  dataset: data.name,
  trainImages,
  epochs: recipe.values.epochs,
  seed,
});

/**
 * The data of a run, to compare an exported file on, or why it cannot be opened.
 * @param data where it lies now, if not where it lay: there it must be
 */
export async function dataToCompare(
  config: RunConfig,
  data?: string,
): Promise<{ dataset: Dataset } | { gone: RescaledError }> {
  try {
    const there = withDataAt(config, data);
    const dataset = await openRunData(there, data === undefined ? {} : { by: '--data' });
    checkClasses(there, dataset);
    return { dataset };
  } catch (error) {
    if (data !== undefined || !(error instanceof RescaledError)) throw error;
    return { gone: error };
  }
}

/** The bytes of the ONNX file of a loaded model. @throws UsageError for weights that are a beginning */
export function modelBytes(loaded: LoadedModel, facts: Record<string, unknown>): Uint8Array {
  const { model, size, evalCrop, fit, task, settings, input } = loaded;
  if (task.exported === undefined)
    throw new UsageError(
      `Expected weights that give an answer but ${loaded.path} was learned by the task ${task.name}: it is a beginning. ` +
        `Train on labelled pictures from it: rescaled train DATA --from ${loaded.run ?? loaded.path}`,
    );
  const output = task.exported(settings);
  model.train(false);
  const { clip, ...normalisation } = input;
  const sides = clip === undefined ? [] : [clip.frames];
  const names = new Map<Tensor, string>([...model.state()].map(([key, tensor]) => [tensor, key]));
  return scope(() => {
    const graph = trace((x) => model.forward(x), [zeros([1, 3, ...sides, size, size])], names);
    return exportOnnx(graph, {
      output,
      preprocess: {
        size,
        evalCrop,
        ...(fit && { fit }),
        ...(clip && { clip: clipFacts(clip, size) }),
        ...normalisation,
      },
      training: { model: loaded.title, weights: loaded.weights, ...facts },
      totalStride: model.totalStride,
    });
  });
}

/** A file with weights and activations in float16, which says so. */
function inFloat16(file: Uint8Array): Uint8Array {
  const model = toFloat16(decodeModel(file));
  const precision: Precision = { type: 'float16' };
  const metadata = fromProperties(model.metadataProps, 'the exported file');
  return encodeModel({ ...model, metadataProps: toProperties({ ...metadata, precision }) });
}

/** How a file is exported. */
export interface ExportOptions {
  /** Compared on at most so many; 256 by default. */
  pictures?: number;
  /** Weights and activations in float16. */
  float16?: boolean;
  /** Stops before the file is written. */
  signal?: AbortSignal;
}

/**
 * Compares the ONNX file of a loaded model with the model on up to `pictures` real pictures of `dataset`, of videos on the middle clips of up to
 * 32, and writes it.
 * @param dataset 'synthetic' where none is at hand: then on pictures made by chance; undefined to compare nothing
 * @throws RescaledError where ONNX Runtime, which the comparison needs, is not installed
 */
export async function exportModel(
  loaded: LoadedModel,
  path: string,
  facts: Record<string, unknown>,
  dataset?: Pick<Dataset, 'val'> | 'synthetic',
  { pictures = 256, float16 = false, signal }: ExportOptions = {},
): Promise<Exported> {
  // Before anything is done that cannot be compared.
  if (dataset !== undefined) await requireRuntime();
  const whole = modelBytes(loaded, facts);
  const bytes = float16 ? inFloat16(whole) : whole;
  let parity: Parity | undefined;
  if (dataset !== undefined) {
    const source = dataset === 'synthetic' ? syntheticSource(loaded.input.clip) : dataset.val;
    parity = await parityOf({ loaded, bytes, source, pictures, ...(signal && { signal }) });
    if (dataset === 'synthetic') parity = { ...parity, synthetic: true };
  }
  signal?.throwIfAborted();
  const labels = writeModel(path, bytes, loaded.classes);
  return { path, bytes: bytes.length, ...(parity && { parity }), ...(labels !== undefined && { labels }) };
}

/** Of whatever the file gives out. */
async function parityOf(beside: Beside): Promise<Parity> {
  const { loaded, bytes, source, pictures, signal } = beside;
  const { model, size, task, settings } = loaded;
  const { clip } = loaded.input;
  const output = task.exported!(settings);
  const width = task.outputs(settings);
  if (output.kind === 'boxes') return boxParity(beside, output);
  if (output.kind !== 'classes' && output.kind !== 'numbers') return mapParity(beside);

  const n = Math.min(pictures, source.length, clip === undefined ? Number.POSITIVE_INFINITY : MOST_CLIPS);
  const bytesEach = (clip?.frames ?? 1) * size * size * 3;
  const batch = Math.min(clip === undefined ? 32 : 4, n);
  const images = new Uint8Array(n * bytesEach);
  const logits = new Float32Array(n * width);
  const loader = new BatchLoader({
    source,
    // What they show plays no part.
    targets: LABELS,
    batch,
    mode: 'eval',
    preprocess: preprocessFor(loaded),
    seed: 0,
    workers: 0,
  });
  const normaliser = new Normaliser('cpu', loaded.input);
  let done = 0;
  try {
    for await (const { images: seen, n: rows } of loader.batches(0)) {
      signal?.throwIfAborted();
      const count = Math.min(rows, n - done);
      if (count <= 0) break;
      images.set(seen.subarray(0, count * bytesEach), done * bytesEach);
      scope(() =>
        noGrad(() =>
          logits.set(
            model.forward(normaliser.input(seen.subarray(0, count * bytesEach), count, size)).data() as Float32Array,
            done * width,
          ),
        ),
      );
      done += count;
    }
  } finally {
    normaliser.dispose();
    await loader.close();
  }
  return checkParity({
    onnx: bytes,
    images: images.subarray(0, done * bytesEach),
    n: done,
    size,
    ...(clip && { frames: clip.frames, batch }),
    referenceLogits: logits.subarray(0, done * width),
    classes: width,
  });
}
