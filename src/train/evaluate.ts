import type { PreprocessOptions } from '../augment/preprocess.js';
import { BatchLoader } from '../data/loading/loader.js';
import type { Targets } from '../data/loading/targets.js';
import type { Source } from '../data/sources/source.js';
import type { Module } from '../nn/index.js';
import type { InputFacts } from '../run/config.js';
import { noGrad, scope } from '../torch/index.js';
import { Normaliser } from './step/input.js';
import type { Evaluation, Evaluator, Task } from './task.js';

/**
 * How many times as fast a picture is measured as trained on: a step goes forward, backward and updates, but small networks spend as long on
 * each evaluation's start. Seen on 2 cores: 2.0 (ResNet-RS-14 x0.25 at 96 pixels) to 2.7 (x0.5 at 128).
 */
export const FASTER_THAN_TRAINING = 2;

/** Pictures at a time: measuring needs less memory than a step of the training with as many. */
export const evaluationBatch = ({ batch, accumulate }: { batch: number; accumulate: number }): number =>
  Math.min(256, Math.max(Math.ceil(batch / accumulate), 32));

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
