import type { Labels } from '../../data/loading/labels.js';
import { add, call, crossEntropy, detach, fromTypedArray, sub, type Tensor } from '../../torch/index.js';
import type { Objective } from '../../train/task.js';
import { type NtXentOptions, ntXent } from './loss.js';

/** What a step tells of its batch: sums over its views. */
export const FIGURES: readonly string[] = ['matched', 'positive', 'negative'];
export const GAUGE_FIGURE = 'gauge';

export interface ContrastObjectiveOptions extends NtXentOptions {
  /** Outputs of the projection head: the first columns. */
  outputs: number;
  /** Names of the gauge's classes, which the next columns stand for. */
  classes: readonly string[];
  device: string;
}

/** Columns from begin to before end. */
export const columns = (x: Tensor, begin: number, end: number): Tensor =>
  call('aten::slice.Tensor', [x, 1, begin, end]);

/**
 * NT-Xent of a batch whose rows 2k and 2k + 1 are two views of one picture. Its figures: `matched`, views whose most similar other view is
 * their partner; `positive` and `negative`, cosines of partners and of others. With classes the gauge learns too, whose figure is `gauge`;
 * the loss told is the contrast's alone.
 */
export function contrastObjective(options: ContrastObjectiveOptions): Objective<Labels> {
  const { outputs: width, classes, device } = options;
  return {
    begin: ({ images, targets: { labels } }) => ({
      images,
      caption: (k) => `picture ${Math.floor(k / 2) + 1}, view ${1 + (k % 2)}`,
      cut: (at) => at - (at % 2),
      loss(outputs, begin, end) {
        const { loss, figures } = ntXent(columns(outputs, 0, width), options);
        const { accuracy, positive, negative } = figures();
        const n = end - begin;
        const sums: Record<string, number> = { matched: accuracy * n, positive: positive * n, negative: negative * n };
        if (classes.length === 0) return { loss, figures: sums };
        const logits = columns(outputs, width, width + classes.length);
        const y = fromTypedArray(labels.subarray(begin, end), [n], { dtype: 'int64', device });
        const learned = crossEntropy(logits, y);
        sums[GAUGE_FIGURE] = call<Tensor>('aten::sum', [
          call('aten::eq.Tensor', [call('aten::argmax', [logits, 1]), y]),
        ]).item();
        // Gradients of both, the value of one.
        return { loss: add(loss, sub(learned, detach(learned))), figures: sums };
      },
    }),
    dispose() {},
  };
}
