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

/** Whether convolutions in float32 may be our own; `RESCALED_CONVOLUTIONS=pytorch` leaves all of them to PyTorch. */
export const ownConvolutions = (): boolean => process.env['RESCALED_CONVOLUTIONS'] !== 'pytorch';

/**
 * The side m of the tiles with which a 3x3 convolution of stride 1 is the faster one by Winograd's method (native/winograd.cpp), or 0 where none is.
 * Costs are counted in multiplications for each pair of channels: a tile takes t^2, t = m + 2, in the products, its transforms as many as 10 m
 * channels' products on either side, the weight's transform as many as 60 tiles; the plain convolution a position 9, at four fifths of the speed.
 * Fitted to what was measured (docs/convolutions.md).
 */
export function winogradTile(n: number, channels: number, outChannels: number, height: number, width: number): number {
  let [best, least] = [0, (9 / 0.8) * n * height * width];
  for (const m of [3, 2]) {
    const tiles = n * Math.ceil(height / m) * Math.ceil(width / m);
    const cost = (m + 2) ** 2 * (tiles * (1 + (10 * m) / channels + (10 * m) / outChannels) + 60);
    if (cost < least) [best, least] = [m, cost];
  }
  return best;
}
