import { call, type Tensor } from '../torch/index.js';

/** Height and width. */
export type Sides = readonly [height: number, width: number];

/**
 * Maps [N, C, h, w] at other sides. Pixel i of the result has its centre at (i + 1/2) * h / height of the source, whatever the corners
 * (PyTorch's `align_corners=False`). `bilinear`: of the four neighbours, the border's repeated. `nearest`: the pixel that the
 * left upper corner of the place falls in, PyTorch's `nearest`: it doubles sides exactly.
 */
export function resize(x: Tensor, [height, width]: Sides, mode: 'bilinear' | 'nearest' = 'bilinear'): Tensor {
  const [, , h, w] = x.shape;
  if (h === height && w === width) return x;
  return mode === 'bilinear'
    ? call('aten::upsample_bilinear2d', [x, [height, width], false, null, null])
    : call('aten::upsample_nearest2d', [x, [height, width], null, null]);
}

/** Height and width of maps [N, C, h, w]. */
export const sidesOf = ({ shape }: Tensor): Sides => [shape[2]!, shape[3]!];
