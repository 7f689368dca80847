import { cachedDataset } from '../data/cached.js';
import { balancedSubset } from '../data/choose.js';
import { type Source, subset } from '../data/sources/source.js';
import { RescaledError } from '../errors.js';
import type { Scores } from '../metric.js';
import { lastCheckpoint, loadConfig } from '../run/config.js';
import { engineInfo, setThreads } from '../torch/index.js';
import { SafetensorsFile } from '../weights/formats/safetensors.js';
import type { WeightsFile } from '../weights/formats/weights-file.js';
import { loadInto } from '../weights/load.js';
import { evaluateOn } from './evaluate.js';
import { evaluationViews } from './learner.js';
import { asRunData, openTrainingData } from './open.js';
import { modelOf, preprocessOf } from './resolve.js';
import type { Task } from './task.js';

/** How good the last checkpoint of a run is. */
export interface RunScores {
  /** The weights as trained, on every test picture. */
  raw: Scores;
  /** Their moving average, where the recipe keeps one; it is then what the recipe uses. */
  ema?: Scores;
  /**
   * The weights that the recipe uses, on a fixed part of the training pictures, seen as the test pictures are: without
   * augmentation.
   */
  train: Scores;
  parameters: number;
  /** Pictures scored a second. */
  imagesPerSecond: number;
  /** libtorch's version. */
  engine: string;
}

/**
 * Scores the last checkpoint of a run on its whole test part, whatever `limitVal` the run watched itself with, and on
 * part of the training pictures. Needs no optimiser and no event log.
 * @param options.trainPictures how many training pictures, balanced over the classes; the same for every run on these
 * pictures
 * @param options.testPictures only so many of the test pictures
 * @returns undefined when the signal stopped it
 */
export async function scoreRun(
  task: Task,
  run: string,
  options: { trainPictures: number; testPictures?: number; signal?: AbortSignal },
): Promise<RunScores | undefined> {
  const config = loadConfig(run);
  setThreads(config.threads);
  const { path, valSplit, limitTrain } = config.data;
  const data = await cachedDataset(
    await asRunData(path, () =>
      openTrainingData(task, {
        data: path,
        seed: config.seed,
        valSplit,
        limitTrain,
        limitVal: options.testPictures,
        maxBroken: config.maxBroken,
        strict: config.strict,
      }),
    ),
    config.size,
    options.signal,
  );
  if (data.fingerprint !== config.data.fingerprint)
    throw new RescaledError(`Expected the data that the run was trained on, but ${path} has changed since.`);
  const training = data.train!;
  const part = subset(training, balancedSubset(training.labels, training.classes.length, options.trainPictures, 0));
  const model = modelOf(task, config);
  const checkpoint = SafetensorsFile.open(lastCheckpoint(run));
  const began = performance.now();
  let images = 0;
  const score = async (source: Source): Promise<Scores> => {
    const { device, input, workers } = config;
    const batch = Math.min(256, Math.max(config.recipe.values.batch, 32));
    const evaluator = task.evaluator(config.task, { examples: 0, model, recipe: config.recipe.values });
    const preprocess = preprocessOf(config);
    const views = evaluationViews(task, preprocess);
    const { scores } = await evaluateOn(model, source, task, evaluator, {
      preprocess,
      device,
      input,
      batch,
      workers,
      signal: options.signal,
      ...(views && { views }),
    });
    images += scores.images;
    return scores;
  };
  try {
    loadInto(behind(checkpoint, 'model.'), model.state());
    const raw = await score(data.val);
    const averaged = behind(checkpoint, 'ema.');
    let ema: Scores | undefined;
    if (averaged.entries.size > 0) {
      loadInto(averaged, model.state());
      ema = await score(data.val);
    }
    const train = await score(part);
    if (options.signal?.aborted === true) return undefined;
    const imagesPerSecond = (1000 * images) / (performance.now() - began);
    return {
      raw,
      ...(ema === undefined ? {} : { ema }),
      train,
      parameters: model.parameterCount(),
      imagesPerSecond,
      engine: engineInfo().libtorch,
    };
  } finally {
    checkpoint.close();
    model.dispose();
  }
}

/** The tensors of a checkpoint whose names begin with `prefix`, without it. */
function behind(file: WeightsFile, prefix: string): WeightsFile {
  const entries = new Map(
    [...file.entries]
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, entry]) => [name.slice(prefix.length), entry]),
  );
  return {
    path: file.path,
    format: file.format,
    metadata: {},
    ignored: new Map(),
    entries,
    read: (name) => file.read(prefix + name),
    readFloat32: (name) => file.readFloat32(prefix + name),
    close: () => file.close(),
  };
}
