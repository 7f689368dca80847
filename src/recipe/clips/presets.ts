import type { Changes, Preset } from '../preset.js';

const FACTORY = 'tensorflow/models official/vision/configs/video_classification.py';
const BASE_YAML = 'tensorflow/models experiments/video_classification/k400_3d-resnet50_tpu.yaml';
const RS_YAML = 'tensorflow/models experiments/video_classification/k400_resnet3drs_50_tpu.yaml';
const INPUT = 'tensorflow/models official/vision/dataloaders/video_input.py';
/** Of the 3D-ResNet-50 at 73.4 % the paper's text says neither length nor augmentation nor views. */
const UNKNOWN = "the paper's own is not recovered";
const SMALL = 'our choice: for small sets and machines, docs/video.md';

export const CLIP_DEFAULTS = {
  frames: [32, RS_YAML],
  frameStride: [2, RS_YAML],
  clipRule: ['garden', 'tensorflow/models official/vision/ops/preprocess_ops_3d.py'],
  clipFps: [0, `${INPUT}: indices count the stored frames`],
  clipAspect: [2, `${FACTORY}: aug_min_aspect_ratio 0.5, aug_max_aspect_ratio 2`],
  testClips: [10, `${RS_YAML}: num_test_clips`],
  testCrops: [3, `${RS_YAML}: num_test_crops`],
} as const satisfies Changes;

/** What all recipes of clips have in common. */
const CLIPS = {
  evalCrop: [1, `${INPUT}: the shorter side becomes that of the crop`],
  interpolation: ['bilinear', `${INPUT} (there without antialiasing)`],
  cropAttempts: [100, 'tensorflow/models official/vision/ops/preprocess_ops_3d.py: max_attempts'],
  augment: ['none', 'paper section 8: scale jitter in place of RandAugment'],
  decayRule: ['garden', 'tensorflow/models: kernels of convolutions and dense layers, those of self-gates not'],
  nesterov: [true, FACTORY],
} as const satisfies Changes;

export const CLIP_PRESETS: Readonly<Record<string, Preset>> = {
  'video-rs': {
    about: 'clips by the released recipe of 3D-ResNet-RS-50: 350 epochs, scale jitter, EMA',
    extends: 'resnet-rs',
    task: 'video',
    perModel: false,
    values: {
      ...CLIPS,
      epochs: [350, `${RS_YAML}: 73,682 steps of 1024 clips`],
      batch: [32, `our choice for one machine (${RS_YAML}: 1024); the learning rate follows it`],
      learningRate: [0.2, `${RS_YAML}: 0.8 for 1024 clips, 0.2 per 256`],
      warmupEpochs: [5, `${RS_YAML}: 1,050 steps of 210.5 an epoch`],
      weightDecay: [4e-5, RS_YAML],
      labelSmoothing: [0.1, RS_YAML],
      dropout: [0.5, RS_YAML],
      stochasticDepth: [0.1, RS_YAML],
      averaging: ['ema', `${RS_YAML}: average_decay 0.9999 over weights and batch-norm statistics`],
      cropAreaMin: [0.08, RS_YAML],
    },
  },
  'video-baseline': {
    about: 'clips as the paper begins: short, no regularisation but weight decay, little scale jitter',
    extends: 'video-rs',
    values: {
      epochs: [44, `${FACTORY}; ${UNKNOWN}`],
      warmupEpochs: [5, `${FACTORY}; ${UNKNOWN}`],
      learningRate: [0.2, `${BASE_YAML}: 0.8 for 1024 clips, 0.2 per 256 (factory: 0.4); ${UNKNOWN}`],
      weightDecay: [1e-4, `${FACTORY}; ${UNKNOWN}`],
      labelSmoothing: [0, FACTORY],
      dropout: [0, 'paper section 7.5: a step of its own; the factory has 0.2'],
      stochasticDepth: [0, BASE_YAML],
      averaging: ['none', BASE_YAML],
      normMomentum: [0.1, `${BASE_YAML}: norm_momentum 0.9 of the old`],
      cropAreaMin: [0.49, `${FACTORY}: aug_min_area_ratio; ${UNKNOWN}`],
      testClips: [10, `${RS_YAML}; ${UNKNOWN}`],
      testCrops: [3, `${RS_YAML}; ${UNKNOWN}`],
    },
  },
  'video-quick': {
    about: 'clips of a small set in minutes: 8 frames, few epochs',
    extends: 'video-rs',
    values: {
      epochs: [30, SMALL],
      batch: [16, SMALL],
      learningRate: [0.05, SMALL],
      rateScaling: ['none', 'our choice: the rate is that of the batch'],
      warmupEpochs: [2, SMALL],
      weightDecay: [1e-4, SMALL],
      dropout: [0, 'our choice: a short run hardly over-fits'],
      stochasticDepth: [0, 'our choice: a short run hardly over-fits'],
      emaDecay: [0.998, 'our choice: a horizon of 500 steps'],
      cropAreaMin: [0.49, `our choice, as ${FACTORY}`],
      clipAspect: [4 / 3, SMALL],
      frames: [8, SMALL],
      frameStride: [0, `${SMALL}: as wide as the video allows, up to 4`],
      testClips: [3, SMALL],
      testCrops: [1, SMALL],
    },
  },
};
