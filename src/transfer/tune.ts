import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Dataset } from '../data/dataset.js';
import { LABELS } from '../data/loading/labels.js';
import { BatchLoader } from '../data/loading/loader.js';
import { type Source, subset } from '../data/sources/source.js';
import { RescaledError } from '../errors.js';
import type { Scores } from '../metric.js';
import { finalWeights, isRun, lastCheckpoint, loadConfig } from '../run/config.js';
import type { TrainEvent } from '../run/events.js';
import { drawnSets } from '../tasks/bootstrap.js';
import { taskNamed } from '../tasks/index.js';
import { noGrad, scope } from '../torch/index.js';
import { evaluateOn, evaluationBatch, Normaliser } from '../train/index.js';
import { resumeRun, trainRun } from '../train/train.js';
import { type LoadedModel, loadModel, preprocessFor } from '../trained/load.js';
import { cellResult, judged } from './frozen.js';
import type { Cell, Group, Setting, TransferAsk } from './plan.js';
import { bestPoint, type CellResult, type PointResult, runFolder } from './results.js';
import type { Start } from './starts.js';
import { labelled, type Target, type TargetFacts, together } from './targets.js';
import { type Tuning, tuningOptions } from './tuning.js';

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

interface Learning extends Omit<Tuning, 'target'> {
  target: TargetFacts;
  labels: number;
  /** Learns from validation pictures too. */
  withVal?: boolean;
}

/** What a training came to. */
interface Learned extends Pick<PointResult, 'score' | 'loss' | 'steps' | 'batch' | 'epochs' | 'msPerStep' | 'seconds'> {
  pictures: number;
}

/** The training part that is learned from. */
export function learnedPart(target: Target, labels: number, seed: number, withVal = false): Source {
  if (withVal) return together(target.train, target.val);
  return labels >= 100 ? target.train : subset(target.train, labelled(target, labels, seed));
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
  const task = { ...taskNamed(target.task), openData: async () => data };
  const goesOn = isRun(run) && existsSync(lastCheckpoint(run));
  // Killed before its first checkpoint, a run leaves nothing to go on from.
  if (!goesOn) rmSync(run, { recursive: true, force: true });
  const how = {
    threads,
    workers,
    ...(device !== undefined && { device }),
    ...(checkpointSeconds !== undefined && { checkpointSeconds }),
  };
  const options = tuningOptions(learning, ask, train.length);
  const events = goesOn
    ? resumeRun(task, run, { ...(signal && { signal }) })
    : // Measured once, at its end.
      trainRun(task, { ...options, ...how, evalEvery: 1_000_000, out: run }, { ...(signal && { signal }) });
  const times: number[] = [];
  let last: number | undefined;
  let [steps, epochs] = [0, 0];
  let scores: Scores | undefined;
  let end: Extract<TrainEvent, { type: 'end' }> | undefined;
  for await (const event of events) {
    const now = performance.now();
    if (event.type === 'step' && last !== undefined) times.push(now - last);
    last = event.type === 'step' ? now : undefined;
    if (event.type === 'start') [steps, epochs] = [event.steps, event.epochs];
    if (event.type === 'epoch') scores = event.ema ?? event.raw ?? scores;
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
  const { [task.metrics[0].name]: score, loss } = scores;
  const batch = Math.round((train.length * epochs) / Math.max(1, steps));
  const middle = times.sort((a, b) => a - b)[times.length >> 1] ?? (1000 * end.seconds) / Math.max(1, steps);
  const known = { score: score!, ...(Number.isFinite(loss) && { loss: loss! }) };
  return { ...known, steps, batch, epochs, msPerStep: middle, seconds: end.seconds, pictures: train.length };
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
    { start: group.start, target: group.target, labels: group.labels, seed, setting },
    ask,
    target,
    runFolder(out, id),
    tools,
  );
  if (found === undefined) return undefined;
  const { pictures: _, ...figures } = found;
  const { task } = target;
  return {
    ...{ format: 1, status: 'done', kind: 'point', id },
    ...(task !== 'classify' && { task }),
    ...setting,
    ...figures,
  };
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
      { start, target: group.target, labels: cell.labels, seed: cell.seed, setting, withVal },
      ask,
      target,
      run,
      tools,
    );
    if (found === undefined) return undefined;
    learned = found;
  }
  const loaded = await loadModel(run);
  let found: Found | undefined;
  try {
    found = await (target.task === 'classify' ? classesFound : metricFound)(loaded, target.test, tools);
  } finally {
    loaded.model.dispose();
  }
  if (found === undefined) return undefined;
  const { rate, decay, epochs, batch, steps } = { ...learned, ...setting };
  return cellResult(cell, {
    ...found,
    // A network that learned from the validation pictures is not measured on them.
    validation: { score: withVal ? best.score : learned.score, pictures: target.val.length },
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

/** What a start is worth on the test pictures, and what it takes to compare it with another. */
type Found = Pick<CellResult, 'score' | 'testPictures' | 'right' | 'drawn'>;

async function classesFound(loaded: LoadedModel, test: Source, tools: TuneTools): Promise<Found | undefined> {
  const predicted = await predictions(loaded, test, tools);
  if (predicted === undefined) return undefined;
  const { indices, classes } = predicted;
  const labels = Int32Array.from(indices, (index) => test.labels[index]!);
  return judged(test.length, { indices, labels }, classes);
}

/** Digits of a score on a drawn set. */
const DIGITS = 6;

/** By the primary metric of the task, which is not a mean over pictures: it is known on drawn sets of them too. */
async function metricFound(
  { model, task, settings, run, ...loaded }: LoadedModel,
  test: Source,
  { workers, device = 'cpu', signal }: TuneTools,
): Promise<Found | undefined> {
  model.to({ device });
  const config = loadConfig(run!);
  const evaluator = task.evaluator(settings, { examples: 0, model, recipe: config.recipe.values });
  const found = await evaluateOn(model, test, task, evaluator, {
    ...{ preprocess: preprocessFor(loaded), input: loaded.input, device, workers },
    ...{ batch: evaluationBatch(task, config, test.length), ...(signal && { signal }) },
  });
  if (signal?.aborted === true) return undefined;
  const { images, [task.metrics[0].name]: score } = found.scores;
  const drawn = Array.from(drawnSets(images), (times) => {
    const value = task.redrawn!(found, times);
    return Number.isFinite(value) ? Number(value.toFixed(DIGITS)) : null;
  });
  return { score: score!, testPictures: images, ...(images > 1 && { drawn }) };
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
  { start, facts }: { start: Start; facts: TargetFacts },
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
  const task = { ...taskNamed(target.task), openData: async () => data };
  const setting = { rate: 1e-3, decay: 0 };
  const options = tuningOptions({ start, target: facts, setting, seed: 0 }, ask, target.train.length);
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
