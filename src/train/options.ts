import { extname } from 'node:path';
import { numberOption, type OptionKinds, wholeOption } from '../checks.js';
import type { ModelSwitches } from '../recipe/model-switches.js';
import { checkPreset, checkSettings, type Recipe, type Settings } from '../recipe/recipe.js';

/** What a caller may ask for; the rest follows from the data and the model. */
export interface TrainOptions {
  /** The pictures: a folder of class folders, or of parts with class folders each, or IDX files. */
  data: string;
  /** What is to be learned; 'classify' by default. */
  task?: string;
  /** 'resnet-rs-50' by default; with `from` the model of that file. */
  model?: string;
  /**
   * Weights to start from: a file, a run folder, or a name, which is fetched. The head is renewed for other classes.
   */
  from?: string;
  /** Which weights of a checkpoint that holds several: `state_dict`, `ema.module`. */
  select?: string;
  /** Side of the pictures as the network sees them, in pixels; by default the model's own, of IDX files 28. */
  size?: number;
  /** A preset's name, as `presetNames()` has them, or the path of a recipe file; 'resnet-rs' by default. */
  recipe?: string;
  /** Settings of the recipe that are to be others. */
  settings?: Partial<Recipe>;
  /** Passes over the training pictures: short for `settings.epochs`. */
  epochs?: number;
  /** Pictures in a step: short for `settings.batch`. */
  batch?: number;
  /** Settings that were chosen for the user, who has the last word, and why: by `chooseRun`, say. */
  chosen?: Settings;
  /** Multiplies the channels of every layer; 1, the published network, by default. */
  width?: number;
  /** Switches of the architecture that differ from the named model's. */
  modelOptions?: ModelSwitches;
  /** Total stride of the stem; half the usual up to 64 pixels. */
  stemStride?: 1 | 2 | 4;
  /** All chance comes from it: weights, order, augmentation, a split; 0 by default. */
  seed?: number;
  /** Of the engine; all cores by default. */
  threads?: number;
  /** 'cpu' by default, 'cuda:0', or 'auto': a graphics card where there is one. */
  device?: string;
  /** Threads that decode and augment pictures; one fewer than the cores by default, and no more than 8. */
  workers?: number;
  /** Share of the training pictures that is set aside to measure on, where the data has no part for it; 0.2 by default. */
  valSplit?: number;
  /** At most so many training pictures, of all classes alike; all by default. */
  limitTrain?: number;
  /** At most so many pictures of the part that epochs are measured on; all by default. */
  limitVal?: number;
  /** Pictures without labels to learn from too: folders, patterns, IDX files. A recipe that learns from them says how. */
  unlabelled?: readonly string[];
  /** What a teacher says that they show: the folder that `pseudoLabel` or `selectLabels` wrote. */
  labels?: string;
  /** Share of broken pictures above which the run fails; 0.01 by default. */
  maxBroken?: number;
  /** Refuses the data for any picture that cannot be read. */
  strict?: boolean;
  /** Training pictures to leave out, by what a check finds of them: `leaks`, `conflicts`, `duplicates`, `near-duplicates`. */
  leaveOut?: readonly string[];
  /** Decodes every picture before training, also where no cache keeps them. */
  verify?: boolean;
  /** Longest time between two checkpoints within an epoch; 60 by default. */
  checkpointSeconds?: number;
  /** Epochs from one evaluation to the next; by default so that they take less than a tenth of the time of training. */
  evalEvery?: number;
  /** Run folder. */
  out: string;
}

export const TRAIN_OPTIONS: OptionKinds<Required<TrainOptions>> = {
  data: 'path',
  task: 'text',
  model: 'text',
  from: 'path',
  select: 'text',
  size: 'number',
  recipe: 'path',
  settings: 'object',
  epochs: 'number',
  batch: 'number',
  chosen: 'object',
  width: 'number',
  modelOptions: 'object',
  stemStride: 'number',
  seed: 'number',
  threads: 'number',
  device: 'text',
  workers: 'number',
  valSplit: 'number',
  limitTrain: 'number',
  limitVal: 'number',
  unlabelled: 'texts',
  labels: 'path',
  maxBroken: 'number',
  strict: 'flag',
  leaveOut: 'texts',
  verify: 'flag',
  checkpointSeconds: 'number',
  evalEvery: 'number',
  out: 'path',
};

/** The same, of a training that need not leave a run. */
export type LearnOptions = Omit<TrainOptions, 'out'> & Partial<Pick<TrainOptions, 'out'>>;

/** All settings of the recipe that were given. */
export const settingsIn = ({ settings, epochs, batch }: LearnOptions): Partial<Recipe> => ({
  ...settings,
  ...(epochs === undefined ? {} : { epochs }),
  ...(batch === undefined ? {} : { batch }),
});

/** What can be said of the options before data, model and engine are opened. @throws UsageError */
export function checkLearnOptions(options: LearnOptions): void {
  const { recipe } = options;
  if (recipe !== undefined && extname(recipe) === '') checkPreset(recipe);
  checkSettings(settingsIn(options));
  wholeOption('--seed', options.seed, 0, Number.MAX_SAFE_INTEGER);
  wholeOption('--threads', options.threads, 1, 1024);
  wholeOption('--workers', options.workers, 0, 64);
  wholeOption('--size', options.size, 8, 4096);
  numberOption('--width', options.width, 0.01, 16);
  numberOption('--max-broken', options.maxBroken, 0, 1);
  numberOption('--checkpoint-seconds', options.checkpointSeconds, 0, 86_400);
  wholeOption('--eval-every', options.evalEvery, 1, 1_000_000);
}
