import { call, noGrad, scope, type Tensor } from '../torch/index.js';
import type { ParameterGroup } from './optimiser.js';

export const AGC_RULES = ['paper', 'timm'] as const;
/** What a unit is, and what is left out; see `clipUnits`. */
export type AgcRule = (typeof AGC_RULES)[number];

export interface AgcOptions {
  /** lambda: the largest norm of a gradient, in norms of what it changes. Above 0. */
  factor: number;
  rule: AgcRule;
  /** Keys of parameters whose gradients stay as they are. */
  except: ReadonlySet<string>;
}

/** Norms of weights count as this at least, so that those that begin at 0 can leave it. */
const LEAST_NORM = 1e-3;

/**
 * Adaptive gradient clipping (Brock et al. 2021, arXiv 2102.06171, section 4): each unit's gradient G is held to lambda times the Frobenius
 * norm of its weights W,
 * ```
 * G = G * m / max(|G|, m),   m = lambda * max(|W|, 1e-3)
 * ```
 * A unit is an output channel, the first dimension of a weight; a vector, such as biases, or a single number is one unit. Of the rule `paper`
 * (deepmind-research nfnets/optim.py) gains [O, 1, 1, 1] are a vector too; of `timm` (timm/utils/agc.py) each of them is a unit.
 */
export function clipUnits(groups: readonly ParameterGroup[], { factor, rule, except }: AgcOptions): void {
  noGrad(() => {
    for (const { parameters } of groups)
      for (const [key, weight] of parameters)
        scope(() => {
          const gradient = except.has(key) ? null : weight.grad;
          if (gradient === null) return;
          const most = unitNorms(weight, rule);
          call('aten::clamp_min_', [most, LEAST_NORM]);
          call('aten::mul_.Scalar', [most, factor]);
          const larger = call<Tensor>('aten::maximum', [unitNorms(gradient, rule), most]);
          call('aten::mul_.Tensor', [gradient, call<Tensor>('aten::div.Tensor', [most, larger])]);
        });
  });
}

/** Norm of each unit, of a shape that is broadcast over the tensor. */
function unitNorms(tensor: Tensor, rule: AgcRule): Tensor {
  const { shape, size } = tensor;
  const vector = shape.length <= 1 || (rule === 'paper' && size === shape[0]);
  return call('aten::linalg_vector_norm', [tensor, 2, vector ? null : shape.slice(1).map((_, i) => i + 1), true]);
}
