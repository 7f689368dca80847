import { keep, type Tensor } from '../torch/index.js';

/** A trained tensor: kept outside scopes, requires a gradient. */
export function parameter(tensor: Tensor): Tensor {
  tensor.requiresGrad = true;
  return keep(tensor);
}
