import type { Tensor } from '../torch/index.js';

/** Our kernels are for float32 and float64, of one kind. */
export const ownKernels = (x: Tensor, other: Tensor): boolean =>
  (x.dtype === 'float32' || x.dtype === 'float64') && x.dtype === other.dtype;
