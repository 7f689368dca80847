import { RescaledError } from '../../errors.js';
import { call, type DType, fromTypedArray, noGrad, scope, type Tensor } from '../../torch/index.js';
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
  /** The largest part of the gradient of objective / n, in the units that it is solved in. */
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

/** Of each part of the gradient of objective / n; scikit-learn's default is 1e-4. */
const TOLERANCE = 1e-6;
/** Features of so many numbers are held in float64, more in float32, with a tolerance that its rounding allows. */
const MOST_DOUBLE = 64e6;
const TOLERANCE_SINGLE = 1e-5;
const ITERATIONS = 1000;

/**
 * Multinomial logistic regression with an L2 penalty on its weights, not on its biases: it minimises
 *
 *     sum_i -log softmax(W x_i + b)_(y_i) + l2/2 |W|^2,
 *
 * which is scikit-learn's `LogisticRegression(C=1/l2, solver='lbfgs')`. Features are taken as they are, as SimCLR does, not standardised. It is
 * solved on centred features with mean square 1, by one number for all: W x + b = (sW)(x - m)/s + (b + W m), so that the minimum is the
 * same, with l2/s^2 on the scaled weights, and found in fewer iterations. One matmul forward and one back an iteration, on the engine.
 * Dispose of it after use.
 */
export class Logistic {
  readonly #x: Tensor;
  readonly #labels: Tensor;
  readonly #target: Tensor;
  readonly #dtype: DType;
  readonly #mean: Float64Array;
  readonly #scale: number;
  readonly #n: number;
  readonly #d: number;
  /** Of the problem that is solved: the start of the next, which lies near. */
  #last: Float64Array | undefined;

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
    let square = 0;
    const centred = this.#dtype === 'float64' ? new Float64Array(n * d) : new Float32Array(n * d);
    for (let i = 0; i < n; i++)
      for (let j = 0; j < d; j++) {
        const value = data[i * d + j]! - mean[j]!;
        centred[i * d + j] = value;
        square += value * value;
      }
    if (!Number.isFinite(square))
      throw new RescaledError(
        'Expected finite features but received NaN or infinity: the weights of the start are damaged.',
      );
    this.#mean = mean;
    this.#scale = square > 0 ? Math.sqrt(square / (n * d)) : 1;
    for (let i = 0; i < centred.length; i++) centred[i]! /= this.#scale;
    const oneHot = new Float32Array(n * classes);
    for (let i = 0; i < n; i++) oneHot[i * classes + labels[i]!] = 1;
    this.#x = fromTypedArray(centred, [n, d]);
    this.#target = fromTypedArray(oneHot, [n, classes], { dtype: this.#dtype });
    this.#labels = fromTypedArray(labels, [n, 1], { dtype: 'int64' });
  }

  /** The minimum for this penalty, begun at the one before: go from strong penalties to weak ones. */
  fit(l2: number): LinearFit {
    const [n, d, k] = [this.#n, this.#d, this.classes];
    const scaled = l2 / this.#scale ** 2;
    const tolerance = this.tolerance ?? (this.#dtype === 'float64' ? TOLERANCE : TOLERANCE_SINGLE);
    const found = minimise(
      (x, gradient) => this.#evaluate(x, gradient, scaled),
      this.#last ?? new Float64Array(k * d + k),
      { tolerance, iterations: ITERATIONS },
    );
    this.#last = found.x;
    const weight = found.x.slice(0, k * d).map((value) => value / this.#scale);
    const bias = found.x.slice(k * d);
    for (let c = 0; c < k; c++) for (let j = 0; j < d; j++) bias[c]! -= weight[c * d + j]! * this.#mean[j]!;
    const { gradient, iterations, converged } = found;
    return { l2, weight, bias, objective: n * found.value, gradient, iterations, converged };
  }

  /** (sum of cross-entropies + l2/2 |W|^2) / n, and its gradient: (P - Y)^T X / n + l2 W / n, and the mean of P - Y. */
  #evaluate(x: Float64Array, gradient: Float64Array, l2: number): number {
    const [n, d, k] = [this.#n, this.#d, this.classes];
    const weights = k * d;
    let squares = 0;
    for (let i = 0; i < weights; i++) squares += x[i]! * x[i]!;
    const loss = scope(() =>
      noGrad(() => {
        const weight = fromTypedArray(x.subarray(0, weights), [k, d], { dtype: this.#dtype });
        const bias = fromTypedArray(x.subarray(weights), [k], { dtype: this.#dtype });
        const logits = call<Tensor>('aten::linear', [this.#x, weight, bias]);
        const logs = call<Tensor>('aten::log_softmax.int', [logits, 1]);
        const own = call<Tensor>('aten::gather', [logs, 1, this.#labels]);
        const residual = call<Tensor>('aten::sub.Tensor', [call('aten::exp', [logs]), this.#target]);
        const ofWeight = call<Tensor>('aten::matmul', [call('aten::t', [residual]), this.#x]).data();
        const ofBias = call<Tensor>('aten::sum.dim_IntList', [residual, [0]]).data();
        for (let i = 0; i < weights; i++) gradient[i] = (Number(ofWeight[i]) + l2 * x[i]!) / n;
        for (let c = 0; c < k; c++) gradient[weights + c] = Number(ofBias[c]) / n;
        return -call<Tensor>('aten::sum', [own], { dtype: 'float64' }).item();
      }),
    );
    return (loss + 0.5 * l2 * squares) / n;
  }

  dispose(): void {
    for (const tensor of [this.#x, this.#labels, this.#target]) tensor.dispose();
  }
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

/**
 * The penalty that does best on other pictures: most right, of equals the lower cross-entropy. The path goes from the strongest penalty to the
 * weakest, each begun where the one before ended.
 */
export function choosePenalty(
  train: Features,
  labels: Int32Array,
  classes: number,
  validation: { features: Features; labels: Int32Array },
  penalties: readonly number[] = PENALTIES,
): { fit: LinearFit; path: PenaltyScore[] } {
  const problem = new Logistic(train, labels, classes);
  try {
    const path: PenaltyScore[] = [];
    let best: { fit: LinearFit; top1: number; loss: number } | undefined;
    for (const l2 of [...penalties].sort((a, b) => b - a)) {
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
