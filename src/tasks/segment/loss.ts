import { add, call, mul, type Tensor } from '../../torch/index.js';

/** In a mask: not asked for. */
export const IGNORE = 255;

export interface PixelLossOptions {
  classes: number;
  /** Of the auxiliary head, whose logits follow the others. */
  auxWeight: number;
  labelSmoothing: number;
  /** Pixels that are asked for in the whole batch, where these pictures are a part of it, and the share of its pictures that they are. */
  of?: { pixels: number; share: number };
}

/**
 * Softmax cross-entropy of every pixel, its mean over the pixels that are asked for:
 *
 *     loss = sum over pixels that are not 255 of -sum_k q_k ln softmax(logits)_k / their number,   q = (1 - a) onehot + a / K
 *
 * and the same of an auxiliary head, times its weight. Pictures with few such pixels weigh less than others. Where none is asked for it is 0.
 * Sources: pytorch/vision references/segmentation/train.py (`ignore_index=255`, 0.5 of the auxiliary loss), tensorflow/tpu
 * models/official/detection (mean over pixels that are not ignored).
 * @param logits [n, K or 2K, S, S] @param masks [n, S, S] int64
 */
export function pixelLoss(
  logits: Tensor,
  masks: Tensor,
  { classes, auxWeight, labelSmoothing, of }: PixelLossOptions,
): Tensor {
  const heads = logits.shape[1]! / classes;
  const valid = call<Tensor>('aten::sum', [call('aten::ne.Scalar', [masks, IGNORE])]).item();
  const pixels = of === undefined ? valid : of.pixels * of.share;
  const part = (head: number): Tensor => {
    const own =
      heads === 1 ? logits : call<Tensor>('aten::slice.Tensor', [logits, 1, head * classes, (head + 1) * classes]);
    const sum = call<Tensor>('aten::cross_entropy_loss', [own, masks], {
      reduction: 2,
      ignore_index: IGNORE,
      label_smoothing: labelSmoothing,
    });
    return mul(sum, (head === 0 ? 1 : auxWeight) / Math.max(1, pixels));
  };
  return heads === 1 ? part(0) : add(part(0), part(1));
}
