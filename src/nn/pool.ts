import { avgPool2d, maxPool2d, type Tensor } from '../torch/index.js';
import { Module } from './module.js';

/** 2x2 average pool of stride 2 with TensorFlow's SAME rule for odd sizes: the ResNet-D shortcut. */
export class AvgPool2d extends Module {
  forward(x: Tensor): Tensor {
    return avgPool2d(x, 2, 2, { ceilMode: true, countIncludePad: false });
  }
}

export class MaxPool2d extends Module {
  forward(x: Tensor): Tensor {
    return maxPool2d(x, 3, 2, 1);
  }
}
