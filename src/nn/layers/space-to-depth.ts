import { pad, permute, reshape, type Tensor } from '../../torch/index.js';
import { Module } from '../module.js';

/**
 * Cells of `side` x `side` positions become channels: [N, C, H, W] -> [N, side^2 C, H/side, W/side], output channel
 * (side * i + j) * C + c for row i and column j of the cell and channel c. What is missing of a last cell is 0.
 */
export class SpaceToDepth extends Module {
  constructor(readonly side: number) {
    super();
  }
  forward(x: Tensor): Tensor {
    const { side } = this;
    if (side === 1) return x;
    const [n = 0, channels = 0, h = 0, w = 0] = x.shape;
    const [height, width] = [Math.ceil(h / side), Math.ceil(w / side)];
    const full = h % side === 0 && w % side === 0 ? x : pad(x, [0, width * side - w, 0, height * side - h]);
    const cells = reshape(full, [n, channels, height, side, width, side]);
    // Channels last of all, so that the result lies in memory as channels_last.
    const rows = reshape(permute(cells, [0, 2, 4, 3, 5, 1]), [n, height, width, side * side * channels]);
    return permute(rows, [0, 3, 1, 2]);
  }
}
