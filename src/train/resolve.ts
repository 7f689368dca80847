import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { augmentPlan } from '../augment/policies/plan.js';
import { type PreprocessOptions, preprocessOptions } from '../augment/preprocess.js';
import { drawsOf, mixtureOf, viewsPerLabelled } from '../batches.js';
import { withoutMinival } from '../data/minival.js';
import type { TrainingData } from '../data/unlabelled.js';
import { UsageError } from '../errors.js';
import { placeOf } from '../files.js';
import {
  createModel,
  type ImageModel,
  type ModelFacts,
  type ModelOptions,
  type ModelOverrides,
  modelFacts,
  modelShapes,
  STEM_STRIDES,
} from '../models/index.js';
import { BatchNorm } from '../nn/index.js';
import { checkModelSwitches } from '../recipe/model-switches.js';
import {
  isPresetOf,
  type NamedRecipe,
  presetTask,
  type Recipe,
  resolveRecipe,
  type Settings,
} from '../recipe/recipe.js';
import { type ClipInput, IMAGENET_INPUT, type RunConfig } from '../run/config.js';
import { shapeOnly, zeros } from '../torch/index.js';
import type { WeightsFacts } from '../weights/facts.js';
import { epochsBetween } from './evaluate.js';
import { deviceNamed } from './open.js';
import { checkLearnOptions, type LearnOptions, settingsIn } from './options.js';
import { choosePrecision, multiplyAddsOf } from './step/precision.js';
import type { Task } from './task.js';

/** The options of a model that weights say they are of; of other weights what they say of the activation. */
export function architectureOf(model: string, weights: WeightsFacts): ModelOverrides {
  if (weights.model === model && weights.modelOptions !== undefined) return weights.modelOptions as ModelOverrides;
  const silu = weights.activation === 'silu' || weights.activation === 'swish';
  return silu && modelFacts(model).kind === 'resnet' ? { activation: 'silu' } : {};
}

const zero: [number, number, number] = [0, 0, 0];
const one: [number, number, number] = [1, 1, 1];

/** Half the model's own stride up to 64 pixels. */
export const stemStrideAt = ({ options }: ModelFacts, size: number): ModelOptions['stemStride'] =>
  size > 64 ? options.stemStride : ((options.stemStride / 2) as 1 | 2);

/** Weights that say their architecture keep it, and a plain stem of another stride would have another kernel. */
function stemStrideFor(
  facts: ModelFacts,
  size: number,
  fromWeights: boolean,
  weights: WeightsFacts,
): ModelOptions['stemStride'] {
  const { kind, options } = facts;
  const said = weights.model === facts.name && weights.modelOptions !== undefined;
  const plain = kind === 'video-resnet' || ((kind === 'resnet' || kind === 'resnet3d') && options.stem === 'plain');
  const fixed = said || (fromWeights && plain);
  return fixed ? options.stemStride : stemStrideAt(facts, size);
}

const presetOf = (named: string | NamedRecipe): string => (typeof named === 'string' ? named : named.preset);

/** Settings before those that a file or the user has: these win. */
const withSettings = (named: string | NamedRecipe, settings: Settings | undefined): string | NamedRecipe => {
  if (settings === undefined) return named;
  const { values, source } = settings;
  const plain = typeof named === 'string' ? { name: named, preset: named, settings: [] } : named;
  return { ...plain, settings: [{ values, source }, ...plain.settings] };
};

/** Completes the options with what the task, the data set, the model and the weights to start from say. */
export function resolveConfig(
  task: Task,
  options: LearnOptions,
  dataset: TrainingData,
  start: WeightsFacts = {},
  named: string | NamedRecipe = options.recipe ?? task.recipe ?? 'resnet-rs',
): RunConfig {
  if (dataset.train === undefined)
    throw new UsageError(`Expected training pictures in ${options.data} but there is only a validation part.`);
  checkLearnOptions(options);
  if (options.select !== undefined && options.from === undefined)
    throw new UsageError(`Expected --from with --select ${options.select}: it picks weights of that file.`);
  if (options.from !== undefined && options.model === undefined && start.model === undefined)
    throw new UsageError(`Expected --model, since ${options.from} does not say which model its weights are of.`);
  const free = options.model === undefined && start.model === undefined ? task.network : undefined;
  const model = options.model ?? start.model ?? free?.model ?? 'resnet-rs-50';
  const width = options.width ?? free?.width;
  // The architecture of the weights; what the recipe and the data decide is set below.
  const facts = modelFacts(model, {
    ...architectureOf(model, start),
    ...checkModelSwitches(options.modelOptions ?? {}),
  } as ModelOverrides);
  if (facts.frames !== undefined && task.clips !== true)
    throw new UsageError(
      `Expected a model of pictures but ${model} is one of clips: "rescaled models" lists both, clips with their frames.`,
    );
  if (facts.frames === undefined && task.clips === true)
    throw new UsageError(`Expected a model of clips, such as resnet3d-50, but ${model} is one of pictures.`);
  const strides: readonly number[] = STEM_STRIDES[facts.kind];
  if (options.stemStride !== undefined && !strides.includes(options.stemStride))
    throw new UsageError(
      `Expected ${strides.join(' or ')} as the stem's stride of ${model} but received ${options.stemStride}.`,
    );
  const size = options.size ?? start.size ?? task.network?.size ?? (dataset.kind === 'idx' ? 28 : facts.size);
  const { unlabelled } = dataset;
  const pool = unlabelled && { pictures: unlabelled.drawn.length, labels: unlabelled.labels !== undefined };
  const madeFor = presetTask(presetOf(named));
  if (madeFor !== (task.recipe && task.name))
    throw new UsageError(
      `Expected a recipe for the task ${task.name}${task.recipe === undefined ? '' : `, such as ${task.recipe},`} but received ` +
        `one for ${madeFor ?? 'classes'}.${madeFor === 'contrast' ? ' "rescaled pretrain PICTURES" takes it.' : ''}`,
    );
  const own = task.recipe !== undefined && isPresetOf(presetOf(named), task.recipe);
  const suited = own ? task.suited?.(dataset.train, size, start) : undefined;
  const recipe = resolveRecipe(
    withSettings(withSettings(named, framesSaid(facts, start)), suited),
    model,
    size,
    settingsIn(options),
    dataset.train.length,
    pool,
    task.idleSettings,
  );
  if (suited?.advice !== undefined) recipe.advice = [...(recipe.advice ?? []), suited.advice];
  const refused = task.refuses?.(recipe.values);
  if (refused !== undefined)
    throw new UsageError(
      `Expected ${refused.expected} with the task ${task.name} but received ${refused.received}: ${refused.why}`,
    );
  const { unlabelledRatio } = recipe.values;
  if (unlabelledRatio > 0 && unlabelled === undefined) {
    const set = recipe.chosen?.includes('unlabelledRatio') === true;
    throw new UsageError(
      `Expected --unlabelled with ${set ? `unlabelledRatio=${unlabelledRatio}` : `the recipe ${recipe.preset}`}: ` +
        'the pictures without labels to learn from.',
    );
  }
  if (options.from === undefined && recipe.values.freeze.length > 0)
    throw new UsageError(
      `Expected --from with freeze=${recipe.values.freeze.join(',')}: what is frozen would keep its random weights.`,
    );
  if (start.interpolation !== undefined && recipe.chosen?.includes('interpolation') !== true) {
    recipe.values.interpolation = start.interpolation;
    recipe.sources.interpolation = 'the weights that the run starts from say so';
  }
  const norm = recipe.values.inputNorm === 'none' ? { mean: zero, std: one } : IMAGENET_INPUT;
  const device = deviceNamed(options.device);
  if (recipe.values.precision === 'float16' && !device.startsWith('cuda'))
    throw new UsageError(
      `Expected a CUDA device for precision=float16 but the device is ${device}. ` +
        'Use --set precision=bfloat16, which needs no loss scaling, or --device cuda:0.',
    );
  const cores = availableParallelism();
  const asked = task.settings(dataset);
  const settings =
    task.settled?.(asked, { recipe: recipe.values, start, features: () => featuresOf(facts, width) }) ?? asked;
  const { earlyStopping, averaging, epochs } = recipe.values;
  // Who has a validation part needs no minival, but may ask for one.
  const ownPart = dataset.test !== undefined && recipe.chosen?.includes('minival') !== true;
  const minival = earlyStopping && !ownPart;
  const trainImages = minival ? withoutMinival(dataset.train, recipe.values.minival) : dataset.train.length;
  // Early stopping chooses among all epochs.
  const between = earlyStopping
    ? 1
    : epochsBetween(
        drawsOf(trainImages, mixtureOf(recipe.values, pool?.pictures)) * viewsPerLabelled(recipe.values),
        (averaging === 'none' ? 1 : 2) * dataset.val.length,
        epochs,
      );
  const config: RunConfig = {
    format: 2,
    task: settings,
    data: {
      path: placeOf(options.data),
      name: dataset.name,
      fingerprint: dataset.fingerprint,
      valSplit: dataset.split?.valSplit,
      limitTrain: options.limitTrain,
      limitVal: options.limitVal,
    },
    ...(unlabelled && {
      unlabelled: {
        paths: options.unlabelled!.map(placeOf),
        ...(options.labels !== undefined && { labels: resolve(options.labels) }),
        fingerprint: unlabelled.fingerprint,
        images: unlabelled.drawn.length,
        pictures: unlabelled.pictures,
      },
    }),
    trainImages,
    valImages: dataset.val.length,
    ...(dataset.test && { testImages: dataset.test.length }),
    selectedOn: minival ? 'minival' : dataset.measured === 'test' ? 'test' : 'val',
    model,
    modelOptions: {
      ...facts.options,
      classes: task.outputs(settings),
      width: width ?? facts.options.width,
      dropout: recipe.values.dropout,
      stochasticDepth: recipe.values.stochasticDepth,
      init: recipe.values.init,
      stemStride: options.stemStride ?? stemStrideFor(facts, size, options.from !== undefined, start),
      ...(facts.kind !== 'efficientnet' && { stochasticDepthRule: recipe.values.stochasticDepthRule }),
    } as ModelOptions,
    size,
    input: {
      mean: start.mean ?? norm.mean,
      std: start.std ?? norm.std,
      interpolation: recipe.values.interpolation,
      ...(task.clips === true && { clip: clipOf(recipe.values) }),
    },
    from: options.from === undefined ? undefined : resolve(options.from),
    ...(options.select === undefined ? {} : { select: options.select }),
    recipe,
    rest: 'spread',
    seed: options.seed ?? 0,
    threads: options.threads ?? cores,
    device,
    workers: options.workers ?? Math.min(8, Math.max(1, cores - 1)),
    maxBroken: options.maxBroken ?? 0.01,
    strict: options.strict ?? false,
    checkpointSeconds: options.checkpointSeconds ?? 60,
    evalEvery: options.evalEvery ?? between,
  };
  refuseUnfit(facts, config);
  settlePrecision(facts, config);
  return config;
}

/** What the last linear layer of a model takes. */
const featuresOf = ({ name, head, options }: ModelFacts, width = options.width): number =>
  modelShapes(name, { ...options, width }).get(`${head}.weight`)![1]!;

/** Models and sizes that were found to fit: a study asks for the same ones again and again. */
const fitting = new Set<string>();

/**
 * Refuses a size that does not fit the model before a run folder is made: shapes alone, and of a ResNet one block a
 * stage, since the others keep their input's shape.
 */
function refuseUnfit({ kind, frames }: ModelFacts, { model, modelOptions, size }: RunConfig): void {
  const probe = {
    ...modelOptions,
    dropout: 0,
    stochasticDepth: 0,
    ...(kind === 'efficientnet' ? {} : { layers: [1, 1, 1, 1] }),
  } as ModelOptions;
  const key = JSON.stringify([kind, probe, size]);
  if (fitting.has(key)) return;
  shapeOnly(() =>
    createModel(model, probe).features(
      zeros([1, probe.channels, ...(frames === undefined ? [] : [frames]), size, size]),
    ),
  );
  fitting.add(key);
}

/** What `precision=auto` means is written down with the run, so that it goes on as it began. */
function settlePrecision({ kind }: ModelFacts, { task, device, recipe, model, modelOptions, size }: RunConfig): void {
  const { values, sources } = recipe;
  if (values.precision !== 'auto') return;
  const atOnce = Math.ceil(values.batch / values.accumulate);
  const multiplyAdds = () => multiplyAddsOf(model, size, atOnce, modelOptions);
  const { precision, why } = choosePrecision({ device, task: task.name, kind, multiplyAdds });
  values.precision = precision;
  sources.precision = `auto: ${why}`;
}

/** How a recipe takes clips. */
function clipOf(recipe: Recipe): ClipInput {
  const { frames, frameStride: stride, clipRule: rule, clipFps: fps, testClips: clips, testCrops: crops } = recipe;
  return { frames, stride, rule, ...(fps > 0 && { fps }), clips, crops };
}

/** Frames that weights were trained on, or that stand in the name of the model, before those of the recipe. */
function framesSaid({ name, frames }: ModelFacts, { clip }: WeightsFacts): Settings | undefined {
  if (clip !== undefined)
    return {
      values: { frames: clip.frames, frameStride: clip.stride, clipRule: clip.rule },
      source: 'the weights that the run starts from',
    };
  return /@\d+x/.test(name) && frames !== undefined ? { values: { frames }, source: `the name ${name}` } : undefined;
}

export const preprocessOf = (config: RunConfig): PreprocessOptions =>
  preprocessWith(config, config.recipe.values.augment);

function preprocessWith(config: RunConfig, policy: Recipe['augment']): PreprocessOptions {
  const { fit, cropMode, cropAreaMin, scaleMin, scaleMax, padding, flip, evalCrop, ...recipe } = config.recipe.values;
  const { clip } = config.input;
  const augment = augmentPlan({
    policy,
    layers: recipe.randAugmentLayers,
    magnitude: recipe.randAugmentMagnitude,
    variant: recipe.augmentVariant,
    pixelScale: recipe.augmentPixelScale,
    colourStrength: recipe.colourStrength,
    colour: recipe.colourShare,
    brightness: recipe.brightnessRule,
    grey: recipe.greyShare,
    blur: recipe.blur,
    blurSigma: recipe.blurSigma,
    erasing: recipe.randomErasing,
  });
  return preprocessOptions({
    size: config.size,
    fit,
    cropMode,
    scaleRange: [scaleMin, scaleMax],
    cropArea: [cropAreaMin, 1],
    cropAttempts: recipe.cropAttempts,
    cropFallback: policy === 'simclr' || clip !== undefined ? 'whole' : 'centre',
    ...(clip && { clip, cropAspect: [1 / recipe.clipAspect, recipe.clipAspect] }),
    padding: Math.min(padding, config.size),
    flip,
    evalCrop,
    filter: config.input.interpolation,
    augment,
  });
}

/** How unlabelled pictures become the network's input; with consistency the view that is believed, crop and flip alone, and the one learned. */
export function unlabelledStyles(config: RunConfig): PreprocessOptions[] {
  const { augment, unlabelledAugment, unlabelledTargets } = config.recipe.values;
  const own = preprocessWith(config, unlabelledAugment === 'same' ? augment : unlabelledAugment);
  if (unlabelledTargets !== 'consistency') return [own];
  return [{ ...own, augment: augmentPlan() }, own];
}

/** Builds the run's model with its seed and batch-norm rule. */
export function modelOf(task: Task, config: RunConfig): ImageModel {
  const model = task.model(config);
  // EMA and batch-norm statistics are one mechanism (see recipe field `averaging`): with EMA, batch norm keeps the last
  // batch's statistics and the EMA smooths them; without it, the usual running average does. `ema-running` smooths the
  // running average once more.
  const { averaging, normMomentum } = config.recipe.values;
  for (const [, module] of model.modules())
    if (module instanceof BatchNorm) module.momentum = averaging === 'ema' ? 1 : normMomentum;
  return model.to({ device: config.device, memoryFormat: 'channels_last' });
}
