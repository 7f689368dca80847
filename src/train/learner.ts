import { looksOf } from '../augment/clips/sample.js';
import { augmentPlan } from '../augment/policies/plan.js';
import type { PreprocessOptions } from '../augment/preprocess.js';
import type { Dataset } from '../data/dataset.js';
import type { Batch } from '../data/loading/batch.js';
import { BatchLoader, type PartShare } from '../data/loading/loader.js';
import type { Targets } from '../data/loading/targets.js';
import { splitMinival } from '../data/minival.js';
import { joined, type Source } from '../data/sources/source.js';
import type { TrainingData, Unlabelled } from '../data/unlabelled.js';
import type { ImageModel } from '../models/index.js';
import { shareNorm } from '../nn/index.js';
import type { AgcOptions, LossScaler, Optimiser } from '../optim/index.js';
import { type ClipInput, type RunConfig, usesMinival } from '../run/config.js';
import { manualSeed } from '../torch/index.js';
import type { KeyMatch } from '../weights/report.js';
import { modelOf, preprocessOf, unlabelledStyles } from './resolve.js';
import { loadStart } from './start.js';
import { diagnose, diagnoseGradient, diagnoseScale, lossOfOthers, NotFinite } from './step/diagnose.js';
import { batchGradients } from './step/gradients.js';
import { Normaliser } from './step/input.js';
import { agcOf, buildOptimiser, freeze, trainUnfrozen } from './step/optimiser.js';
import { decided } from './step/precision.js';
import { RankedStep } from './step/ranked.js';
import { Ranks } from './step/ranks.js';
import { applyGradients } from './step/update.js';
import type { Objective, Task } from './task.js';

export { NotFinite } from './step/diagnose.js';

/** Pictures of a part: batch norm learns nothing from one. */
const LEAST = 2;

/** Which step of a run it is: all of them count from 0. */
export interface Place {
  step: number;
  epoch: number;
  batchInEpoch: number;
}

export interface StepResult {
  /** Mean of the batch. */
  loss: number;
  /** The task's, each the sum over the batch. */
  figures: Readonly<Record<string, number>>;
  /** False where a loss scaler left the update out. */
  updated: boolean;
}

/** The pictures of a run that are learned from, and those set aside from them where it chooses its epoch on such. */
export function learnedFrom(config: RunConfig, data: Dataset): { train: Source; minival?: Source } {
  return usesMinival(config)
    ? splitMinival(data.train!, config.recipe.values.minival, config.seed)
    : { train: data.train! };
}

/**
 * The batches that a run is trained on.
 * @param source the labelled pictures @param unlabelled those beside them @param workers threads that make batches, which change none
 */
export function trainingLoader(
  task: Task,
  config: RunConfig,
  source: Source,
  workers: number,
  unlabelled?: Unlabelled,
  share?: PartShare,
): BatchLoader<Targets> {
  const { seed, rest, recipe } = config;
  const { batch, repeats } = recipe.values;
  const targets = task.targetsOf?.(recipe.values) ?? task.targets;
  const common = { targets, batch, mode: 'train', preprocess: preprocessOf(config), seed } as const;
  if (task.pairs === true)
    return new BatchLoader({
      ...common,
      source,
      workers,
      rest,
      views: pairOf(common.preprocess),
      ...(share && { share }),
    });
  if (unlabelled === undefined)
    return new BatchLoader({ ...common, source, repeats, workers, rest, ...(share && { share }) });
  const { unlabelledRatio: ratio, unlabelledTargets, epochsCount, accumulate } = recipe.values;
  return new BatchLoader({
    ...common,
    source: joined(source.name, [source, unlabelled.source]),
    workers,
    rest,
    styles: unlabelledStyles(config),
    ...(share && { share }),
    joint: {
      labelled: source.length,
      unlabelled: unlabelled.drawn,
      batch,
      ratio,
      epochsCount,
      views: unlabelledTargets === 'consistency' ? 2 : 1,
      parts: share?.parts ?? accumulate,
      rest,
      seed,
      order: { labelled: source.order, unlabelled: unlabelled.source.order },
    },
  });
}

/** Both views are drawn alike. */
const pairOf = (drawn: PreprocessOptions): PreprocessOptions[] => [drawn, drawn];

/** What evaluations look at, of tasks that compare views: the whole picture, and two views as training draws them. */
export const evaluationViews = (
  { pairs }: Pick<Task, 'pairs'>,
  drawn: PreprocessOptions,
): PreprocessOptions[] | undefined =>
  pairs === true ? [{ ...drawn, cropMode: 'none', flip: 0, augment: augmentPlan() }, ...pairOf(drawn)] : undefined;

/** What a finished model looks at, of tasks with clips: all their looks; of others as while it is trained. */
export function finalViews(
  task: Pick<Task, 'pairs'>,
  drawn: PreprocessOptions,
  clip: ClipInput | undefined,
): PreprocessOptions[] | undefined {
  if (clip === undefined) return evaluationViews(task, drawn);
  return looksOf(clip).map((look) => ({ ...drawn, clip: { ...clip, look } }));
}

/**
 * What is trained, on what, and one step of it: what a run and a search for its rate have in common. A step depends
 * only on the configuration, its place and its rate.
 */
export class Learner {
  readonly model: ImageModel;
  readonly optimiser: Optimiser;
  readonly #agc: AgcOptions | undefined;
  readonly normaliser: Normaliser;
  /** The pictures that are learned from. */
  readonly train: Source;
  /** Set aside from them, where the run chooses its epoch on such. */
  readonly minival: Source | undefined;
  readonly loader: BatchLoader<Targets>;
  readonly #config: RunConfig;
  readonly #frozen: (key: string) => boolean;
  readonly #objective: Objective;
  /** Where the run's steps are shared by ranks. */
  readonly #shared: { step: RankedStep; share: PartShare; ranks: Ranks } | undefined;

  private constructor(task: Task, config: RunConfig, data: TrainingData, model: ImageModel, ranks: Ranks) {
    const { recipe } = config;
    const { freeze: parts } = recipe.values;
    this.#config = config;
    this.model = model;
    this.#frozen = freeze(model, parts);
    this.optimiser = buildOptimiser(recipe.values, model);
    this.#agc = agcOf(recipe.values, model);
    const { train, minival } = learnedFrom(config, data);
    this.train = train;
    this.minival = minival;
    const share = config.parts === undefined ? undefined : ranks.share(config.parts);
    this.loader = trainingLoader(task, config, this.train, config.workers, data.unlabelled, share);
    this.#shared = share && {
      share,
      ranks,
      step: new RankedStep(ranks, model, task.figures(recipe.values), config.device),
    };
    this.normaliser = new Normaliser(config.device, config.input);
    this.#objective = task.objective(config, this.train, data.unlabelled, share && ranks);
    if (this.#objective.together === true && ranks.world > 1) {
      ranks.shareOperators();
      shareNorm(model);
    }
  }

  /**
   * @param fresh with the weights that the run starts from; else they come from a checkpoint
   * @returns it, and what was found of these weights
   */
  static async open(
    task: Task,
    config: RunConfig,
    data: TrainingData,
    { fresh, ranks = new Ranks() }: { fresh: boolean; ranks?: Ranks },
  ): Promise<{ learner: Learner; started: KeyMatch | undefined }> {
    const model = modelOf(task, config).train();
    const started = fresh ? await loadStart(task, config, model) : undefined;
    return { learner: new Learner(task, config, data, model, ranks), started };
  }

  /** Training mode, for all but what is frozen. To be called when an epoch begins, since evaluation changes it. */
  begin(): void {
    trainUnfrozen(this.model, this.#frozen);
  }

  /**
   * One step of training on a batch of at least two pictures.
   * @param rate of this step, for the batch as it is
   * @throws NotFinite when the loss is not finite, or gradients where it cannot be helped: nothing is updated then
   */
  step(batch: Batch, { step, epoch, batchInEpoch }: Place, rate: number, scaler?: LossScaler): StepResult {
    const { seed, size, recipe } = this.#config;
    const { accumulate: parts, clipNorm } = recipe.values;
    const precision = decided(recipe.values.precision);
    // Seeded by the step, not by what was drawn before: a resumed run draws the same.
    manualSeed(BigInt(seed) * 0x9e3779b97f4a7c15n + BigInt(step));
    const { loss, figures } = batchGradients(
      this.model,
      batch.n,
      this.#objective.begin(batch, epoch, batchInEpoch),
      { normaliser: this.normaliser, size, parts, precision, scale: scaler?.scale },
      (value, x) => diagnose(value, step, rate, this.model, x),
    );
    const updated = applyGradients(this.optimiser, rate, {
      clipNorm,
      agc: this.#agc,
      scaler,
      wrongNorm: (norm) => diagnoseGradient(norm, loss, step, rate),
      wrongScale: (scale) => diagnoseScale(scale, step, rate),
    });
    return { loss, figures, updated };
  }

  /** `step`, unless too few pictures of the batch can be read. */
  wholeStep(
    batch: Batch,
    place: Place,
    rate: number,
    scaler?: LossScaler,
  ): StepResult & { images: number; stopped?: boolean } {
    if (batch.n < 2) return { loss: Number.NaN, figures: {}, updated: false, images: batch.n };
    return { ...this.step(batch, place, rate, scaler), images: batch.n };
  }

  /** What a pass gives a step: a whole batch, or this rank's parts of it. */
  async *steps(epoch: number, startBatch: number): AsyncGenerator<Batch[], void, undefined> {
    const { from, to } = this.#shared?.share ?? { from: 0, to: 1 };
    let batches: Batch[] = [];
    for await (const batch of this.loader.batches(epoch, startBatch)) {
      batches.push(batch);
      if (batches.length < to - from) continue;
      yield batches;
      batches = [];
    }
  }

  /**
   * One step of training, on this rank's parts of it.
   * @param stop whether this rank was asked to stop
   * @returns what all ranks found together; `stopped` when one of them was asked to
   * @throws NotFinite on all ranks at the same step
   */
  async stepOfRanks(
    batches: readonly Batch[],
    { step, epoch, batchInEpoch }: Place,
    rate: number,
    { stop, scaler }: { stop: boolean; scaler: LossScaler | undefined },
  ): Promise<StepResult & { images: number; stopped: boolean }> {
    const { seed, size, recipe } = this.#config;
    const { clipNorm } = recipe.values;
    const precision = decided(recipe.values.precision);
    const { step: ranked, share, ranks } = this.#shared!;
    const whole = await this.#countsOf(batches);
    const idle = this.#objective.together === true && whole!.includes(0);
    const of = whole?.[0] ?? this.loader.sizeOf(batchInEpoch);
    const own = { images: 0, loss: 0, stop: stop ? 1 : 0, figures: {} as Record<string, number> };
    let wrong: unknown;
    ranked.begin();
    for (const [k, batch] of batches.entries()) {
      const part = share.from + k;
      const last = k === batches.length - 1;
      if (last) ranked.last();
      // Batch norm learns nothing from one picture; a part without pictures takes its place in the step all the same.
      if (batch.n < LEAST || idle) continue;
      manualSeed(BigInt(seed) * 0x9e3779b97f4a7c15n + BigInt(step) * BigInt(share.parts) + BigInt(part));
      try {
        const { loss, figures } = batchGradients(
          this.model,
          batch.n,
          this.#objective.begin(batch, epoch, batchInEpoch * share.parts + part, whole),
          { normaliser: this.normaliser, size, parts: 1, precision, scale: scaler?.scale, of },
          (value, x) => diagnose(value, step, rate, this.model, x),
        );
        own.images += batch.n;
        own.loss += loss * batch.n;
        for (const [name, sum] of Object.entries(figures)) own.figures[name] = (own.figures[name] ?? 0) + sum;
        ranked.partDone();
      } catch (error) {
        if (!(error instanceof NotFinite)) throw await ranks.explained(error);
        // The others wait for this rank: all of them learn of it by the sum, and end at this step.
        wrong = error;
        own.loss = Number.NaN;
      }
    }
    const { images, loss, stop: stops, figures } = await ranked.finish(own);
    if (!Number.isFinite(loss)) throw wrong ?? lossOfOthers(step, rate);
    const found = { loss: loss / Math.max(1, images), figures, images, stopped: stops > 0 };
    if (images < 2) {
      this.optimiser.zeroGrad();
      return { ...found, updated: false };
    }
    // Pictures that cannot be read: the mean is over those that were.
    if (images !== of) ranked.scale(of / images);
    const updated = applyGradients(this.optimiser, rate, {
      clipNorm,
      agc: this.#agc,
      scaler,
      wrongNorm: (norm) => diagnoseGradient(norm, found.loss, step, rate),
      wrongScale: (scale) => diagnoseScale(scale, step, rate),
    });
    return { ...found, updated };
  }

  /** The objective's counts of a whole step, over all ranks. @param batches this rank's parts of it */
  async #countsOf(batches: readonly Batch[]): Promise<Float64Array | undefined> {
    if (this.#objective.counts === undefined) return undefined;
    const each = batches.map((batch) => this.#objective.counts!(batch).map((count) => (batch.n < LEAST ? 0 : count)));
    const sums = each[0]!.map((_, i) => each.reduce((sum, counts) => sum + counts[i]!, 0));
    await this.#shared!.ranks.sum(sums);
    return sums;
  }

  async dispose(): Promise<void> {
    this.#shared?.step.dispose();
    await this.loader.close();
    this.model.dispose();
    this.optimiser.dispose();
    this.normaliser.dispose();
    this.#objective.dispose();
  }
}
