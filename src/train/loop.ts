import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Source } from '../data/sources/source.js';
import type { TrainingData } from '../data/unlabelled.js';
import { RescaledError } from '../errors.js';
import { writeFileAtomic } from '../files.js';
import { isBetter, ofTraining, type Scores } from '../metric.js';
import { modelTitle } from '../models/index.js';
import { Ema, LossScaler } from '../optim/index.js';
import { freshState, loadCheckpoint, type RunState, saveCheckpoint, saveWeights } from '../run/checkpoint.js';
import { bestWeights, finalWeights, lastCheckpoint, type RunConfig } from '../run/config.js';
import type { EpochEvent, TrainEvent } from '../run/events.js';
import { setCudnn, setThreads } from '../torch/index.js';
import { BrokenPictures } from './broken.js';
import { evaluationBatch, evaluationsLeft, isMeasured, MeasuredPictures } from './evaluate.js';
import { evaluationViews, Learner } from './learner.js';
import { cached, checkDevice, openRunData, withUnlabelled } from './open.js';
import { OtherWork } from './other-work.js';
import { preprocessOf } from './resolve.js';
import { Speed } from './speed.js';
import { Ranks } from './step/ranks.js';
import { learningRates } from './step/rate.js';
import { startTogether } from './step/together.js';
import type { Evaluator, Task } from './task.js';

export interface LoopOptions {
  /** Run folder: checkpoints/ and weights.safetensors are written there. */
  out: string;
  /** Go on from the last checkpoint. */
  resume?: boolean;
  /** Saves and stops at the next step. */
  signal?: AbortSignal;
  /** Already opened data, else it is opened from the config. */
  dataset?: TrainingData;
  /** Pictures that are known to be broken, path -> reason. */
  broken?: ReadonlyMap<string, string>;
  /** The processes that share the run's steps, of a run with `parts`. */
  ranks?: Ranks;
}

/**
 * Epochs that are shorter than this share a checkpoint, which takes a few hundredths of a second: so much is done again
 * after a crash.
 */
const BETWEEN_MS = 2000;

/** What an evaluation found. */
interface Found {
  /** What the epoch's event has of it. */
  shown: Pick<EpochEvent, 'raw' | 'ema' | 'minival'>;
  /** By these scores epochs are chosen. */
  decided: Scores;
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
  task: Task,
  config: RunConfig,
  { out, resume = false, signal, dataset, broken: foundBroken = new Map(), ranks = new Ranks() }: LoopOptions,
): AsyncGenerator<TrainEvent> {
  const recipe = config.recipe.values;
  const [primary] = task.metrics;
  const opened = dataset ?? (await withUnlabelled(config, await openRunData(task, config)));
  if (opened.fingerprint !== config.data.fingerprint)
    throw new RescaledError(
      `Expected the data that the run began with, but ${config.data.path} has changed since. ` +
        'Start a new run, or put the data back.',
    );
  checkDevice(config.device);
  if (ranks.chief) {
    mkdirSync(join(out, 'checkpoints'), { recursive: true });
    removeLeftovers(join(out, 'checkpoints'));
    removeLeftovers(out);
  }
  setThreads(config.threads);
  // A run's bytes are to come again.
  setCudnn({ deterministic: true, benchmark: false });

  const data = yield* cached(opened, config.size, signal);

  // -- what is trained, and on what
  const { learner, started } = await Learner.open(task, config, data, { fresh: !resume, ranks });
  const { model, optimiser, normaliser, train, minival, loader: trainLoader } = learner;
  const ema = recipe.averaging !== 'none' ? new Ema(model.state(), recipe.emaDecay) : undefined;

  // -- what it is measured on
  const { size, seed, workers } = config;
  const common = { targets: task.targets, preprocess: preprocessOf(config), seed, workers };
  const views = evaluationViews(task, common.preprocess);
  // Views to measure on are the same for all runs.
  const newEvaluator = (): Evaluator => task.evaluator(config.task, { examples: 0, model, recipe });
  const split = newEvaluator().shared !== undefined;
  const measuredOn = (source: Source): MeasuredPictures =>
    new MeasuredPictures(ranks, {
      ...common,
      ...{
        source,
        split,
        batch: evaluationBatch(task, config, source.length),
        mode: 'eval',
        seed: 0,
        ...(views && { views }),
      },
    });
  const onVal = measuredOn(data.val);
  const onMinival = minival && measuredOn(minival);

  // -- how long
  const stepsPerEpoch = trainLoader.batchesPerEpoch;
  const steps = stepsPerEpoch * recipe.epochs;
  const rateAt = learningRates(recipe, stepsPerEpoch);

  const state: RunState = resume
    ? loadCheckpoint(lastCheckpoint(out), model, optimiser, ema, task.upgradeState)
    : freshState();
  // Shares its state with the run's, so that each checkpoint has it.
  const scaler =
    recipe.precision === 'float16' ? new LossScaler((state.lossScale ??= { ...LossScaler.START })) : undefined;
  const looked =
    data.train!.length + data.val.length + (data.test?.length ?? 0) + (data.unlabelled?.source.length ?? 0);
  const broken = new BrokenPictures(state.broken, looked, config, task.clips === true ? 'video' : 'picture');
  // Numbers of pictures among all of the run: those to be learned first, with labels before those without.
  const learned = train.length + (data.unlabelled?.source.length ?? 0);
  const watched = [
    [trainLoader, train, 0, 0],
    [onVal.loader, data.val, learned, onVal.from],
    [onMinival?.loader, minival, learned + data.val.length, onMinival?.from ?? 0],
  ] as const;
  for (const [loader, source, offset, from] of watched) {
    if (loader !== undefined) broken.watch(loader, offset + from);
    if (source !== undefined) broken.found(foundBroken, source, offset);
  }
  await startTogether(ranks, config, learner, ema);

  const keepWeights = (path: string, epoch: number, facts: Record<string, string> = {}): void => {
    if (!ranks.chief) return;
    saveWeights(path, ema?.shadow ?? model.state(), config, task.facts(config.task), {
      weights: ema === undefined ? 'raw' : 'ema',
      epoch: String(epoch),
      ...facts,
    });
  };
  const checkpoint = (): TrainEvent => {
    state.broken = broken.known;
    if (ranks.chief) saveCheckpoint(lastCheckpoint(out), model, optimiser, ema, state);
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
    model: modelTitle(config.model, config.modelOptions),
    parameters: model.parameterCount(),
    resumed: resume,
    trainImages: train.length,
    ...(data.unlabelled === undefined
      ? {}
      : { unlabelledImages: data.unlabelled.drawn.length, unlabelledPictures: data.unlabelled.pictures }),
    valImages: data.val.length,
    ...(config.selectedOn === undefined ? {} : { measured: data.measured }),
    ...(data.test === undefined ? {} : { testImages: data.test.length }),
    ...(broken.known.length > 0 && {
      broken: { train: broken.among(train, 0), val: broken.among(data.val, learned) },
    }),
    ...task.counts(config.task),
  };

  const selectedOn = config.selectedOn ?? (minival === undefined ? 'test' : 'minival');
  if (!resume) {
    const own = data.measured === 'test' ? 'test' : 'val';
    yield {
      type: 'data',
      step: 0,
      parts: {
        train: train.length,
        ...(minival && { minival: minival.length }),
        [own]: data.val.length,
        ...(data.test && { test: data.test.length }),
      },
      selectedOn,
      ignoredFiles: data.ignoredFiles,
      ignoredEndings: data.ignoredEndings,
      notes: data.notes,
    };
    yield* broken.tell(0);
  }

  if (data.note !== undefined)
    yield { type: 'advice', step: state.step, text: `${broken.noun}s are decoded anew in each epoch: ${data.note}` };
  if (!resume) for (const text of config.recipe.advice ?? []) yield { type: 'advice', step: 0, text };
  if (started !== undefined) yield { type: 'loaded', step: 0, from: config.from!, match: started };

  /** The weights as trained and averaged on the test pictures, and what decides on the minival. */
  const measureAll = async (): Promise<Found> => {
    const alone = ranks.world === 1;
    // Of several ranks none leaves before the others: they agree on a stop when all have measured.
    const measure = (on: MeasuredPictures): Promise<Scores> =>
      on.scores(model, newEvaluator(), { size, normaliser, ...(alone && { signal }) });
    ranks.doing = `the evaluation of epoch ${state.epoch + 1}`;
    const raw = await measure(onVal);
    ema?.swap();
    const averaged = ema !== undefined && !(alone && signal?.aborted === true) ? await measure(onVal) : undefined;
    const ofMinival = onMinival === undefined ? undefined : await measure(onMinival);
    ema?.swap();
    return {
      shown: {
        raw,
        ...(averaged === undefined ? {} : { ema: averaged }),
        ...(ofMinival === undefined ? {} : { minival: ofMinival }),
      },
      decided: ofMinival ?? averaged ?? raw,
    };
  };

  const evaluated = (ema === undefined ? 1 : 2) * data.val.length + (minival?.length ?? 0);
  const speed = new Speed({ measured: evaluated });
  const told = new Set<string>();
  const otherWork = config.device === 'cpu' ? new OtherWork(config.threads) : undefined;

  try {
    // Asked to stop while pictures were decoded: the first step may be long in coming.
    if (ranks.world === 1 && signal?.aborted === true && state.epoch < recipe.epochs && !state.ended) {
      yield checkpoint();
      yield { type: 'stopped', step: state.step, steps };
      return;
    }
    while (state.epoch < recipe.epochs && !state.ended) {
      const waitedBefore = trainLoader.waitedMs;
      const epochStart = performance.now();
      const { waitedSeconds: waitedAtStart, seconds: secondsAtStart, images: imagesAtStart } = state;
      let trained = 0; // seconds of this epoch in this process, by the clock
      let waited = 0; // of them, for pictures
      learner.begin();
      speed.begin();
      for await (const batches of learner.steps(state.epoch, state.batchInEpoch)) {
        const learningRate = rateAt(state.step);
        ranks.doing = `step ${state.step + 1}`;
        const asked = signal?.aborted === true;
        const result =
          config.parts === undefined
            ? learner.wholeStep(batches[0]!, state, learningRate, scaler)
            : await learner.stepOfRanks(batches, state, learningRate, { stop: asked, scaler });
        let loss = Number.NaN;
        if (result.images > 1) {
          loss = result.loss;
          if (result.updated) ema?.update(state.step + 1);
          state.epochLoss += loss * result.images;
          for (const [name, sum] of Object.entries(result.figures))
            state.epochFigures[name] = (state.epochFigures[name] ?? 0) + sum;
          state.epochImages += result.images;
          state.images += result.images;
        }
        state.step++;
        state.batchInEpoch++;
        trained += speed.step(result.images);
        waited = (trainLoader.waitedMs - waitedBefore) / 1000;
        state.seconds = secondsAtStart + trained - waited;
        state.waitedSeconds = waitedAtStart + waited;
        yield* broken.tell(state.step);
        if (Number.isFinite(loss))
          yield {
            type: 'step',
            step: state.step,
            epoch: state.epoch + 1,
            loss,
            learningRate,
            imagesPerSecond: speed.imagesPerSecond,
            etaSeconds: speed.left(steps - state.step, evaluationsLeft(state.epoch, recipe.epochs, config.evalEvery)),
            ...(scaler === undefined ? {} : { lossScale: scaler.scale }),
          };
        const text = otherWork?.note();
        if (text !== undefined) yield { type: 'advice', step: state.step, text };
        if (result.stopped ?? signal?.aborted === true) {
          yield checkpoint();
          yield { type: 'stopped', step: state.step, steps };
          return;
        }
        if (performance.now() - lastSaved > config.checkpointSeconds * 1000) yield checkpoint();
        // Finalizers of released handles run when the event loop turns.
        await new Promise((resolve) => setImmediate(resolve));
      }

      // -- how good it is now
      const epoch = state.epoch + 1;
      let measured: Found | undefined;
      if (isMeasured(epoch, recipe.epochs, config.evalEvery)) {
        const began = performance.now();
        yield { type: 'evaluating', step: state.step, epoch, done: 0, of: data.val.length };
        measured = await measureAll();
        speed.evaluated((performance.now() - began) / 1000);
      }
      await broken.gather(ranks, state.epoch);
      if (await ranks.any(signal?.aborted === true)) {
        // All batches of this epoch are done; the resumed run measures again.
        yield checkpoint();
        yield { type: 'stopped', step: state.step, steps };
        return;
      }
      yield* broken.tell(state.step);
      const score = measured?.decided[primary.name];
      const best = score !== undefined && isBetter(primary, score, state.bestScore);
      if (best) {
        Object.assign(state, { bestScore: score, bestEpoch: epoch });
        keepWeights(bestWeights(out), epoch, { [primary.name]: String(score) });
      }
      const mean = (name: string): number => (state.epochFigures[name] ?? 0) / Math.max(1, state.epochImages);
      const trainLoss = state.epochLoss / Math.max(1, state.epochImages);
      // Resumed with the evaluation left, this process has no step of the epoch: the run's mean stands for it.
      const [images, over] =
        trained > 0 ? [state.images - imagesAtStart, trained] : [state.images, state.seconds + state.waitedSeconds];
      yield {
        type: 'epoch',
        step: state.step,
        epoch,
        trainLoss,
        ...Object.fromEntries(task.figures(recipe).map((name) => [ofTraining(name), mean(name)])),
        learningRate: rateAt(state.step - 1),
        ...measured?.shown,
        best,
        imagesPerSecond: images / Math.max(1e-9, over),
        seconds: (performance.now() - epochStart) / 1000,
        loaderWaitShare: waited / Math.max(1e-9, trained),
      };
      const advised = task.advice?.(
        {
          epoch,
          trainLoss,
          figures: Object.fromEntries(Object.keys(state.epochFigures).map((name) => [name, mean(name)])),
          ...(measured && { scores: measured.decided }),
        },
        config,
      );
      if (advised !== undefined && !told.has(advised)) {
        told.add(advised);
        yield { type: 'advice', step: state.step, text: advised };
      }
      // The checkpoint stands at the start of the next epoch, so nothing of this one is done twice.
      Object.assign(state, { batchInEpoch: 0, epochLoss: 0, epochFigures: {}, epochImages: 0 });
      state.epoch++;
      state.ended =
        recipe.earlyStopping &&
        measured !== undefined &&
        epoch < recipe.epochs &&
        epoch - state.bestEpoch >= recipe.patience;
      if (state.epoch === recipe.epochs || state.ended || performance.now() - lastSaved > BETWEEN_MS)
        yield checkpoint();
      if (state.ended)
        yield { type: 'early-stop', step: state.step, epoch: state.epoch, bestEpoch: state.bestEpoch, selectedOn };
    }
    if (!ranks.chief) return;
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
    await Promise.all([learner.dispose(), onVal.close(), onMinival?.close()]);
    ema?.dispose();
  }
}
