import { PUBLISHED_EFFICIENTNET } from '../../models/index.js';
import type { Rule } from './rule.js';

const RECALLED = 'recalled from paper Table 12 (appendix E), not verified';
const SHORT_RUNS = 'paper appendix E: 10 and 100 epochs with flips and crops alone';

/**
 * How the paper's scaling study regularises: short runs not at all; long ones with the recipe, dropout that grows with
 * the width, and stochastic depth from 200 layers on (RandAugment's magnitude follows the size, by the recipe's own
 * rule).
 */
export const PAPER_RULES: readonly Rule[] = [
  {
    epochsUpTo: 100,
    settings: { augment: 'none', labelSmoothing: 0, dropout: 0, stochasticDepth: 0, weightDecay: 4e-5 },
    source: SHORT_RUNS,
  },
  { epochsFrom: 101, widthFrom: 1.501, settings: { dropout: 0.75 }, source: `${RECALLED}: width 2.0` },
  { epochsFrom: 101, widthUpTo: 1.5, settings: { dropout: 0.6 }, source: `${RECALLED}: width 1.5` },
  { epochsFrom: 101, widthUpTo: 1, settings: { dropout: 0.25 }, source: `${RECALLED}: width 1.0` },
  { epochsFrom: 101, widthUpTo: 0.5, settings: { dropout: 0.1 }, source: `${RECALLED}: width 0.5` },
  { epochsFrom: 101, widthUpTo: 0.25, settings: { dropout: 0 }, source: `${RECALLED}: width 0.25` },
  {
    epochsFrom: 101,
    depthUpTo: 199,
    settings: { stochasticDepth: 0 },
    source: 'tensorflow/tpu resnet_rs/configs/*.yaml: none below 200 layers',
  },
  {
    epochsFrom: 101,
    depthFrom: 200,
    settings: { stochasticDepth: 0.1 },
    source: 'tensorflow/tpu resnet_rs/configs/*.yaml: 0.1 from 200 layers on',
  },
];

/**
 * Small ResNet-RS on a few thousand photographs: of what was tried on ten classes and 2,000 pictures of 96 pixels, for 8
 * epochs, rate 0.1 scored 12 points above the recipe's 0.4, and a crop of at least 0.35 of the picture 3 more than 0.08.
 */
export const PHOTOGRAPHS = { batch: 32, learningRate: 0.1, cropAreaMin: 0.35 } as const;

interface StudyPreset {
  about: string;
  /** What is recalled or chosen in it rather than published. */
  notes: readonly string[];
  /** As in a file; checked when it is opened. */
  study: Readonly<Record<string, unknown>>;
}

export const STUDY_PRESETS: Readonly<Record<string, StudyPreset>> = {
  paper: {
    about: "the paper's scaling study: 7 depths, 5 widths, 5 resolutions, 3 regimes (section 6)",
    notes: [
      `Dropout by width is ${RECALLED}. That every point of the grid was trained is recalled too; the lists ` +
        'and the regimes are published.',
      "Widths scale every layer; the block layouts of 26, 300 and 400 layers are those of the paper's " +
        'section 6, of 26 as recalled.',
    ],
    study: {
      models: [
        {
          family: 'resnet-rs',
          depths: [26, 50, 101, 200, 300, 350, 400],
          widths: [0.25, 0.5, 1, 1.5, 2],
          sizes: [128, 160, 224, 320, 448],
        },
      ],
      epochs: [10, 100, 350],
      seeds: 1,
      regularisation: 'paper',
    },
  },
  'efficientnet-rs': {
    about: 'EfficientNets at their own and at lower resolutions, the other dimensions kept (section 7.2, Figure 5)',
    notes: ['The lower sizes are our choice: the paper gives its own in a figure only.'],
    study: {
      models: [
        {
          family: 'efficientnet',
          variants: PUBLISHED_EFFICIENTNET.map(({ variant }) => variant),
          recipe: 'efficientnet',
        },
        {
          family: 'efficientnet-rs',
          variants: PUBLISHED_EFFICIENTNET.map(({ variant }) => variant),
          sizes: [128, 160, 192, 224, 256, 320, 384, 448],
          recipe: 'efficientnet',
        },
      ],
      epochs: [350],
      seeds: 1,
    },
  },
  'efficientnet-rs-small': {
    about: 'the same in small for photographs on a desk: half of B0 and B2 at 64 and 72 pixels, and at two lower sizes',
    notes: [
      'Our choice of sizes and lengths: half of the depths, and 2/7 of 224 and 260 pixels. Every size is trained alike, whatever the recipe ' +
        'does for small pictures; where the rate comes from: docs/comparison/README.md.',
    ],
    study: {
      models: (
        [
          ['efficientnet', 'b0', [64], 0.5],
          ['efficientnet', 'b2', [72], 0.6],
          ['efficientnet-rs', 'b0', [48, 56], 0.5],
          ['efficientnet-rs', 'b2', [48, 56], 0.6],
        ] as const
      ).map(([family, variant, sizes, depth]) => ({
        ...{ family, variants: [variant], sizes, modelOptions: { depth }, stemStride: 2 },
      })),
      epochs: [10],
      seeds: 3,
      recipe: 'quick',
      settings: { ...PHOTOGRAPHS, learningRate: 0.3, cropMode: 'inception', evalCrop: 0.875, precision: 'float32' },
    },
  },
  photographs: {
    about: 'photographs of 130 pixels or more on a desk: 3 depths, 2 widths below 1, 3 resolutions, two regimes',
    notes: [
      'Our choice of sizes and lengths; rate, batch and crop were measured on ten classes of photographs: see ' +
        'docs/scaling.md. "rescaled study init FOLDER" fits a study to pictures and machine.',
    ],
    study: {
      models: [{ family: 'resnet-rs', depths: [14, 26, 50], widths: [0.25, 0.5], sizes: [64, 96, 128] }],
      epochs: [5, 20],
      seeds: 3,
      limitTrain: 2000,
      recipe: 'quick',
      settings: PHOTOGRAPHS,
    },
  },
  small: {
    about: 'a small grid for small pictures on a desk: 3 depths, 3 widths, 2 resolutions, a short and a long regime',
    notes: ['Our choice of sizes and lengths.'],
    study: {
      models: [{ family: 'resnet-rs', depths: [14, 26, 50], widths: [0.25, 0.5, 1], sizes: [20, 28] }],
      epochs: [10, 60],
      seeds: 3,
      limitTrain: 2000,
      regularisation: [
        {
          epochsUpTo: 10,
          settings: { augment: 'none', labelSmoothing: 0, dropout: 0, stochasticDepth: 0 },
          source: SHORT_RUNS,
        },
      ],
    },
  },
};
