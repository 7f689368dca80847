import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { withCache } from '../data/cached.js';
import { type Dataset, openDataset } from '../data/dataset.js';
import { BatchLoader } from '../data/loading/loader.js';
import { splitMinival } from '../data/minival.js';
import { RescaledError, UsageError } from '../errors.js';
import { writeFileAtomic } from '../files.js';
import { Ema, LossScaler } from '../optim/index.js';
import { freshState, loadCheckpoint, type RunState, saveCheckpoint, saveWeights } from '../run/checkpoint.js';
import {
  bestWeights,
  finalWeights,
  lastCheckpoint,
  modelOf,
  preprocessOf,
  type RunConfig,
  type TrainOptions,
} from '../run/config.js';
import type { TrainEvent } from '../run/events.js';
import { engineInfo, manualSeed, setThreads } from '../torch/index.js';
import { buildOptimiser, freeze, trainUnfrozen } from './build-optimiser.js';
import { diagnose, diagnoseGradient, diagnoseScale } from './diagnose.js';
import { type Evaluation, evaluate } from './evaluate.js';
import { batchGradients } from './gradients.js';
import { Normaliser } from './input.js';
import { balancedWeights } from './loss.js';
import { mixOf } from './mixing.js';
import { learningRates } from './rate.js';
import { loadStart } from './start.js';
import { applyGradients } from './update.js';

export interface LoopOptions {
  /** Run folder: checkpoints/ and weights.safetensors are written there. */
  out: string;
  /** Go on from the last checkpoint. */
  resume?: boolean;
  /** Saves and stops at the next step. */
  signal?: AbortSignal;
  /** Already opened data, else it is opened from the config. */
  dataset?: Dataset;
}

/** The data of a run that exists. */
export function openRunData(config: RunConfig): Promise<Dataset> {
  const { path, ...picked } = config.data;
  return openTrainingData({ data: path, seed: config.seed, ...picked });
}

/** The data that a run with these options trains and is measured on. */
export function openTrainingData({
  data,
  seed,
  valSplit,
  limitTrain,
  limitVal,
}: Pick<TrainOptions, 'data' | 'seed' | 'valSplit' | 'limitTrain' | 'limitVal'>): Promise<Dataset> {
  return openDataset(data, { seed, valSplit, limitTrain, limitVal, cache: true });
}

/** @throws UsageError when the engine has no such device */
export function checkDevice(device: string): void {
  const { devices } = engineInfo();
  if (!devices.includes(device) && !devices.includes(`${device}:0`))
    throw new UsageError(
      `Expected one of ${devices.join(', ')} for the device but received "${device}". "rescaled doctor" lists what this engine has.`,
    );
}

/**
 * Epochs that are shorter than this share a checkpoint, which takes a few hundredths of a second: so much is done again
 * after a crash.
 */
const BETWEEN_MS = 2000;

/** The same pictures, decoded once and kept on disk where that is possible; see `withCache`. */
async function* cached(dataset: Dataset, size: number, signal?: AbortSignal): AsyncGenerator<TrainEvent, Dataset> {
  const decoding = withCache(dataset, size, signal);
  for (let turn = await decoding.next(); ; turn = await decoding.next()) {
    if (turn.done === true) return turn.value;
    yield { type: 'decoding', step: 0, ...turn.value };
  }
}

/** Half-written files of a process that was killed while it saved. */
function removeLeftovers(folder: string): void {
  for (const name of readdirSync(folder))
    if (/^\..+\.\d+\.tmp$/.test(name)) rmSync(join(folder, name), { force: true });
}

/**
 * Trains a model and yields what happens. Each step depends only on (config, step): batches and crops on (seed, epoch,
 * index, copy), dropout on (seed, step); so a run that is killed and resumed ends with the same bytes as one that never
 * stopped.
 */
export async function* trainLoop(
  config: RunConfig,
  { out, resume = false, signal, dataset }: LoopOptions,
): AsyncGenerator<TrainEvent> {
  const recipe = config.recipe.values;
  const opened = dataset ?? (await openRunData(config));
  if (opened.fingerprint !== config.data.fingerprint)
    throw new RescaledError(
      `Expected the data that the run began with, but ${config.data.path} has changed since. Start a new run, or put the data back.`,
    );
  checkDevice(config.device);
  mkdirSync(join(out, 'checkpoints'), { recursive: true });
  removeLeftovers(join(out, 'checkpoints'));
  removeLeftovers(out);
  setThreads(config.threads);

  const data = yield* cached(opened, config.size, signal);

  // -- what is trained
  const model = modelOf(config).train();
  const started = resume ? undefined : await loadStart(config, model);
  const frozen = freeze(model, recipe.freeze);
  const optimiser = buildOptimiser(recipe, model);
  const ema = recipe.averaging !== 'none' ? new Ema(model.state(), recipe.emaDecay) : undefined;

  // -- what it is trained on
  const common = { preprocess: preprocessOf(config), seed: config.seed, workers: config.workers };
  const { train, minival } = recipe.earlyStopping
    ? splitMinival(data.train!, recipe.minival, config.seed)
    : { train: data.train!, minival: undefined };
  const trainLoader = new BatchLoader({
    ...common,
    source: train,
    batch: recipe.batch,
    repeats: recipe.repeats,
    mode: 'train',
  });
  const evaluation = { ...common, batch: Math.min(256, Math.max(recipe.batch, 32)), mode: 'eval' } as const;
  const valLoader = new BatchLoader({ ...evaluation, source: data.val });
  const minivalLoader = minival === undefined ? undefined : new BatchLoader({ ...evaluation, source: minival });
  const normaliser = new Normaliser(config.device, config.input);
  const classWeights =
    recipe.classWeights === 'balanced' ? balancedWeights(train.labels, data.classes.length, config.device) : undefined;

  // -- how long
  const stepsPerEpoch = trainLoader.batchesPerEpoch;
  const steps = stepsPerEpoch * recipe.epochs;
  const rateAt = learningRates(recipe, stepsPerEpoch);

  const state: RunState = resume ? loadCheckpoint(lastCheckpoint(out), model, optimiser, ema) : freshState();
  // Shares its state with the run's, so that each checkpoint has it.
  const scaler =
    recipe.precision === 'float16' ? new LossScaler((state.lossScale ??= { ...LossScaler.START })) : undefined;
  const broken = new Map(state.broken);
  const newlyBroken: { path: string; reason: string }[] = [];
  for (const [loader, offset] of [
    [trainLoader, 0],
    [valLoader, train.length],
    [minivalLoader, train.length + data.val.length],
  ] as const) {
    if (loader === undefined) continue;
    loader.onBroken = (index, path, reason) => {
      if (broken.has(offset + index)) return;
      broken.set(offset + index, `${path}: ${reason}`);
      newlyBroken.push({ path, reason });
    };
  }
  const pictures = data.train!.length + data.val.length;
  const reportBroken = function* (): Generator<TrainEvent> {
    if (newlyBroken.length === 0) return;
    const last = [...broken.values()].at(-1);
    if (config.strict) throw new RescaledError(`A picture cannot be read, and the run is strict: ${last}`);
    if (broken.size > config.maxBroken * pictures)
      throw new RescaledError(
        `${broken.size} of ${pictures} pictures cannot be read, more than the allowed ${(100 * config.maxBroken).toFixed(1)} % (--max-broken). The last one: ${last}`,
      );
    while (newlyBroken.length > 0) yield { type: 'broken', step: state.step, ...newlyBroken.shift()! };
  };

  const keepWeights = (path: string, epoch: number, facts: Record<string, string> = {}): void =>
    saveWeights(path, ema?.shadow ?? model.state(), config, {
      weights: ema === undefined ? 'raw' : 'ema',
      epoch: String(epoch),
      ...facts,
    });
  const checkpoint = (): TrainEvent => {
    state.broken = [...broken];
    saveCheckpoint(lastCheckpoint(out), model, optimiser, ema, state);
    lastSaved = performance.now();
    return { type: 'checkpoint', step: state.step, path: lastCheckpoint(out) };
  };
  let lastSaved = performance.now();

  yield {
    type: 'start',
    step: state.step,
    epoch: state.epoch,
    steps,
    epochs: recipe.epochs,
    stepsPerEpoch,
    parameters: model.parameterCount(),
    resumed: resume,
    trainImages: train.length,
    valImages: data.val.length,
    classes: data.classes.length,
  };

  if (data.note !== undefined)
    yield { type: 'advice', step: state.step, text: `pictures are decoded anew in each epoch: ${data.note}` };
  if (!resume) for (const text of config.recipe.advice ?? []) yield { type: 'advice', step: 0, text };
  if (started !== undefined) yield { type: 'loaded', step: 0, from: config.from!, match: started };

  try {
    let trained = 0; // seconds and pictures since the start of this process, for the speed shown
    let seen = 0;
    while (state.epoch < recipe.epochs && !state.ended) {
      const waitedBefore = trainLoader.waitedMs;
      const epochStart = performance.now();
      const waitedAtStart = state.waitedSeconds;
      const imagesAtStart = state.images;
      let computing = 0;
      trainUnfrozen(model, frozen);
      for await (const batch of trainLoader.batches(state.epoch, state.batchInEpoch)) {
        const began = performance.now();
        const learningRate = rateAt(state.step);
        // Seeded by the step, not by what was drawn before: a resumed run draws the same.
        manualSeed(BigInt(config.seed) * 0x9e3779b97f4a7c15n + BigInt(state.step));
        let loss = Number.NaN;
        if (batch.n > 1) {
          const mix = mixOf(recipe, batch.n, config.size, config.seed, state.epoch, state.batchInEpoch);
          const options = {
            mix,
            normaliser,
            size: config.size,
            parts: recipe.accumulate,
            labelSmoothing: recipe.labelSmoothing,
            classWeights,
            precision: recipe.precision,
            scale: scaler?.scale,
          };
          const result = batchGradients(model, batch, options, (value, x) =>
            diagnose(value, state.step, learningRate, model, x),
          );
          loss = result.loss;
          const updated = applyGradients(optimiser, learningRate, {
            clipNorm: recipe.clipNorm,
            scaler,
            wrongNorm: (norm) => diagnoseGradient(norm, loss, state.step, learningRate),
            wrongScale: (scale) => diagnoseScale(scale, state.step, learningRate),
          });
          if (updated) ema?.update(state.step + 1);
          state.epochLoss += loss * batch.n;
          state.epochCorrect += result.hits;
          state.epochImages += batch.n;
          state.images += batch.n;
        }
        state.step++;
        state.batchInEpoch++;
        const took = (performance.now() - began) / 1000;
        state.seconds += took;
        state.waitedSeconds = waitedAtStart + (trainLoader.waitedMs - waitedBefore) / 1000;
        computing += took;
        trained += took;
        seen += batch.n;
        yield* reportBroken();
        if (Number.isFinite(loss)) {
          const imagesPerSecond = seen / trained;
          yield {
            type: 'step',
            step: state.step,
            epoch: state.epoch + 1,
            loss,
            learningRate,
            imagesPerSecond,
            etaSeconds: ((steps - state.step) * recipe.batch) / imagesPerSecond,
            ...(scaler === undefined ? {} : { lossScale: scaler.scale }),
          };
        }
        if (signal?.aborted === true) {
          yield checkpoint();
          yield { type: 'stopped', step: state.step, steps };
          return;
        }
        if (performance.now() - lastSaved > config.checkpointSeconds * 1000) yield checkpoint();
        // Finalizers of released handles run when the event loop turns.
        await new Promise((resolve) => setImmediate(resolve));
      }

      // -- how good it is now, raw and averaged
      const scoring = { classes: data.classes.length, size: config.size, normaliser, mistakes: 0, signal };
      yield { type: 'evaluating', step: state.step, epoch: state.epoch + 1, done: 0, of: data.val.length };
      const raw = await evaluate(model, valLoader, scoring);
      let averaged: Evaluation | undefined;
      if (ema !== undefined) ema.swap();
      if (ema !== undefined && signal?.aborted !== true) averaged = await evaluate(model, valLoader, scoring);
      const decided = minivalLoader === undefined ? (averaged ?? raw) : await evaluate(model, minivalLoader, scoring);
      if (ema !== undefined) ema.swap();
      if (signal?.aborted === true) {
        // All batches of this epoch are done; the resumed run measures again.
        yield checkpoint();
        yield { type: 'stopped', step: state.step, steps };
        return;
      }
      yield* reportBroken();
      const best = decided.top1 > state.bestTop1;
      if (best) {
        Object.assign(state, { bestTop1: decided.top1, bestEpoch: state.epoch + 1 });
        keepWeights(bestWeights(out), state.epoch + 1, { top1: String(decided.top1) });
      }
      const waited = state.waitedSeconds - waitedAtStart;
      yield {
        type: 'epoch',
        step: state.step,
        epoch: state.epoch + 1,
        trainLoss: state.epochLoss / Math.max(1, state.epochImages),
        trainTop1: state.epochCorrect / Math.max(1, state.epochImages),
        learningRate: rateAt(state.step - 1),
        raw: brief(raw),
        ...(averaged === undefined ? {} : { ema: brief(averaged) }),
        ...(minival === undefined ? {} : { minival: brief(decided) }),
        best,
        imagesPerSecond: (state.images - imagesAtStart) / Math.max(1e-9, computing + waited),
        seconds: (performance.now() - epochStart) / 1000,
        loaderWaitShare: waited / Math.max(1e-9, computing + waited),
      };
      // The checkpoint stands at the start of the next epoch, so nothing of this one is done twice.
      Object.assign(state, { batchInEpoch: 0, epochLoss: 0, epochCorrect: 0, epochImages: 0 });
      state.epoch++;
      state.ended =
        recipe.earlyStopping && state.epoch < recipe.epochs && state.epoch - state.bestEpoch >= recipe.patience;
      if (state.epoch === recipe.epochs || state.ended || performance.now() - lastSaved > BETWEEN_MS)
        yield checkpoint();
      if (state.ended) yield { type: 'early-stop', step: state.step, epoch: state.epoch, bestEpoch: state.bestEpoch };
    }
    if (recipe.earlyStopping) writeFileAtomic(finalWeights(out), readFileSync(bestWeights(out)));
    else keepWeights(finalWeights(out), recipe.epochs);
    const total = state.seconds + state.waitedSeconds;
    yield {
      type: 'end',
      step: state.step,
      seconds: total,
      imagesPerSecond: state.images / Math.max(1e-9, total),
      loaderWaitShare: state.waitedSeconds / Math.max(1e-9, total),
      weights: finalWeights(out),
    };
  } finally {
    await Promise.all([trainLoader.close(), valLoader.close(), minivalLoader?.close()]);
    model.dispose();
    optimiser.dispose();
    ema?.dispose();
    normaliser.dispose();
    classWeights?.dispose();
  }
}

const brief = ({ top1, top5, loss, images }: { top1: number; top5: number; loss: number; images: number }) => ({
  top1,
  top5,
  loss,
  images,
});
