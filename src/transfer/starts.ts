import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { UsageError } from '../errors.js';
import { lastName } from '../files.js';
import {
  candidateModel,
  createModel,
  type ImageModel,
  type ModelOptions,
  modelCost,
  modelFacts,
  modelTitle,
} from '../models/index.js';
import { IMAGENET_INPUT, type InputFacts, isRun, loadConfig } from '../run/config.js';
import { shapeOnly } from '../torch/index.js';
import { architectureOf, openStart, stemStrideAt, titlesOf, weightsOf } from '../train/index.js';
import type { WeightsFacts } from '../weights/facts.js';
import { checkFinite } from '../weights/finite.js';
import { fetchWeights } from '../weights/hub/fetch.js';
import { parseName } from '../weights/hub/name.js';
import { fitStart, startFrom } from '../weights/load.js';
import { withoutBeginning } from '../weights/names/prefix.js';
import type { WeightsFile } from '../weights/open.js';

/** Weights to learn from, or none: what a target set begins with. JSON. */
export interface Start {
  name: string;
  /** As it was typed. */
  given: string;
  kind: 'weights' | 'scratch';
  /** The weights file. */
  path?: string;
  model: string;
  /** With its width where it has another than its namesake. */
  title: string;
  /** The whole architecture; classes and what a recipe decides play no part. */
  modelOptions: ModelOptions;
  /** How pictures become its input. */
  size: number;
  evalCrop: number;
  /** All of a picture is looked at, in place of the centre crop. */
  fit?: 'letterbox';
  input: InputFacts;
  /** sha256 of the weights, or of what random ones are drawn by, with architecture and preprocessing. */
  identity: string;
  /** Averaged or as trained, where the file says it. */
  weights?: 'ema' | 'raw';
  /** What the weights were trained for, where it is not to tell classes apart. */
  task?: string;
  cost: StartCost;
}

export interface StartCost {
  /** Of the trunk: without the head. */
  parameters: number;
  /** Of one picture at its size, without the head. */
  multiplyAdds: number;
  /** Numbers that the trunk gives for a picture. */
  features: number;
  /** Pictures that its training has seen, each as often as it was, and the seconds that it took; where the run says so. */
  seen?: number;
  seconds?: number;
  /** The data that it was trained on. */
  data?: string;
}

/** What the user says of all starts. */
export interface StartOptions {
  /** Side of the pictures; by default each start's own. */
  size?: number;
  signal?: AbortSignal;
}

const SCRATCH = /^scratch(?::(.+))?$/;
/** `resnet-rs-14x0.25`: a model and its width. */
const WITH_WIDTH = /^(.*\d)x(\d*\.?\d+)$/;

/**
 * Opens starts as the user names them: a run, a weights file, a name of weights, `scratch` or `scratch:MODEL`; each may stand behind a name of
 * its own, `NAME=...`.
 * @throws UsageError which says what a start lacks
 */
export async function openStarts(given: readonly string[], options: StartOptions = {}): Promise<Start[]> {
  if (given.length === 0)
    throw new UsageError('Expected starts: runs, weights files, names of weights, scratch or scratch:MODEL.');
  const asked = given.map((text) => {
    const [, name, rest] = /^([^=/\\]+)=(.+)$/s.exec(text) ?? [];
    return existsSync(text) || rest === undefined ? { text } : { name: name!.trim(), text: rest };
  });
  // Random weights may take after others, which are opened first.
  const opened = new Map<number, Start>();
  for (const [i, { name, text }] of asked.entries())
    if (existsSync(text) || !SCRATCH.test(text)) opened.set(i, await openWeighty(text, name, options));
  const others = [...opened.values()];
  for (const [i, { name, text }] of asked.entries())
    if (!opened.has(i)) opened.set(i, fromScratch(SCRATCH.exec(text)![1], name ?? text, others, options));
  const starts = asked.map((_, i) => opened.get(i)!);
  for (const [i, { name }] of starts.entries()) {
    const other = starts.findIndex((start) => start.name === name);
    if (other < i)
      throw new UsageError(
        `Expected starts of different names but ${given[other]} and ${given[i]} are both "${name}". Name one: NAME=${given[i]}.`,
      );
  }
  return starts;
}

const nameOf = (text: string, file: string): string => {
  if (!existsSync(text)) return text;
  if (text !== file) return lastName(text);
  const own = basename(file).replace(/\.(?:safetensors|pth?|h5|ckpt)$/, '');
  return /^(?:weights|best|model)$/.test(own) ? lastName(dirname(file)) : own;
};

async function openWeighty(text: string, name: string | undefined, { size, signal }: StartOptions): Promise<Start> {
  const target =
    existsSync(text) || parseName(text) === undefined
      ? text
      : await fetchWeights(text, signal === undefined ? {} : { signal });
  const path = weightsOf(target);
  const { file: opened, facts } = await openStart(path);
  try {
    const model = facts.model ?? candidateModel(shapesOf(opened))?.name;
    if (model === undefined)
      throw new UsageError(
        `Expected weights that say which model they are of but ${path} does not, and its keys are of none that is known. ` +
          'Say it with "rescaled weights convert --model".',
      );
    const known = modelFacts(model, architectureOf(model, facts) as object);
    const side = size ?? facts.size ?? known.size;
    const modelOptions = { ...known.options, dropout: 0, stochasticDepth: 0, classes: 1000 } as ModelOptions;
    const features = fitTrunk(opened, facts, model, modelOptions);
    const input = {
      mean: facts.mean ?? IMAGENET_INPUT.mean,
      std: facts.std ?? IMAGENET_INPUT.std,
      interpolation: facts.interpolation ?? IMAGENET_INPUT.interpolation,
    };
    const evalCrop = facts.evalCrop ?? 0.875;
    const fit = facts.fit === 'letterbox' ? { fit: facts.fit } : {};
    return {
      name: name ?? nameOf(text, path),
      given: text,
      kind: 'weights',
      path,
      model,
      title: modelTitle(model, modelOptions),
      modelOptions,
      ...{ size: side, evalCrop, ...fit, input },
      identity: digest(await sha256(path), model, modelOptions, side, evalCrop, input, ...Object.values(fit)),
      ...(facts.weights !== undefined && { weights: facts.weights }),
      ...(facts.task !== undefined && facts.task !== 'classify' && { task: facts.task }),
      cost: { ...costOf(model, modelOptions, side, features), ...learnedOf(path) },
    };
  } finally {
    opened.close();
  }
}

function fromScratch(
  wanted: string | undefined,
  name: string,
  others: readonly Start[],
  { size }: StartOptions,
): Start {
  const like = wanted === undefined ? others[0] : others.find((start) => start.name === wanted);
  if (like === undefined && wanted === undefined)
    throw new UsageError('Expected a model for the start "scratch" but no other start has one: write scratch:MODEL.');
  const [, base = wanted!, width] = like === undefined ? (WITH_WIDTH.exec(wanted!) ?? []) : [];
  const facts = modelFacts(like?.model ?? base);
  const side = size ?? like?.size ?? facts.size;
  const modelOptions = {
    ...(like?.modelOptions ?? { ...facts.options, stemStride: stemStrideAt(facts, side) }),
    ...(width !== undefined && { width: Number(width) }),
    ...{ dropout: 0, stochasticDepth: 0, classes: 1000 },
  } as ModelOptions;
  const model = like?.model ?? base;
  const evalCrop = like?.evalCrop ?? 0.875;
  const fit = like?.fit === undefined ? {} : { fit: like.fit };
  const input: InputFacts = { ...IMAGENET_INPUT, ...(like && { interpolation: like.input.interpolation }) };
  return {
    ...{ name, given: wanted === undefined ? 'scratch' : `scratch:${wanted}` },
    kind: 'scratch',
    model,
    title: modelTitle(model, modelOptions),
    modelOptions,
    ...{ size: side, evalCrop, ...fit, input },
    identity: digest('scratch', model, modelOptions, side, evalCrop, input, ...Object.values(fit)),
    cost: costOf(model, modelOptions, side, shapesOfTrunk(model, modelOptions).features),
  };
}

const shapesOf = (file: WeightsFile): Map<string, readonly number[]> =>
  new Map([...file.entries].map(([key, { shape }]) => [key, shape]));

function shapesOfTrunk(model: string, options: ModelOptions) {
  return shapeOnly(() => {
    const fresh = createModel(model, options);
    const shapes = new Map([...fresh.state()].map(([key, { shape }]) => [key, [...shape]]));
    return { head: fresh.head, shapes, features: shapes.get(`${fresh.head}.weight`)![1]! };
  });
}

/** No head serves here, whatever its classes. */
const NO_HEAD = { outputs: -1 };

/** @throws RescaledError when the trunk does not fit, or has numbers that are none */
function fitTrunk(opened: WeightsFile, facts: WeightsFacts, model: string, options: ModelOptions): number {
  const { head, shapes, features } = shapesOfTrunk(model, options);
  const file = withoutBeginning(opened, shapes.keys());
  const match = fitStart(file, facts, shapes, head, NO_HEAD, () => titlesOf(file, facts, { name: model, options }));
  checkFinite(file, match.loaded);
  return features;
}

/** The model of a start in evaluation, with a head that has no meaning. @param seed of random weights */
export async function loadTrunk(start: Start, seed: number): Promise<ImageModel> {
  const model = createModel(start.model, { ...start.modelOptions, classes: 2 } as ModelOptions, seed);
  if (start.path !== undefined) {
    const { file, facts } = await openStart(start.path);
    try {
      startFrom(withoutBeginning(file, model.state().keys()), facts, model, NO_HEAD);
    } finally {
      file.close();
    }
  }
  model.to({ memoryFormat: 'channels_last' }).train(false);
  return model;
}

function costOf(name: string, options: ModelOptions, size: number, features: number): StartCost {
  const { layers } = modelCost(name, { size, overrides: options });
  const { head } = modelFacts(name);
  const trunk = layers.filter(({ path }) => path !== head);
  const sum = (key: 'parameters' | 'multiplyAdds'): number => trunk.reduce((total, layer) => total + layer[key], 0);
  return { parameters: sum('parameters'), multiplyAdds: sum('multiplyAdds'), features };
}

/** What the run that weights come from says of its training. */
function learnedOf(path: string): Pick<StartCost, 'seen' | 'seconds' | 'data'> {
  const run = [dirname(path), dirname(dirname(path))].find((folder) => isRun(folder));
  if (run === undefined) return {};
  try {
    const { trainImages, recipe, data, task } = loadConfig(run);
    const file = join(run, 'report.json');
    const report = existsSync(file)
      ? (JSON.parse(readFileSync(file, 'utf8')) as { seconds?: number; epochs?: number })
      : {};
    const { seconds, epochs = recipe.values.epochs } = report;
    return {
      // Contrastive pre-training looks at two views of each.
      seen: Math.round(trainImages * epochs * recipe.values.repeats * (task.name === 'contrast' ? 2 : 1)),
      ...(seconds !== undefined && { seconds }),
      data: data.name,
    };
  } catch {
    // A run of another version or kind: its weights serve all the same.
    return {};
  }
}

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** Keys sorted, so that the order in which options were set says nothing. */
const sorted = (_: string, value: unknown): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    : value;

/** sha256 of values as JSON. */
export const digest = (...values: unknown[]): string =>
  createHash('sha256').update(JSON.stringify(values, sorted)).digest('hex');
