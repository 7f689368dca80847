import { z } from 'zod';
import { STRONGEST_COLOUR } from '../augment/policies/simclr.js';
import { AGC_RULES, MOMENTUM_RATES, RATE_SCALINGS } from '../optim/index.js';
import { clipSettings } from './clips/settings.js';
import { detectSettings } from './detect-settings.js';
import { denseSettings, depthSettings } from './pixels/settings.js';

const share = z.number().min(0).max(1);
const rate = z.number().min(0).lt(1);

/** Every hyper-parameter of a run. One plain object, stored in the run. */
export const recipeSchema = z.strictObject({
  epochs: z.int().min(1).max(100_000),
  /** Pictures in a step. */
  batch: z.int().min(2).max(65_536),
  /** Parts in which a step computes its batch, one after the other, for less memory. */
  accumulate: z.int().min(1).max(4096),
  /** The peak, as `rateScaling` has it; per 256 pictures with `linear`. */
  learningRate: z.number().positive(),
  /** How the peak follows the batch: x batch/256, x sqrt(batch), or not. */
  rateScaling: z.enum(RATE_SCALINGS),
  schedule: z.enum(['cosine', 'step', 'exponential', 'one-cycle', 'poly', 'constant']),
  warmupEpochs: z.number().min(0),
  /** Of `step`: where the rate falls by `decayFactor`. */
  stepEpochs: z.array(z.number().positive()).max(100),
  /** Of `exponential`: how often the rate falls by `decayFactor`. */
  decayEpochs: z.number().positive(),
  decayFactor: z.number().gt(0).max(1),
  /** Of `poly`: the exponent of what is left of the run. */
  polyPower: z.number().gt(0).max(10),
  /** Of `poly`: share of the peak that it ends at. */
  polyEnd: z.number().min(0).lt(1),
  optimiser: z.enum(['sgd', 'rmsprop', 'adamw', 'lamb', 'lars']),
  /** Of AdamW and LAMB: beta1. */
  momentum: rate,
  nesterov: z.boolean(),
  /** RMSProp's rho; beta2 of AdamW and LAMB. */
  squareDecay: rate,
  epsilon: z.number().gt(0).max(1),
  /** Of LARS: eta of the trust ratio eta*|w|/|g|. */
  trustCoefficient: z.number().gt(0).max(1),
  /** Of LARS: whether the rate, or the trust ratio too, is part of the velocity; see docs/recipes.md. */
  momentumRate: z.enum(MOMENTUM_RATES),
  /** Largest norm of all gradients together; 0 for no limit. */
  clipNorm: z.number().min(0),
  /** Largest norm of the gradient of an output channel, in norms of its weights: adaptive gradient clipping; 0 for no limit. */
  agc: z.number().min(0).max(1000),
  /** What a unit of it is, and what is left out: the classifier's weight (paper), its bias too (timm). */
  agcRule: z.enum(AGC_RULES),
  /** SimCLR's grid for scratch goes to 10^-1.5 / 0.001. */
  weightDecay: z.number().min(0).max(100),
  weightDecayMode: z.enum(['coupled', 'decoupled']),
  decayRule: z.enum(['reference', 'timm', 'kernels', 'garden', 'all']),
  /**
   * Of activations while training; weights, statistics, logits and loss are float32. float16 needs CUDA and scales the
   * loss. `auto` becomes bfloat16 or float32 when a run begins (train/step/precision.ts).
   */
  precision: z.enum(['auto', 'float32', 'bfloat16', 'float16']),
  /** What the backward pass computes again instead of keeping it, on the CPU: memory for time, the same numbers (docs/memory.md). */
  recompute: z.enum(['none', 'norm', 'block', 'stage']),
  /**
   * Keeps the weights of the epoch that is best on the minival, and ends after `patience` epochs without a better one.
   */
  earlyStopping: z.boolean(),
  patience: z.int().min(1).max(100_000),
  /** Share of the training pictures that are set aside for early stopping. */
  minival: z.number().gt(0).lt(1),
  /** The learning rate of a stage is this times that of the one after it. */
  layerDecay: z.number().gt(0).max(1),
  /** The learning rate of what stands on the trunk is so many times that of the trunk. */
  headRate: z.number().gt(0).max(1000),
  /** The weight decay of what stands on the trunk is so many times that of the trunk: 0 for none. */
  headDecay: z.number().min(0).max(1000),
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
  init: z.enum(['tf', 'timm', 'efficientnet', 'tresnet', 'resnest', 'nfnet', 'lambda']),
  /** What evaluation sees: a centre crop, or the whole picture with its aspect kept and the rest filled. */
  fit: z.enum(['crop', 'letterbox']),
  /**
   * `scale`: the whole picture with its aspect kept in a random size, cut to a random window or filled. `short-side`: the shorter side in a random
   * size, then a random window.
   */
  cropMode: z.enum(['inception', 'pad', 'none', 'scale', 'short-side']),
  /** The longer side of `scale`, the shorter one of `short-side`, in sides of the network's picture, from and to. */
  scaleMin: z.number().min(0.01).max(16),
  scaleMax: z.number().min(0.01).max(16),
  cropAreaMin: z.number().gt(0).max(1),
  /** Random crops that are tried before the fallback is taken. */
  cropAttempts: z.int().min(1).max(10_000),
  padding: z.int().min(0).max(512),
  flip: share,
  evalCrop: z.number().gt(0).max(1),
  /** Of every resize, in training and evaluation; antialiased. */
  interpolation: z.enum(['bicubic', 'bilinear']),
  /** What is taken from pixels between 0 and 1 before the network sees them: ImageNet's mean and deviation, or nothing. */
  inputNorm: z.enum(['imagenet', 'none']),
  augment: z.enum(['none', 'randaugment', 'autoaugment', 'trivialaugment', 'simclr']),
  randAugmentLayers: z.int().min(0).max(16),
  randAugmentMagnitude: z.number().min(0).max(50),
  augmentVariant: z.enum(['reference', 'pillow', 'timm']),
  augmentPixelScale: z.number().gt(0).max(100),
  /** Of SimCLR: brightness, contrast and saturation vary by 0.8 times this, the hue by 0.2 times this of its circle. */
  colourStrength: z.number().min(0).max(STRONGEST_COLOUR),
  /** Of SimCLR: share of the views whose colours are jittered. */
  colourShare: share,
  /** Of SimCLR: whether the jitter multiplies by its brightness or adds it. */
  brightnessRule: z.enum(['multiply', 'add']),
  /** Of SimCLR: share of the views that become grey, their colours jittered or not. */
  greyShare: share,
  /** Of SimCLR: share of the views that are blurred. */
  blur: share,
  /** Of SimCLR: whether each view has a sigma of its own or all views of a batch have one. */
  blurSigma: z.enum(['picture', 'batch']),
  randomErasing: share,
  mixup: z.number().min(0).max(1000),
  cutmix: z.number().min(0).max(1000),
  /** Times that each picture comes in a row, each time augmented anew; an epoch keeps its number of steps. */
  repeats: z.int().min(1).max(64),
  /** Of contrast: cosines of views are divided by it. */
  temperature: z.number().gt(0).max(100),
  /** Of contrast: the mean over all views, or twice that, as the released code has it. */
  contrastReduction: z.enum(['mean', 'sum-of-views']),
  /** Of contrast: what stands on the trunk, SimCLR's head or SimCLRv2's with batch norm. */
  projectionHead: z.enum(['v1', 'v2']),
  projectionLayers: z.int().min(1).max(8),
  projectionOutputs: z.int().min(2).max(8192),
  /** Layers of the projection head of the weights that a run starts from which stay below its new head (SimCLRv2). */
  fromProjection: z.int().min(0).max(8),
  /** Pictures without labels for each labelled one of a step; 0 without such pictures. */
  unlabelledRatio: z.number().min(0).max(64),
  /** loss = this times the mean over the labelled + `unlabelledWeight` times the mean over the unlabelled. */
  labelledWeight: z.number().min(0).max(1000),
  /** See `labelledWeight`. */
  unlabelledWeight: z.number().min(0).max(1000),
  /** What an unlabelled picture is said to show: what a teacher said of it, or what the network itself says of another view. */
  unlabelledTargets: z.enum(['soft', 'hard', 'distil', 'consistency']),
  /** T of soft targets: the teacher's probabilities p become p^(1/T), made to sum to 1; of distillation the student's logits are divided by it too. */
  pseudoTemperature: z.number().gt(0).max(100),
  /** Label smoothing of hard targets; soft ones are not smoothed. */
  pseudoSmoothing: rate,
  /** Of consistency: a view counts where the network gives a class of the other view this probability at least. */
  confidence: z.number().min(0).max(1),
  /** Augmentation of unlabelled pictures after crop and flip; of consistency, that of the view that is learned. */
  unlabelledAugment: z.enum(['same', 'none', 'randaugment', 'autoaugment', 'trivialaugment', 'simclr']),
  /** Pictures that make an epoch when each was drawn once. */
  epochsCount: z.enum(['labelled', 'all']),
  ...detectSettings,
  ...denseSettings,
  ...depthSettings,
  ...clipSettings,
});
export type Recipe = z.infer<typeof recipeSchema>;

/** What a step computes in; `auto` of a recipe has become one of these when a run begins. */
export type Precision = Exclude<Recipe['precision'], 'auto'>;
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

/** Settings that play no part where a picture has no class of its own. */
export const CLASS_KEYS = [
  'labelSmoothing',
  'classWeights',
  'mixup',
  'cutmix',
  'repeats',
  'randomErasing',
] as const satisfies readonly RecipeKey[];

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
