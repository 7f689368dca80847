import type { Preset } from '../preset.js';

const TRESNET = 'Alibaba-MIIL/TResNet README.md, its command for timm';
const TIMM = "timm's train.py: its default of then (recalled)";
const RESNEST = 'zhanghang1989/ResNeSt scripts/gluon';
const CODE = 'zhanghang1989/ResNeSt resnest/torch';

/** Recipes that came with the families that ResNet-RS is compared with. What was not recovered of them is said in docs/recipes.md. */
export const COMPARED_PRESETS: Readonly<Record<string, Preset>> = {
  tresnet: {
    about: "TResNet's public command: 300 epochs, RandAugment, mixup, random erasing, EMA",
    extends: 'resnet-rs',
    perModel: false,
    values: {
      epochs: [300, TRESNET],
      batch: [256, `our choice for one machine (${TRESNET}: 8 x 190); the learning rate follows it`],
      learningRate: [0.101, `${TRESNET}: 0.6 for 1,520 pictures`],
      schedule: ['cosine', TRESNET],
      warmupEpochs: [3, TIMM],
      optimiser: ['sgd', TIMM],
      momentum: [0.9, TIMM],
      nesterov: [true, TIMM],
      weightDecay: [1e-4, 'TResNet, arXiv 2003.13630: 1e-4 (recalled)'],
      decayRule: ['timm', `${TRESNET}: timm decays neither batch norm nor biases`],
      labelSmoothing: [0.1, TIMM],
      dropout: [0, TIMM],
      stochasticDepth: [0, TIMM],
      averaging: ['ema-running', `${TRESNET}: timm averages weights and running statistics`],
      emaDecay: [0.9998, TIMM],
      augment: ['randaugment', TRESNET],
      augmentVariant: ['timm', `${TRESNET}: rand-m9-mstd0.5-inc1 (here without the deviation of 0.5)`],
      randAugmentLayers: [2, `${TRESNET}: timm's default`],
      randAugmentMagnitude: [9, TRESNET],
      randomErasing: [0.4, TRESNET],
      mixup: [0.2, TRESNET],
      interpolation: ['bilinear', 'timm tresnet.py: with which its weights were measured'],
      inputNorm: ['none', 'timm tresnet.py: mean 0, deviation 1'],
    },
  },
  resnest: {
    about: "ResNeSt's own: 270 epochs, AutoAugment, mixup, no weight decay of batch norm and biases",
    extends: 'resnet-rs',
    perModel: false,
    values: {
      epochs: [270, RESNEST],
      batch: [
        256,
        `our choice for one machine (${RESNEST}: 8,192 for 50 layers, 2,048 for 200); the learning rate follows it`,
      ],
      learningRate: [0.1, `${RESNEST}: 0.1 per 256 pictures`],
      schedule: ['cosine', RESNEST],
      warmupEpochs: [5, RESNEST],
      optimiser: ['sgd', RESNEST],
      momentum: [0.9, RESNEST],
      nesterov: [true, `${RESNEST}: NAG`],
      weightDecay: [1e-4, RESNEST],
      decayRule: ['timm', `${RESNEST}: no-wd, none of batch norm and biases`],
      labelSmoothing: [0.1, RESNEST],
      dropout: [0, `${RESNEST}: none for 50 and 101 layers`],
      averaging: ['none', `${RESNEST} has none`],
      augment: ['autoaugment', RESNEST],
      augmentVariant: ['pillow', `${CODE}: Pillow's operations`],
      mixup: [0.2, RESNEST],
      interpolation: ['bilinear', CODE],
    },
  },
};
