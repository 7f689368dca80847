import { UsageError } from '../../errors.js';
import type { Tensor } from '../../torch/index.js';
import { type Features, ImageModel } from '../model.js';

/** A classifier of clips [N, channels, T, S, S] (normalised) with logits [N, classes]. */
export abstract class VideoModel extends ImageModel {
  /**
   * The feature maps [N, C, T', H', W'] of any clip of a frame or more whose sides are at least `totalStride`; what a stride does not divide is
   * rounded up.
   * @throws UsageError when x is not [N, channels, T, H, W] or a side is smaller
   */
  override features(x: Tensor): Features {
    const { shape } = x;
    const least = this.totalStride;
    const { channels } = this.options;
    if (shape.length !== 5 || shape[1] !== channels || shape[2]! < 1 || shape[3]! < least || shape[4]! < least)
      throw new UsageError(
        `Expected clips [N, ${channels}, T, H, W] of a frame or more with sides of ${least} or more, ` +
          `the product of the model's strides, but received [${shape.join(', ')}].` +
          (shape.length === 4 ? ' Those are pictures: a model of clips learns from video alone.' : ''),
      );
    return this.stages(x);
  }
}
