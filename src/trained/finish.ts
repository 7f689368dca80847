import { rmSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { basename, join } from 'node:path';
import { cachedDataset } from '../data/cached.js';
import type { Source } from '../data/sources/source.js';
import { labelsFile, onnxFile } from '../deploy/model-file.js';
import { RUNTIME_INSTALL, runtimeHere } from '../deploy/session.js';
import { isAddress, seenFrom, withoutPlaces, writeFileAtomic } from '../files.js';
import { peakMemory } from '../memory.js';
import { suffixed } from '../metric.js';
import type { ModelOptions } from '../models/index.js';
import { packageVersion } from '../package-root.js';
import { type Endings, type MeasuredPart, passedOverText, picturesOf } from '../part-words.js';
import type { RecipeKey } from '../recipe/recipe.js';
import { isUnused, shownValue } from '../recipe/shown.js';
import { type Leaked, leakText } from '../report/run/leaks.js';
import { loadConfig, type RunConfig, usesMinival } from '../run/config.js';
import { figuresOfTraining, type TrainEvent } from '../run/events.js';
import { readEvents } from '../run/logs.js';
import { commandLine } from '../suggest.js';
import { metricsOf } from '../tasks/index.js';
import { openRunData } from '../tasks/runs.js';
import { engineInfo } from '../torch/index.js';
import { type Evaluation, evaluationBatch, learnedFrom, loadStart, modelOf } from '../train/index.js';
import { type Exported, exportModel } from './export.js';
import { leakedIn } from './leaked.js';
import { loadModel, measure, pictureOf, preprocessFor, shownMetrics } from './load.js';
import { seenBatch } from './seen.js';
import { mapsOf } from './shown.js';

/** The figures of a finished run. */
export interface RunFigures {
  /** The task's name: 'classify'. */
  task: string;
  /** By the names of metrics: of the weights that the recipe keeps, on all test pictures. */
  scores: Readonly<Record<string, number>>;
  /** The primary metric of the weights as trained; unknown on test pictures that are measured once. */
  rawScore?: number;
  /** Which weights the recipe keeps: averaged (`ema`) or as trained. */
  weights: 'ema' | 'raw';
  /** Pictures that were learned from, without those that could not be read. */
  trainImages: number;
  /** Pictures that `scores` stand on. */
  testImages: number;
  /** Which pictures `testImages` counts. */
  measured: MeasuredPart;
  /** How many pictures each part has. */
  parts: Readonly<Record<string, number>>;
  /** What the best epoch was chosen on. */
  selectedOn: 'minival' | 'val' | 'test';
  /**
   * On the validation pictures, where the test pictures are others; beside an average `top1Raw`, of the weights as
   * trained, which the test pictures do not measure.
   */
  validation?: Readonly<Record<string, number>>;
  /** Files that were passed over, by ending. */
  ignoredEndings: Endings;
  /** Of training by the clock, in all processes of the run; without evaluations. */
  seconds: number;
  /** Training pictures over these seconds. */
  imagesPerSecond: number;
  /** Share of these seconds in which the network waited for pictures, 0 to 1. */
  loaderWaitShare: number;
  /** Numbers that were trained. */
  parameters: number;
  /** Of the exported file against the model; absent where ONNX Runtime is, and so nothing was exported. */
  onnxMaxAbsDiff?: number;
  /** Share of pictures for which both name the same class, 0 to 1. */
  onnxTop1Agreement?: number;
  /** What the task tells besides: a classifier's classes with their own figures, say. */
  told: Readonly<Record<string, unknown>>;
  /** As people call the network, with its width and switches: `resnet-rs-14 x0.5`; and the same for programs. */
  model: string;
  /** Its switches for programs. */
  network: { name: string; width: number; depth?: number; stemStride: number };
  /** The data folder's name. */
  dataset: string;
  /** Side of the pictures as the network sees them, in pixels. */
  size: number;
  /** Passes over the training pictures behind these weights. */
  epochs: number;
  /** Of all chance in the run. */
  seed: number;
  /** Pictures that could not be read and were left out. */
  brokenPictures: number;
  /** Pictures of `measured` that stand in training too. */
  leaked?: Leaked;
  /** How many training pictures were left out, by reason. */
  leftOut?: Readonly<Record<string, number>>;
  /** The most memory that the process had, in bytes; on Linux. */
  peakMemoryBytes?: number;
  versions: Record<string, string>;
}

/** report.json: the figures for programs, with each metric but the loss under its own name. Shares are fractions. */
export function figuresJson({ task, scores, rawScore, told, ...figures }: RunFigures): Record<string, unknown> {
  const metrics = metricsOf(task).filter(({ name }) => name !== 'loss');
  return {
    ...Object.fromEntries(metrics.map(({ name }) => [name, scores[name]])),
    ...(rawScore === undefined ? {} : { [suffixed(metrics[0]!.name, 'raw')]: rawScore }),
    ...figures,
    ...told,
  };
}

const networkOf = ({ width, stemStride, ...others }: ModelOptions): Omit<RunFigures['network'], 'name'> => {
  const { depth } = others as { depth?: number };
  return { width, ...(depth === undefined ? {} : { depth }), stemStride };
};

const leftOutCounts = (leftOut: NonNullable<RunConfig['leftOut']>): Record<string, number> =>
  Object.fromEntries(Object.entries(leftOut).map(([kind, paths]) => [kind, paths.length]));

const validationOf = ({ ema, raw }: Of<'epoch'>, primary: string): RunFigures['validation'] =>
  ema === undefined || raw === undefined ? (ema ?? raw) : { ...ema, [suffixed(primary, 'raw')]: raw[primary]! };

type Of<T extends TrainEvent['type']> = Extract<TrainEvent, { type: T }>;

/** How many pictures of a source are not among the broken ones. */
function readableIn(source: Source, broken: readonly { path: string }[]): number {
  if (broken.length === 0) return source.length;
  const paths = new Set(broken.map(({ path }) => path));
  let count = 0;
  for (let i = 0; i < source.length; i++) if (!paths.has(source.describe(i))) count++;
  return count;
}

/**
 * After training: measures the final weights on all test pictures, exports ONNX with its parity check (with a word in its
 * place where ONNX Runtime is not installed), writes report.html and report.json.
 */
export async function finishRun(run: string, say: (text: string) => void): Promise<RunFigures> {
  const config = loadConfig(run);
  const recipe = config.recipe.values;
  const dataset = await cachedDataset(await openRunData(config), config.size);
  // Test pictures beside validation pictures had no part in the training: they are measured here, once.
  const tested = config.selectedOn === undefined ? undefined : dataset.test;
  const source = tested ?? dataset.val;
  const measured = config.selectedOn === undefined || tested !== undefined ? 'test' : dataset.measured;
  const selectedOn = config.selectedOn ?? (recipe.earlyStopping ? 'minival' : 'test');
  const loaded = await loadModel(run);
  const { model, size, evalCrop, fit, task, settings } = loaded;
  const [primary] = task.metrics;
  const weights = loaded.weights ?? 'raw';
  const preprocess = preprocessFor(loaded);

  const noun = task.clips === true ? 'video' : 'picture';
  const what = picturesOf(measured, source.length, String, noun);
  say(`measuring the final ${weights === 'ema' ? 'EMA' : 'raw'} weights on ${what}`);
  const unread: { path: string; reason: string }[] = [];
  const result = await measure(loaded, source, {
    batch: evaluationBatch(task, config, source.length),
    workers: config.workers,
    onBroken: (path, reason) => unread.push({ path, reason }),
  });

  const leaked = await leakedIn(run, loaded, { part: measured, source, result });

  const events = readEvents(run);
  const epochs = events.filter((event): event is Of<'epoch'> => event.type === 'epoch');
  const steps = events.filter((event): event is Of<'step'> => event.type === 'step');
  const told = events.filter((event): event is Of<'broken'> => event.type === 'broken');
  const broken = [...told, ...unread.filter(({ path }) => !told.some((event) => event.path === path))];
  const trainImages = readableIn(learnedFrom(config, dataset).train, broken);
  const end = events.findLast((event): event is Of<'end'> => event.type === 'end');
  const resumed = events.some((event) => event.type === 'start' && event.resumed && event.epoch < recipe.epochs);
  // With early stopping the final weights are those of the best epoch.
  const kept = recipe.earlyStopping ? epochs.findLast((event) => event.best) : epochs.at(-1);
  const score = result.scores[primary.name]!;
  const rawScore = tested === undefined ? (kept?.raw?.[primary.name] ?? score) : weights === 'raw' ? score : undefined;
  const epochsOf = recipe.earlyStopping ? (kept?.epoch ?? recipe.epochs) : recipe.epochs;

  const facts = {
    dataset: config.data.name,
    trainImages,
    testImages: result.scores.images,
    epochs: epochsOf,
    [primary.name]: score,
    seed: config.seed,
  };
  const runtime = await runtimeHere();
  let exported: Exported | undefined;
  if (task.exported === undefined) {
    // A beginning for other trainings: it answers nothing itself.
  } else if ('version' in runtime) {
    say(`exporting ONNX and comparing it with the model on real ${task.clips === true ? 'clips' : 'pictures'}`);
    exported = await exportModel(loaded, onnxFile(run), facts, { val: source });
  } else {
    say(`not exported: ${runtime.problem}; then: rescaled export ${commandLine([run])}`);
    // One that an earlier end has left would be of other weights.
    for (const file of [onnxFile(run), labelsFile(onnxFile(run))]) rmSync(file, { force: true });
  }
  const parity = exported?.parity;

  const info = engineInfo();
  const { default: sharp } = await import('sharp');
  const versions = {
    rescaled: packageVersion,
    node: process.version,
    libtorch: info.libtorch,
    sharp: sharp.versions.sharp ?? 'unknown',
    onnxruntime: 'version' in runtime ? runtime.version : 'none',
  };
  const peak = peakMemory();
  const figures: RunFigures = {
    task: task.name,
    scores: result.scores,
    ...(rawScore === undefined ? {} : { rawScore }),
    weights,
    trainImages,
    testImages: result.scores.images,
    measured,
    parts: {
      train: config.trainImages,
      ...(usesMinival(config) ? { minival: dataset.train!.length - config.trainImages } : {}),
      [dataset.measured]: dataset.val.length,
      ...(tested === undefined ? {} : { test: tested.length }),
    },
    selectedOn,
    ...(tested === undefined || kept === undefined ? {} : { validation: validationOf(kept, primary.name) }),
    ignoredEndings: dataset.ignoredEndings,
    seconds: end?.seconds ?? 0,
    imagesPerSecond: end?.imagesPerSecond ?? 0,
    loaderWaitShare: end?.loaderWaitShare ?? 0,
    parameters: model.parameterCount(),
    ...(parity === undefined ? {} : { onnxMaxAbsDiff: parity.maxAbsDiff }),
    ...(parity?.top1Agreement === undefined ? {} : { onnxTop1Agreement: parity.top1Agreement }),
    told: task.told(result, settings, 'summary'),
    model: loaded.title,
    network: { name: config.model, ...networkOf(config.modelOptions) },
    dataset: config.data.name,
    size,
    epochs: epochsOf,
    seed: config.seed,
    brokenPictures: broken.length,
    ...(leaked && { leaked }),
    ...(config.leftOut && { leftOut: leftOutCounts(config.leftOut) }),
    ...(peak === undefined ? {} : { peakMemoryBytes: peak }),
    versions,
  };
  writeFileAtomic(join(run, 'report.json'), `${JSON.stringify(figuresJson(figures), null, 2)}\n`);

  const picture = (index: number): Promise<string> => pictureOf(source, index, preprocess);
  const folder = config.data.path;
  const maps = mapsOf(loaded, source);
  const before = async (): Promise<Evaluation> => {
    const began = modelOf(task, { ...config, device: 'cpu' });
    await loadStart(task, config, began);
    try {
      return await measure({ ...loaded, model: began }, source, {
        batch: evaluationBatch(task, config, source.length),
        workers: config.workers,
      });
    } finally {
      began.dispose();
    }
  };
  const parts = await task.report(result, { settings, source, part: measured, folder, picture, maps, before });
  const seen = await seenBatch(task, config, dataset);
  const inPage = withoutPlaces(folder, config.data.name);
  const { renderRunReport } = await import('../report/run/report.js');
  const html = renderRunReport({
    title: `${loaded.title} on ${config.data.name}`,
    generatedAt: new Date().toISOString(),
    summary: {
      model: loaded.title,
      dataset: config.data.name,
      ...task.counts(settings),
      trainImages,
      ...(task.clips === true && { noun: 'video' as const }),
      testImages: result.scores.images,
      measured,
      validated: tested === undefined ? measured : 'val',
      ...(tested === undefined ? {} : { validationImages: dataset.val.length }),
      selectedOn,
      ...(kept?.minival === undefined ? {} : { minivalImages: kept.minival.images }),
      size,
      epochs: epochsOf,
      batch: recipe.batch,
      steps: end?.step ?? 0,
      parameters: figures.parameters,
      scores: result.scores,
      ...(rawScore === undefined ? {} : { rawScore }),
      chosen: weights,
      crop:
        fit === 'letterbox' ? 'whole picture' : evalCrop === 1 ? 'whole shorter side' : `centre crop of ${evalCrop}`,
      seconds: figures.seconds,
      imagesPerSecond: figures.imagesPerSecond,
      loaderWaitShare: figures.loaderWaitShare,
      seed: config.seed,
    },
    metrics: shownMetrics(task, settings, result.scores),
    epochs: epochs.map((event) => ({
      epoch: event.epoch,
      step: event.step,
      learningRate: event.learningRate,
      train: figuresOfTraining(event),
      ...(event.raw === undefined ? {} : { raw: event.raw }),
      ...(event.ema === undefined ? {} : { ema: event.ema }),
      ...(event.minival === undefined ? {} : { minival: event.minival }),
      imagesPerSecond: event.imagesPerSecond,
    })),
    steps: steps.map(({ step, loss, learningRate, imagesPerSecond }) => ({
      step,
      loss,
      learningRate,
      imagesPerSecond,
    })),
    task: parts,
    seen,
    recipe: Object.entries(recipe).map(([key, value]) => ({
      key,
      value: isUnused(config.recipe, key as RecipeKey) ? '–' : shownValue(value),
      source: config.recipe.sources[key as keyof typeof config.recipe.sources],
    })),
    warnings: [
      leaked && leakText(leaked, primary),
      ...Object.entries(config.leftOut ?? {}).map(
        ([kind, { length }]) => `${picturesOf('train', length)} left out (--leave-out ${kind}).`,
      ),
      ...dataset.notes,
      passedOverText(dataset.ignoredEndings),
      ...broken.map(({ path, reason }) => `Left out, cannot be read: ${path}: ${reason}`),
    ]
      .filter((text) => text !== undefined)
      .map(inPage),
    ...(exported === undefined || parity === undefined
      ? {}
      : {
          onnx: {
            file: basename(exported.path),
            bytes: exported.bytes,
            maxAbsDiff: parity.maxAbsDiff,
            ...(parity.top1Agreement === undefined ? {} : { top1Agreement: parity.top1Agreement }),
            pictures: parity.pictures,
          },
        }),
    environment: [
      ...Object.entries(versions).map(([key, value]) => ({ key, value })),
      {
        key: 'processor',
        value: `${cpus()[0]?.model ?? 'unknown'}, ${availableParallelism()} cores, ${config.threads} threads used`,
      },
      { key: 'device', value: config.device },
      { key: 'data', value: `${seenFrom(run, folder)}${isAddress(folder) ? '' : " (from the run's folder)"}` },
      { key: 'resumed', value: resumed ? 'yes' : 'no' },
    ],
    commands: [
      ...(exported === undefined && task.exported !== undefined
        ? [
            { what: 'Install ONNX Runtime', command: RUNTIME_INSTALL },
            { what: 'Export the model', command: `rescaled export ${commandLine([run])}` },
          ]
        : []),
      task.exported === undefined
        ? { what: 'Train on labelled pictures from here', command: `rescaled train FOLDER --from ${run}` }
        : {
            what: `Predict on ${task.clips === true ? 'videos' : 'pictures'}`,
            command: `rescaled predict ${commandLine([onnxFile(run)])} ${task.clips === true ? 'VIDEO' : 'PICTURES'}...`,
          },
      { what: 'Measure on other data', command: `rescaled eval ${run} DATA` },
      { what: 'Train on your own pictures', command: 'rescaled train FOLDER' },
    ],
  });
  writeFileAtomic(join(run, 'report.html'), html);
  model.dispose();
  return figures;
}
