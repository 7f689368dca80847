import { createHash } from 'node:crypto';
import { batchesOf } from '../../batches.js';
import type { Dataset } from '../../data/dataset.js';
import type { Recipe } from '../../recipe/recipe.js';
import { resolveRun } from '../../tasks/runs.js';
import type { TrainOptions } from '../../train/index.js';

/** What a trial trains: everything but where it writes, its seed, and how the machine shares its cores. */
export interface TrialOptions
  extends Omit<TrainOptions, 'out' | 'seed' | 'threads' | 'workers' | 'checkpointSeconds' | 'limitVal'> {
  /** Test pictures that it is scored on; all by default. */
  testPictures?: number;
}

/** One training with one seed. Trials of the same `id` have the same result, so that only one of them runs. */
export interface Trial {
  id: string;
  seed: number;
  options: TrialOptions;
  /** Side of the pictures, in pixels. */
  size: number;
  work: TrialWork;
}

/** How much there is to do, to foretell the time it takes. */
export interface TrialWork {
  steps: number;
  /** Pictures that are looked at without training: after each epoch, and for the score. */
  scored: number;
  /** Trials of equal cost take the same time for a step. */
  cost: string;
  /** Of a training step, where it has been counted: the time of a model that has not run is told from others by it. */
  stepFlops?: number;
}

/** Training pictures on which a trial is scored beside the test pictures. */
export const TRAIN_PICTURES = 2000;
/** Test pictures that a trial watches itself with after each epoch: the score is taken at the end, on all of them. */
export const WATCHED = 100;

/** JSON with sorted keys, so that equal objects have equal texts. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}

const digest = (value: unknown): string => createHash('sha256').update(canonical(value)).digest('hex').slice(0, 16);

/**
 * A trial for each seed: completes the options with what the data, the model and the recipe say, and names each by a
 * hash of the outcome: of every setting that has a part in the result, and of the pictures' fingerprint; not of paths
 * or threads.
 * @throws UsageError for options that no run can have
 */
export async function planTrials(options: TrialOptions, seeds: readonly number[], dataset: Dataset): Promise<Trial[]> {
  const { testPictures, ...train } = options;
  const config = await resolveRun({ ...train, out: '' }, dataset);
  const recipe = config.recipe.values;
  const steps = batchesOf(config.trainImages, recipe.batch, config.rest) * recipe.epochs;
  const passes = recipe.averaging === 'none' ? 1 : 2;
  const scored =
    passes * (recipe.epochs * Math.min(WATCHED, config.valImages) + config.valImages) +
    Math.min(TRAIN_PICTURES, config.trainImages);
  const { fingerprint, valSplit, limitTrain } = config.data;
  const { name: named } = config.task;
  const { model, modelOptions, size, input, from, device } = config;
  const settings = namedSettings(recipe);
  const { batch, accumulate, augment, averaging, optimiser } = recipe;
  const cost = digest({
    model,
    modelOptions: { ...modelOptions, dropout: undefined, stochasticDepth: undefined },
    size,
    device,
    batch,
    accumulate,
    augment,
    averaging,
    optimiser,
  });
  return seeds.map((seed) => {
    const id = digest({
      format: 1,
      // Trials of classes have been named without it.
      task: named === 'classify' ? undefined : named,
      data: { fingerprint, valSplit, limitTrain, testPictures },
      model,
      modelOptions,
      size,
      input,
      from,
      recipe: settings,
      seed,
      trainPictures: TRAIN_PICTURES,
    });
    return { id, seed, options, size, work: { steps, scored, cost } };
  });
}

/**
 * Settings that came after the first studies: where they change nothing, a trial keeps the name that it had before. The
 * interpolation is part of the input.
 */
const LATER: Readonly<Record<string, unknown>> = { repeats: 1 };
const namedSettings = ({ interpolation: _input, ...recipe }: Recipe): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(recipe).filter(([key, value]) => !Object.hasOwn(LATER, key) || LATER[key] !== value),
  );
