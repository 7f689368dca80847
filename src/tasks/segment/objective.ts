import type { SegmentTargets } from '../../data/annotations/map-targets.js';
import { call, fromTypedArray, type Tensor } from '../../torch/index.js';
import type { Objective } from '../../train/task.js';
import { IGNORE, type PixelLossOptions, pixelLoss } from './loss.js';

export interface SegmentObjectiveOptions extends Omit<PixelLossOptions, 'of' | 'classes'> {
  classes: readonly string[];
  device: string;
}

/** Pixels rightly classified, as a mean over pictures of a step's pictures together. */
export const FIGURES: readonly string[] = ['accuracy'];

/** So many classes stand below a picture. */
const NAMED = 3;

/** Cross-entropy of pixels; see `pixelLoss`. Its figure is `accuracy`: the share of pixels whose highest logit is their class's. */
export function segmentObjective({ classes, device, ...options }: SegmentObjectiveOptions): Objective<SegmentTargets> {
  const names = classes;
  const K = classes.length;
  return {
    begin({ images, n, targets: { masks } }) {
      const each = masks.length / n;
      const size = Math.sqrt(each);
      let pixels = 0;
      for (const value of masks) if (value !== IGNORE) pixels++;
      return {
        images,
        caption(k) {
          const counts = new Float64Array(K);
          for (const value of masks.subarray(k * each, (k + 1) * each)) if (value !== IGNORE) counts[value]!++;
          return [...counts.keys()]
            .filter((i) => counts[i]! > 0)
            .sort((a, b) => counts[b]! - counts[a]!)
            .slice(0, NAMED)
            .map((i) => `${((100 * counts[i]!) / each).toFixed(0)}\u00a0% ${names[i]}`)
            .join(', ');
        },
        loss(logits, begin, end) {
          const y = fromTypedArray(masks.subarray(begin * each, end * each), [end - begin, size, size], {
            dtype: 'int64',
            device,
          });
          const share = (end - begin) / n;
          const loss = pixelLoss(logits, y, { ...options, classes: K, of: { pixels, share } });
          const main = call<Tensor>('aten::slice.Tensor', [logits, 1, 0, K]);
          const right = call<Tensor>('aten::sum', [call('aten::eq.Tensor', [call('aten::argmax', [main, 1]), y])]);
          // Summed over the parts and divided by the pictures it is the share of the batch's pixels.
          return { loss, figures: { accuracy: (right.item() / Math.max(1, pixels)) * n } };
        },
      };
    },
    dispose() {},
  };
}
