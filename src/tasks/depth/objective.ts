import type { DepthTargets } from '../../data/annotations/map-targets.js';
import { fromTypedArray } from '../../torch/index.js';
import type { Objective } from '../../train/task.js';
import { type SilogOptions, silogLoss } from './loss.js';

/** `read`: the share of a step's pixels that have a reading to learn from. */
export const FIGURES: readonly string[] = ['read'];

export interface DepthObjectiveOptions extends SilogOptions {
  /** In metres: readings beyond it are not learned from. */
  farthest: number;
  device: string;
}

/** The scale-invariant log loss of a batch's readings together. */
export function depthObjective({ farthest, device, ...options }: DepthObjectiveOptions): Objective<DepthTargets> {
  const counts = (metres: number): boolean => metres > options.nearest && metres <= farthest;
  return {
    begin({ images, n, targets: { depths } }) {
      const each = depths.length / n;
      const size = Math.sqrt(each);
      // Beyond the end nothing is asked for.
      const asked = depths.map((metres) => (counts(metres) ? metres : 0));
      return {
        images,
        caption(k) {
          let [near, far] = [Number.POSITIVE_INFINITY, 0];
          for (const metres of asked.subarray(k * each, (k + 1) * each)) {
            if (metres === 0) continue;
            near = Math.min(near, metres);
            far = Math.max(far, metres);
          }
          return far === 0 ? 'nothing was read' : `${near.toFixed(2)} to ${far.toFixed(2)} m`;
        },
        loss(metres, begin, end) {
          const own = asked.subarray(begin * each, end * each);
          const truth = fromTypedArray(own, [end - begin, size, size], { device });
          let read = 0;
          for (const value of own) if (value > 0) read++;
          return { loss: silogLoss(metres, truth, options), figures: { read: read / each } };
        },
      };
    },
    dispose() {},
  };
}
