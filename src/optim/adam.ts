import { call, type Tensor } from '../torch/index.js';
import { disposeAll, type Gathered, Optimiser, type ParameterGroup, trustRatios } from './optimiser.js';

export interface AdamOptions {
  /** Decay of the mean, beta1. */
  momentum: number;
  /** Decay of the mean square, beta2. */
  squareDecay: number;
  epsilon: number;
}

/** The two running means of Adam (Kingma and Ba 2015). State: `mean`, `square`. */
abstract class Moments extends Optimiser {
  constructor(
    groups: readonly ParameterGroup[],
    readonly options: AdamOptions,
  ) {
    super(groups, 'decoupled');
    this.addSlot('mean', 0);
    this.addSlot('square', 0);
  }

  /** m = b1*m + (1-b1)*g;  s = b2*s + (1-b2)*g^2.  @returns m and, to be disposed, sqrt(s/(1 - b2^t)) + eps */
  protected moments({ keys, g }: Gathered): { mean: Tensor[]; root: Tensor[] } {
    const { momentum, squareDecay, epsilon } = this.options;
    const mean = this.slot('mean', keys);
    const square = this.slot('square', keys);
    call('aten::_foreach_mul_.Scalar', [mean, momentum]);
    call('aten::_foreach_add_.List', [mean, g], { alpha: 1 - momentum });
    call('aten::_foreach_mul_.Scalar', [square, squareDecay]);
    call('aten::_foreach_addcmul_.Scalar', [square, g, g, 1 - squareDecay]);
    const root = call<Tensor[]>('aten::_foreach_sqrt', [square]);
    call('aten::_foreach_div_.Scalar', [root, Math.sqrt(1 - squareDecay ** this.steps)]);
    call('aten::_foreach_add_.Scalar', [root, epsilon]);
    return { mean, root };
  }
}

/**
 * Adam with decoupled weight decay: p -= lr*wd*p;  p -= lr * m/(1 - b1^t) / (sqrt(s/(1 - b2^t)) + eps).
 * Equals torch.optim.AdamW; Loshchilov and Hutter 2019.
 */
export class AdamW extends Moments {
  protected override update(gathered: Gathered, rate: number): void {
    const { mean, root } = this.moments(gathered);
    call('aten::_foreach_addcdiv_.Scalar', [gathered.p, mean, root, -rate / (1 - this.options.momentum ** this.steps)]);
    disposeAll(root);
  }
}

/**
 * LAMB for large batches: r = m/(1 - b1^t) / (sqrt(s/(1 - b2^t)) + eps);  u = r + wd*p;  p -= lr * |p|/|u| * u, tensor
 * by tensor; the ratio is 1 where either norm is 0. Tensors without weight decay (batch norm) take the ratio 1 too:
 * their norm starts near 0 and says nothing about their scale. Source: You et al. 2020, algorithm 2, phi(z) = z; the
 * exception as in tensorflow/addons lamb.py (exclude_from_layer_adaptation).
 */
export class Lamb extends Moments {
  /** Inside the ratio, see `update`. */
  protected override decay(): void {}

  protected override update(gathered: Gathered, rate: number, { weightDecay }: ParameterGroup): void {
    const { p } = gathered;
    const { mean, root } = this.moments(gathered);
    const u = call<Tensor[]>('aten::_foreach_div.List', [mean, root]);
    call('aten::_foreach_div_.Scalar', [u, 1 - this.options.momentum ** this.steps]);
    if (weightDecay !== 0) {
      call('aten::_foreach_add_.List', [u, p], { alpha: weightDecay });
      const ratios = trustRatios(p, u);
      call('aten::_foreach_mul_.List', [u, ratios]);
      disposeAll(ratios);
    }
    call('aten::_foreach_add_.List', [p, u], { alpha: -rate });
    disposeAll([...root, ...u]);
  }
}
