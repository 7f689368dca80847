import { existsSync, statSync } from 'node:fs';
import { evalClip } from '../augment/clips/sample.js';
import { filmStrip } from '../augment/clips/strip.js';
import { augmentPlan } from '../augment/policies/plan.js';
import { type PreprocessOptions, preprocessOptions } from '../augment/preprocess.js';
import { evalView } from '../augment/view.js';
import { readPixels, type Source } from '../data/sources/source.js';
import { UsageError } from '../errors.js';
import type { Metric } from '../metric.js';
import { createModel, type ImageModel, modelFacts, modelShapes, modelTitle } from '../models/index.js';
import {
  type ClipInput,
  IMAGENET_INPUT,
  type InputFacts,
  isRun,
  loadConfig,
  type RunConfig,
  type TaskSettings,
} from '../run/config.js';
import { taskNamed } from '../tasks/index.js';
import {
  architectureOf,
  type EvaluateOnOptions,
  type Evaluation,
  evaluateOn,
  finalViews,
  openStart,
  preprocessOf,
  type Task,
  titlesOf,
  weightsOf,
} from '../train/index.js';
import { checkFinite } from '../weights/finite.js';
import { loadInto } from '../weights/load.js';
import { withoutBeginning } from '../weights/names/prefix.js';
import { takenFrom } from '../weights/report.js';

export interface LoadedModel {
  model: ImageModel;
  name: string;
  /** With its width where it has another than its namesake. */
  title: string;
  task: Task;
  settings: TaskSettings;
  /** Empty when the file names none; `classCount` rows of the head stand for them. */
  classes: string[];
  classCount: number;
  size: number;
  evalCrop: number;
  /** All of a picture is looked at, in place of the centre crop. */
  fit?: 'letterbox';
  input: InputFacts;
  /** What was chosen in opening the file, to be told. */
  taken?: string[];
  /** Averaged or as trained, where the file says it. */
  weights?: 'ema' | 'raw';
  path: string;
  /** The data it was trained on, with what picks its test pictures. */
  data?: Omit<RunConfig['data'], 'path'> & { seed: number };
  /** The run folder, when it came from one. */
  run?: string;
}

/** What the user says of weights that do not say it themselves. */
export interface GivenFacts {
  model?: string;
  size?: number;
  evalCrop?: number;
  /** Which weights of a checkpoint that holds several. */
  select?: string;
}

/** A trained model from a run folder (final weights, else the best so far) or a weights file. */
export async function loadModel(
  target: string,
  choose: 'final' | 'best' = 'final',
  given: GivenFacts = {},
): Promise<LoadedModel> {
  const { file: opened, facts } = await openStart(weightsOf(target, choose), given.select);
  try {
    const name = given.model ?? facts.model;
    if (name === undefined)
      throw new UsageError(`Expected --model, since ${opened.path} does not say which model its weights are of.`);
    const { head, size } = modelFacts(name);
    const architecture = architectureOf(name, facts);
    const file = withoutBeginning(opened, modelShapes(name, architecture).keys());
    const task = taskNamed(facts.task);
    const fresh = task.restore?.((classes) => createModel(name, { ...architecture, classes }), file.entries, facts);
    const classCount = file.entries.get(`${head}.weight`)?.shape[0] ?? (fresh && 0);
    if (classCount === undefined)
      throw new UsageError(
        `Expected a trained ${name} but ${file.path} has no "${head}.weight": its head is missing, ` +
          'or it is another model.',
      );
    const model = fresh ?? createModel(name, { ...architecture, classes: classCount });
    loadInto(file, model.state(), () => titlesOf(file, facts, { name, options: architecture }));
    checkFinite(file, model.state().keys());
    model.to({ memoryFormat: 'channels_last' }).train(false);
    return {
      model,
      name,
      title: modelTitle(name, architecture),
      task,
      settings: task.settingsOf(facts, classCount),
      classes: facts.classes ?? [],
      classCount,
      size: given.size ?? facts.size ?? size,
      evalCrop: given.evalCrop ?? facts.evalCrop ?? 0.875,
      ...(given.evalCrop === undefined && facts.fit === 'letterbox' && { fit: facts.fit }),
      input: {
        mean: facts.mean ?? IMAGENET_INPUT.mean,
        std: facts.std ?? IMAGENET_INPUT.std,
        interpolation: facts.interpolation ?? IMAGENET_INPUT.interpolation,
        ...(task.clips === true && { clip: facts.clip ?? USUAL_CLIP }),
      },
      taken: takenFrom(file.metadata),
      weights: facts.weights,
      path: file.path,
      ...(file.metadata['data'] === undefined
        ? {}
        : { data: JSON.parse(file.metadata['data']) as Omit<RunConfig['data'], 'path'> & { seed: number } }),
      ...(existsSync(target) && statSync(target).isDirectory() ? { run: target } : {}),
    };
  } finally {
    opened.close();
  }
}

/** The metrics of a task that say something, the primary one first. @param scores leaves out what was not measured */
export function shownMetrics(
  task: Task,
  settings: TaskSettings,
  scores?: Readonly<Record<string, number>>,
): readonly [Metric, ...Metric[]] {
  const silent = task.silent?.(settings) ?? [];
  const [primary, ...others] = task.metrics;
  return [
    primary,
    ...others.filter(({ name }) => !silent.includes(name) && (scores === undefined || scores[name] !== undefined)),
  ];
}

/** How the model sees a picture. */
export const preprocessFor = ({
  size,
  evalCrop,
  fit,
  input,
}: Pick<LoadedModel, 'size' | 'evalCrop' | 'fit' | 'input'>): Required<PreprocessOptions> =>
  preprocessOptions({ size, evalCrop, ...(fit && { fit }), filter: input.interpolation, clip: input.clip ?? null });

/** Of weights of clips that do not say it: as the released ones were trained. */
const USUAL_CLIP: ClipInput = { frames: 32, stride: 2, rule: 'garden', clips: 10, crops: 3 };

/** Picture i as the model sees it, as a PNG in base64. */
export async function pictureOf(source: Source, index: number, view: Required<PreprocessOptions>): Promise<string> {
  const { size, clip } = view;
  const pixels = await readPixels(source, index, size);
  const seen = clip
    ? filmStrip(evalClip(pixels, { ...view, clip }, index).image, size, 4, 2)
    : { data: evalView(pixels, view), width: size, height: size };
  const { default: sharp } = await import('sharp');
  const png = await sharp(seen.data, { raw: { width: seen.width, height: seen.height, channels: 3 } })
    .png()
    .toBuffer();
  return png.toString('base64');
}

/** What SimCLR's views are made of. */
const SIMCLR_VIEW = { cropAttempts: 100, cropFallback: 'whole', augment: augmentPlan({ policy: 'simclr' }) } as const;

/**
 * What a loaded model is worth on pictures; those that cannot be read are told to `onBroken` and counted.
 * @param examples single pictures worth a look that are kept
 */
export function measure(
  { model, task, settings, input, ...loaded }: LoadedModel,
  source: Source,
  options: Pick<EvaluateOnOptions, 'batch' | 'workers' | 'onBroken'>,
  examples = 24,
): Promise<Evaluation & { broken: number; seconds: number }> {
  const preprocess = preprocessFor({ ...loaded, input });
  const config = loaded.run === undefined || !isRun(loaded.run) ? undefined : loadConfig(loaded.run);
  const evaluator = task.evaluator(settings, { examples, model, ...(config && { recipe: config.recipe.values }) });
  // Weights alone do not say how views were drawn: as the paper draws them then.
  const drawn = config === undefined ? { ...preprocess, ...SIMCLR_VIEW } : preprocessOf(config);
  const views = finalViews(task, { ...drawn, size: preprocess.size, evalCrop: preprocess.evalCrop }, input.clip);
  return evaluateOn(model, source, task, evaluator, {
    preprocess,
    input,
    device: 'cpu',
    ...(views && { views }),
    ...options,
    // A batch has a row for each view of a video.
    ...(input.clip && { batch: Math.max(1, Math.floor(options.batch / views!.length)) }),
  });
}
