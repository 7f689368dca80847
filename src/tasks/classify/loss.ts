import { call, crossEntropy, div, fromTypedArray, keep, type Tensor } from '../../torch/index.js';

/**
 * Cross-entropy of logits [N, K] against labels [N], the mean over the batch; with class weights w [K] the sum of
 * w_label * loss over N, not over the sum of weights as PyTorch's mean has it, so that it stays the mean of the losses
 * of the batch's parts.
 */
export function classLoss(logits: Tensor, labels: Tensor, labelSmoothing: number, classWeights?: Tensor): Tensor {
  if (classWeights === undefined) return crossEntropy(logits, labels, labelSmoothing);
  const reductionSum = 2;
  const sum = call<Tensor>('aten::cross_entropy_loss', [logits, labels, classWeights, reductionSum], {
    label_smoothing: labelSmoothing,
  });
  return div(sum, labels.shape[0]!);
}

/**
 * w_c = N/(K * n_c): every class weighs the same in all, and the mean weight of a picture is 1. A class without
 * pictures has the weight 0.
 */
export function balancedShares(labels: ArrayLike<number>, classes: number): Float32Array {
  const counts = new Float32Array(classes);
  for (let i = 0; i < labels.length; i++) counts[labels[i]!]!++;
  const present = counts.filter((count) => count > 0).length;
  return counts.map((count) => (count === 0 ? 0 : labels.length / (present * count)));
}

/** The same as a tensor [K]. */
export const balancedWeights = (labels: ArrayLike<number>, classes: number, device: string): Tensor =>
  keep(fromTypedArray(balancedShares(labels, classes), [classes], { device }));
