import type { Tensor } from '../torch/index.js';

/** Our kernels are for float32 and float64, of one kind. */
export const ownKernels = (x: Tensor, other: Tensor): boolean =>
  (x.dtype === 'float32' || x.dtype === 'float64') && x.dtype === other.dtype;

/** Those that take bfloat16 as well: they compute and sum in float32. */
export const ownHalfKernels = (x: Tensor, other: Tensor): boolean =>
  ownKernels(x, other) || (x.dtype === 'bfloat16' && other.dtype === 'bfloat16');

/** The same of a parameter, which stays float32 beside bfloat16, as do its gradient and batch norm's statistics. */
export const ownParameterKernels = (x: Tensor, parameter: Tensor): boolean =>
  ownKernels(x, parameter) || (x.dtype === 'bfloat16' && parameter.dtype === 'float32');

/** With fewer channels the transforms around Winograd's products cost what the products save. */
export const WINOGRAD_CHANNELS = 16;

/** `RESCALED_WINOGRAD=off` leaves all convolutions to PyTorch. */
export const winograd = (): boolean => process.env['RESCALED_WINOGRAD'] !== 'off';
