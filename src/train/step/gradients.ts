import type { RescaledError } from '../../errors.js';
import type { Module } from '../../nn/index.js';
import type { Precision } from '../../recipe/recipe.js';
import { forwardIn, mul, type Recompute, recompute, scope, type Tensor } from '../../torch/index.js';
import type { StepObjective } from '../task.js';
import type { Normaliser } from './input.js';

export interface GradientOptions {
  normaliser: Normaliser;
  /** Side of the pictures. */
  size: number;
  /** Parts that are computed one after the other; each has two pictures at least. */
  parts: number;
  precision: Precision;
  recompute: Recompute;
  /** Factor on the loss and so on the gradients; see `LossScaler`. */
  scale?: number;
  /** Pictures of the whole step, where this batch is a part of it: the gradient is then its share. Default: those of the batch. */
  of?: number;
  /** Called before the last backward pass. */
  last?: () => void;
}

/**
 * Leaves in `.grad` the gradient of the mean loss of a batch of n pictures, times `scale`. In several parts it is the same up to rounding, with
 * the memory of one part, since the mean of a batch is the mean of its parts' means weighed by their sizes. Batch norm alone sees the
 * difference: its statistics are those of a part.
 * @param wrong what to throw when a loss is not finite
 * @returns mean loss, and the sums of the step's figures
 */
export function batchGradients(
  model: Module,
  n: number,
  step: StepObjective,
  options: GradientOptions,
  wrong: (loss: number, x: Tensor) => RescaledError,
): { loss: number; figures: Record<string, number> } {
  const { normaliser, size, precision, scale = 1, of = n } = options;
  const parts = Math.max(1, Math.min(options.parts, Math.floor(n / 2)));
  const bytes = step.images.length / n;
  let loss = 0;
  const figures: Record<string, number> = {};
  const cutAt = (part: number): number => {
    const at = Math.floor((part * n) / parts);
    return part === 0 || part === parts ? at : (step.cut?.(at) ?? at);
  };
  for (let part = 0; part < parts; part++) {
    const [begin, end] = [cutAt(part), cutAt(part + 1)];
    scope(() => {
      const images = parts === 1 ? step.images : step.images.subarray(begin * bytes, end * bytes);
      const x = normaliser.input(images, end - begin, size);
      // Activations in half the bits, outputs and loss in float32, as in tensorflow/tpu resnet_main.py.
      const outputs = recompute(options.recompute, () =>
        forwardIn(precision, normaliser.device, () => model.forward(x)),
      );
      const found = step.loss(outputs, begin, end);
      const value = found.loss.item();
      if (!Number.isFinite(value)) throw wrong(value, x);
      const factor = ((end - begin) / of) * scale;
      if (part === parts - 1) options.last?.();
      (factor === 1 ? found.loss : mul(found.loss, factor)).backward();
      loss += (value * (end - begin)) / n;
      for (const [name, sum] of Object.entries(found.figures)) figures[name] = (figures[name] ?? 0) + sum;
    });
  }
  return { loss, figures };
}
