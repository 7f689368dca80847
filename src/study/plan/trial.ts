import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { RescaledError } from '../../errors.js';
import { writeFileAtomic } from '../../files.js';
import { resolveRun } from '../../tasks/runs.js';
import type { Dataset, Recipe, TrainOptions } from '../../train/index.js';

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
  const steps = Math.floor(config.trainImages / recipe.batch) * recipe.epochs;
  const passes = recipe.averaging === 'none' ? 1 : 2;
  const scored =
    passes * (recipe.epochs * Math.min(WATCHED, config.valImages) + config.valImages) +
    Math.min(TRAIN_PICTURES, config.trainImages);
  const { fingerprint, valSplit, limitTrain } = config.data;
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

const share = z.number().min(0).max(1);
const doneSchema = z.object({
  format: z.literal(1),
  status: z.literal('done'),
  id: z.string(),
  seed: z.int(),
  options: z.looseObject({}),
  /** Of the weights that the recipe uses, on `testPictures` pictures. */
  top1: share,
  weights: z.enum(['ema', 'raw']),
  top1Raw: share,
  top1Ema: share.optional(),
  loss: z.number(),
  testPictures: z.int(),
  /** Of the same weights on a fixed part of the training pictures, without augmentation. */
  trainTop1: share,
  trainLoss: z.number(),
  trainPictures: z.int(),
  /** Training alone, waiting for pictures included. */
  seconds: z.number(),
  /** From one step to the next, the median. */
  msPerStep: z.number(),
  imagesPerSecond: z.number(),
  scoredPerSecond: z.number(),
  epochs: z.int(),
  steps: z.int(),
  parameters: z.int(),
  threads: z.int(),
  versions: z.object({ rescaled: z.string(), engine: z.string(), node: z.string() }),
  finishedAt: z.string(),
});
const failedSchema = z.object({
  format: z.literal(1),
  status: z.literal('failed'),
  id: z.string(),
  seed: z.int(),
  reason: z.string(),
  at: z.string(),
});
const resultSchema = z.discriminatedUnion('status', [doneSchema, failedSchema]);
export type TrialResult = z.infer<typeof doneSchema>;
export type TrialFailure = z.infer<typeof failedSchema>;

export const trialsFolder = (study: string): string => join(study, 'trials');
export const resultFile = (study: string, id: string): string => join(trialsFolder(study), `${id}.json`);
export const lockFile = (study: string, id: string): string => join(trialsFolder(study), `${id}.lock`);
/** The run folder of a trial that is not done. */
export const trialRun = (study: string, id: string): string => join(trialsFolder(study), id);

export function writeResult(study: string, result: TrialResult | TrialFailure): void {
  mkdirSync(trialsFolder(study), { recursive: true });
  writeFileAtomic(resultFile(study, result.id), `${JSON.stringify(result, null, 2)}\n`);
}

/** What is known of a trial; undefined when it has not ended yet. */
export function readResult(study: string, id: string): TrialResult | TrialFailure | undefined {
  const file = resultFile(study, id);
  if (!existsSync(file)) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new RescaledError(
      `Expected the result of a trial in ${file} but it is no JSON: ${(error as Error).message}. Delete it, and the trial runs again.`,
    );
  }
  const parsed = resultSchema.safeParse(json);
  if (parsed.success && parsed.data.id === id) return parsed.data;
  const why = parsed.success
    ? `it is of trial ${parsed.data.id}`
    : `${parsed.error.issues[0]!.path.join('.')}: ${parsed.error.issues[0]!.message}`;
  throw new RescaledError(
    `Expected the result of trial ${id} in ${file} but ${why}. Delete it, and the trial runs again.`,
  );
}
