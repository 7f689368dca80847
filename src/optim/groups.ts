import type { Tensor } from '../torch/index.js';
import type { ParameterGroup } from './optimiser.js';

export type DecayRule = 'reference' | 'timm' | 'all';

/**
 * Splits parameters by what is decayed. `reference`: everything but batch norm, biases of squeeze-excite and classifier
 * included (tensorflow/tpu resnet_main.py). `timm`: only tensors of more than one dimension; so does tensorflow/models
 * (kernel regularisers). `all`: everything.
 */
export function decayGroups(
  parameters: ReadonlyMap<string, Tensor>,
  batchNormKeys: ReadonlySet<string>,
  weightDecay: number,
  rule: DecayRule,
): ParameterGroup[] {
  const decayed = new Map<string, Tensor>();
  const rest = new Map<string, Tensor>();
  for (const [key, tensor] of parameters) {
    const decay = rule === 'all' || (rule === 'reference' ? !batchNormKeys.has(key) : tensor.shape.length > 1);
    (decay ? decayed : rest).set(key, tensor);
  }
  return [
    { parameters: decayed, weightDecay },
    { parameters: rest, weightDecay: 0 },
  ];
}

/** Splits groups further, so that the learning rate of each parameter is multiplied by `scaleOf(key)`. */
export function scaleRates(groups: readonly ParameterGroup[], scaleOf: (key: string) => number): ParameterGroup[] {
  return groups.flatMap(({ parameters, weightDecay, rateScale = 1 }) => {
    const byScale = new Map<number, Map<string, Tensor>>();
    for (const [key, tensor] of parameters) {
      const scale = rateScale * scaleOf(key);
      if (!byScale.has(scale)) byScale.set(scale, new Map());
      byScale.get(scale)!.set(key, tensor);
    }
    return [...byScale].map(([scale, some]) => ({ parameters: some, weightDecay, rateScale: scale }));
  });
}
