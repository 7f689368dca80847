import { add, call, mul, sub, sum, type Tensor } from '../../torch/index.js';

/** Of the focal loss. */
export interface FocalOptions {
  /** Weight of an object's class at its place; 1 - alpha of all others. */
  alpha: number;
  gamma: number;
}

const sigmoid = (x: Tensor): Tensor => call('aten::sigmoid', [x]);
/** ln(1 + exp(x)). */
const softplus = (x: Tensor): Tensor => call('aten::softplus', [x]);
const power = (x: Tensor, exponent: number): Tensor => call('aten::pow.Tensor_Scalar', [x, exponent]);
const negated = (x: Tensor): Tensor => call('aten::neg', [x]);
const columnsOf = (x: Tensor): [Tensor, Tensor, Tensor, Tensor] => call('aten::unbind.int', [x, 1]);

/** (1 - alpha) p^gamma * -ln(1 - p), p = sigmoid(x): what a class costs that is not there. */
const absent = (x: Tensor, { alpha, gamma }: FocalOptions): Tensor =>
  mul(mul(power(sigmoid(x), gamma), softplus(x)), 1 - alpha);
/** alpha (1 - p)^gamma * -ln p: what a class costs that is there. */
function present(x: Tensor, { alpha, gamma }: FocalOptions): Tensor {
  const y = negated(x);
  return mul(mul(power(sigmoid(y), gamma), softplus(y)), alpha);
}

/**
 * Focal loss (Lin et al. 2017, arXiv 1708.02002, equation 5): the sum over anchors and classes of weight * absent, and where a class is there
 * of weight * present in its place.
 * @param logits [n, A, classes]
 * @param weights [n, A, 1]: 0 of anchors that learn nothing
 * @param there [P] logits of the classes that are there, which stand in `logits` too
 * @param own [P] weights of their anchors
 */
export function focalLoss(logits: Tensor, weights: Tensor, there: Tensor, own: Tensor, options: FocalOptions): Tensor {
  const all = sum(mul(absent(logits, options), weights));
  return add(all, sum(mul(sub(present(there, options), absent(there, options)), own)));
}

/**
 * The sum over rows of weight * loss, where a row's loss is
 * - `l1`: the sum of |difference| (torchvision);
 * - `huber`: the mean of d^2 / 2 up to `delta`, delta (|d| - delta / 2) beyond (tensorflow/tpu models/official/detection).
 * @param given [P, 4] codes @param wanted [P, 4] @param weights [P]
 */
export function codeLoss(given: Tensor, wanted: Tensor, weights: Tensor, kind: 'l1' | 'huber', delta: number): Tensor {
  const each: Tensor =
    kind === 'l1' ? call('aten::abs', [sub(given, wanted)]) : call('aten::huber_loss', [given, wanted, 0, delta]);
  const rows = call<Tensor>('aten::sum.dim_IntList', [each, [1]]);
  return sum(mul(rows, kind === 'l1' ? weights : mul(weights, 1 / 4)));
}

/**
 * The sum over rows of weight * (1 - GIoU): GIoU = IoU - (hull - union) / hull, hull the smallest box around both (Rezatofighi et al. 2019).
 * Equals torchvision's generalized_box_iou_loss.
 * @param given [P, 4] boxes @param wanted [P, 4] @param weights [P]
 */
export function giouLoss(given: Tensor, wanted: Tensor, weights: Tensor): Tensor {
  const [x0, y0, x1, y1] = columnsOf(given);
  const [u0, v0, u1, v1] = columnsOf(wanted);
  const least = (a: Tensor, b: Tensor): Tensor => call('aten::minimum', [a, b]);
  const most = (a: Tensor, b: Tensor): Tensor => call('aten::maximum', [a, b]);
  const length = (from: Tensor, to: Tensor): Tensor => call('aten::clamp_min', [sub(to, from), 0]);
  const shared = mul(length(most(x0, u0), least(x1, u1)), length(most(y0, v0), least(y1, v1)));
  const areas = add(mul(sub(x1, x0), sub(y1, y0)), mul(sub(u1, u0), sub(v1, v0)));
  const union = sub(areas, shared);
  const hull = mul(sub(most(x1, u1), least(x0, u0)), sub(most(y1, v1), least(y0, v0)));
  const share = (a: Tensor, b: Tensor): Tensor => call('aten::div.Tensor', [a, add(b, EPSILON)]);
  const giou = sub(share(shared, union), share(sub(hull, union), hull));
  return sum(mul(call('aten::rsub.Scalar', [giou, 1]), weights));
}

/** torchvision ops/giou_loss.py. */
const EPSILON = 1e-7;

/** exp of a code is cut here: torchvision's and Detectron2's rule. */
const MOST_GROWTH = Math.log(1000 / 16);

const joined = (parts: readonly Tensor[]): Tensor => call('aten::stack', [parts, 1]);

/** Boxes [P, 4] of codes at anchors [P, 4]: `decodeBox` with gradients. */
export function decoded(codes: Tensor, anchors: Tensor): Tensor {
  const [dx, dy, dw, dh] = columnsOf(codes);
  const [x0, y0, x1, y1] = columnsOf(anchors);
  const side = (d: Tensor, from: Tensor, to: Tensor, growth: Tensor): [Tensor, Tensor] => {
    const length = sub(to, from);
    const middle = add(mul(d, length), add(from, mul(length, 0.5)));
    const half = mul(mul(call('aten::exp', [call('aten::clamp_max', [growth, MOST_GROWTH])]), length), 0.5);
    return [sub(middle, half), add(middle, half)];
  };
  const [left, right] = side(dx, x0, x1, dw);
  const [top, bottom] = side(dy, y0, y1, dh);
  return joined([left, top, right, bottom]);
}

/** Boxes [P, 4] of distances in strides from places [P, 4]: `decodeDistances` with gradients. */
export function decodedDistances(codes: Tensor, places: Tensor): Tensor {
  const [l, t, r, b] = columnsOf(codes);
  const [x0, y0, x1, y1] = columnsOf(places);
  const [width, height] = [sub(x1, x0), sub(y1, y0)];
  const [x, y] = [mul(add(x0, x1), 0.5), mul(add(y0, y1), 0.5)];
  return joined([sub(x, mul(l, width)), sub(y, mul(t, height)), add(x, mul(r, width)), add(y, mul(b, height))]);
}

/** The sum over rows of weight * cross-entropy of a probability given as a logit, [P] each. */
export const logitLoss = (logits: Tensor, wanted: Tensor, weights: Tensor): Tensor =>
  call('aten::binary_cross_entropy_with_logits', [logits, wanted, weights, null, 2]);
