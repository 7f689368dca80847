import type { Changes, Preset } from './preset.js';
import type { RecipeKey } from './schema.js';

const RETINANET = 'torchvision models/detection/retinanet.py';
const FCOS = 'torchvision models/detection/fcos.py';
const TPU = 'tensorflow/tpu models/official/detection/configs/retinanet_config.py';
const REFERENCE = 'torchvision references/detection';
const SMALL = 'our choice: for small sets and machines, docs/detection.md';

/** torchvision's RetinaNet. */
export const DETECT_DEFAULTS = {
  detector: ['retinanet', RETINANET],
  pyramidChannels: [256, `${RETINANET}; Lin et al. 2017`],
  pyramidNorm: ['none', RETINANET],
  pyramidExtra: ['p5', `${RETINANET}: LastLevelP6P7(256, 256); its second version: c5`],
  headLayers: [4, `${RETINANET}; Lin et al. 2017`],
  headNorm: ['none', RETINANET],
  trunkNorm: ['batch', `our choice (${RETINANET}: frozen, since its trunk is trained)`],
  anchorRule: ['torchvision', RETINANET],
  anchorSize: [4, `${RETINANET}: 32 pixels on P3`],
  anchorScales: [3, RETINANET],
  anchorRatios: [[0.5, 1, 2], RETINANET],
  matchHigh: [0.5, RETINANET],
  matchLow: [0.4, RETINANET],
  lossNormaliser: ['picture', RETINANET],
  focalAlpha: [0.25, RETINANET],
  focalGamma: [2, RETINANET],
  boxLoss: ['l1', `${RETINANET}; its second version: giou`],
  boxWeight: [1, RETINANET],
  scoreThreshold: [0.05, RETINANET],
  detectionsPerLevel: [1000, RETINANET],
  nmsOverlap: [0.5, RETINANET],
  detections: [300, RETINANET],
} as const satisfies Changes;

export const DETECT_PRESETS: Readonly<Record<string, Preset>> = {
  'detect-quick': {
    about: 'boxes on a small set in under an hour: RetinaNet with 64 channels and group norm',
    extends: 'quick',
    task: 'detect',
    values: {
      epochs: [60, SMALL],
      batch: [8, SMALL],
      learningRate: [0.01, `${SMALL}; torchvision: 0.01 for 16 pictures`],
      rateScaling: ['none', 'our choice: the rate is that of the batch'],
      warmupEpochs: [3, SMALL],
      weightDecay: [1e-4, REFERENCE],
      clipNorm: [10, 'our choice: a first step from nothing may be large'],
      labelSmoothing: [0, 'the loss has none'],
      nesterov: [true, 'our choice, as in quick'],
      fit: ['letterbox', 'boxes may lie anywhere'],
      cropMode: ['scale', SMALL],
      pyramidChannels: [64, SMALL],
      headLayers: [2, SMALL],
      headNorm: ['group', 'our choice: batches of few pictures'],
      lossNormaliser: ['batch', `our choice, as ${FCOS}`],
    },
  },
  retinanet: {
    about: "torchvision's RetinaNet by its reference recipe: 26 epochs, steps, flips alone",
    extends: 'resnet-rs',
    task: 'detect',
    perModel: false,
    values: {
      epochs: [26, REFERENCE],
      batch: [16, `${REFERENCE}: 8 x 2`],
      learningRate: [0.01, `${REFERENCE}: 0.01 for 16 pictures`],
      rateScaling: ['none', REFERENCE],
      schedule: ['step', REFERENCE],
      stepEpochs: [[16, 22], REFERENCE],
      warmupEpochs: [0.14, `${REFERENCE}: 1000 steps of 7,393 an epoch`],
      nesterov: [false, REFERENCE],
      weightDecay: [1e-4, REFERENCE],
      decayRule: ['all', REFERENCE],
      labelSmoothing: [0, 'the loss has none'],
      dropout: [0, REFERENCE],
      averaging: ['none', REFERENCE],
      augment: ['none', REFERENCE],
      fit: ['letterbox', 'boxes may lie anywhere'],
      cropMode: ['none', `${REFERENCE}: flips alone`],
    },
  },
  'retinanet-tpu': {
    about: "the group's RetinaNet: no ignore band, gamma 1.5, Huber, batch norm a level",
    extends: 'retinanet',
    values: {
      batch: [64, TPU],
      learningRate: [0.08, `${TPU}: for 64 pictures`],
      epochs: [12, `${TPU}: 22,500 steps of 64 pictures`],
      stepEpochs: [[8, 10.7], `${TPU}: at 15,000 and 20,000 of 22,500 steps`],
      warmupEpochs: [0.27, `${TPU}: 500 steps`],
      decayRule: ['timm', `${TPU}: kernels only`],
      pyramidNorm: ['batch', 'tensorflow/tpu models/official/detection/modeling/architecture/fpn.py'],
      headNorm: ['batch', 'tensorflow/tpu models/official/detection/modeling/architecture/heads.py'],
      anchorRule: ['group', 'tensorflow/tpu models/official/detection/dataloader/anchor.py'],
      matchLow: [0.5, 'tensorflow/tpu models/official/detection/dataloader/anchor.py: no band between'],
      lossNormaliser: ['batch-plus-one', 'tensorflow/tpu models/official/detection/modeling/losses.py'],
      focalGamma: [1.5, TPU],
      boxLoss: ['huber', `${TPU}: delta 0.1`],
      boxWeight: [50, TPU],
      cropMode: ['scale', 'tensorflow/models official/vision/configs/retinanet.py: aug_scale_min, aug_scale_max'],
      scaleMin: [0.8, 'tensorflow/models official/vision/configs/retinanet.py (tensorflow/tpu zoo: 0.5)'],
      scaleMax: [1.2, 'tensorflow/models official/vision/configs/retinanet.py (tensorflow/tpu zoo: 2)'],
      detectionsPerLevel: [5000, TPU],
      detections: [100, TPU],
    },
  },
  fcos: {
    about: "torchvision's FCOS by its reference recipe: no anchors, centre-ness",
    extends: 'retinanet',
    values: {
      detector: ['fcos', FCOS],
      headNorm: ['group', FCOS],
      lossNormaliser: ['batch', FCOS],
      boxLoss: ['giou', FCOS],
      clipNorm: [0, `${REFERENCE}: off`],
      scoreThreshold: [0.2, FCOS],
      nmsOverlap: [0.6, FCOS],
      detections: [100, FCOS],
    },
  },
};

/** What FCOS cannot use. */
export const ANCHOR_KEYS: readonly RecipeKey[] = [
  ...(['anchorRule', 'anchorSize', 'anchorScales', 'anchorRatios', 'matchHigh', 'matchLow'] as const),
];
