import type { Labels } from '../../data/loading/labels.js';
import { crossEntropy, fromTypedArray, softmax } from '../../torch/index.js';
import type { Evaluator } from '../../train/task.js';
import { damagedWeights } from '../refused.js';

/** A wrongly classified picture. */
export interface Mistake {
  index: number;
  label: number;
  predicted: number;
  /** Probability given to the wrong class. */
  probability: number;
}

/** What the evaluation of a classifier finds besides its metrics. */
export interface ClassDetails {
  /** counts[label][predicted] */
  confusion: number[][];
  /** The wrong predictions given with the highest probability, worst first. */
  mistakes: Mistake[];
}

/**
 * Accuracy and mean cross-entropy (without smoothing): `top1`, `top5`, `loss`. Top-k ties count in favour of the lower class index.
 * @param examples mistakes that are kept
 */
export function classEvaluator(classes: number, { examples }: { examples: number }): Evaluator<Labels, ClassDetails> {
  const confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  let mistakes: Mistake[] = [];
  let images = 0;
  let top1 = 0;
  let top5 = 0;
  let loss = 0;
  return {
    add(logits, { n, targets: { labels }, indices }) {
      const probabilities = softmax(logits).data() as Float32Array;
      const y = fromTypedArray(labels, [n], { dtype: 'int64', device: logits.device });
      const batchLoss = crossEntropy(logits, y).item();
      // NaN beats no class, so such a row would count as right.
      if (!probabilities.every(Number.isFinite)) throw damagedWeights('probabilities');
      loss += batchLoss * n;
      images += n;
      for (let i = 0; i < n; i++) {
        const row = probabilities.subarray(i * classes, (i + 1) * classes);
        const label = labels[i]!;
        let best = 0;
        let above = 0;
        for (let k = 0; k < classes; k++) {
          if (row[k]! > row[best]!) best = k;
          if (row[k]! > row[label]! || (row[k] === row[label] && k < label)) above++;
        }
        confusion[label]![best]!++;
        if (above === 0) top1++;
        if (above < 5) top5++;
        if (best !== label) mistakes.push({ index: indices[i]!, label, predicted: best, probability: row[best]! });
      }
      if (mistakes.length > 4 * examples + 1000) mistakes = worst(mistakes, examples);
    },
    // Without the mistakes: single pictures are looked at by one process.
    ...(examples === 0 && {
      sums: {
        read: () => Float64Array.from([images, top1, top5, loss, ...confusion.flat()]),
        write(values: Float64Array) {
          [images, top1, top5, loss] = values as unknown as [number, number, number, number];
          confusion.forEach((row, i) => {
            for (let k = 0; k < classes; k++) row[k] = values[4 + i * classes + k]!;
          });
        },
      },
    }),
    result() {
      const of = Math.max(1, images);
      return {
        scores: { top1: top1 / of, top5: top5 / of, loss: loss / of, images },
        details: { confusion, mistakes: worst(mistakes, examples) },
      };
    },
  };
}

function worst(mistakes: Mistake[], count: number): Mistake[] {
  return mistakes.sort((a, b) => b.probability - a.probability || a.index - b.index).slice(0, count);
}
