import type { PreprocessOptions } from '../augment/preprocess.js';
import { batchBounds } from '../batches.js';
import { BatchLoader, type LoaderOptions } from '../data/loading/loader.js';
import type { Targets } from '../data/loading/targets.js';
import { type Source, subset } from '../data/sources/source.js';
import type { Scores } from '../metric.js';
import type { Module } from '../nn/index.js';
import type { InputFacts, RunConfig } from '../run/config.js';
import { noGrad, scope } from '../torch/index.js';
import { Normaliser } from './step/input.js';
import type { Ranks } from './step/ranks.js';
import type { Evaluation, Evaluator, Task } from './task.js';

/**
 * How many times as fast a picture is measured as trained on: a step goes forward, backward and updates, but small networks spend as long on
 * each evaluation's start. Seen on 2 cores: 2.0 (ResNet-RS-14 x0.25 at 96 pixels) to 2.7 (x0.5 at 128).
 */
export const FASTER_THAN_TRAINING = 2;

/**
 * Pictures at a time: measuring needs less memory than a step of the training with as many. Where ranks share a run's steps no more than it takes
 * for each of the parts to have as many batches: figures come from the same batches then, however many ranks there are.
 * @param pictures that are measured
 */
export function evaluationBatch(
  { pairs }: Pick<Task, 'pairs'>,
  { recipe, parts: shared }: Pick<RunConfig, 'recipe' | 'parts'>,
  pictures: number,
): number {
  // Pairs are told from those of their batch.
  const parts = pairs === true ? undefined : shared;
  const { batch, accumulate } = recipe.values;
  const most = Math.min(256, Math.max(Math.ceil(batch / (parts ?? accumulate)), 32));
  return parts === undefined ? most : Math.ceil(pictures / (parts * Math.ceil(pictures / (parts * most))));
}

/**
 * What evaluations may take, as a part of the time that training takes. So many there are even where they take more, but never more than the
 * second share: with few pictures to learn from and many to measure on, a run would do little else.
 */
const SHARE_OF_TRAINING = 0.1;
const LEAST_EVALUATIONS = 10;
const MOST_SHARE = 0.5;

/**
 * Epochs from one evaluation to the next, so that they take less than a tenth of the time of training: from counts
 * alone, since a resumed run must measure at the same epochs.
 * @param trained pictures of an epoch
 * @param measured pictures of an evaluation, each as often as it is looked at
 */
export function epochsBetween(trained: number, measured: number, epochs: number): number {
  const wanted = Math.ceil(measured / FASTER_THAN_TRAINING / (SHARE_OF_TRAINING * trained));
  const affordable = Math.floor((MOST_SHARE * epochs * trained * FASTER_THAN_TRAINING) / measured);
  const least = Math.max(1, Math.min(LEAST_EVALUATIONS, affordable));
  return Math.max(1, Math.min(wanted, Math.floor(epochs / least)));
}

/** How many evaluations are to come when so many epochs are done; the last epoch always has one. */
export const evaluationsLeft = (done: number, epochs: number, every: number): number =>
  Math.ceil((epochs - done) / every);

/** Whether an epoch, counted from 1, ends with an evaluation. */
export const isMeasured = (epoch: number, epochs: number, every: number): boolean => (epochs - epoch) % every === 0;

/** Measures a model on a loader in `eval` mode. @param options.onBatch called with the number of pictures done */
export async function evaluate<T extends Targets, D>(
  model: Module,
  loader: BatchLoader<T>,
  evaluator: Evaluator<T, D>,
  options: { size: number; normaliser: Normaliser; onBatch?: (done: number) => void; signal?: AbortSignal },
): Promise<Evaluation<D>> {
  const { size, normaliser } = options;
  let done = 0;
  const before = model.training;
  model.train(false);
  try {
    for await (const batch of loader.batches(0)) {
      if (options.signal?.aborted === true) break;
      if (batch.n === 0) continue;
      scope(() => noGrad(() => evaluator.add(model.forward(normaliser.input(batch.images, batch.n, size)), batch)));
      done += batch.n;
      options.onBatch?.(done);
    }
  } finally {
    model.train(before);
  }
  return evaluator.result();
}

/**
 * Pictures that a run is measured on again and again, by all its ranks together: each picture by one rank, in the batches that one process would
 * make. Figures are those of one process, however many ranks there are, and the same on all.
 */
export class MeasuredPictures {
  /** Of this rank's pictures, where it has any. */
  readonly loader: BatchLoader<Targets> | undefined;
  /** The first of them. */
  readonly from: number;
  readonly #ranks: Ranks;
  readonly #split: boolean;

  /** @param options.split whether the task's evaluators can share pictures; else rank 0 measures all of them */
  constructor(ranks: Ranks, { source, split, ...options }: LoaderOptions<Targets> & { split: boolean }) {
    this.#ranks = ranks;
    this.#split = split && ranks.world > 1;
    const bounds = batchBounds(source.length, options.batch, 'keep');
    const all = ranks.chief ? bounds.length - 1 : 0;
    const [from, to] = (this.#split ? ranks.range(bounds.length - 1) : [0, all]).map((k) => bounds[k]!);
    this.from = from!;
    const own = Array.from({ length: to! - from! }, (_, i) => from! + i);
    if (own.length > 0)
      this.loader = new BatchLoader({ ...options, source: this.#split ? subset(source, own) : source });
  }

  /** @param evaluator a new one */
  async scores(
    model: Module,
    evaluator: Evaluator,
    options: { size: number; normaliser: Normaliser; signal?: AbortSignal },
  ): Promise<Scores> {
    if (this.loader !== undefined) await evaluate(model, this.loader, evaluator, options);
    const { shared } = evaluator;
    if (!this.#split || shared === undefined)
      return this.#ranks.ofChief(this.#ranks.chief ? evaluator.result().scores : undefined);
    const { sums, lists } = shared.own();
    await this.#ranks.sum(sums);
    const all: Float64Array[] = [];
    for (const list of lists) all.push(await this.#ranks.joined(list));
    return shared.scores({ sums, lists: all });
  }

  async close(): Promise<void> {
    await this.loader?.close();
  }
}

/** What `evaluateOn` needs to know besides the model and the pictures. */
export interface EvaluateOnOptions {
  preprocess: PreprocessOptions;
  input: Pick<InputFacts, 'mean' | 'std' | 'clip'>;
  device: string;
  batch: number;
  workers: number;
  signal?: AbortSignal;
  onBroken?: (path: string, reason: string) => void;
  /** Of tasks that compare views; see `evaluationViews`. */
  views?: readonly PreprocessOptions[];
}

/**
 * `evaluate` on every picture of a source, with a loader of its own.
 * @returns also how many pictures cannot be read, and the seconds it took
 */
export async function evaluateOn<T extends Targets, D>(
  model: Module,
  source: Source,
  { targets }: Pick<Task<T>, 'targets'>,
  evaluator: Evaluator<T, D>,
  options: EvaluateOnOptions,
): Promise<Evaluation<D> & { broken: number; seconds: number }> {
  const { preprocess, batch, workers, signal, views } = options;
  const common = { source, targets, batch, mode: 'eval', preprocess, seed: 0, workers } as const;
  const loader = new BatchLoader({ ...common, ...(views && { views }) });
  loader.onBroken = (_, path, reason) => options.onBroken?.(path, reason);
  const normaliser = new Normaliser(options.device, options.input);
  try {
    const began = performance.now();
    const result = await evaluate(model, loader, evaluator, { size: preprocess.size, normaliser, signal });
    return { ...result, broken: loader.broken.size, seconds: (performance.now() - began) / 1000 };
  } finally {
    await loader.close();
    normaliser.dispose();
  }
}
