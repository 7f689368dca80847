import { avgPool2d, call, type Tensor } from '../../torch/index.js';
import { Module } from '../module.js';
import { ownKernels } from '../own-kernels.js';

/**
 * Blur pooling (Zhang 2019, arXiv 1904.11486): every channel is smoothed by (1, 2, 1) x (1, 2, 1) / 16, the border mirrored without
 * its own pixel, and every other position is kept: [N, C, H, W] -> [N, C, ceil(H/2), ceil(W/2)], H and W at least 2.
 *
 * The filter is the mean of 2x2 positions taken twice, (1, 1) * (1, 1) = (1, 2, 1), and so is it computed, of PyTorch's operators, which can be
 * exported. While training on the CPU it is a pass of our own (native/blur_pool.cpp); the two agree to rounding.
 */
export class BlurPool2d extends Module {
  forward(x: Tensor): Tensor {
    if (this.training && x.device === 'cpu' && ownKernels(x, x)) return call('rescaled::blur_pool', [x]);
    const mirrored = call<Tensor>('aten::reflection_pad2d', [x, [1, 1, 1, 1]]);
    return avgPool2d(avgPool2d(mirrored, 2, 1), 2, 2);
  }
}
