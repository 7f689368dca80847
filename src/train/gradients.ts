import { type Mix, mixLabels } from '../augment/mix.js';
import type { Batch } from '../data/loading/batch.js';
import type { RescaledError } from '../errors.js';
import type { Module } from '../nn/index.js';
import type { Recipe } from '../recipe/recipe.js';
import { autocast, call, mul, scope, type Tensor, to } from '../torch/index.js';
import type { Normaliser } from './input.js';
import { classLoss } from './loss.js';
import { mixedBatch, mixedLoss } from './mixing.js';

export interface GradientOptions {
  mix: Mix | undefined;
  normaliser: Normaliser;
  /** Side of the pictures. */
  size: number;
  /** Parts that are computed one after the other; each has two pictures at least. */
  parts: number;
  labelSmoothing: number;
  classWeights: Tensor | undefined;
  precision: Recipe['precision'];
  /** Factor on the loss and so on the gradients; see `LossScaler`. */
  scale?: number;
}

/**
 * Leaves in `.grad` the gradient of the batch's mean loss, times `scale`. In several parts it is the same up to
 * rounding, with the memory of one part, since the mean of a batch is the mean of its parts' means weighed by their
 * sizes. Batch norm alone sees the difference: its statistics are those of a part.
 * @param wrong what to throw when a loss is not finite
 * @returns mean loss, and pictures whose highest logit is their label's
 */
export function batchGradients(
  model: Module,
  batch: Batch,
  options: GradientOptions,
  wrong: (loss: number, x: Tensor) => RescaledError,
): { loss: number; hits: number } {
  const { mix, normaliser, size, labelSmoothing, classWeights, precision, scale = 1 } = options;
  const pictures = mix === undefined ? batch : mixedBatch(batch, size, mix);
  const partners = mix === undefined ? undefined : mixLabels(batch.labels, mix);
  const parts = Math.max(1, Math.min(options.parts, Math.floor(batch.n / 2)));
  let loss = 0;
  let hits = 0;
  for (let part = 0; part < parts; part++) {
    const begin = Math.floor((part * batch.n) / parts);
    const end = Math.floor(((part + 1) * batch.n) / parts);
    const n = end - begin;
    scope(() => {
      const x = normaliser.input(
        parts === 1 ? pictures.images : pictures.images.subarray(begin * size * size * 3, end * size * size * 3),
        n,
        size,
      );
      const y = normaliser.labels(batch.labels.subarray(begin, end), n);
      // Activations in half the bits, logits and loss in float32, as in tensorflow/tpu resnet_main.py.
      const logits =
        precision === 'float32'
          ? model.forward(x)
          : to(
              autocast(normaliser.device, () => model.forward(x), precision),
              { dtype: 'float32' },
            );
      const mean =
        mix === undefined
          ? classLoss(logits, y, labelSmoothing, classWeights)
          : mixedLoss(
              logits,
              y,
              normaliser.labels(partners!.subarray(begin, end), n),
              mix.lambda,
              labelSmoothing,
              classWeights,
            );
      const value = mean.item();
      if (!Number.isFinite(value)) throw wrong(value, x);
      const factor = (n / batch.n) * scale;
      (factor === 1 ? mean : mul(mean, factor)).backward();
      loss += (value * n) / batch.n;
      hits += call<Tensor>('aten::sum', [call('aten::eq.Tensor', [call('aten::argmax', [logits, 1]), y])]).item();
    });
  }
  return { loss, hits };
}
