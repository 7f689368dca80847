import { z } from 'zod';
import { UsageError } from '../errors.js';
import { modelFacts } from '../models/index.js';
import { didYouMean, knownNames } from '../suggest.js';
import { adviceOn, refuseImpossible, refuseUnlabelled } from './checks.js';
import { CLIP_DEFAULTS } from './clips/presets.js';
import { CLIP_KEYS } from './clips/settings.js';
import { DETECT_DEFAULTS } from './detect.js';
import { DETECT_KEYS } from './detect-settings.js';
import { draftOf } from './draft.js';
import { fitOptimiser, fitRateScaling } from './optimisers.js';
import { DENSE_DEFAULTS } from './pixels/presets.js';
import { DENSE_KEYS, DEPTH_KEYS } from './pixels/settings.js';
import { PRESETS, presetNames, presetTask, RECIPE_KEYS } from './presets.js';
import {
  fitAugmentation,
  fitAveraging,
  fitData,
  fitLengths,
  fitModel,
  fitNoise,
  fitNorm,
  fitPictures,
  fitUnlabelled,
  markUnused,
  type Unlabelled,
} from './rules.js';
import {
  type NamedRecipe,
  type Recipe,
  type RecipeKey,
  recipeSchema,
  type Settings,
  type SourcedRecipe,
} from './schema.js';
import { CONTRAST_KEYS, fitContrast, fitSimclr } from './simclr-augment.js';

export { isPresetOf, presetNames, presetTask } from './presets.js';
export {
  CLASS_KEYS,
  type NamedRecipe,
  type Precision,
  type Recipe,
  type RecipeKey,
  recipeSchema,
  type Settings,
  type SourcedRecipe,
} from './schema.js';

/** Training pictures of ILSVRC 2012. */
export const IMAGENET_PICTURES = 1_281_167;

export function checkPreset(preset: string): void {
  if (!Object.hasOwn(PRESETS, preset))
    throw new UsageError(
      `Expected a recipe name but received "${preset}".${didYouMean(preset, presetNames())} Known: ` +
        `${presetNames().join(', ')}; or a file ending in .json, .js, .mjs or .ts.`,
    );
}

/**
 * The recipe of a run: the preset, then what the model's published row says (dropout, stochastic depth), what small
 * pictures and another optimiser ask for, what was set by a file or the user, and what data and a short run ask for.
 * Every change names its reason.
 * @param pictures in the training part; the released recipes are ImageNet's
 * @param unlabelled the pictures without labels that are trained on beside them
 * @param idle settings that play no part in the task, and why; by default those of the task contrast
 * @throws UsageError for an unknown preset or setting, or a value out of range
 */
export function resolveRecipe(
  recipe: string | NamedRecipe,
  model: string,
  size: number,
  settings: Readonly<Record<string, unknown>> = {},
  pictures = IMAGENET_PICTURES,
  unlabelled?: Unlabelled,
  idle: { keys: readonly RecipeKey[]; why: string } | undefined = undefined,
): SourcedRecipe {
  const {
    name,
    preset,
    settings: own,
  } = typeof recipe === 'string' ? { name: recipe, preset: recipe, settings: [] } : recipe;
  checkPreset(preset);
  const all: Settings[] = [...own, { values: settings, source: 'set by the user' }].map(spelt);
  for (const { values } of all) for (const key of Object.keys(values)) checkKey(key);

  const draft = draftOf(preset);
  fitModel(draft, modelFacts(model), size);
  fitPictures(draft, size);
  fitOptimiser(draft, all);
  fitRateScaling(draft, all);
  for (const { values, source } of all)
    for (const [key, value] of Object.entries(values)) draft.choose(key as RecipeKey, listed(key, value), source);
  validate(draft.values());
  fitUnlabelled(draft, unlabelled);
  fitData(draft, pictures, unlabelled);
  fitNoise(draft, pictures, unlabelled);
  fitAugmentation(draft, size);
  fitSimclr(draft, size);
  fitContrast(draft, size);
  fitNorm(draft, pictures, unlabelled);
  fitLengths(draft);
  fitAveraging(draft, pictures, unlabelled);
  markUnused(draft);
  const { keys, why } = idle ?? {
    keys:
      presetTask(preset) === undefined
        ? [...CONTRAST_KEYS, ...DETECT_KEYS, ...DENSE_KEYS, ...DEPTH_KEYS, ...CLIP_KEYS]
        : [],
    why: 'the task classify',
  };
  for (const key of keys) draft.unused(key, why);
  const values = validate(draft.values());
  refuseImpossible(values, model);
  refuseUnlabelled(values, unlabelled);
  return {
    preset: name,
    values,
    sources: draft.sources(),
    chosen: draft.chosenKeys(),
    advice: [...adviceOn(values, { classifies: presetTask(preset) === undefined }), ...draft.idle],
  };
}

/** American spellings of settings. */
const SPELLINGS: Readonly<Record<string, RecipeKey>> = { optimizer: 'optimiser' };

/** The setting that a key means. */
export const settingKey = (key: string): string => (Object.hasOwn(SPELLINGS, key) ? SPELLINGS[key]! : key);

function spelt({ values, source }: Settings): Settings {
  return { values: Object.fromEntries(Object.entries(values).map(([key, value]) => [settingKey(key), value])), source };
}

export function checkKey(key: string, where = ''): void {
  if (!RECIPE_KEYS.includes(key as RecipeKey))
    throw new UsageError(
      `Expected a recipe setting${where} but received "${key}".` +
        `${knownNames(key, RECIPE_KEYS, 'rescaled recipe show resnet-rs')}.`,
    );
}

/** What can be said of settings before the data and the model are known. @throws UsageError for an unknown one, or a value out of range */
export function checkSettings(settings: Readonly<Record<string, unknown>>): void {
  const { values } = spelt({ values: settings, source: '' });
  for (const [key, value] of Object.entries(values)) {
    checkKey(key);
    const parsed = recipeSchema.shape[key as RecipeKey].safeParse(listed(key, value));
    if (!parsed.success) throw wrongValue(key, value, parsed.error.issues[0]!);
  }
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
  throw wrongValue(key, values[key], issue);
}

const wrongValue = (key: string, value: unknown, { message }: { message: string }): UsageError =>
  new UsageError(
    `Expected another value for the setting ${key} but received ${JSON.stringify(value)}: ` +
      `${message.replace(/^.*: expected/, 'expected')}.`,
  );

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
    agc: 0,
    agcRule: 'paper',
    weightDecayMode: 'coupled',
    precision: 'float32',
    recompute: 'norm',
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
    colourStrength: 1,
    colourShare: 0.8,
    brightnessRule: 'multiply',
    greyShare: 0.2,
    blur: 0.5,
    blurSigma: 'picture',
    fit: 'crop',
    scaleMin: 0.75,
    scaleMax: 1.5,
    cropAttempts: 10,
    inputNorm: 'imagenet',
    fromProjection: 0,
    temperature: 0.1,
    contrastReduction: 'mean',
    projectionHead: 'v1',
    projectionLayers: 2,
    projectionOutputs: 128,
    polyPower: 0.9,
    polyEnd: 0,
    headRate: 1,
    headDecay: 1,
    randomErasing: 0,
    mixup: 0,
    cutmix: 0,
    repeats: 1,
    interpolation: 'bicubic',
    unlabelledRatio: 0,
    labelledWeight: 1,
    unlabelledWeight: 1,
    unlabelledTargets: 'soft',
    pseudoTemperature: 1,
    pseudoSmoothing: 0,
    confidence: 0.95,
    unlabelledAugment: 'same',
    epochsCount: 'labelled',
    ...Object.fromEntries(
      Object.entries({ ...DETECT_DEFAULTS, ...DENSE_DEFAULTS, ...CLIP_DEFAULTS }).map(([key, [value]]) => [key, value]),
    ),
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
