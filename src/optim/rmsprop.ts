import { call, type Tensor } from '../torch/index.js';
import { type DecayMode, disposeAll, type Gathered, Optimiser, type ParameterGroup } from './optimiser.js';

export interface RmsPropOptions {
  momentum: number;
  /** Decay of the mean square, TensorFlow's rho. */
  squareDecay: number;
  epsilon: number;
  decayMode?: DecayMode;
}

/**
 * RMSProp as TensorFlow has it: s += (1 - rho)(g^2 - s), from s = 1;  v = m*v + lr*g/sqrt(s + eps);  p -= v. PyTorch's
 * differs in three places: s starts at 0, eps stands outside the root, and the rate is not part of v. Source:
 * tensorflow/core/kernels/training_ops.cc ApplyRMSProp; tf.train.RMSPropOptimizer (slot `rms` filled with ones). State:
 * `velocity`, `square`.
 */
export class RmsProp extends Optimiser {
  constructor(
    groups: readonly ParameterGroup[],
    readonly options: RmsPropOptions,
  ) {
    super(groups, options.decayMode ?? 'coupled');
    this.addSlot('velocity', 0);
    this.addSlot('square', 1);
  }

  protected override update({ keys, p, g }: Gathered, rate: number): void {
    const { momentum, squareDecay, epsilon } = this.options;
    const v = this.slot('velocity', keys);
    const s = this.slot('square', keys);
    call('aten::_foreach_mul_.Scalar', [s, squareDecay]);
    call('aten::_foreach_addcmul_.Scalar', [s, g, g, 1 - squareDecay]);
    const root = call<Tensor[]>('aten::_foreach_add.Scalar', [s, epsilon]);
    call('aten::_foreach_sqrt_', [root]);
    call('aten::_foreach_mul_.Scalar', [v, momentum]);
    call('aten::_foreach_addcdiv_.Scalar', [v, g, root, rate]);
    call('aten::_foreach_add_.List', [p, v], { alpha: -1 });
    disposeAll(root);
  }
}
