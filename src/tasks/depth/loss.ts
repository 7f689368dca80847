import { call, div, mul, sub, sum, type Tensor } from '../../torch/index.js';

export interface SilogOptions {
  /** Share of the squared mean that is taken off: 0 for plain squared logarithms, 1 for no care of scale at all. */
  focus: number;
  /** Multiplies the loss. */
  scale: number;
  /** Readings up to this, in metres, do not count: 0 stands for none. */
  nearest: number;
}

/** cleinc/bts pytorch/bts.py (`silog_loss`) and bts_main.py: focus 0.85, times 10, on readings above 0.1 m. */
export const BTS_SILOG: SilogOptions = { focus: 0.85, scale: 10, nearest: 0.1 };

/** Metres that a prediction is taken to be at least: so far below all depths that its logarithm still has a gradient. */
const LEAST = 1e-30;
/** What the variance is taken to be at least: a square root has no gradient at 0. */
const LEAST_VARIANCE = 1e-12;

/**
 * Scale-invariant log loss over all readings of the batch together (Eigen et al. 2014, arXiv 1406.2283; the square root and the factor are
 * BTS's, Lee et al. 2019, arXiv 1907.10326):
 *
 *     loss = scale sqrt(mean(d^2) - focus mean(d)^2),   d = ln prediction - ln truth
 *
 * 0 where there is no reading.
 * @param prediction [n, 1, S, S] in metres, above 0 @param truth [n, S, S] in metres, 0 where nothing was read
 */
export function silogLoss(
  prediction: Tensor,
  truth: Tensor,
  { focus, scale, nearest }: SilogOptions = BTS_SILOG,
): Tensor {
  const valid = call<Tensor>('aten::gt.Scalar', [truth, nearest]);
  const count = Math.max(1, sum(valid).item());
  const one = call<Tensor>('aten::ones_like', [truth]);
  const near = call<Tensor>('aten::clamp_min', [call('aten::squeeze.dim', [prediction, 1]), LEAST]);
  // Where nothing was read both are 1: the logarithm is 0 and so is its gradient.
  const log = (x: Tensor): Tensor => call('aten::log', [call('aten::where.self', [valid, x, one])]);
  const d = sub(log(near), log(truth));
  const mean = div(sum(d), count);
  const variance = sub(div(sum(mul(d, d)), count), mul(mul(mean, mean), focus));
  return mul(call('aten::sqrt', [call('aten::clamp_min', [variance, LEAST_VARIANCE])]), scale);
}
