import type { Tensor } from '../torch/index.js';
import type { ParameterGroup } from './optimiser.js';

export type DecayRule = 'reference' | 'timm' | 'kernels' | 'garden' | 'all';

/**
 * Splits parameters by what is decayed. `reference`: everything but batch norm, biases of squeeze-excite and classifier
 * included (tensorflow/tpu resnet_main.py). `timm`: only tensors of more than one dimension; so does tensorflow/models
 * (kernel regularisers). `kernels`: of these not the gains of standardised kernels, [O, 1, 1, 1] (deepmind-research nfnets/optim.py: neither gains,
 * biases nor skip gains). `garden`: of these not the self-gates' either, since tensorflow/models nn_layers_3d.py gives their
 * kernel no regulariser. `all`: everything.
 * @param selfGates keys of the self-gates' parameters
 */
export function decayGroups(
  parameters: ReadonlyMap<string, Tensor>,
  batchNormKeys: ReadonlySet<string>,
  weightDecay: number,
  rule: DecayRule,
  selfGates: ReadonlySet<string> = new Set(),
): ParameterGroup[] {
  const decayed = new Map<string, Tensor>();
  const rest = new Map<string, Tensor>();
  for (const [key, tensor] of parameters) {
    const spared = (rule === 'kernels' && /(^|\.)gain$/.test(key)) || (rule === 'garden' && selfGates.has(key));
    const kernel = tensor.shape.length > 1 && !spared;
    const decay = rule === 'all' || (rule === 'reference' ? !batchNormKeys.has(key) : kernel);
    (decay ? decayed : rest).set(key, tensor);
  }
  return [
    { parameters: decayed, weightDecay },
    { parameters: rest, weightDecay: 0 },
  ];
}

/**
 * Splits groups further, for LARS: plain are tensors of one dimension (batch norm, biases) and those whose key is in
 * `others`. This is apart from what is decayed: with a weight decay of 0 the trust ratio counts all the same, and the
 * layer of the classes is decayed without one (google-research/simclr model_util.py: exclude_from_weight_decay and
 * add_weight_decay).
 */
export function splitPlain(groups: readonly ParameterGroup[], others: ReadonlySet<string>): ParameterGroup[] {
  return groups.flatMap(({ parameters, ...group }) => {
    const [adapted, plain] = [new Map<string, Tensor>(), new Map<string, Tensor>()];
    for (const [key, tensor] of parameters)
      (tensor.shape.length > 1 && !others.has(key) ? adapted : plain).set(key, tensor);
    return [
      { ...group, parameters: adapted },
      { ...group, parameters: plain, plain: true },
    ];
  });
}

/** Splits groups further, so that the weight decay of each parameter is multiplied by `scaleOf(key)`. */
export function scaleDecays(groups: readonly ParameterGroup[], scaleOf: (key: string) => number): ParameterGroup[] {
  return groups.flatMap(({ parameters, weightDecay, ...group }) => {
    const byScale = new Map<number, Map<string, Tensor>>();
    for (const [key, tensor] of parameters) {
      const scaled = weightDecay * scaleOf(key);
      if (!byScale.has(scaled)) byScale.set(scaled, new Map());
      byScale.get(scaled)!.set(key, tensor);
    }
    return [...byScale].map(([scaled, some]) => ({ ...group, parameters: some, weightDecay: scaled }));
  });
}

/** Splits groups further, so that the learning rate of each parameter is multiplied by `scaleOf(key)`. */
export function scaleRates(groups: readonly ParameterGroup[], scaleOf: (key: string) => number): ParameterGroup[] {
  return groups.flatMap(({ parameters, rateScale = 1, ...group }) => {
    const byScale = new Map<number, Map<string, Tensor>>();
    for (const [key, tensor] of parameters) {
      const scale = rateScale * scaleOf(key);
      if (!byScale.has(scale)) byScale.set(scale, new Map());
      byScale.get(scale)!.set(key, tensor);
    }
    return [...byScale].map(([scale, some]) => ({ ...group, parameters: some, rateScale: scale }));
  });
}
