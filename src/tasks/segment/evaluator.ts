import type { SegmentTargets } from '../../data/annotations/map-targets.js';
import type { Scores } from '../../metric.js';
import { call, fromTypedArray, type Tensor } from '../../torch/index.js';
import type { Evaluator, Gathered } from '../../train/task.js';
import { argmax, classesOnPicture, one, seenOf } from '../picture-size.js';
import { damagedWeights } from '../refused.js';
import { worstOf } from '../worst.js';
import { type PixelScorer, pixelFigures, pixelScorer } from './confusion.js';
import { pixelLoss } from './loss.js';

/** A picture that was measured, as the network saw it. */
export interface SeenMask {
  /** In the source. */
  readonly index: number;
  /** Share of its pixels that were given their class. */
  readonly accuracy: number;
  readonly size: number;
  /** [S, S] each, 255 where nothing is asked for. */
  readonly truth: Uint8Array;
  readonly predicted: Uint8Array;
}

/** What the evaluation of a segmentation finds besides its metrics. */
export interface SegmentDetails {
  /** Ready for tables and intervals. */
  readonly scorer: PixelScorer;
  /** In the order of the scorer: each picture's place in its source. */
  readonly index: readonly number[];
  /** The pictures with the fewest right pixels, the worst first. */
  readonly worst: readonly SeenMask[];
}

/**
 * Mean IoU and accuracies on the pictures as they are annotated: the logits of a view are laid on its picture bilinearly, the highest one
 * counts. `miou` is the mean over the classes of the truth. The loss is the mean over the views' pixels.
 */
export function segmentEvaluator(
  classes: readonly string[],
  { examples }: { examples: number },
): Evaluator<SegmentTargets, SegmentDetails> {
  const scorer = pixelScorer(classes.length);
  const index: number[] = [];
  const worst = worstOf<SeenMask>(examples, ({ accuracy }) => -accuracy);
  /** Of each batch, times its pictures. */
  const losses: number[] = [];
  const own = (): Gathered => ({
    sums: Float64Array.of(index.length, ...scorer.result().counts),
    lists: [Float64Array.from(losses)],
  });
  const scores = ({ sums, lists: [losses] }: Gathered): Scores => {
    const images = sums[0]!;
    const { miou, accuracy = 0, classAccuracy = 0 } = pixelFigures(sums.subarray(1), classes.length, images);
    return {
      miou: miou.detectron2 ?? 0,
      accuracy,
      classAccuracy,
      miouKeras: miou.keras ?? 0,
      miouAll: miou.csail ?? 0,
      loss: losses!.reduce((sum, loss) => sum + loss, 0) / Math.max(1, images),
      images,
    };
  };
  return {
    add(logits, { n, targets, indices }) {
      const { masks, truth, sides } = targets;
      const size = Math.sqrt(masks.length / n);
      const y = fromTypedArray(masks, [n, size, size], { dtype: 'int64', device: logits.device });
      const value = pixelLoss(logits, y, { classes: classes.length, auxWeight: 0, labelSmoothing: 0 }).item();
      // NaN is no class's, so argmax would name one.
      if (!Number.isFinite(value) || !Number.isFinite(call<Tensor>('aten::sum', [logits]).item()))
        throw damagedWeights('logits');
      losses.push(value * n);
      let from = 0;
      for (let k = 0; k < n; k++) {
        const own = one(logits, k);
        const length = sides[2 * k]! * sides[2 * k + 1]!;
        scorer.add(truth.subarray(from, from + length), classesOnPicture(own, seenOf(targets, k)));
        from += length;
        index.push(indices[k]!);
        const { accuracy } = scorer.picture(index.length - 1);
        if (accuracy === undefined) continue;
        worst.add(() => ({
          ...{ index: indices[k]!, accuracy, size },
          truth: masks.slice(k * size * size, (k + 1) * size * size),
          predicted: argmax(call('aten::squeeze.dim', [own, 0])),
        }));
      }
    },
    shared: { own, scores },
    result: () => ({ scores: scores(own()), details: { scorer, index, worst: worst.list() } }),
  };
}
