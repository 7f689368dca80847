import { call, type Tensor } from '../torch/index.js';
import { disposeAll, type Gathered, Optimiser, type ParameterGroup, trustRatios } from './optimiser.js';

export const MOMENTUM_RATES = ['inside', 'outside', 'both-outside'] as const;
/** What the velocity of LARS holds; see `Lars`. */
export type MomentumRate = (typeof MOMENTUM_RATES)[number];

export interface LarsOptions {
  momentum: number;
  nesterov: boolean;
  /** eta: a step is at most about lr*eta of a tensor's norm, momentum aside. */
  trustCoefficient: number;
  momentumRate: MomentumRate;
}

/**
 * LARS for large batches. Tensor by tensor, g including the weight decay (g += wd*p) and t = eta*|p|/|g|, 1 where either
 * norm is 0:
 *
 * - `inside`: v = m*v + lr*t*g;  p -= v. A rate that changes counts from then on (You et al. 2017, arXiv 1708.03888;
 *   google-research/simclr tf2/lars_optimizer.py, "classic").
 * - `outside`: v = m*v + t*g;  p -= lr*v, as SGD here and in PyTorch does.
 * - `both-outside`: v = m*v + g;  p -= lr*t*v with t = eta*|p|/|v| (the other form of lars_optimizer.py).
 *
 * With `nesterov`, m*v + what was added to v stands in the place of v where p changes. Parameters of a group that is
 * `plain` have t = 1: batch norm and biases, whose norm says nothing of their scale, and the layer of the classes.
 * State: `velocity`.
 */
export class Lars extends Optimiser {
  constructor(
    groups: readonly ParameterGroup[],
    readonly options: LarsOptions,
  ) {
    super(groups, 'coupled');
    this.addSlot('velocity', 0);
  }

  protected override update({ keys, p, g }: Gathered, rate: number, { plain = false }: ParameterGroup): void {
    const { momentum, nesterov, trustCoefficient, momentumRate } = this.options;
    const v = this.slot('velocity', keys);
    const scaleByTrust = (scaled: Tensor[], u: Tensor[]): void => {
      if (plain) return;
      const ratios = trustRatios(p, u, trustCoefficient);
      call('aten::_foreach_mul_.List', [scaled, ratios]);
      disposeAll(ratios);
    };
    if (momentumRate !== 'both-outside') scaleByTrust(g, g);
    if (momentumRate === 'inside') call('aten::_foreach_mul_.Scalar', [g, rate]);
    call('aten::_foreach_mul_.Scalar', [v, momentum]);
    call('aten::_foreach_add_.List', [v, g]);
    if (nesterov) call('aten::_foreach_add_.List', [g, v], { alpha: momentum });
    const step = nesterov ? g : v;
    if (momentumRate === 'both-outside') {
      const scaled = call<Tensor[]>('aten::_foreach_mul.Scalar', [step, rate]);
      scaleByTrust(scaled, step);
      call('aten::_foreach_sub_.List', [p, scaled]);
      disposeAll(scaled);
    } else call('aten::_foreach_add_.List', [p, step], { alpha: momentumRate === 'inside' ? -1 : -rate });
  }
}
