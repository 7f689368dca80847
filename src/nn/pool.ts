import { avgPool2d, call, isTracing, maxPool2d, maxPool3d, type Tensor, to } from '../torch/index.js';
import { overFrames, type TimeSpace } from './conv.js';
import { Module } from './module.js';

/** While training on the CPU pooling is ours, which keeps less of its input for the backward pass (native/pool.cpp): the same bytes. */
const keepsLittle = (module: Module, x: Tensor): boolean => module.training && x.device === 'cpu';

/** 2x2 average pool of stride 2 with TensorFlow's SAME rule for odd sizes: the ResNet-D shortcut. */
export class AvgPool2d extends Module {
  forward(x: Tensor): Tensor {
    if (keepsLittle(this, x)) return call('rescaled::avg_pool', [x, 2, 2, 0, true, false]);
    return avgPool2d(x, 2, 2, { ceilMode: true, countIncludePad: false });
  }
}

/** 3x3 average pool of stride 2, padding 1 on both sides, whose zeros count: the mean is always of nine (ResNeSt's down-sampling). */
export class AvgPool3x3 extends Module {
  forward(x: Tensor): Tensor {
    if (keepsLittle(this, x)) return call('rescaled::avg_pool', [x, 3, 2, 1, false, true]);
    return avgPool2d(x, 3, 2, { padding: 1 });
  }
}

export class MaxPool2d extends Module {
  forward(x: Tensor): Tensor {
    if (keepsLittle(this, x)) return call('rescaled::max_pool', [x, 3, 2, 1]);
    return maxPool2d(x, 3, 2, 1);
  }
}

/** Of clips [N, C, T, H, W]; padding (kt-1)/2 and (k-1)/2 on both sides. */
export class MaxPool3d extends Module {
  constructor(
    readonly kernel: TimeSpace,
    readonly stride: TimeSpace,
  ) {
    super();
  }
  forward(x: Tensor): Tensor {
    const [[time, space], [timeStride, stride]] = [this.kernel, this.stride];
    const padding = (space - 1) / 2;
    // PyTorch's 2-D pool works in channels_last memory, its 3-D one copies into another order and back.
    const last = !isTracing() && x.isContiguous('channels_last');
    if (time === 1 && timeStride === 1 && last)
      return overFrames(x, (frames) => maxPool2d(frames, space, stride, padding));
    const y = maxPool3d(x, [time, space, space], [timeStride, stride, stride], [(time - 1) / 2, padding, padding]);
    return last ? to(y, { memoryFormat: 'channels_last' }) : y;
  }
}
