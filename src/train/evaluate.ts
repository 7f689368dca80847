import type { PreprocessOptions } from '../augment/preprocess.js';
import { BatchLoader } from '../data/loading/loader.js';
import type { Source } from '../data/sources/source.js';
import { RescaledError } from '../errors.js';
import type { Module } from '../nn/index.js';
import type { InputFacts } from '../run/config.js';
import type { Scores } from '../run/events.js';
import { crossEntropy, noGrad, scope, softmax } from '../torch/index.js';
import { Normaliser } from './input.js';

/** A wrongly classified picture. */
export interface Mistake {
  index: number;
  label: number;
  predicted: number;
  /** Probability given to the wrong class. */
  probability: number;
}

export interface Evaluation extends Scores {
  /** counts[label][predicted] */
  confusion: number[][];
  /** The wrong predictions given with the highest probability, worst first. */
  mistakes: Mistake[];
}

/**
 * Accuracy and mean cross-entropy (without smoothing) of a model on a loader in `eval` mode. Top-k ties count in favour
 * of the lower class index.
 * @param onBatch called with the number of pictures done
 */
export async function evaluate(
  model: Module,
  loader: BatchLoader,
  options: {
    classes: number;
    size: number;
    normaliser: Normaliser;
    mistakes?: number;
    onBatch?: (done: number) => void;
    signal?: AbortSignal;
  },
): Promise<Evaluation> {
  const { classes, size, normaliser, mistakes: wanted = 24 } = options;
  const confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  let mistakes: Mistake[] = [];
  let images = 0;
  let top1 = 0;
  let top5 = 0;
  let loss = 0;
  const before = model.training;
  model.train(false);
  try {
    for await (const batch of loader.batches(0)) {
      if (options.signal?.aborted === true) break;
      if (batch.n === 0) continue;
      const { probabilities, batchLoss } = scope(() =>
        noGrad(() => {
          const { x, y } = normaliser.batch(batch, size);
          const logits = model.forward(x);
          return { probabilities: softmax(logits).data() as Float32Array, batchLoss: crossEntropy(logits, y).item() };
        }),
      );
      // NaN beats no class, so such a row would count as right.
      if (!probabilities.every(Number.isFinite))
        throw new RescaledError(
          'Expected finite probabilities from the model but received NaN or infinity: its weights are damaged, or are of another model.',
        );
      loss += batchLoss * batch.n;
      images += batch.n;
      for (let i = 0; i < batch.n; i++) {
        const row = probabilities.subarray(i * classes, (i + 1) * classes);
        const label = batch.labels[i]!;
        let best = 0;
        let above = 0;
        for (let k = 0; k < classes; k++) {
          if (row[k]! > row[best]!) best = k;
          if (row[k]! > row[label]! || (row[k] === row[label] && k < label)) above++;
        }
        confusion[label]![best]!++;
        if (above === 0) top1++;
        if (above < 5) top5++;
        if (best !== label)
          mistakes.push({ index: batch.indices[i]!, label, predicted: best, probability: row[best]! });
      }
      if (mistakes.length > 4 * wanted + 1000) mistakes = worst(mistakes, wanted);
      options.onBatch?.(images);
    }
  } finally {
    model.train(before);
  }
  const of = Math.max(1, images);
  return { top1: top1 / of, top5: top5 / of, loss: loss / of, images, confusion, mistakes: worst(mistakes, wanted) };
}

/** What `evaluateOn` needs to know besides the model and the pictures. */
export interface EvaluateOnOptions {
  classes: number;
  preprocess: PreprocessOptions;
  input: Pick<InputFacts, 'mean' | 'std'>;
  device: string;
  batch: number;
  workers: number;
  mistakes?: number;
  signal?: AbortSignal;
  onBroken?: (path: string, reason: string) => void;
}

/**
 * `evaluate` on every picture of a source, with a loader of its own.
 * @returns also how many pictures cannot be read, and the seconds it took
 */
export async function evaluateOn(
  model: Module,
  source: Source,
  options: EvaluateOnOptions,
): Promise<Evaluation & { broken: number; seconds: number }> {
  const { classes, preprocess, batch, workers, mistakes, signal } = options;
  const loader = new BatchLoader({ source, batch, mode: 'eval', preprocess, seed: 0, workers });
  loader.onBroken = (_, path, reason) => options.onBroken?.(path, reason);
  const normaliser = new Normaliser(options.device, options.input);
  try {
    const began = performance.now();
    const result = await evaluate(model, loader, { classes, size: preprocess.size, normaliser, mistakes, signal });
    return { ...result, broken: loader.broken.size, seconds: (performance.now() - began) / 1000 };
  } finally {
    await loader.close();
    normaliser.dispose();
  }
}

function worst(mistakes: Mistake[], count: number): Mistake[] {
  return mistakes.sort((a, b) => b.probability - a.probability || a.index - b.index).slice(0, count);
}
