import { drawMix, type Mix } from '../../augment/mix.js';
import { Random } from '../../augment/random.js';
import type { Recipe } from '../../recipe/recipe.js';
import { add, mul, type Tensor } from '../../torch/index.js';
import { classLoss } from './loss.js';

/**
 * mixup or CutMix of one batch, a function of (seed, epoch, batch number); undefined where the recipe has neither. The
 * further keys keep its random stream apart from those of pictures.
 */
export function mixOf(
  { mixup, cutmix }: Pick<Recipe, 'mixup' | 'cutmix'>,
  n: number,
  size: number,
  seed: number,
  epoch: number,
  batch: number,
): Mix | undefined {
  return drawMix({ mixup, cutmix }, n, size, size, new Random(seed, epoch, batch, 0, 0));
}

/**
 * Cross-entropy against mixed targets. It is linear in its targets, label smoothing included, so it is
 * lambda x CE(labels) + (1 - lambda) x CE(partners).
 * @param logits [N, classes] @param labels [N] @param partners [N]
 */
export function mixedLoss(
  logits: Tensor,
  labels: Tensor,
  partners: Tensor,
  lambda: number,
  labelSmoothing: number,
  classWeights?: Tensor,
): Tensor {
  const against = (targets: Tensor): Tensor => classLoss(logits, targets, labelSmoothing, classWeights);
  return add(mul(against(labels), lambda), mul(against(partners), 1 - lambda));
}
