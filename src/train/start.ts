import { existsSync, statSync } from 'node:fs';
import type { TrainingData } from '../data/unlabelled.js';
import { RescaledError, UsageError } from '../errors.js';
import { candidateModel, type ImageModel, modelTitle } from '../models/index.js';
import { openRecipe } from '../recipe/file.js';
import { isCheckpoint } from '../run/checkpoint.js';
import { bestWeights, finalWeights, loadConfig, type RunConfig } from '../run/config.js';
import { commandLine } from '../suggest.js';
import { shapeOnly } from '../torch/index.js';
import { readFacts, type WeightsFacts } from '../weights/facts.js';
import { checkFinite } from '../weights/finite.js';
import { fetchWeights } from '../weights/hub/fetch.js';
import { noSuchName, parseName } from '../weights/hub/name.js';
import { factsOf, rowOfFile } from '../weights/hub/table.js';
import { inflated } from '../weights/inflate.js';
import { fitStart, startFrom, type Titles, type WantedHead } from '../weights/load.js';
import { underModelKeys } from '../weights/names/keyed.js';
import { withoutBeginning } from '../weights/names/prefix.js';
import { openWeights, type WeightsFile } from '../weights/open.js';
import type { KeyMatch } from '../weights/report.js';
import type { LearnOptions } from './options.js';
import { resolveConfig } from './resolve.js';
import type { Task } from './task.js';

/**
 * The weights file of a run folder: its final weights, else (or when asked for) the best so far; any other path is
 * itself.
 */
export function weightsOf(target: string, choose: 'final' | 'best' = 'final'): string {
  if (!existsSync(target))
    throw new UsageError(
      `Expected a run folder or a weights file but there is nothing at ${target}. ${noSuchName(target)}`,
    );
  if (!statSync(target).isDirectory()) return target;
  loadConfig(target); // says what is wrong when it is none
  const path = choose === 'best' || !existsSync(finalWeights(target)) ? bestWeights(target) : finalWeights(target);
  if (!existsSync(path))
    throw new UsageError(
      `Expected weights in ${target} but its first epoch is not done. Go on with "rescaled train --resume ${commandLine([target])}".`,
    );
  return path;
}

/**
 * Opens weights and what they say about themselves. Close the file after use.
 * @param select which of the weights of a checkpoint that holds several
 */
export async function openStart(target: string, select?: string): Promise<{ file: WeightsFile; facts: WeightsFacts }> {
  const path = weightsOf(target);
  const opened = await openWeights(path, select === undefined ? {} : { select });
  try {
    const file = underModelKeys(opened);
    if (isCheckpoint(file))
      throw new RescaledError(
        `Expected weights but ${path} is the checkpoint of a run. Give the run folder, or its weights.safetensors.`,
      );
    const facts = readFacts(file.metadata, path);
    // Weights that others publish say nothing of themselves; the table does.
    const row = facts.model === undefined ? rowOfFile(path) : undefined;
    return { file, facts: row === undefined ? facts : { ...factsOf(row), ...facts } };
  } catch (error) {
    opened.close();
    throw error;
  }
}

/**
 * The configuration of a run with these options, which may start from weights. Weights by name are fetched unless they
 * are there.
 */
export async function resolveRun(
  task: Task,
  given: LearnOptions,
  dataset: TrainingData,
  signal?: AbortSignal,
): Promise<RunConfig> {
  const named = await openRecipe(given.recipe ?? task.recipe ?? 'resnet-rs');
  const recipe = given.chosen === undefined ? named : { ...named, settings: [...named.settings, given.chosen] };
  if (given.from === undefined) return resolveConfig(task, given, dataset, {}, recipe);
  const options = { ...given, from: await startPath(given.from, signal) };
  const { file: opened, facts } = await openStart(options.from, options.select);
  try {
    const config = resolveConfig(task, options, dataset, facts, recipe);
    // Whether they fit is known before a run folder is made, and for --explain.
    const { head, shapes } = shapeOnly(() => {
      const model = task.model(config);
      return { head: model.head, shapes: new Map([...model.state()].map(([key, { shape }]) => [key, [...shape]])) };
    });
    const file = inflated(withoutBeginning(opened, shapes.keys()), shapes);
    const ofModel = { name: config.model, options: config.modelOptions };
    const match = fitStart(file, facts, shapes, head, headOf(task, config), () => titlesOf(file, facts, ofModel));
    checkFinite(file, match.loaded);
    return config;
  } finally {
    opened.close();
  }
}

/** The path of weights to start from: a path that is there wins over a name. */
const startPath = async (from: string, signal: AbortSignal | undefined): Promise<string> =>
  existsSync(from) || parseName(from) === undefined ? from : fetchWeights(from, signal === undefined ? {} : { signal });

/** Fills a fresh model with the weights that its run starts from; undefined when it starts from none. */
export async function loadStart(task: Task, config: RunConfig, model: ImageModel): Promise<KeyMatch | undefined> {
  if (config.from === undefined) return undefined;
  const { file, facts } = await openStart(config.from, config.select);
  try {
    const shapes = new Map([...model.state()].map(([key, { shape }]) => [key, shape]));
    return startFrom(inflated(withoutBeginning(file, shapes.keys()), shapes), facts, model, headOf(task, config));
  } finally {
    file.close();
  }
}

/** What the weights of a file are of, by what they say or by their keys, and what was wanted. */
export function titlesOf(
  file: WeightsFile,
  { model, modelOptions }: WeightsFacts,
  wanted: { name: string; options: { width?: number; depth?: number } },
): Titles {
  const ofModel = modelTitle(wanted.name, wanted.options);
  if (model !== undefined) return { ofFile: modelTitle(model, modelOptions), ofModel };
  const candidate = candidateModel(new Map([...file.entries].map(([key, { shape }]) => [key, shape])));
  return candidate === undefined ? { ofModel } : { ofFile: candidate.name, guessed: true, ofModel };
}

/** What the run wants of its head. */
function headOf(task: Task, { task: settings }: RunConfig): WantedHead {
  const { classes, gauge } = task.facts(settings);
  return {
    ...{ outputs: task.outputs(settings), classes, gauge },
    ...(task.lastLayer !== undefined && { last: task.lastLayer }),
    ...(task.optionalParts && { optional: task.optionalParts }),
  };
}
