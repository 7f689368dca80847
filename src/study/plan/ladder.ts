import { UsageError } from '../../errors.js';
import { modelFacts } from '../../models/index.js';
import type { ModelSwitches } from '../../recipe/model-switches.js';
import { didYouMean } from '../../suggest.js';

/** Published top-1 accuracies in percent, by the model they are of. */
export type Published = Readonly<Record<string, number>>;

/** What one step of a study changes. */
export interface Ingredient {
  /** Short name for the command line. */
  key: string;
  name: string;
  group?: 'training' | 'regularisation' | 'architecture';
  /** Settings of the recipe. */
  settings: Readonly<Record<string, unknown>>;
  modelOptions: ModelSwitches;
  /** Accuracy with this and all before it. */
  paper?: Published;
}

/** Where an additive study starts, and what it adds, in order. */
export interface Ladder {
  base: {
    name: string;
    recipe: string;
    model: string;
    settings: Readonly<Record<string, unknown>>;
    modelOptions: ModelSwitches;
    paper?: Published;
  };
  steps: readonly Ingredient[];
}

/** Epochs of the long run for each of the short one: 350 and 90 in the paper. */
const LONGER = 350 / 90;
export const longEpochsOf = (epochs: number): number => Math.round(epochs * LONGER);

export interface LadderOptions {
  /** A ResNet-RS or a classic ResNet; the study starts from the classic one of its depth. */
  model: string;
  /** Before and after the step `more epochs`; 90 by default, and 350/90 of the first. */
  epochs?: number | undefined;
  longEpochs?: number | undefined;
}

/**
 * Table 1 of the paper, row by row, for a ResNet of any depth. The recipe's own rules fit each step to the pictures
 * (RandAugment in proportion to their side, pad-and-crop and a 3x3 stem up to 64 pixels) in every row alike. Source:
 * paper Table 1 for order and accuracy; tensorflow/tpu resnet_rs/configs/*.yaml, row of ResNet-RS-200, for the values;
 * ResNet-D as the released resnet_model.py has it: deep stem, average-pool shortcut and a strided convolution where the
 * max pool was.
 */
export function paperLadder({ model, epochs = 90, longEpochs = longEpochsOf(epochs) }: LadderOptions): Ladder {
  const of = (accuracy: number): Published => ({ 'ResNet-200': accuracy });
  const step = (
    key: string,
    name: string,
    group: NonNullable<Ingredient['group']>,
    accuracy: number,
    settings: Record<string, unknown>,
    modelOptions: ModelSwitches = {},
  ): Ingredient => ({ key, name, group, settings, modelOptions, paper: of(accuracy) });
  return {
    base: {
      name: 'baseline ResNet',
      recipe: 'resnet-baseline',
      model: classic(model),
      settings: { epochs },
      modelOptions: {},
      paper: of(79.0),
    },
    steps: [
      step('cosine', 'cosine decay', 'training', 79.3, { schedule: 'cosine' }),
      step('epochs', 'more epochs', 'training', 78.8, { epochs: longEpochs }),
      step('ema', 'EMA of weights', 'training', 79.1, { averaging: 'ema' }),
      step('label-smoothing', 'label smoothing', 'regularisation', 80.4, { labelSmoothing: 0.1 }),
      step('stochastic-depth', 'stochastic depth', 'regularisation', 80.6, { stochasticDepth: 0.1 }),
      step('randaugment', 'RandAugment', 'regularisation', 81.0, { augment: 'randaugment' }),
      step('dropout', 'dropout on FC', 'regularisation', 80.7, { dropout: 0.25 }),
      step('weight-decay', 'less weight decay', 'regularisation', 82.2, { weightDecay: 4e-5 }),
      step('squeeze-excite', 'squeeze-excite', 'architecture', 82.9, {}, { seRatio: 0.25 }),
      step('resnet-d', 'ResNet-D', 'architecture', 83.4, {}, { stem: 'deep', stemPool: 'conv', avgDown: true }),
    ],
  };
}

/** The classic ResNet of a model's depth. */
export function classic(model: string): string {
  const facts = modelFacts(model);
  if (facts.kind !== 'resnet')
    throw new UsageError(
      `Expected a ResNet or ResNet-RS to study but received ${model}: the paper's steps are those from the ` +
        'one to the other. For another model, give --order FILE with a base of your own.',
    );
  return model.replace(/^resnet-rs-/, 'resnet-');
}

/** The steps of these names, in this order. */
export function pickSteps(known: readonly Ingredient[], names: readonly string[]): Ingredient[] {
  const picked = names.map((name) => findStep(known, name));
  const twice = picked.find((step, i) => picked.indexOf(step) !== i);
  if (twice !== undefined) throw new UsageError(`Expected each step once but received "${twice.key}" twice.`);
  return picked;
}

/** By key, or by name. @throws UsageError with the nearest one */
export function findStep(known: readonly Ingredient[], name: string): Ingredient {
  const wanted = name.trim().toLowerCase();
  const found = known.find((step) => step.key === wanted || step.name.toLowerCase() === wanted);
  if (found !== undefined) return found;
  const keys = known.map(({ key }) => key);
  throw new UsageError(
    `Expected the name of a step but received "${name.trim()}".${didYouMean(wanted, keys)} Known: ${keys.join(', ')}.`,
  );
}

/** A row of Table 2: which regularisers are on, and the published accuracies at each weight decay. */
export interface DecayRow {
  name: string;
  /** Keys of the ladder's steps. */
  steps: readonly string[];
  paper: readonly [Published, Published];
}

/** The two weight decays of Table 2. */
export const DECAYS = [1e-4, 4e-5] as const;

/**
 * Paper Table 2 (held-out part of the training pictures). RA RandAugment, LS label smoothing, DO dropout, SD stochastic
 * depth.
 */
export const DECAY_TABLE: readonly DecayRow[] = [
  {
    name: 'none',
    steps: [],
    paper: [
      { 'ResNet-50': 79.7, 'ResNet-200': 82.5 },
      { 'ResNet-50': 78.7, 'ResNet-200': 81.7 },
    ],
  },
  {
    name: 'RA-LS',
    steps: ['randaugment', 'label-smoothing'],
    paper: [
      { 'ResNet-50': 82.4, 'ResNet-200': 85.2 },
      { 'ResNet-50': 82.3, 'ResNet-200': 84.9 },
    ],
  },
  {
    name: 'RA-LS-DO',
    steps: ['randaugment', 'label-smoothing', 'dropout'],
    paper: [{ 'ResNet-50': 82.2 }, { 'ResNet-50': 82.7 }],
  },
  {
    name: 'RA-LS-SD-DO',
    steps: ['randaugment', 'label-smoothing', 'stochastic-depth', 'dropout'],
    paper: [{ 'ResNet-200': 85.3 }, { 'ResNet-200': 85.5 }],
  },
];
