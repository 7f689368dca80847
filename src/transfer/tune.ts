import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Dataset } from '../data/dataset.js';
import { LABELS } from '../data/loading/labels.js';
import { BatchLoader } from '../data/loading/loader.js';
import { type Source, subset } from '../data/sources/source.js';
import { RescaledError } from '../errors.js';
import { checkModelSwitches, modelSwitchesSchema } from '../recipe/model-switches.js';
import { type Recipe, resolveRecipe } from '../recipe/recipe.js';
import { finalWeights, isRun, lastCheckpoint } from '../run/config.js';
import type { TrainEvent } from '../run/events.js';
import { taskNamed } from '../tasks/index.js';
import { noGrad, scope } from '../torch/index.js';
import { Normaliser, type TrainOptions } from '../train/index.js';
import { resumeRun, trainRun } from '../train/train.js';
import { type LoadedModel, loadModel, preprocessFor } from '../trained/load.js';
import { cellResult, judged } from './frozen.js';
import type { Cell, Group, Setting, TransferAsk } from './plan.js';
import { bestPoint, type CellResult, type PointResult, runFolder } from './results.js';
import type { Start } from './starts.js';
import { labelled, type Target, together } from './targets.js';

/** What a training may use, and whom it tells. */
export interface TuneTools {
  threads: number;
  workers: number;
  device?: string;
  checkpointSeconds?: number;
  signal?: AbortSignal;
  onStep?: (step: number, steps: number) => void;
  letMessagesIn?: () => Promise<void>;
}

interface Learning {
  start: Start;
  labels: number;
  seed: number;
  setting: Setting;
  /** Learns from validation pictures too. */
  withVal?: boolean;
}

/** What a training came to. */
interface Learned extends Pick<PointResult, 'top1' | 'loss' | 'steps' | 'batch' | 'epochs' | 'msPerStep' | 'seconds'> {
  pictures: number;
}

/** The training part that is learned from. */
export function learnedPart(target: Target, labels: number, seed: number, withVal = false): Source {
  if (withVal) return together(target.train, target.val);
  return labels >= 100 ? target.train : subset(target.train, labelled(target, labels, seed));
}

/** How a start is fine-tuned. @param pictures that are learned from */
export function tuningOptions(
  { start, setting, seed }: Pick<Learning, 'start' | 'setting' | 'seed'>,
  ask: Pick<TransferAsk, 'epochs' | 'settings' | 'maxBroken'>,
  path: string,
  pictures: number,
): Omit<TrainOptions, 'out'> {
  const scratch = start.kind === 'scratch';
  // Nothing is there to be kept: what is frozen would be random.
  const { freeze: _, layerDecay: __, ...ofScratch } = ask.settings;
  const settings: Partial<Recipe> = {
    evalCrop: start.evalCrop,
    interpolation: start.input.interpolation,
    ...(scratch ? ofScratch : ask.settings),
    learningRate: setting.rate,
    weightDecay: Number((setting.decay / setting.rate).toPrecision(6)),
    ...(ask.epochs !== undefined && { epochs: ask.epochs }),
  };
  if (scratch) {
    const { values } = resolveRecipe('finetune', start.model, start.size, settings, pictures);
    // Twice the steps of fine-tuning, as SimCLR gives it (40,000 against 20,000).
    settings.epochs = Math.min(100_000, 2 * values.epochs);
  }
  const { width, stemStride } = start.modelOptions;
  const known = Object.keys(modelSwitchesSchema.shape);
  const switches = Object.fromEntries(Object.entries(start.modelOptions).filter(([key]) => known.includes(key)));
  return {
    ...{ data: path, model: start.model, size: start.size, width, stemStride, seed, recipe: 'finetune', settings },
    modelOptions: checkModelSwitches(switches),
    maxBroken: ask.maxBroken,
    ...(start.path !== undefined && { from: start.path }),
  };
}

/** A training on part of the labels, measured on validation pictures when it ends. @returns undefined when it was stopped */
async function learn(
  learning: Learning,
  ask: TransferAsk,
  target: Target,
  run: string,
  tools: TuneTools,
): Promise<Learned | undefined> {
  const { labels, seed, withVal } = learning;
  const { threads, workers, device, checkpointSeconds, signal, onStep = () => {}, letMessagesIn } = tools;
  const train = learnedPart(target, labels, seed, withVal);
  const { test: _, ...dataset } = target.dataset;
  const data: Dataset = { ...dataset, train, val: target.val, measured: 'val', split: undefined };
  const task = { ...taskNamed('classify'), openData: async () => data };
  const goesOn = isRun(run) && existsSync(lastCheckpoint(run));
  // Killed before its first checkpoint, a run leaves nothing to go on from.
  if (!goesOn) rmSync(run, { recursive: true, force: true });
  const how = {
    threads,
    workers,
    ...(device !== undefined && { device }),
    ...(checkpointSeconds !== undefined && { checkpointSeconds }),
  };
  const options = tuningOptions(learning, ask, target.path, train.length);
  const events = goesOn
    ? resumeRun(task, run, { ...(signal && { signal }) })
    : // Measured once, at its end.
      trainRun(task, { ...options, ...how, evalEvery: 1_000_000, out: run }, { ...(signal && { signal }) });
  const times: number[] = [];
  let last: number | undefined;
  let [steps, epochs] = [0, 0];
  let scores: { top1: number; loss: number } | undefined;
  let end: Extract<TrainEvent, { type: 'end' }> | undefined;
  for await (const event of events) {
    const now = performance.now();
    if (event.type === 'step' && last !== undefined) times.push(now - last);
    last = event.type === 'step' ? now : undefined;
    if (event.type === 'start') [steps, epochs] = [event.steps, event.epochs];
    if (event.type === 'epoch') scores = (event.ema ?? event.raw ?? scores) as typeof scores;
    if (event.type === 'end') end = event;
    onStep(event.step, steps);
    await letMessagesIn?.();
  }
  if (end === undefined || signal?.aborted === true) return undefined;
  if (scores === undefined) {
    // It was ended between its last checkpoint and its result, and says no more how good it is.
    if (!goesOn) throw new RescaledError(`Expected the run in ${run} to be measured but it was not.`);
    rmSync(run, { recursive: true, force: true });
    return learn(learning, ask, target, run, tools);
  }
  const { top1, loss } = scores;
  const batch = Math.round((train.length * epochs) / Math.max(1, steps));
  const middle = times.sort((a, b) => a - b)[times.length >> 1] ?? (1000 * end.seconds) / Math.max(1, steps);
  return { top1, loss, steps, batch, epochs, msPerStep: middle, seconds: end.seconds, pictures: train.length };
}

/** Trains with one setting of a grid, on the labels of the first seed. Its weights are kept. */
export async function trainPoint(
  out: string,
  group: Group,
  id: string,
  ask: TransferAsk,
  target: Target,
  tools: TuneTools,
): Promise<PointResult | undefined> {
  const { setting } = group.points.find((point) => point.id === id)!;
  const { seed } = group.cells[0]!;
  const found = await learn(
    { start: group.start, labels: group.labels, seed, setting },
    ask,
    target,
    runFolder(out, id),
    tools,
  );
  if (found === undefined) return undefined;
  const { pictures: _, ...figures } = found;
  return { ...{ format: 1, status: 'done', kind: 'point', id }, ...setting, ...figures };
}

/** Weights that no result can need any more: those of settings that are not the best. */
export function dropWeights(out: string, group: Group, keep: string | undefined): void {
  for (const { id } of group.points) {
    const run = runFolder(out, id);
    if (id === keep || !existsSync(finalWeights(run))) continue;
    rmSync(run, { recursive: true, force: true });
  }
}

/** What was chosen on validation pictures, measured on the test pictures. @returns undefined when it was stopped */
export async function tunedCell(
  out: string,
  group: Group,
  cell: Cell,
  ask: TransferAsk,
  target: Target,
  tools: TuneTools,
): Promise<CellResult | undefined> {
  const ids = group.points.map(({ id }) => id);
  const best = bestPoint(out, ids);
  if (best === undefined)
    throw new RescaledError(
      `Expected a setting of the grid that learns but all ${ids.length} failed or diverged. Try smaller rates, or another --grid.`,
    );
  const setting: Setting = { rate: best.rate, decay: best.decay };
  const withVal = ask.retrain && cell.labels >= 100;
  let run = runFolder(out, best.id);
  let learned: Learned = { ...best, pictures: learnedPart(target, cell.labels, cell.seed).length };
  if (cell.seed !== group.cells[0]!.seed || withVal || !existsSync(finalWeights(run))) {
    run = runFolder(out, cell.id);
    const { start } = group;
    const found = await learn(
      { start, labels: cell.labels, seed: cell.seed, setting, withVal },
      ask,
      target,
      run,
      tools,
    );
    if (found === undefined) return undefined;
    learned = found;
  }
  const loaded = await loadModel(run);
  let predicted: Awaited<ReturnType<typeof predictions>>;
  try {
    predicted = await predictions(loaded, target.test, tools);
  } finally {
    loaded.model.dispose();
  }
  if (predicted === undefined) return undefined;
  const { indices, classes } = predicted;
  const { rate, decay, epochs, batch, steps } = { ...learned, ...setting };
  const labels = Int32Array.from(indices, (index) => target.test.labels[index]!);
  return cellResult(cell, {
    ...judged(target.test.length, { indices, labels }, classes),
    // A network that learned from the validation pictures is not measured on them.
    validation: { top1: withVal ? best.top1 : learned.top1, pictures: target.val.length },
    trainPictures: learned.pictures,
    chosen: { rate, decay, epochs, batch, steps },
    edge: edgesOf(group, setting),
    seconds: learned.seconds,
  });
}

/** Which of rate and decay is the least or the largest of several that were tried; no decay at all is no end. */
export function edgesOf({ points }: Pick<Group, 'points'>, chosen: Setting): string[] {
  const rates = points.map(({ setting }) => setting.rate);
  const decays = points.map(({ setting }) => setting.decay);
  if (points.length === 1) return [];
  return [
    ...(chosen.rate === Math.min(...rates) || chosen.rate === Math.max(...rates) ? ['rate'] : []),
    ...(new Set(decays).size > 1 && chosen.decay === Math.max(...decays) ? ['decay'] : []),
  ];
}

/** The class of each picture that can be read, as the model's own preprocessing shows it. */
async function predictions(
  loaded: LoadedModel,
  source: Source,
  { workers, device = 'cpu', signal, letMessagesIn }: TuneTools,
): Promise<{ indices: Int32Array; classes: Int32Array } | undefined> {
  const { model, input, size } = loaded;
  model.to({ device });
  const loader = new BatchLoader({
    ...{ source, targets: LABELS, batch: 64, mode: 'eval', seed: 0, workers },
    preprocess: preprocessFor(loaded),
  });
  const normaliser = new Normaliser(device, input);
  const [indices, classes]: [number[], number[]] = [[], []];
  try {
    for await (const batch of loader.batches(0)) {
      if (signal?.aborted === true) return undefined;
      if (batch.n === 0) continue;
      const logits = scope(() =>
        noGrad(() => model.forward(normaliser.input(batch.images, batch.n, size)).data() as Float32Array),
      );
      const k = logits.length / batch.n;
      for (let i = 0; i < batch.n; i++) {
        let best = 0;
        for (let c = 1; c < k; c++) if (logits[i * k + c]! > logits[i * k + best]!) best = c;
        indices.push(batch.indices[i]!);
        classes.push(best);
      }
      await letMessagesIn?.();
    }
  } finally {
    await loader.close();
    normaliser.dispose();
  }
  return { indices: Int32Array.from(indices), classes: Int32Array.from(classes) };
}

/** Speeds for a plan: a picture of a training step, and one that is only looked at. */
export interface Speeds {
  msPerTrained: number;
  msPerLooked: number;
}

const MEASURED_STEPS = 8;

/** A few steps and a few pictures of a start on a target, in a folder that goes afterwards. */
export async function measureSpeeds(
  folder: string,
  start: Start,
  ask: TransferAsk,
  target: Target,
  tools: TuneTools,
): Promise<Speeds | undefined> {
  const enough = new AbortController();
  tools.signal?.addEventListener('abort', () => enough.abort());
  const run = join(folder, 'run');
  const { test: _, ...dataset } = target.dataset;
  const few = subset(
    target.val,
    Array.from({ length: Math.min(256, target.val.length) }, (_v, i) => i),
  );
  const data: Dataset = { ...dataset, train: target.train, val: few, measured: 'val', split: undefined };
  const task = { ...taskNamed('classify'), openData: async () => data };
  const options = tuningOptions(
    { start, setting: { rate: 1e-3, decay: 0 }, seed: 0 },
    ask,
    target.path,
    target.train.length,
  );
  const times: number[] = [];
  let last: number | undefined;
  let batch = 1;
  for await (const event of trainRun(
    task,
    {
      ...options,
      ...{ threads: tools.threads, workers: tools.workers, evalEvery: 1_000_000, out: run },
      ...(tools.device !== undefined && { device: tools.device }),
    },
    { signal: enough.signal },
  )) {
    const now = performance.now();
    if (event.type === 'start') batch = event.trainImages / event.stepsPerEpoch;
    if (event.type === 'step') {
      // The first steps of a process allocate memory and choose kernels.
      if (last !== undefined && event.step > 2) times.push(now - last);
      last = now;
      if (times.length >= MEASURED_STEPS) enough.abort();
    }
    await tools.letMessagesIn?.();
  }
  if (tools.signal?.aborted === true) return undefined;
  const step = times.sort((a, b) => a - b)[times.length >> 1] ?? 0;
  // A step goes forward once and back twice.
  return { msPerTrained: step / batch, msPerLooked: step / batch / 3 };
}
