import { RescaledError } from '../../errors.js';
import { call, type DType, fromTypedArray, keep, noGrad, scope, type Tensor, to } from '../../torch/index.js';
import { minimise } from './lbfgs.js';
import type { Features } from './rows.js';

/** Weights [classes, d], row-major, and biases [classes] of logits W x + b. */
export interface LinearModel {
  weight: Float64Array;
  bias: Float64Array;
}

export interface LinearFit extends LinearModel {
  l2: number;
  /** sum of cross-entropies + l2/2 |W|^2 there, in nats. */
  objective: number;
  /** The largest part of the gradient of objective / n, in units in which the Hessian's diagonal is about 1. */
  gradient: number;
  iterations: number;
  converged: boolean;
}

/** What is kept of a path of penalties: how each does on other pictures. */
export interface PenaltyScore {
  l2: number;
  /** Share of right pictures, and their mean cross-entropy. */
  top1: number;
  loss: number;
  converged: boolean;
}

/** 45 values from 1e-6 to 1e5 at equal distances of their logarithms (SimCLR, arXiv 2002.05709, appendix B.8). */
export const PENALTIES: readonly number[] = Array.from({ length: 45 }, (_, k) => 10 ** (-6 + (11 * k) / 44));

/** Of each part of that gradient g: the objective / n is about |g|^2 / 2 above its minimum. scikit-learn's default is 1e-4, without units. */
const TOLERANCE = 1e-5;
/** Features of so many numbers are held in float64, more in float32, with a tolerance that its rounding allows. */
const MOST_DOUBLE = 64e6;
const TOLERANCE_SINGLE = 3e-5;
const ITERATIONS = 500;

/** Directions in which features vary by less than this part of the most are none. */
const FLAT = 1e-12;

/**
 * Multinomial logistic regression with an L2 penalty on its weights, not on its biases: it minimises
 *
 *     sum_i -log softmax(W x_i + b)_(y_i) + l2/2 |W|^2,
 *
 * which is scikit-learn's `LogisticRegression(C=1/l2, solver='lbfgs')`. Features are taken as they are, as SimCLR does, not standardised: what
 * is done to them here changes the path to the minimum and not the minimum. They are centred (the bias takes that up) and turned into their
 * principal axes, Z = (X - m) V, which leaves |W| as it is and drops directions without variance; and each axis j is solved for in units of
 * 1/sqrt(c z_j^2 + l2/n), the root of the Hessian's diagonal with z_j^2 the mean square and c the mean of p(1 - p) where the solution begins,
 * so that L-BFGS needs few iterations. One matmul forward and one back an iteration, on the engine. Dispose of it after use.
 */
export class Logistic {
  readonly #z: Tensor;
  readonly #labels: Tensor;
  readonly #target: Tensor;
  readonly #dtype: DType;
  readonly #mean: Float64Array;
  /** [d, axes]: from axes to features. */
  readonly #axes: Tensor;
  /** Mean square along each axis. */
  readonly #spread: Float64Array;
  readonly #n: number;
  readonly #d: number;
  /** The solution before, by class and axis, then the biases: the start of the next, which lies near. */
  #last: Float64Array;
  #curvature: number;

  constructor(
    { data, n, d }: Features,
    labels: Int32Array,
    readonly classes: number,
    private readonly tolerance?: number,
  ) {
    if (labels.length !== n || n < 1)
      throw new RescaledError(`Expected a label for each of ${n} rows of features but received ${labels.length}.`);
    [this.#n, this.#d] = [n, d];
    this.#dtype = n * d <= MOST_DOUBLE ? 'float64' : 'float32';
    const mean = new Float64Array(d);
    for (let i = 0; i < n; i++) for (let j = 0; j < d; j++) mean[j]! += data[i * d + j]! / n;
    if (!mean.every(Number.isFinite))
      throw new RescaledError(
        'Expected finite features but received NaN or infinity: the weights of the start are damaged.',
      );
    this.#mean = mean;
    const { z, axes, spread } = principal(data, mean, n, d, this.#dtype);
    [this.#z, this.#axes, this.#spread] = [z, axes, spread];
    const oneHot = new Float32Array(n * classes);
    for (let i = 0; i < n; i++) oneHot[i * classes + labels[i]!] = 1;
    this.#target = fromTypedArray(oneHot, [n, classes], { dtype: this.#dtype });
    this.#labels = fromTypedArray(labels, [n, 1], { dtype: 'int64' });
    this.#last = new Float64Array(classes * spread.length + classes);
    this.#curvature = (1 / classes) * (1 - 1 / classes);
  }

  /** The minimum for this penalty, begun at the one before: go from strong penalties to weak ones. */
  fit(l2: number): LinearFit {
    const [n, d, k, r] = [this.#n, this.#d, this.classes, this.#spread.length];
    // Of the biases the features are 1. Where nothing bends, any unit serves.
    const unit = Float64Array.from(this.#spread, (square) => 1 / Math.sqrt(this.#curvature * square + l2 / n));
    const ofBias = 1 / Math.sqrt(this.#curvature);
    const units = new Float64Array(k * r + k).map((_, i) => (i < k * r ? unit[i % r]! : ofBias));
    const found = minimise(
      (u, gradient) => this.#evaluate(u, units, gradient, l2),
      this.#last.map((value, i) => value / units[i]!),
      {
        tolerance: this.tolerance ?? (this.#dtype === 'float64' ? TOLERANCE : TOLERANCE_SINGLE),
        iterations: ITERATIONS,
      },
    );
    this.#last = found.x.map((value, i) => value * units[i]!);
    const weight = scope(() =>
      noGrad(() => {
        const own = fromTypedArray(this.#last.subarray(0, k * r), [k, r], { dtype: this.#dtype });
        return Float64Array.from(
          call<Tensor>('aten::matmul', [own, call('aten::t', [this.#axes])]).data() as Float64Array,
        );
      }),
    );
    const bias = this.#last.slice(k * r);
    for (let c = 0; c < k; c++) for (let j = 0; j < d; j++) bias[c]! -= weight[c * d + j]! * this.#mean[j]!;
    const { gradient, iterations, converged } = found;
    return { l2, weight, bias, objective: n * found.value, gradient, iterations, converged };
  }

  /** (sum of cross-entropies + l2/2 |W|^2) / n, and its gradient: (P - Y)^T Z / n + l2 W / n, and the mean of P - Y; all in `units`. */
  #evaluate(u: Float64Array, units: Float64Array, gradient: Float64Array, l2: number): number {
    const [n, k, r] = [this.#n, this.classes, this.#spread.length];
    const weights = k * r;
    const x = u.map((value, i) => value * units[i]!);
    let squares = 0;
    for (let i = 0; i < weights; i++) squares += x[i]! * x[i]!;
    const loss = scope(() =>
      noGrad(() => {
        const weight = fromTypedArray(x.subarray(0, weights), [k, r], { dtype: this.#dtype });
        const bias = fromTypedArray(x.subarray(weights), [k], { dtype: this.#dtype });
        const logits = call<Tensor>('aten::linear', [this.#z, weight, bias]);
        const logs = call<Tensor>('aten::log_softmax.int', [logits, 1]);
        const own = call<Tensor>('aten::gather', [logs, 1, this.#labels]);
        const p = call<Tensor>('aten::exp', [logs]);
        const residual = call<Tensor>('aten::sub.Tensor', [p, this.#target]);
        const ofWeight = call<Tensor>('aten::matmul', [call('aten::t', [residual]), this.#z]).data();
        const ofBias = call<Tensor>('aten::sum.dim_IntList', [residual, [0]]).data();
        for (let i = 0; i < weights; i++) gradient[i] = ((Number(ofWeight[i]) + l2 * x[i]!) / n) * units[i]!;
        for (let c = 0; c < k; c++) gradient[weights + c] = (Number(ofBias[c]) / n) * units[weights + c]!;
        const squared = call<Tensor>('aten::sum', [call('aten::mul.Tensor', [p, p])], { dtype: 'float64' }).item();
        // The mean of p (1 - p) over pictures and classes; near 0 where all is told apart.
        this.#curvature = Math.max(1e-4, (n - squared) / (n * k));
        return -call<Tensor>('aten::sum', [own], { dtype: 'float64' }).item();
      }),
    );
    return (loss + 0.5 * l2 * squares) / n;
  }

  dispose(): void {
    for (const tensor of [this.#z, this.#axes, this.#labels, this.#target]) tensor.dispose();
  }
}

/**
 * Centred features in their principal axes: z = (x - m) V, [n, r], V [d, r], and the mean square along each axis. From the eigenvectors of the
 * smaller of X^T X and X X^T, in float64.
 */
function principal(
  data: Float32Array,
  mean: Float64Array,
  n: number,
  d: number,
  dtype: DType,
): { z: Tensor; axes: Tensor; spread: Float64Array } {
  return scope(() =>
    noGrad(() => {
      const x = call<Tensor>('aten::sub.Tensor', [
        fromTypedArray(data, [n, d], { dtype }),
        fromTypedArray(mean, [d], { dtype }),
      ]);
      const t = (matrix: Tensor): Tensor => call('aten::t', [matrix]);
      const product = (a: Tensor, b: Tensor): Tensor => call('aten::matmul', [a, b]);
      const wide = n < d;
      const gram = to(wide ? product(x, t(x)) : product(t(x), x), { dtype: 'float64' });
      const [values, vectors] = call<[Tensor, Tensor]>('aten::linalg_eigh', [gram]);
      const all = values.data() as Float64Array;
      const largest = Math.max(0, all.at(-1) ?? 0);
      // Rising: those that are none come first. One axis is kept where all features are equal.
      const first = Math.min(
        all.length - 1,
        Math.max(
          0,
          all.findIndex((value) => value > FLAT * largest && value > 0),
        ),
      );
      const r = all.length - first;
      const kept = call<Tensor>('aten::narrow', [vectors, 1, first, r]);
      const roots = Float64Array.from(all.subarray(first), (value) => Math.sqrt(Math.max(value, 0)));
      const own = to(kept, { dtype });
      const axes = wide
        ? call<Tensor>('aten::div.Tensor', [
            product(t(x), own),
            fromTypedArray(
              roots.map((root) => root || 1),
              [r],
              { dtype },
            ),
          ])
        : call<Tensor>('aten::contiguous', [own]);
      const spread = Float64Array.from(roots, (root) => root ** 2 / n);
      return { z: keep(product(x, axes)), axes: keep(call<Tensor>('aten::clone', [axes])), spread };
    }),
  );
}

/** Rows at a time, so that memory does not grow with the pictures. */
const ROWS = 4096;

/** The class of each row, the lower one of equals, and the mean cross-entropy. */
export function classified(
  { weight, bias }: LinearModel,
  { data, n, d }: Features,
  labels: Int32Array,
): { predicted: Int32Array; loss: number } {
  const k = bias.length;
  const predicted = new Int32Array(n);
  let loss = 0;
  for (let from = 0; from < n; from += ROWS) {
    const rows = Math.min(ROWS, n - from);
    const logits = scope(() =>
      noGrad(() => {
        const x = fromTypedArray(data.subarray(from * d, (from + rows) * d), [rows, d], { dtype: 'float64' });
        const w = fromTypedArray(weight, [k, d]);
        return call<Tensor>('aten::linear', [x, w, fromTypedArray(bias, [k])]).data() as Float64Array;
      }),
    );
    for (let i = 0; i < rows; i++) {
      const row = logits.subarray(i * k, (i + 1) * k);
      let best = 0;
      for (let c = 1; c < k; c++) if (row[c]! > row[best]!) best = c;
      predicted[from + i] = best;
      let sum = 0;
      for (let c = 0; c < k; c++) sum += Math.exp(row[c]! - row[best]!);
      loss += Math.log(sum) + row[best]! - row[labels[from + i]!]!;
    }
  }
  return { predicted, loss: loss / Math.max(1, n) };
}

/** Share of equal numbers. */
export function shareRight(predicted: Int32Array, labels: Int32Array): number {
  let right = 0;
  for (let i = 0; i < labels.length; i++) if (predicted[i] === labels[i]) right++;
  return right / Math.max(1, labels.length);
}

export interface PathOptions {
  penalties?: readonly number[];
  /** Asked before each penalty. */
  goesOn?: () => Promise<boolean>;
}

/**
 * The penalty that does best on other pictures: most right, of equals the lower cross-entropy. The path goes from the strongest penalty to the
 * weakest, each begun where the one before ended.
 * @returns undefined when it was stopped
 */
export async function choosePenalty(
  train: Features,
  labels: Int32Array,
  classes: number,
  validation: { features: Features; labels: Int32Array },
  { penalties = PENALTIES, goesOn = async () => true }: PathOptions = {},
): Promise<{ fit: LinearFit; path: PenaltyScore[] } | undefined> {
  const problem = new Logistic(train, labels, classes);
  try {
    const path: PenaltyScore[] = [];
    let best: { fit: LinearFit; top1: number; loss: number } | undefined;
    for (const l2 of [...penalties].sort((a, b) => b - a)) {
      if (!(await goesOn())) return undefined;
      const fit = problem.fit(l2);
      const { predicted, loss } = classified(fit, validation.features, validation.labels);
      const top1 = shareRight(predicted, validation.labels);
      path.push({ l2, top1, loss, converged: fit.converged });
      if (best === undefined || top1 > best.top1 || (top1 === best.top1 && loss < best.loss))
        best = { fit, top1, loss };
    }
    return { fit: best!.fit, path };
  } finally {
    problem.dispose();
  }
}
