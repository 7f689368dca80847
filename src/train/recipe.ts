import { z } from 'zod';
import { REFERENCE_SIDE } from '../augment/plan.js';
import { UsageError } from '../errors.js';
import { didYouMean } from '../suggest.js';
import { modelFacts, randAugmentMagnitudeAt } from '../models/index.js';

const share = z.number().min(0).max(1);
const rate = z.number().min(0).lt(1);

/** Every hyper-parameter of a run. One plain object, stored in the run. */
const recipeSchema = z.strictObject({
  epochs: z.int().min(1).max(100_000),
  batch: z.int().min(2).max(65_536),
  learningRate: z.number().positive(),
  schedule: z.enum(['cosine', 'constant']),
  warmupEpochs: z.number().min(0),
  momentum: rate,
  nesterov: z.boolean(),
  weightDecay: z.number().min(0).max(1),
  decayRule: z.enum(['reference', 'timm', 'all']),
  labelSmoothing: rate,
  dropout: rate,
  stochasticDepth: rate,
  stochasticDepthRule: z.enum(['stage', 'block']),
  averaging: z.enum(['ema', 'none']),
  emaDecay: z.number().min(0).lt(1),
  init: z.enum(['tf', 'timm', 'efficientnet']),
  cropMode: z.enum(['inception', 'pad', 'none']),
  cropAreaMin: z.number().gt(0).max(1),
  padding: z.int().min(0).max(512),
  flip: share,
  evalCrop: z.number().gt(0).max(1),
  augment: z.enum(['none', 'randaugment', 'autoaugment', 'trivialaugment']),
  randAugmentLayers: z.int().min(0).max(16),
  randAugmentMagnitude: z.number().min(0).max(50),
  augmentVariant: z.enum(['reference', 'pillow', 'timm']),
  augmentPixelScale: z.number().gt(0).max(100),
  randomErasing: share,
  mixup: z.number().min(0).max(1000),
  cutmix: z.number().min(0).max(1000),
});
export type Recipe = z.infer<typeof recipeSchema>;
export type RecipeKey = keyof Recipe;

/** A recipe with, for each field, where its value comes from. */
export interface SourcedRecipe {
  preset: string;
  values: Recipe;
  sources: Record<RecipeKey, string>;
}

const RS_YAML = 'tensorflow/tpu resnet_rs/configs/*.yaml';
const PREPROCESSING = 'tensorflow/tpu resnet_preprocessing.py';
const AUTOAUGMENT = 'tensorflow/tpu efficientnet/autoaugment.py';

/** The released models are trained at 160 pixels or more; below, what the reference gives in pixels is scaled with the picture. */
const SMALLEST_PUBLISHED = 160;

/** The paper's recipe. Each value beside its source. */
const RESNET_RS: { [K in RecipeKey]: [Recipe[K], string] } = {
  epochs: [350, 'paper section 4.2'],
  batch: [256, 'our choice for one machine (paper: 4096); the learning rate follows it'],
  learningRate: [0.1, `${RS_YAML}: 0.1 per 256 pictures`],
  schedule: ['cosine', 'paper section 4.2'],
  warmupEpochs: [5, 'paper section 4.2; tensorflow/models imagenet_resnetrs*.yaml'],
  momentum: [0.9, RS_YAML],
  nesterov: [true, 'tensorflow/tpu resnet_main.py (off in tensorflow/models)'],
  weightDecay: [4e-5, `${RS_YAML}; paper Table 2`],
  decayRule: ['reference', 'tensorflow/tpu resnet_main.py: all but batch norm, biases included'],
  labelSmoothing: [0.1, RS_YAML],
  dropout: [0.25, RS_YAML],
  stochasticDepth: [0, `${RS_YAML}: none for 50, 101 and 152 layers`],
  stochasticDepthRule: ['stage', 'tensorflow/tpu resnet_model.py'],
  averaging: ['ema', 'tensorflow/tpu resnet_main.py: EMA over weights and batch-norm statistics, batch norm keeps the last batch'],
  emaDecay: [0.9999, `${RS_YAML}; ramp min(decay, (1+t)/(10+t))`],
  init: ['tf', 'tensorflow/tpu resnet_model.py'],
  cropMode: ['inception', PREPROCESSING],
  cropAreaMin: [0.08, PREPROCESSING],
  padding: [4, 'unused with cropMode inception'],
  flip: [0.5, PREPROCESSING],
  evalCrop: [0.875, PREPROCESSING],
  augment: ['randaugment', `${RS_YAML}; paper Table 1`],
  randAugmentLayers: [2, RS_YAML],
  randAugmentMagnitude: [15, RS_YAML],
  augmentVariant: ['reference', `${AUTOAUGMENT}, quirks included`],
  augmentPixelScale: [1, `${AUTOAUGMENT}: RandAugment translates by 100 and cuts out 40 pixels each way at magnitude 10`],
  randomErasing: [0, 'not in the paper'],
  mixup: [0, 'not in the paper'],
  cutmix: [0, 'not in the paper'],
};

type Changes = { [K in RecipeKey]?: [Recipe[K], string] };

/** Presets as differences from the paper's recipe. */
const PRESETS: Record<string, Changes> = {
  'resnet-rs': {},
  'resnet-baseline': {
    epochs: [90, 'paper Table 1, first row (recalled)'],
    weightDecay: [1e-4, 'tensorflow/tpu configs/resnet_config.py'],
    labelSmoothing: [0, 'paper Table 1: not in the baseline'],
    dropout: [0, 'paper Table 1: not in the baseline'],
    averaging: ['none', 'paper Table 1: not in the baseline'],
    augment: ['none', 'paper Table 1: not in the baseline'],
  },
  quick: {
    epochs: [10, 'our choice: minutes, not days'],
    batch: [64, 'our choice: more steps in a short run'],
    learningRate: [0.4, 'our choice: a short run needs a higher rate; measured on Fashion-MNIST'],
    warmupEpochs: [1, 'our choice: a tenth of the run'],
    weightDecay: [2e-4, 'our choice: a short run needs more; paper Table 2 shrinks it only when the other regularisers are strong'],
    dropout: [0, 'our choice: a short run hardly over-fits'],
    emaDecay: [0.998, 'our choice: a horizon of 500 steps'],
    augment: ['none', 'our choice: a short run hardly over-fits'],
  },
};
export const presetNames = (): string[] => Object.keys(PRESETS);

/**
 * The recipe of a run: the preset, then what the model's published row says (dropout, stochastic depth), then what small pictures and short
 * runs ask for, then the user's own settings. Every change names its reason.
 * @throws UsageError for an unknown preset or setting, or a value out of range
 */
export function resolveRecipe(preset: string, model: string, size: number, settings: Readonly<Record<string, unknown>>): SourcedRecipe {
  const changes = PRESETS[preset];
  if (changes === undefined) {
    throw new UsageError(`Expected a recipe name but received "${preset}".${didYouMean(preset, presetNames())} Known: ${presetNames().join(', ')}.`);
  }
  const all: Changes = { ...RESNET_RS, ...changes };
  const facts = modelFacts(model);
  if (preset === 'resnet-rs' && facts.family !== 'resnet') {
    all.dropout = [facts.options.dropout, facts.source];
    all.stochasticDepth = [facts.options.stochasticDepth, facts.source];
  }
  if (facts.kind === 'efficientnet') {
    all.init = [facts.options.init, 'tensorflow/tpu models/official/efficientnet/efficientnet_model.py'];
    all.stochasticDepthRule = ['block', 'tensorflow/tpu models/official/efficientnet/efficientnet_model.py'];
  }
  // The one rule that all eleven rows follow, so that it also serves sizes and depths between them.
  const strong = size > SMALLEST_PUBLISHED;
  all.randAugmentMagnitude = [strong ? 15 : 10, `${RS_YAML}: 10 at ${SMALLEST_PUBLISHED} pixels, 15 at all larger sizes`];
  if (facts.family === 'efficientnet-rs') all.randAugmentMagnitude = [randAugmentMagnitudeAt(size), 'paper section 7.2: 10 up to 224 pixels, 20 above 320, else 15'];
  if (size < SMALLEST_PUBLISHED) {
    const scale = Number((size / REFERENCE_SIDE).toPrecision(4));
    const moved = Number((100 * scale).toPrecision(3));
    const cut = Math.trunc(40 * scale);
    all.augmentPixelScale = [
      scale,
      `our choice below ${SMALLEST_PUBLISHED} pixels: the reference's constants are for ${REFERENCE_SIDE}; at ${size}, ${size}/${REFERENCE_SIDE} of them: RandAugment translates by ${moved} and cuts out ${cut} pixels each way at magnitude 10`,
    ];
  }
  if (size <= 64) {
    const why = `for pictures of ${size} pixels an Inception crop leaves too little`;
    all.cropMode = ['pad', `our choice: ${why}; pad and crop as is usual for CIFAR`];
    all.padding =
      preset === 'quick'
        ? [Math.max(1, Math.round(size / 28)), 'our choice: 1/28 of the side in a short run']
        : [Math.max(1, Math.round(size / 8)), 'our choice: 1/8 of the side, as is usual for CIFAR (4 at 32)'];
    all.evalCrop = [1, `our choice: the whole picture at ${size} pixels`];
  }
  for (const [key, value] of Object.entries(settings)) {
    if (!(key in RESNET_RS)) {
      const known = Object.keys(RESNET_RS);
      throw new UsageError(`Expected a recipe setting but received "${key}".${didYouMean(key, known)} Known: ${known.join(', ')}.`);
    }
    (all as Record<string, [unknown, string]>)[key] = [value, 'set by the user'];
  }
  if (facts.kind === 'efficientnet' && all.stochasticDepthRule![0] !== 'block')
    throw new UsageError(`Expected stochasticDepthRule=block for ${model} but received "${all.stochasticDepthRule![0]}": an EfficientNet's rate rises block by block.`);
  const unused = (key: RecipeKey, why: string) => {
    const [value, source] = all[key]!;
    if (source !== 'set by the user') (all as Record<string, [unknown, string]>)[key] = [value, `unused with ${why}`];
  };
  const [policy] = all.augment!;
  if (policy !== 'randaugment') for (const key of ['randAugmentLayers', 'randAugmentMagnitude'] as const) unused(key, `augment ${policy}`);
  if (policy === 'none' || policy === 'trivialaugment') for (const key of ['augmentVariant', 'augmentPixelScale'] as const) unused(key, `augment ${policy}`);
  // A warm-up longer than a tenth of the run would leave little of the schedule.
  const [epochs] = all.epochs!;
  const [warmup, warmupSource] = all.warmupEpochs!;
  if (warmupSource !== 'set by the user' && warmup > epochs / 10)
    all.warmupEpochs = [epochs / 10, `a tenth of the run, since ${warmup} of ${epochs} epochs would be too long a warm-up`];

  const values = Object.fromEntries(Object.entries(all).map(([key, entry]) => [key, entry[0]]));
  const sources = Object.fromEntries(Object.entries(all).map(([key, entry]) => [key, entry[1]])) as Record<RecipeKey, string>;
  const parsed = recipeSchema.safeParse(values);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    const key = String(issue.path[0]);
    throw new UsageError(`Expected another value for the setting ${key} but received ${JSON.stringify(values[key])}: ${issue.message.replace(/^.*: expected/, 'expected')}.`);
  }
  return { preset, values: parsed.data, sources };
}

/** `key=value` as typed by a user; numbers and booleans are recognised. */
export function parseSetting(text: string): [string, unknown] {
  const equals = text.indexOf('=');
  if (equals < 1) throw new UsageError(`Expected --set key=value but received "${text}".`);
  const value = text.slice(equals + 1).trim();
  const parsed = value === 'true' ? true : value === 'false' ? false : value !== '' && Number.isFinite(Number(value)) ? Number(value) : value;
  return [text.slice(0, equals).trim(), parsed];
}
