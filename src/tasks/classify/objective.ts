import { mixImages, mixLabels } from '../../augment/mix.js';
import type { Labels } from '../../data/loading/labels.js';
import type { Recipe } from '../../recipe/recipe.js';
import { call, fromTypedArray, type Tensor } from '../../torch/index.js';
import type { Objective } from '../../train/task.js';
import { balancedWeights, classLoss } from './loss.js';
import { mixedLoss, mixOf } from './mixing.js';

export interface ClassObjectiveOptions {
  recipe: Pick<Recipe, 'mixup' | 'cutmix' | 'labelSmoothing' | 'classWeights'>;
  classes: number;
  /** Of the classes, for people. */
  names?: readonly string[];
  /** Labels of all training pictures, for the weights of classes. */
  labels: ArrayLike<number>;
  /** Side of the pictures. */
  size: number;
  seed: number;
  device: string;
}

/** A class by its name, or by its number where it has none. */
export const nameOf = (names: readonly string[] | undefined, label: number): string => names?.[label] ?? String(label);

/**
 * Cross-entropy with label smoothing, class weights and mixed pictures as the recipe has them. Its figure is `top1`: pictures whose highest
 * logit is their label's (of mixed ones, that of the first of each two).
 */
export function classObjective({
  recipe,
  classes,
  names,
  labels,
  size,
  seed,
  device,
}: ClassObjectiveOptions): Objective<Labels> {
  const { labelSmoothing } = recipe;
  const weights = recipe.classWeights === 'balanced' ? balancedWeights(labels, classes, device) : undefined;
  const onDevice = (some: Int32Array, begin: number, end: number): Tensor =>
    fromTypedArray(some.subarray(begin, end), [end - begin], { dtype: 'int64', device });
  const named = (label: number): string => nameOf(names, label);
  return {
    begin(batch, epoch, number) {
      const { labels: own } = batch.targets;
      const mix = mixOf(recipe, batch.n, size, seed, epoch, number);
      const partners = mix === undefined ? undefined : mixLabels(own, mix);
      return {
        images: mix === undefined ? batch.images : mixImages(batch.images, batch.n, size, size, mix),
        caption(k) {
          if (mix === undefined || own[k] === partners![k]) return named(own[k]!);
          const shares = [[mix.lambda, own[k]!] as const, [1 - mix.lambda, partners![k]!] as const];
          return shares
            .sort(([a], [b]) => b - a)
            .map(([share, label]) => `${(100 * share).toFixed(0)}\u00a0% ${named(label)}`)
            .join(', ');
        },
        loss(logits, begin, end) {
          const y = onDevice(own, begin, end);
          const loss =
            mix === undefined
              ? classLoss(logits, y, labelSmoothing, weights)
              : mixedLoss(logits, y, onDevice(partners!, begin, end), mix.lambda, labelSmoothing, weights);
          const right = call<Tensor>('aten::sum', [call('aten::eq.Tensor', [call('aten::argmax', [logits, 1]), y])]);
          return { loss, figures: { top1: right.item() } };
        },
      };
    },
    dispose() {
      weights?.dispose();
    },
  };
}
