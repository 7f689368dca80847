import { Linear } from '../nn/index.js';
import { add, call, conv2d, noGrad, scope, type Tensor } from '../torch/index.js';
import type { ImageModel } from './model.js';

/** Whether a class's map is exactly what its logit is made of: an average over positions, then one linear layer. */
export const hasActivationMaps = (model: ImageModel): boolean =>
  model.averaged !== undefined && headOf(model) instanceof Linear;

/** The head, unless layers of a projection head stand before it. */
function headOf(model: ImageModel): unknown {
  const modules = new Map(model.modules());
  return modules.has('projection') ? undefined : modules.get(model.head);
}

/**
 * Class activation maps (Zhou et al., CVPR 2016, arXiv 1512.04150): how much each position adds to the logit of each class,
 * ```
 * M_c(x, y) = sum_k w[c, k] f_k(x, y),   logit_c = mean of M_c over x, y + b_c
 * ```
 * with f what is averaged (`ImageModel.averaged`) and w, b the head. In evaluation mode the second line holds exactly, but for rounding.
 * @param x pictures [N, channels, H, W], normalised
 * @returns logits [N, classes] and maps [N, classes, h, w]; undefined where the model is made otherwise (`hasActivationMaps`)
 */
export function activationMaps(model: ImageModel, x: Tensor): { logits: Tensor; maps: Tensor } | undefined {
  const head = headOf(model);
  if (model.averaged === undefined || !(head instanceof Linear)) return undefined;
  return scope(() =>
    noGrad(() => {
      const features = model.averaged!(x);
      const kernel = call<Tensor>('aten::view', [head.weight, [head.outFeatures, head.inFeatures, 1, 1]]);
      const maps = conv2d(features, kernel, null);
      const mean = call<Tensor>('aten::mean.dim', [maps, [2, 3]]);
      return { logits: head.bias === undefined ? mean : add(mean, head.bias), maps };
    }),
  );
}
