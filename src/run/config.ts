import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { ClipOptions } from '../augment/clips/options.js';
import type { Rest } from '../batches.js';
import type { LeftOut } from '../data/check/copies.js';
import { RescaledError, UsageError } from '../errors.js';
import { placeOf, writeFileAtomic } from '../files.js';
import type { ModelOptions } from '../models/index.js';
import { completeRecipe, type Recipe, type SourcedRecipe } from '../recipe/recipe.js';

/** How pixels become numbers: (x/255 - mean)/std of RGB, after a resize by `interpolation`. */
export interface InputFacts {
  mean: [number, number, number];
  std: [number, number, number];
  interpolation: 'bicubic' | 'bilinear';
  /** How clips are taken of videos; absent of pictures. */
  clip?: ClipInput;
}

/** How clips are taken of videos. */
export interface ClipInput extends ClipOptions {
  /** Clips and crops of each that a finished model is measured on. */
  clips: number;
  crops: number;
}

/** Source: tensorflow/tpu resnet_preprocessing.py. */
export const IMAGENET_INPUT: Readonly<InputFacts> = {
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
  interpolation: 'bicubic',
};

/** What a run's task keeps of its own: the names of its classes, say. JSON. */
export interface TaskSettings {
  /** Which task. */
  readonly name: string;
}

/** Pictures without labels, and what a teacher says of them. */
export interface UnlabelledConfig {
  paths: string[];
  labels?: string;
  fingerprint: string;
  /** Pictures that are drawn, each as often as it is in a pass over them. */
  images: number;
  /** The same, each once. Runs of earlier versions do not say it. */
  pictures?: number;
}

/** All that a run is made of; stored as run.json, so that a resumed run is the same run. */
export interface RunConfig {
  format: 2;
  task: TaskSettings;
  data: { path: string; name: string; fingerprint: string; valSplit?: number; limitTrain?: number; limitVal?: number };
  /** Pictures without labels that it learns from too. */
  unlabelled?: UnlabelledConfig;
  /** Training pictures that were asked to be left out, by reason; see `LEAVABLE`. `trainImages` is without them. */
  leftOut?: LeftOut;
  trainImages: number;
  /** What each epoch is measured on. */
  valImages: number;
  /** Measured once, after training; where there is a test part beside a validation part. */
  testImages?: number;
  /** What the best epoch is chosen on. Runs of earlier versions do not say it. */
  selectedOn?: 'minival' | 'val' | 'test';
  model: string;
  modelOptions: ModelOptions;
  size: number;
  input: InputFacts;
  /** Weights it started from. */
  from?: string;
  /** Which of the weights of that checkpoint. */
  select?: string;
  recipe: SourcedRecipe;
  /** Of a run over several processes: parts of a step that they share. See docs/ranks.md. */
  parts?: number;
  /** What becomes of training pictures that fill no whole batch. 0.1.0 did not write it: `drop`. */
  rest: Rest;
  seed: number;
  threads: number;
  device: string;
  workers: number;
  maxBroken: number;
  strict: boolean;
  checkpointSeconds: number;
  /** Epochs from one evaluation to the next, counted back from the last. 0.1.0 did not write it: 1. */
  evalEvery: number;
}

/** Whether a part of the training pictures is set aside to decide on. */
export const usesMinival = ({ recipe, selectedOn = 'minival' }: Pick<RunConfig, 'recipe' | 'selectedOn'>): boolean =>
  recipe.values.earlyStopping && selectedOn === 'minival';

export const runFile = (run: string): string => join(run, 'run.json');
export const isRun = (folder: string): boolean => existsSync(runFile(folder));
export const lastCheckpoint = (run: string): string => join(run, 'checkpoints', 'last.safetensors');
export const bestWeights = (run: string): string => join(run, 'checkpoints', 'best.safetensors');
export const finalWeights = (run: string): string => join(run, 'weights.safetensors');

export function saveConfig(run: string, config: RunConfig): void {
  writeFileAtomic(runFile(run), `${JSON.stringify(config, null, 2)}\n`);
}

/** What 0.1.0 wrote, which knew one task: its classes stood beside everything else. */
const firstSchema = z.looseObject({ format: z.literal(1), classes: z.array(z.string()) });

const headSchema = z.looseObject({
  format: z.literal(2),
  task: z.looseObject({ name: z.string() }),
  data: z.looseObject({ path: z.string(), name: z.string(), fingerprint: z.string() }),
  model: z.string(),
  modelOptions: z.looseObject({ classes: z.int() }),
  size: z.int(),
  input: z.looseObject({ mean: z.array(z.number()), std: z.array(z.number()), interpolation: z.string() }),
  seed: z.int(),
  threads: z.int(),
  device: z.string(),
  workers: z.int(),
  maxBroken: z.number(),
  checkpointSeconds: z.number(),
  evalEvery: z.int().min(1).optional(),
  rest: z.enum(['drop', 'spread']).optional(),
  parts: z.int().min(1).optional(),
  recipe: z.looseObject({
    preset: z.string(),
    values: z.looseObject({ epochs: z.int(), batch: z.int() }),
    sources: z.looseObject({}),
  }),
});

/** The same run where its data lies elsewhere now. @param data undefined where it has not moved */
export const withDataAt = (config: RunConfig, data: string | undefined): RunConfig =>
  data === undefined ? config : { ...config, data: { ...config.data, path: placeOf(data) } };

/** @throws UsageError when the folder is not a run. */
export function loadConfig(run: string): RunConfig {
  const file = runFile(run);
  if (!existsSync(run)) throw new UsageError(`Expected a run folder but there is nothing at ${run}.`);
  if (!existsSync(file))
    throw new UsageError(`Expected a run folder but ${run} has no run.json. A run is what "rescaled train" writes.`);
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new RescaledError(`Expected JSON in ${file} but it cannot be read: ${(error as Error).message}.`);
  }
  json = upgraded(json);
  const parsed = headSchema.safeParse(json);
  if (!parsed.success)
    throw new RescaledError(
      `Expected a run of this version in ${file} but ${parsed.error.issues[0]!.path.join('.')}: ${parsed.error.issues[0]!.message}.`,
    );
  const config = json as RunConfig;
  const { values, sources } = config.recipe;
  // TrivialAugment of earlier versions did not look at the scale.
  const unscaled = values.augment === 'trivialaugment' && sources.augmentPixelScale?.startsWith('unused') === true;
  const kept = {
    interpolation: config.input.interpolation,
    ...(values as Partial<Recipe>),
    ...(unscaled ? { augmentPixelScale: 1 } : {}),
  };
  return {
    ...config,
    evalEvery: config.evalEvery ?? 1,
    rest: config.rest ?? 'drop',
    recipe: { ...config.recipe, values: completeRecipe(kept) },
  };
}

function upgraded(json: unknown): unknown {
  const first = firstSchema.safeParse(json);
  if (!first.success) return json;
  const { format: _, classes, ...rest } = first.data;
  return { format: 2, task: { name: 'classify', classes }, ...rest };
}
