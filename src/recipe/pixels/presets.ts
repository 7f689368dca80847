import type { Changes, Preset } from '../preset.js';

const TORCHVISION = 'torchvision references/segmentation/train.py';
const DEEPLAB = 'torchvision models/segmentation/deeplabv3.py';
const GARDEN = 'tensorflow/models official/vision/configs/semantic_segmentation.py';
const DETECTRON = 'detectron2 modeling/meta_arch/semantic_seg.py';
const BTS = 'cleinc/bts pytorch/bts_main.py';
const SMALL = 'our choice: for small sets and machines, docs/segmentation.md';

export const DENSE_DEFAULTS = {
  decoder: ['fpn', 'Kirillov et al. 2019, arXiv 1901.02446: as good as dilated trunks, and cheaper'],
  decoderChannels: [128, `${DETECTRON}: CONVS_DIM`],
  outputStride: [8, DEEPLAB],
  auxWeight: [0, 'an FPN has no second head'],
  auxRate: [1, 'our choice (torchvision: 10)'],
  depthOutput: ['softplus', 'our choice: it has no end (BTS: sigmoid times 10 m)'],
  depthFarthest: [10, `${BTS}: max_depth of NYU, in metres`],
  depthNearest: [0.1, `${BTS}: readings above 0.1 m`],
  depthFocus: [0.85, `${BTS}: variance_focus`],
  depthZoom: [false, `${BTS}: pictures keep their size`],
  depthLossScale: [10, 'cleinc/bts pytorch/bts.py: silog_loss'],
} as const satisfies Changes;

/** What recipes of both tasks have in common. */
const PIXELS = {
  rateScaling: ['none', 'our choice: the rate is that of the batch'],
  fit: ['letterbox', 'every pixel is asked for: nothing is cut off'],
  cropMode: ['scale', 'tensorflow/tpu models/official/detection: a random size, then a random window'],
  labelSmoothing: [0, 'not in the reference'],
} as const satisfies Changes;

export const DENSE_PRESETS: Readonly<Record<string, Preset>> = {
  'segment-quick': {
    about: 'classes of pixels on a small set in under an hour: semantic FPN with 64 channels and group norm',
    extends: 'quick',
    task: 'segment',
    values: {
      ...PIXELS,
      epochs: [60, SMALL],
      batch: [8, SMALL],
      learningRate: [0.02, `${SMALL}; tensorflow/tpu models/official/detection: 0.02 for 64 pictures`],
      warmupEpochs: [3, SMALL],
      weightDecay: [1e-4, TORCHVISION],
      clipNorm: [10, 'our choice: a first step from nothing may be large'],
      decoderChannels: [64, SMALL],
      headNorm: ['group', `${DETECTRON}: NORM "GN"`],
    },
  },
  deeplabv3: {
    about: "torchvision's DeepLabV3 by its reference recipe: output stride 8, ASPP, a second head",
    extends: 'resnet-rs',
    task: 'segment',
    perModel: false,
    values: {
      ...PIXELS,
      epochs: [30, TORCHVISION],
      batch: [8, TORCHVISION],
      learningRate: [0.01, TORCHVISION],
      schedule: ['poly', `${TORCHVISION}: (1 - t/T)^0.9`],
      polyPower: [0.9, TORCHVISION],
      polyEnd: [0, TORCHVISION],
      warmupEpochs: [0, TORCHVISION],
      nesterov: [false, TORCHVISION],
      weightDecay: [1e-4, TORCHVISION],
      decayRule: ['all', TORCHVISION],
      dropout: [0.5, DEEPLAB],
      averaging: ['none', TORCHVISION],
      augment: ['none', TORCHVISION],
      scaleMin: [0.5, `${TORCHVISION}: 0.5 to 2 times 520, windows of 480`],
      scaleMax: [2, `${TORCHVISION}: 0.5 to 2 times 520, windows of 480`],
      decoder: ['deeplabv3', DEEPLAB],
      decoderChannels: [256, DEEPLAB],
      outputStride: [8, DEEPLAB],
      auxWeight: [0.5, TORCHVISION],
      auxRate: [10, `${TORCHVISION}: the second head's rate is 10 times the others'`],
      headNorm: ['batch', DEEPLAB],
    },
  },
  fcn: {
    about: "torchvision's FCN by its reference recipe: output stride 8, a second head",
    extends: 'deeplabv3',
    values: {
      decoder: ['fcn', 'torchvision models/segmentation/fcn.py'],
      dropout: [0.1, 'torchvision models/segmentation/fcn.py'],
    },
  },
  deeplabv3plus: {
    about: "DeepLabV3+ as the authors' group trains it: output stride 16, ASPP beside C2",
    extends: 'deeplabv3',
    values: {
      epochs: [45, GARDEN],
      batch: [16, GARDEN],
      learningRate: [0.007, GARDEN],
      schedule: ['poly', GARDEN],
      polyPower: [0.9, GARDEN],
      polyEnd: [0, GARDEN],
      warmupEpochs: [5, GARDEN],
      decayRule: ['timm', `${GARDEN}: kernels only`],
      dropout: [0, `${GARDEN}: the head has none`],
      decoder: ['deeplabv3plus', GARDEN],
      outputStride: [16, GARDEN],
      auxWeight: [0, `${GARDEN}: no second head`],
    },
  },
  'depth-quick': {
    about: 'metres a pixel on a small set in under an hour: FPN with 64 channels and group norm',
    extends: 'quick',
    task: 'depth',
    values: {
      ...PIXELS,
      cropMode: ['none', 'our choice: a picture of another size would show other depths'],
      epochs: [60, SMALL],
      batch: [8, SMALL],
      optimiser: ['adamw', BTS],
      weightDecayMode: ['decoupled', BTS],
      squareDecay: [0.999, BTS],
      epsilon: [1e-3, BTS],
      learningRate: [5e-4, `${SMALL} (${BTS}: 1e-4 for 4 pictures)`],
      warmupEpochs: [3, SMALL],
      weightDecay: [1e-2, `${BTS}: of the encoder`],
      clipNorm: [10, 'our choice: a first step from nothing may be large'],
      decoderChannels: [64, SMALL],
      headNorm: ['group', 'our choice: batches of few pictures'],
    },
  },
  'depth-bts': {
    about: "BTS's loss and schedule on a plain head: AdamW, 50 epochs of 4 pictures, up to 10 m",
    extends: 'resnet-rs',
    task: 'depth',
    perModel: false,
    values: {
      ...PIXELS,
      cropMode: [
        'none',
        `our choice: a picture of another size would show other depths (${BTS}: windows of the picture)`,
      ],
      epochs: [50, BTS],
      batch: [4, BTS],
      optimiser: ['adamw', BTS],
      weightDecayMode: ['decoupled', BTS],
      squareDecay: [0.999, BTS],
      epsilon: [1e-3, BTS],
      learningRate: [1e-4, BTS],
      schedule: ['poly', `${BTS}: (1 - t/T)^0.9`],
      polyPower: [0.9, BTS],
      polyEnd: [0.1, `${BTS}: end_learning_rate is a tenth`],
      warmupEpochs: [0, BTS],
      weightDecay: [1e-2, `${BTS}: of the encoder`],
      headDecay: [0, `${BTS}: none of the decoder`],
      dropout: [0, BTS],
      averaging: ['none', BTS],
      augment: ['none', BTS],
      headNorm: ['batch', BTS],
      depthOutput: ['sigmoid', 'cleinc/bts pytorch/bts.py'],
    },
  },
};
