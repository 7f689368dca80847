import { call, keep, noGrad, type Tensor } from '../torch/index.js';

/** Parameters that share a weight decay. */
export interface ParameterGroup {
  parameters: ReadonlyMap<string, Tensor>;
  weightDecay: number;
}

export interface SgdOptions {
  momentum: number;
  nesterov: boolean;
}

/**
 * Stochastic gradient descent with momentum and coupled L2:
 * g' = g + wd*p;  v = m*v + g';  p -= lr*(nesterov ? g' + m*v : v).
 * Equals torch.optim.SGD; coupled L2 is the reference's loss term wd * 0.5*|p|^2 (tensorflow/tpu resnet_main.py).
 */
export class Sgd {
  readonly velocity = new Map<string, Tensor>();
  constructor(
    readonly groups: readonly ParameterGroup[],
    readonly options: SgdOptions,
  ) {
    for (const { parameters } of groups)
      for (const [key, p] of parameters) this.velocity.set(key, keep(call<Tensor>('aten::zeros_like', [p])));
  }

  /** One update from the parameters' `.grad`, which are consumed. Parameters without a gradient stay. */
  step(learningRate: number): void {
    const { momentum, nesterov } = this.options;
    noGrad(() => {
      for (const { parameters, weightDecay } of this.groups) {
        const p: Tensor[] = [];
        const g: Tensor[] = [];
        const v: Tensor[] = [];
        for (const [key, parameter] of parameters) {
          const gradient = parameter.grad;
          if (gradient === null) continue;
          p.push(parameter);
          g.push(gradient);
          v.push(this.velocity.get(key)!);
        }
        if (p.length === 0) continue;
        if (weightDecay !== 0) call('aten::_foreach_add_.List', [g, p], { alpha: weightDecay });
        call('aten::_foreach_mul_.Scalar', [v, momentum]);
        call('aten::_foreach_add_.List', [v, g]);
        if (nesterov) call('aten::_foreach_add_.List', [g, v], { alpha: momentum });
        call('aten::_foreach_add_.List', [p, nesterov ? g : v], { alpha: -learningRate });
        for (const gradient of g) gradient.dispose();
      }
    });
    this.zeroGrad();
  }

  zeroGrad(): void {
    for (const { parameters } of this.groups) for (const parameter of parameters.values()) parameter.grad = null;
  }

  dispose(): void {
    for (const tensor of this.velocity.values()) tensor.dispose();
  }
}

export type DecayRule = 'reference' | 'timm' | 'all';

/**
 * Splits parameters by what is decayed.
 * `reference`: everything but batch norm, biases of squeeze-excite and classifier included (tensorflow/tpu resnet_main.py).
 * `timm`: only tensors of more than one dimension. `all`: everything.
 */
export function decayGroups(parameters: ReadonlyMap<string, Tensor>, batchNormKeys: ReadonlySet<string>, weightDecay: number, rule: DecayRule): ParameterGroup[] {
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
