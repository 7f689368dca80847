import { CLIP_DEFAULTS, CLIP_PRESETS } from './clips/presets.js';
import { COMPARED_PRESETS } from './compared/presets.js';
import { DETECT_DEFAULTS, DETECT_PRESETS } from './detect.js';
import { DENSE_DEFAULTS, DENSE_PRESETS } from './pixels/presets.js';
import type { Preset, Sourced } from './preset.js';
import type { Recipe, RecipeKey } from './schema.js';

export type { Changes, Preset, Sourced } from './preset.js';

const RS_YAML = 'tensorflow/tpu resnet_rs/configs/*.yaml';
const RS_MAIN = 'tensorflow/tpu resnet_main.py';
const PREPROCESSING = 'tensorflow/tpu resnet_preprocessing.py';
const AUTOAUGMENT = 'tensorflow/tpu efficientnet/autoaugment.py';
const EFFICIENTNET = 'tensorflow/tpu models/official/efficientnet/main.py';
const GARDEN = 'tensorflow/models imagenet_resnetrs*.yaml';
const PHOTOGRAPHS = 'our choice: measured on three sets of photographs, docs/recipes.md';
const NOISY_STUDENT = 'google-research/noisystudent main.py';
const LARS = 'google-research/simclr tf2/lars_optimizer.py';
const FIXMATCH = 'FixMatch, arXiv 2001.07685';
const SIMCLR = 'google-research/simclr data_util.py';
const SIMCLR_RUN = 'google-research/simclr run.py';
const SIMCLR_PAPER = 'SimCLR, arXiv 2002.05709 appendix A';
const FINE_TUNING = 'SimCLR, arXiv 2002.05709 appendix B.8 (fine-tuning)';

/** The paper's recipe, and of every other setting the value that changes nothing. */
const RESNET_RS = {
  epochs: [350, 'paper section 4.2'],
  batch: [256, 'our choice for one machine (paper: 4096); the learning rate follows it'],
  accumulate: [1, 'our choice: each step computes its whole batch at once'],
  learningRate: [0.1, `${RS_YAML}: 0.1 per 256 pictures`],
  rateScaling: ['linear', `${RS_YAML}: per 256 pictures`],
  schedule: ['cosine', 'paper section 4.2'],
  warmupEpochs: [5, `paper section 4.2; ${GARDEN}`],
  stepEpochs: [[116, 233, 311], `${RS_MAIN}: floor of 30/90, 60/90 and 80/90 of 350 epochs`],
  decayEpochs: [2.4, `${EFFICIENTNET}: every 2.4 of 350 epochs`],
  decayFactor: [0.1, `${RS_MAIN}: x0.1 at each step`],
  polyPower: [0.9, 'unused with schedule cosine'],
  polyEnd: [0, 'unused with schedule cosine'],
  optimiser: ['sgd', 'paper section 4.2'],
  momentum: [0.9, RS_YAML],
  nesterov: [true, `${RS_MAIN} (off in tensorflow/models)`],
  squareDecay: [0.9, EFFICIENTNET],
  epsilon: [1e-3, EFFICIENTNET],
  trustCoefficient: [0.001, LARS],
  momentumRate: ['inside', `${LARS}: classic momentum`],
  clipNorm: [0, 'not in the paper'],
  agc: [0, 'not in the paper'],
  agcRule: ['paper', 'deepmind-research nfnets/optim.py'],
  weightDecay: [4e-5, `${RS_YAML}; paper Table 2`],
  weightDecayMode: ['coupled', `${RS_MAIN}: a term of the loss`],
  decayRule: ['reference', `${RS_MAIN}: all but batch norm, biases included`],
  precision: ['auto', 'our choice: bfloat16 where it is faster (tensorflow/tpu resnet_main.py: bfloat16, on TPUs)'],
  recompute: ['norm', 'our choice: memory for 1 to 2 % of the time'],
  earlyStopping: [false, 'paper appendix B: only for the two models at 320 pixels'],
  patience: [20, 'our choice'],
  minival: [0.02, 'paper section 4.2: 2 % of the training pictures'],
  layerDecay: [1, 'not in the paper'],
  headRate: [1, 'not in the paper'],
  headDecay: [1, 'not in the paper'],
  freeze: [[], 'not in the paper'],
  labelSmoothing: [0.1, RS_YAML],
  classWeights: ['none', 'not in the paper'],
  dropout: [0.25, RS_YAML],
  stochasticDepth: [0, `${RS_YAML}: none for 50, 101 and 152 layers`],
  stochasticDepthRule: ['stage', 'tensorflow/tpu resnet_model.py'],
  averaging: ['ema', `${RS_MAIN}: EMA over weights and batch-norm statistics, batch norm keeps the last batch`],
  emaDecay: [0.9999, `${RS_YAML}; ramp min(decay, (1+t)/(10+t))`],
  normMomentum: [0.1, "PyTorch's default"],
  init: ['tf', 'tensorflow/tpu resnet_model.py'],
  fit: ['crop', PREPROCESSING],
  cropMode: ['inception', PREPROCESSING],
  scaleMin: [0.75, 'unused with cropMode inception'],
  scaleMax: [1.5, 'unused with cropMode inception'],
  cropAreaMin: [0.08, PREPROCESSING],
  cropAttempts: [10, `${PREPROCESSING}: max_attempts`],
  padding: [4, 'unused with cropMode inception'],
  flip: [0.5, PREPROCESSING],
  evalCrop: [0.875, PREPROCESSING],
  interpolation: ['bicubic', PREPROCESSING],
  inputNorm: ['imagenet', PREPROCESSING],
  augment: ['randaugment', `${RS_YAML}; paper Table 1`],
  randAugmentLayers: [2, RS_YAML],
  randAugmentMagnitude: [15, RS_YAML],
  augmentVariant: ['reference', `${AUTOAUGMENT}, quirks included`],
  augmentPixelScale: [
    1,
    `${AUTOAUGMENT}: RandAugment translates by 100 and cuts out 40 pixels each way at magnitude 10`,
  ],
  colourStrength: [1, `${SIMCLR_PAPER}; google-research/simclr run.py: color_jitter_strength`],
  colourShare: [0.8, `${SIMCLR}; ${SIMCLR_PAPER}`],
  brightnessRule: ['multiply', `${SIMCLR}: simclrv2, its default (simclrv1 adds)`],
  greyShare: [0.2, `${SIMCLR}; ${SIMCLR_PAPER}`],
  blur: [0.5, `${SIMCLR}; ${SIMCLR_PAPER}`],
  blurSigma: ['picture', `${SIMCLR_PAPER} (${SIMCLR}: one a batch)`],
  randomErasing: [0, 'not in the paper'],
  mixup: [0, 'not in the paper'],
  cutmix: [0, 'not in the paper'],
  repeats: [1, 'not in the paper: each picture once an epoch'],
  temperature: [0.1, 'google-research/simclr README.md, ImageNet; CIFAR 0.5'],
  contrastReduction: ['mean', 'SimCLR, arXiv 2002.05709 equation 1 (objective.py: twice as much)'],
  projectionHead: ['v1', 'SimCLR, arXiv 2002.05709 section 2.1'],
  projectionLayers: [2, 'SimCLR, arXiv 2002.05709 section 2.1'],
  projectionOutputs: [128, 'SimCLR, arXiv 2002.05709 section 2.1'],
  fromProjection: [0, 'the trunk alone, as SimCLR has it'],
  unlabelledRatio: [0, 'labelled pictures alone'],
  labelledWeight: [1, `${NOISY_STUDENT}: both means are added`],
  unlabelledWeight: [1, 'labelled pictures alone'],
  unlabelledTargets: ['soft', `${NOISY_STUDENT}: the default of its scripts`],
  pseudoTemperature: [1, `${NOISY_STUDENT}: teacher_softmax_temp of its scripts`],
  pseudoSmoothing: [0, `our choice (${NOISY_STUDENT} smooths hard labels by 0.1)`],
  confidence: [0.95, `${FIXMATCH}, section 4: for CIFAR (0.7 for ImageNet)`],
  unlabelledAugment: ['same', `${NOISY_STUDENT}: both parts alike`],
  epochsCount: ['labelled', `${NOISY_STUDENT}: steps an epoch are labelled pictures / batch`],
  ...DETECT_DEFAULTS,
  ...DENSE_DEFAULTS,
  ...CLIP_DEFAULTS,
} as const satisfies { [K in RecipeKey]: Sourced<Recipe[K]> };

export const RECIPE_KEYS = Object.keys(RESNET_RS) as RecipeKey[];

export const PRESETS: Readonly<Record<string, Preset>> = {
  'resnet-rs': {
    about: "the paper's recipe: 350 epochs, cosine, EMA, RandAugment; dropout and depth by model",
    perModel: true,
    values: RESNET_RS,
  },
  'resnet-baseline': {
    about: 'what the paper starts from: 90 epochs, steps, no regularisation but weight decay',
    extends: 'resnet-rs',
    perModel: false,
    values: {
      epochs: [90, 'paper Table 1, first row (recalled)'],
      schedule: ['step', 'He et al. 2016; paper Table 10'],
      stepEpochs: [[30, 60, 80], `${RS_MAIN}: 30, 60 and 80 of 90 epochs`],
      warmupEpochs: [5, `${RS_MAIN}: 5 of 90 epochs`],
      weightDecay: [1e-4, 'tensorflow/tpu configs/resnet_config.py'],
      labelSmoothing: [0, 'paper Table 1: not in the baseline'],
      dropout: [0, 'paper Table 1: not in the baseline'],
      averaging: ['none', 'paper Table 1: not in the baseline'],
      augment: ['none', 'paper Table 1: not in the baseline'],
    },
  },
  'resnet-rs-tf1': {
    about: 'as the released TF1 trainer runs the same settings: steps after a long warm-up, not cosine',
    extends: 'resnet-rs',
    values: {
      schedule: ['step', `${RS_MAIN} get_lr_schedule: it has no cosine`],
      warmupEpochs: [19, `${RS_MAIN} get_lr_schedule: floor of 5/90 of 350 epochs`],
      augment: [
        'randaugment',
        `${RS_YAML}; ${RS_MAIN} reads it from the command line only, so that the yaml alone leaves it off`,
      ],
    },
  },
  'resnet-rs-garden': {
    about: "as the authors' later code, tensorflow/models, trains it: no Nesterov, biases not decayed, bilinear",
    extends: 'resnet-rs',
    values: {
      nesterov: [false, 'tensorflow/models official/modeling/optimization/configs/optimizer_config.py: off by default'],
      decayRule: ['timm', 'tensorflow/models official/vision/modeling/backbones/resnet.py: kernels only'],
      interpolation: [
        'bilinear',
        'tensorflow/models official/vision/dataloaders/classification_input.py and ' +
          'configs/image_classification.py: by default',
      ],
    },
  },
  efficientnet: {
    about: "EfficientNet's own: RMSProp, exponential decay, AutoAugment",
    extends: 'resnet-rs',
    values: {
      epochs: [350, `${EFFICIENTNET}: 218,949 steps of 2048 pictures`],
      learningRate: [0.016, `${EFFICIENTNET}: 0.016 per 256 pictures`],
      schedule: ['exponential', `${EFFICIENTNET}; utils.py build_learning_rate`],
      warmupEpochs: [5, `${EFFICIENTNET}; utils.py`],
      decayFactor: [0.97, `${EFFICIENTNET}: x0.97 every 2.4 epochs`],
      optimiser: ['rmsprop', `${EFFICIENTNET}; utils.py build_optimizer`],
      momentum: [0.9, `${EFFICIENTNET}; utils.py build_optimizer`],
      weightDecay: [1e-5, EFFICIENTNET],
      averaging: ['ema-running', `${EFFICIENTNET}: EMA over weights and over batch norm's running averages`],
      normMomentum: [0.01, 'tensorflow/tpu models/official/efficientnet/efficientnet_builder.py: 0.99 of the old'],
      augment: ['autoaugment', `${EFFICIENTNET}: AutoAugment v0`],
    },
  },
  ...COMPARED_PRESETS,
  finetune: {
    about: 'go on from other weights (--from): short, gentle, little augmentation',
    extends: 'resnet-rs',
    perModel: false,
    values: {
      epochs: [20, `our choice; ${FINE_TUNING}: 20,000 steps`],
      batch: [64, `our choice: data are few; ${FINE_TUNING}: 256`],
      learningRate: [0.02, `our choice within ${FINE_TUNING}: a grid from 0.0001 to 0.1`],
      warmupEpochs: [1, 'our choice: the new head settles first'],
      nesterov: [true, FINE_TUNING],
      weightDecay: [1e-4, `our choice within ${FINE_TUNING}: a grid from 1e-6 to 1e-3`],
      labelSmoothing: [0.1, 'our choice, as in resnet-rs'],
      dropout: [0, 'our choice: crops and flips regularise'],
      stochasticDepth: [0, 'our choice: crops and flips regularise'],
      averaging: ['none', 'our choice: a short run; the running averages come with the weights'],
      normMomentum: [0.1, `${FINE_TUNING}: max(1 - 10/s, 0.9) of the old, s steps an epoch`],
      augment: ['none', `${FINE_TUNING}: crops and flips only`],
    },
  },
  quick: {
    about: 'a first model in minutes',
    extends: 'resnet-rs',
    perModel: false,
    values: {
      epochs: [10, 'our choice: minutes, not days'],
      batch: [32, PHOTOGRAPHS],
      learningRate: [0.1, PHOTOGRAPHS],
      warmupEpochs: [1, 'our choice: a tenth of the run'],
      weightDecay: [
        2e-4,
        'our choice: a short run needs more; paper Table 2 shrinks it only when the other regularisers are strong',
      ],
      dropout: [0, 'our choice: a short run hardly over-fits'],
      emaDecay: [0.998, 'our choice: a horizon of 500 steps'],
      cropAreaMin: [0.35, PHOTOGRAPHS],
      augment: ['none', 'our choice: a short run hardly over-fits'],
    },
  },
  'noisy-student': {
    about: "paper section 7.3: three pictures with a teacher's labels for each labelled one (--unlabelled)",
    extends: 'resnet-rs',
    values: {
      unlabelledRatio: [3, `${NOISY_STUDENT}: 3 for EfficientNet-B1 to B7, 1 for B0`],
      unlabelledWeight: [3, `${NOISY_STUDENT}: the ratio, so that each picture of a step weighs the same`],
    },
  },
  simclr: {
    about: 'features without labels: two views of a picture against all others (rescaled pretrain)',
    extends: 'resnet-rs',
    task: 'contrast',
    perModel: false,
    values: {
      epochs: [100, `${SIMCLR_RUN}: train_epochs`],
      optimiser: ['lars', SIMCLR_RUN],
      learningRate: [
        0.075,
        'SimCLR, arXiv 2002.05709 appendix B.1: 0.075 times the root of the batch, better for small batches',
      ],
      rateScaling: ['sqrt', 'SimCLR, arXiv 2002.05709 appendix B.1'],
      nesterov: [false, SIMCLR_RUN],
      warmupEpochs: [10, `${SIMCLR_RUN}: warmup_epochs`],
      weightDecay: [1e-6, 'SimCLR, arXiv 2002.05709 section 2.2 (released code: 1e-4)'],
      decayRule: ['timm', `${SIMCLR_RUN}: batch norm and biases are excluded`],
      labelSmoothing: [0, 'the loss has no labels'],
      dropout: [0, 'google-research/simclr resnet.py has none'],
      averaging: ['none', 'google-research/simclr has none'],
      normMomentum: [0.1, 'google-research/simclr resnet.py: batch_norm_decay 0.9'],
      augment: ['simclr', SIMCLR],
      brightnessRule: ['add', 'SimCLR, arXiv 2002.05709 appendix A (simclrv1)'],
      inputNorm: ['none', `${SIMCLR}: pixels between 0 and 1`],
    },
  },
  simclrv2: {
    about: 'the same as SimCLRv2 has it: a deeper head with batch norm, brightness that multiplies',
    extends: 'simclr',
    values: {
      learningRate: [0.1, 'google-research/simclr issue 77, by an author: 0.1 times the root of the batch'],
      weightDecay: [1e-4, SIMCLR_RUN],
      brightnessRule: ['multiply', `${SIMCLR}: simclrv2, its default`],
      projectionHead: ['v2', 'SimCLRv2, arXiv 2006.10029 section 2.1; google-research/simclr tf2/model.py'],
      projectionLayers: [3, 'SimCLRv2, arXiv 2006.10029 section 2.1'],
    },
  },
  distil: {
    about: "SimCLRv2's last stage: a student learns what a teacher says of unlabelled pictures alone",
    extends: 'quick',
    values: {
      unlabelledRatio: [3, 'our choice: labelled pictures stand in the batch, but not in the loss'],
      labelledWeight: [0, 'SimCLRv2, arXiv 2006.10029 section 2.3: unlabelled pictures alone'],
      unlabelledTargets: ['distil', 'SimCLRv2, arXiv 2006.10029 equation 2'],
      pseudoTemperature: [
        1,
        'SimCLRv2, arXiv 2006.10029: 1 to a smaller student, 0.1 where the student is as large as the teacher',
      ],
    },
  },
  fixmatch: {
    about: 'few labels, no teacher: learns of pictures what it is sure of in another view (--unlabelled)',
    extends: 'quick',
    values: {
      unlabelledRatio: [7, `${FIXMATCH}, section 4: mu = 7`],
      unlabelledWeight: [1, `${FIXMATCH}, section 4: lambda_u = 1`],
      unlabelledTargets: ['consistency', FIXMATCH],
      unlabelledAugment: [
        'randaugment',
        `${FIXMATCH}, section 2.3: RandAugment and Cutout for the view that is learned`,
      ],
      epochsCount: ['all', 'our choice: labelled pictures may be few dozen'],
    },
  },
  ...DETECT_PRESETS,
  ...DENSE_PRESETS,
  ...CLIP_PRESETS,
};
export const presetNames = (): string[] => Object.keys(PRESETS);

/** The preset and all that it extends, the first one first. */
export function presetChain(name: string): Preset[] {
  const chain: Preset[] = [];
  for (let at: string | undefined = name; at !== undefined; at = PRESETS[at]?.extends)
    if (Object.hasOwn(PRESETS, at)) chain.unshift(PRESETS[at]!);
  return chain;
}

/** Whether a preset is this one or extends it. */
export const isPresetOf = (name: string, preset: string): boolean => presetChain(name).includes(PRESETS[preset]!);

/** The task that a preset is for; undefined of those for classes. */
export const presetTask = (name: string): string | undefined =>
  presetChain(name).findLast(({ task }) => task !== undefined)?.task;
