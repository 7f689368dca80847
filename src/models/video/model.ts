import { UsageError } from '../../errors.js';
import type { Sequential } from '../../nn/index.js';
import { scope, type Tensor } from '../../torch/index.js';
import { type Features, ImageModel } from '../model.js';
import { widthsOf } from '../resnet.js';

/** A classifier of clips [N, channels, T, S, S] (normalised) with logits [N, classes]. */
export abstract class VideoModel extends ImageModel {
  abstract layer1: Sequential;
  abstract layer2: Sequential;
  abstract layer3: Sequential;
  abstract layer4: Sequential;

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

  get totalStride(): number {
    return 8 * this.options.stemStride;
  }

  get featureWidths(): Record<keyof Features, number> {
    return widthsOf(this);
  }

  /** What the first stage looks at. */
  protected abstract entry(x: Tensor): Tensor;

  protected stages(x: Tensor): Features {
    const c2 = this.layer1.forward(scope(() => this.entry(x)));
    const c3 = this.layer2.forward(c2);
    const c4 = this.layer3.forward(c3);
    return { c2, c3, c4, c5: this.layer4.forward(c4) };
  }
}
