import type { Labels } from '../../data/loading/labels.js';
import { add, call, crossEntropy, detach, fromTypedArray, sub, type Tensor, zeros } from '../../torch/index.js';
import type { Objective, RankView } from '../../train/task.js';
import { type Among, type NtXentOptions, ntXent } from './loss.js';

/** What a step tells of its batch: sums over its views. */
export const FIGURES: readonly string[] = ['matched', 'positive', 'negative'];
export const GAUGE_FIGURE = 'gauge';

export interface ContrastObjectiveOptions extends NtXentOptions {
  /** Outputs of the projection head: the first columns. */
  outputs: number;
  /** Names of the gauge's classes, which the next columns stand for. */
  classes: readonly string[];
  device: string;
  /** Where several share a step: views are told from those of all of them. */
  ranks?: RankView;
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
  const { outputs: width, classes, device, ranks = { rank: 0, world: 1 } } = options;
  return {
    // Rows of all ranks, then of each.
    counts({ n }) {
      const counts = new Float64Array(1 + ranks.world);
      counts[0] = counts[1 + ranks.rank] = n;
      return counts;
    },
    together: true,
    begin: ({ images, targets: { labels } }, _epoch, _number, whole) => ({
      images,
      caption: (k) => `picture ${Math.floor(k / 2) + 1}, view ${1 + (k % 2)}`,
      cut: (at) => at - (at % 2),
      loss(outputs, begin, end) {
        const among = ranks.world > 1 && whole !== undefined ? amongRanks(whole.subarray(1), ranks.rank) : undefined;
        const { loss, figures } = ntXent(columns(outputs, 0, width), options, among);
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

/** Rows of all ranks as a sum of matrices, in each of which one rank's are not 0: so gradients find their way back. @param rows of each rank */
function amongRanks(rows: Float64Array, rank: number): Among {
  const total = (some: Float64Array): number => some.reduce((sum, count) => sum + count, 0);
  const [before, behind] = [total(rows.subarray(0, rank)), total(rows.subarray(rank + 1))];
  return {
    from: before,
    all(unit) {
      const { dtype, device } = unit;
      const none = (count: number): Tensor => zeros([count, unit.shape[1]!], { dtype, device });
      return call('rescaled::ranks_sum', [call('aten::cat', [[none(before), unit, none(behind)]])]);
    },
  };
}
