import { z } from 'zod';
import { UsageError } from '../errors.js';
import { modelFacts } from '../models/index.js';
import { didYouMean } from '../suggest.js';
import { adviceOn, refuseImpossible } from './checks.js';
import { PRESETS, presetNames, RECIPE_KEYS } from './presets.js';
import {
  draftOf,
  fitAugmentation,
  fitData,
  fitLengths,
  fitModel,
  fitOptimiser,
  fitPictures,
  markUnused,
} from './rules.js';

export { presetNames } from './presets.js';

const share = z.number().min(0).max(1);
const rate = z.number().min(0).lt(1);

/** Every hyper-parameter of a run. One plain object, stored in the run. */
export const recipeSchema = z.strictObject({
  epochs: z.int().min(1).max(100_000),
  /** Pictures in a step. */
  batch: z.int().min(2).max(65_536),
  /** Parts in which a step computes its batch, one after the other, for less memory. */
  accumulate: z.int().min(1).max(4096),
  /** Per 256 pictures. */
  learningRate: z.number().positive(),
  schedule: z.enum(['cosine', 'step', 'exponential', 'one-cycle', 'constant']),
  warmupEpochs: z.number().min(0),
  /** Of `step`: where the rate falls by `decayFactor`. */
  stepEpochs: z.array(z.number().positive()).max(100),
  /** Of `exponential`: how often the rate falls by `decayFactor`. */
  decayEpochs: z.number().positive(),
  decayFactor: z.number().gt(0).max(1),
  optimiser: z.enum(['sgd', 'rmsprop', 'adamw', 'lamb']),
  /** Of AdamW and LAMB: beta1. */
  momentum: rate,
  nesterov: z.boolean(),
  /** RMSProp's rho; beta2 of AdamW and LAMB. */
  squareDecay: rate,
  epsilon: z.number().gt(0).max(1),
  /** Largest norm of all gradients together; 0 for no limit. */
  clipNorm: z.number().min(0),
  weightDecay: z.number().min(0).max(1),
  weightDecayMode: z.enum(['coupled', 'decoupled']),
  decayRule: z.enum(['reference', 'timm', 'all']),
  /**
   * Of activations while training; weights, statistics, logits and loss are float32. float16 needs CUDA and scales the
   * loss.
   */
  precision: z.enum(['float32', 'bfloat16', 'float16']),
  /**
   * Keeps the weights of the epoch that is best on the minival, and ends after `patience` epochs without a better one.
   */
  earlyStopping: z.boolean(),
  patience: z.int().min(1).max(100_000),
  /** Share of the training pictures that are set aside for early stopping. */
  minival: z.number().gt(0).lt(1),
  /** The learning rate of a stage is this times that of the one after it. */
  layerDecay: z.number().gt(0).max(1),
  /** Parts that stay as they are: `trunk` (all but the head), or beginnings of state keys. */
  freeze: z.array(z.string().min(1)).max(1000),
  labelSmoothing: rate,
  /** `balanced`: each class weighs as much as any other in the loss. */
  classWeights: z.enum(['none', 'balanced']),
  dropout: rate,
  stochasticDepth: rate,
  stochasticDepthRule: z.enum(['stage', 'block']),
  /** What smooths weights and batch-norm statistics: see docs/recipes.md. */
  averaging: z.enum(['ema', 'ema-running', 'none']),
  emaDecay: z.number().min(0).lt(1),
  /** Share of the newest batch in batch norm's running averages. */
  normMomentum: z.number().gt(0).max(1),
  init: z.enum(['tf', 'timm', 'efficientnet']),
  cropMode: z.enum(['inception', 'pad', 'none']),
  cropAreaMin: z.number().gt(0).max(1),
  padding: z.int().min(0).max(512),
  flip: share,
  evalCrop: z.number().gt(0).max(1),
  /** Of every resize, in training and evaluation; antialiased. */
  interpolation: z.enum(['bicubic', 'bilinear']),
  augment: z.enum(['none', 'randaugment', 'autoaugment', 'trivialaugment']),
  randAugmentLayers: z.int().min(0).max(16),
  randAugmentMagnitude: z.number().min(0).max(50),
  augmentVariant: z.enum(['reference', 'pillow', 'timm']),
  augmentPixelScale: z.number().gt(0).max(100),
  randomErasing: share,
  mixup: z.number().min(0).max(1000),
  cutmix: z.number().min(0).max(1000),
  /** Times that each picture comes in a row, each time augmented anew; an epoch keeps its number of steps. */
  repeats: z.int().min(1).max(64),
});
export type Recipe = z.infer<typeof recipeSchema>;
export type RecipeKey = keyof Recipe;

/** A recipe with, for each field, where its value comes from. */
export interface SourcedRecipe {
  preset: string;
  values: Recipe;
  sources: Record<RecipeKey, string>;
  /** Keys that a person has set, which no rule changes. Absent from runs of earlier versions. */
  chosen?: RecipeKey[];
  /** What a person should know of it before it is used. */
  advice?: string[];
}

/** Settings that come from one place: a recipe file, or the user. */
export interface Settings {
  values: Readonly<Record<string, unknown>>;
  source: string;
}

/** A preset and what was changed of it, in order. */
export interface NamedRecipe {
  name: string;
  preset: string;
  settings: readonly Settings[];
}

/** Training pictures of ILSVRC 2012. */
export const IMAGENET_PICTURES = 1_281_167;

export function checkPreset(preset: string): void {
  if (!Object.hasOwn(PRESETS, preset))
    throw new UsageError(
      `Expected a recipe name but received "${preset}".${didYouMean(preset, presetNames())} Known: ${presetNames().join(', ')}; or a file ending in .json, .js, .mjs or .ts.`,
    );
}

/**
 * The recipe of a run: the preset, then what the optimiser and the model's published row say (dropout, stochastic
 * depth), then what small pictures and short runs ask for, then what was set by a file or the user. Every change names
 * its reason.
 * @param pictures in the training part; the released recipes are ImageNet's
 * @throws UsageError for an unknown preset or setting, or a value out of range
 */
export function resolveRecipe(
  recipe: string | NamedRecipe,
  model: string,
  size: number,
  settings: Readonly<Record<string, unknown>> = {},
  pictures = IMAGENET_PICTURES,
): SourcedRecipe {
  const {
    name,
    preset,
    settings: own,
  } = typeof recipe === 'string' ? { name: recipe, preset: recipe, settings: [] } : recipe;
  checkPreset(preset);
  const all: Settings[] = [...own, { values: settings, source: 'set by the user' }];
  for (const { values } of all) for (const key of Object.keys(values)) checkKey(key);

  const draft = draftOf(preset);
  fitOptimiser(draft, all);
  fitModel(draft, modelFacts(model), size);
  fitPictures(draft, size);
  for (const { values, source } of all)
    for (const [key, value] of Object.entries(values)) draft.choose(key as RecipeKey, listed(key, value), source);
  validate(draft.values());
  fitAugmentation(draft, size);
  fitLengths(draft);
  fitData(draft, pictures);
  markUnused(draft);
  const values = validate(draft.values());
  refuseImpossible(values, model);
  return {
    preset: name,
    values,
    sources: draft.sources(),
    chosen: draft.chosenKeys(),
    advice: [...adviceOn(values), ...draft.idle],
  };
}

export function checkKey(key: string, where = ''): void {
  if (!RECIPE_KEYS.includes(key as RecipeKey))
    throw new UsageError(
      `Expected a recipe setting${where} but received "${key}".${didYouMean(key, RECIPE_KEYS)} Known: ${RECIPE_KEYS.join(', ')}.`,
    );
}

/** A list typed as one text: `30,60,80`. */
function listed(key: string, value: unknown): unknown {
  if (!(recipeSchema.shape[key as RecipeKey] instanceof z.ZodArray) || Array.isArray(value)) return value;
  const items = String(value)
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '' && item !== 'none');
  return key === 'freeze' ? items : items.map(Number);
}

function validate(values: Readonly<Record<string, unknown>>): Recipe {
  const parsed = recipeSchema.safeParse(values);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const key = String(issue.path[0]);
  throw new UsageError(
    `Expected another value for the setting ${key} but received ${JSON.stringify(values[key])}: ${issue.message.replace(/^.*: expected/, 'expected')}.`,
  );
}

/**
 * The recipe of a run of an earlier version, which lacks the later settings: they get the values that change nothing.
 */
export function completeRecipe(values: Partial<Recipe>): Recipe {
  const later: Partial<Recipe> = {
    accumulate: 1,
    stepEpochs: [],
    decayEpochs: 1,
    decayFactor: 1,
    optimiser: 'sgd',
    squareDecay: 0.9,
    epsilon: 1e-3,
    clipNorm: 0,
    weightDecayMode: 'coupled',
    precision: 'float32',
    earlyStopping: false,
    patience: 1,
    minival: 0.02,
    layerDecay: 1,
    freeze: [],
    classWeights: 'none',
    normMomentum: 0.1,
    augment: 'none',
    randAugmentLayers: 0,
    randAugmentMagnitude: 0,
    augmentVariant: 'reference',
    augmentPixelScale: 1,
    randomErasing: 0,
    mixup: 0,
    cutmix: 0,
    repeats: 1,
    interpolation: 'bicubic',
  };
  const missing = Object.entries(later).filter(([key]) => !(key in values));
  return { ...values, ...Object.fromEntries(missing) } as Recipe;
}

/** `key=value` as typed by a user; numbers and booleans are recognised. */
export function parseSetting(text: string): [string, unknown] {
  const equals = text.indexOf('=');
  if (equals < 1) throw new UsageError(`Expected --set key=value but received "${text}".`);
  const value = text.slice(equals + 1).trim();
  const parsed =
    value === 'true'
      ? true
      : value === 'false'
        ? false
        : value !== '' && Number.isFinite(Number(value))
          ? Number(value)
          : value;
  return [text.slice(0, equals).trim(), parsed];
}
