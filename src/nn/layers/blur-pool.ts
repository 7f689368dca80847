import { avgPool2d, call, type Tensor } from '../../torch/index.js';
import { Module } from '../module.js';

/**
 * Blur pooling (Zhang 2019, arXiv 1904.11486): every channel is smoothed by (1, 2, 1) x (1, 2, 1) / 16, the border mirrored without
 * its own pixel, and every other position is kept: [N, C, H, W] -> [N, C, ceil(H/2), ceil(W/2)], H and W at least 2.
 *
 * The filter is the mean of 2x2 positions taken twice, (1, 1) * (1, 1) = (1, 2, 1), and so is it computed.
 */
export class BlurPool2d extends Module {
  forward(x: Tensor): Tensor {
    const mirrored = call<Tensor>('aten::reflection_pad2d', [x, [1, 1, 1, 1]]);
    return avgPool2d(avgPool2d(mirrored, 2, 1), 2, 2);
  }
}
