import { call, type Tensor } from '../torch/index.js';
import { type DecayMode, type Gathered, Optimiser, ownKernels, type ParameterGroup } from './optimiser.js';

export interface SgdOptions {
  momentum: number;
  nesterov: boolean;
  decayMode?: DecayMode;
}

/**
 * Stochastic gradient descent with momentum: v = m*v + g;  p -= lr*(nesterov ? g + m*v : v), where g includes a coupled
 * weight decay. Equals torch.optim.SGD. State: `velocity`.
 */
export class Sgd extends Optimiser {
  constructor(
    groups: readonly ParameterGroup[],
    readonly options: SgdOptions,
  ) {
    super(groups, options.decayMode ?? 'coupled');
    this.addSlot('velocity', 0);
  }

  /** On the CPU it is part of `update`. */
  protected override decay(p: Tensor[], g: Tensor[], weightDecay: number, rate: number): void {
    if (!ownKernels(p)) super.decay(p, g, weightDecay, rate);
  }

  /** On the CPU one pass of our own over memory (native/optimise.cpp), which equals the other to rounding. */
  protected override update({ keys, p, g }: Gathered, rate: number, { weightDecay }: ParameterGroup): void {
    const { momentum, nesterov } = this.options;
    const v = this.slot('velocity', keys);
    if (ownKernels(p)) {
      call('rescaled::sgd_', [p, g, v, rate, momentum, nesterov, weightDecay, this.decayMode === 'decoupled']);
      return;
    }
    call('aten::_foreach_mul_.Scalar', [v, momentum]);
    call('aten::_foreach_add_.List', [v, g]);
    if (nesterov) call('aten::_foreach_add_.List', [g, v], { alpha: momentum });
    call('aten::_foreach_add_.List', [p, nesterov ? g : v], { alpha: -rate });
  }
}
