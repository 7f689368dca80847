import type { Labels } from '../../data/loading/labels.js';
import type { Scores } from '../../metric.js';
import { crossEntropy, fromTypedArray, softmax } from '../../torch/index.js';
import type { Evaluator, Gathered } from '../../train/task.js';
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
  /** Of each batch, the sum over its pictures. */
  const losses: number[] = [];
  const own = (): Gathered => ({ sums: Float64Array.of(images, top1, top5), lists: [Float64Array.from(losses)] });
  return {
    add(logits, { n, targets: { labels }, indices }) {
      const probabilities = softmax(logits).data() as Float32Array;
      const y = fromTypedArray(labels, [n], { dtype: 'int64', device: logits.device });
      const batchLoss = crossEntropy(logits, y).item();
      // NaN beats no class, so such a row would count as right.
      if (!probabilities.every(Number.isFinite)) throw damagedWeights('probabilities');
      losses.push(batchLoss * n);
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
    shared: { own, scores },
    result: () => ({ scores: scores(own()), details: { confusion, mistakes: worst(mistakes, examples) } }),
  };
}

function scores({ sums, lists: [losses] }: Gathered): Scores {
  const [images, top1, top5] = sums as unknown as [number, number, number];
  const of = Math.max(1, images);
  return { top1: top1 / of, top5: top5 / of, loss: losses!.reduce((sum, loss) => sum + loss, 0) / of, images };
}

function worst(mistakes: Mistake[], count: number): Mistake[] {
  return mistakes.sort((a, b) => b.probability - a.probability || a.index - b.index).slice(0, count);
}
