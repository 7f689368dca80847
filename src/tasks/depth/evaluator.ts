import type { DepthTargets } from '../../data/annotations/map-targets.js';
import type { Scores } from '../../metric.js';
import { call, fromTypedArray, type Tensor } from '../../torch/index.js';
import type { Evaluator, Gathered } from '../../train/task.js';
import { one, seenOf, valuesOnPicture } from '../picture-size.js';
import { damagedWeights } from '../refused.js';
import { worstOf } from '../worst.js';
import { BTS_SILOG, silogLoss } from './loss.js';
import { DEPTH_FIGURES, type DepthScorer, depthScorer } from './metrics.js';
import type { DepthSettings } from './settings.js';

/** A picture that was measured, as the network saw it. */
export interface SeenDepth {
  /** In the source. */
  readonly index: number;
  readonly absRel: number;
  readonly size: number;
  /** [S, S] each, in metres; 0 where nothing was read. */
  readonly truth: Float32Array;
  readonly predicted: Float32Array;
}

/** What the evaluation of depth finds besides its metrics. */
export interface DepthDetails {
  /** Ready for distances and intervals. */
  readonly scorer: DepthScorer;
  /** What the best answer that is the same at every pixel would be worth: metres, and its d1 as a mean over pictures. */
  readonly constant: { readonly metres: number; readonly d1: number } | undefined;
  /** In the order of the scorer: each picture's place in its source. */
  readonly index: readonly number[];
  /** The pictures with the largest relative errors, the worst first. */
  readonly worst: readonly SeenDepth[];
}

/** Steps of the logarithm in which readings are counted for the best constant: 1 % each, from 1 mm to over 100 km. */
const STEPS = 1900;
const FIRST = 1e-3;
const STEP = Math.log(1.01);

/**
 * BTS's figures on the pictures as they were read: metres of a view are laid on its picture bilinearly and cut to 0.001 m and the farthest
 * depth. The loss is that of the batches as they come.
 */
export function depthEvaluator(
  { depth: { farthest } }: DepthSettings,
  { examples }: { examples: number },
): Evaluator<DepthTargets, DepthDetails> {
  const scorer = depthScorer({ max: farthest });
  const index: number[] = [];
  const worst = worstOf<SeenDepth>(examples, ({ absRel }) => absRel);
  const histograms: Float64Array[] = [];
  /** Of each batch, times its pictures. */
  const losses: number[] = [];
  /** Of pictures with a reading their figures; the losses. */
  const own = (): Gathered => ({
    sums: Float64Array.of(index.length),
    lists: [
      Float64Array.from(
        index.flatMap((_, i) => {
          const figures = scorer.picture(i);
          return figures === undefined ? [] : DEPTH_FIGURES.map((name) => figures[name]);
        }),
      ),
      Float64Array.from(losses),
    ],
  });
  return {
    add(metres, { n, targets, indices }) {
      const { depths, truth, sides } = targets;
      const size = Math.sqrt(depths.length / n);
      const y = fromTypedArray(
        depths.map((value) => (value < farthest ? value : 0)),
        [n, size, size],
        { device: metres.device },
      );
      const value = silogLoss(metres, y, { ...BTS_SILOG }).item();
      if (!Number.isFinite(value) || !Number.isFinite(call<Tensor>('aten::sum', [metres]).item()))
        throw damagedWeights('depths');
      losses.push(value * n);
      let from = 0;
      for (let k = 0; k < n; k++) {
        const own = one(metres, k);
        const [width, height] = [sides[2 * k]!, sides[2 * k + 1]!];
        const read = truth.subarray(from, from + width * height);
        scorer.add(valuesOnPicture(own, seenOf(targets, k)), read, { width, height });
        from += width * height;
        index.push(indices[k]!);
        histograms.push(histogram(read, farthest));
        const absRel = scorer.picture(index.length - 1)?.absRel;
        if (absRel === undefined) continue;
        worst.add(() => ({
          ...{ index: indices[k]!, absRel, size },
          truth: depths.slice(k * size * size, (k + 1) * size * size),
          predicted: own.data() as Float32Array,
        }));
      }
    },
    shared: { own, scores },
    result: () => ({
      scores: scores(own()),
      details: { scorer, index, constant: bestConstant(histograms), worst: worst.list() },
    }),
  };
}

/** Means over the pictures with a reading. */
function scores({ sums: [pictures], lists: [figures, losses] }: Gathered): Scores {
  const images = figures!.length / DEPTH_FIGURES.length;
  const mean = (k: number): number => {
    let sum = 0;
    for (let at = k; at < figures!.length; at += DEPTH_FIGURES.length) sum += figures![at]!;
    return sum / images;
  };
  return {
    // Without a reading nothing is right.
    ...(images === 0 ? { d1: 0 } : Object.fromEntries(DEPTH_FIGURES.map((name, k) => [name, mean(k)]))),
    loss: losses!.reduce((sum, loss) => sum + loss, 0) / Math.max(1, pictures!),
    images,
  };
}

/** Shares of a picture's readings by the step of their logarithm; empty where there is none. */
function histogram(read: Float32Array, farthest: number): Float64Array {
  const counts = new Float64Array(STEPS);
  let total = 0;
  for (const metres of read) {
    if (!(metres > FIRST && metres < farthest)) continue;
    counts[Math.min(STEPS - 1, Math.floor(Math.log(metres / FIRST) / STEP))]!++;
    total++;
  }
  return total === 0 ? new Float64Array(0) : counts.map((count) => count / total);
}

/**
 * The one depth that most readings lie within 1.25 times of, each picture weighing the same; to 1 %.
 * @param histograms of the pictures
 */
export function bestConstant(histograms: readonly Float64Array[]): { metres: number; d1: number } | undefined {
  const own = histograms.filter(({ length }) => length > 0);
  if (own.length === 0) return undefined;
  const sums = new Float64Array(STEPS + 1);
  for (let i = 0; i < STEPS; i++) sums[i + 1] = sums[i]! + own.reduce((sum, counts) => sum + counts[i]!, 0);
  const reach = Math.floor(Math.log(1.25) / STEP);
  let best = { metres: FIRST, d1: 0 };
  for (let i = 0; i < STEPS; i++) {
    const d1 = (sums[Math.min(STEPS, i + reach + 1)]! - sums[Math.max(0, i - reach)]!) / own.length;
    if (d1 > best.d1) best = { metres: FIRST * Math.exp((i + 0.5) * STEP), d1 };
  }
  return best;
}
