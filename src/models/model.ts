import { UsageError } from '../errors.js';
import { type Initialiser, Module } from '../nn/index.js';
import type { Tensor } from '../torch/index.js';

/** What every image classifier can be asked for. */
export interface ModelOptions {
  classes: number;
  channels: number;
  /** Multiplies all widths. */
  width: number;
  /** Stride of the stem. */
  stemStride: 1 | 2 | 4;
  dropout: number;
  /** Final stochastic-depth rate; 0 for none. */
  stochasticDepth: number;
  init: Initialiser;
}

/** What is known of a named model of any kind. */
export interface NamedFacts {
  /** As asked for, with its `@size`. */
  name: string;
  /** Default input side in pixels. */
  size: number;
  /** Default frames of a clip, for models of clips alone. */
  frames?: number;
  /** Field of the last linear layer. */
  head: 'fc' | 'classifier' | 'head.fc';
  /** Where the family's regularisation comes from. */
  source: string;
}

/**
 * Outputs of the stages, named as in the feature-pyramid literature: c2 at stride 4, c3 at 8, c4 at 16, c5 at 32 (half
 * with a stem of half the stride).
 */
export type Features = Record<'c2' | 'c3' | 'c4' | 'c5', Tensor>;

/** A classifier of images [N, channels, S, S] (normalised) with logits [N, classes]. */
export abstract class ImageModel extends Module {
  abstract readonly options: ModelOptions;
  /** Field of the last linear layer: `fc`, `classifier` or `head.fc`. Its rows are the classes. */
  abstract readonly head: string;
  /** Pixels of the picture that one position of c5 stands for, each way: the product of all strides. */
  abstract readonly totalStride: number;
  /** Channels of the feature maps. */
  abstract readonly featureWidths: Readonly<Record<keyof Features, number>>;
  /**
   * The feature maps of any picture whose sides are at least `totalStride`, square or not; a side that the stride does
   * not divide is rounded up.
   * @throws UsageError when x is not [N, channels, H, W] or a side is smaller
   */
  features(x: Tensor): Features {
    const { shape } = x;
    const least = this.totalStride;
    const { channels } = this.options;
    if (shape.length !== 4 || shape[1] !== channels || shape[2]! < least || shape[3]! < least)
      throw new UsageError(
        `Expected pictures [N, ${channels}, H, W] with sides of ${least} or more, ` +
          `the product of the model's strides, but received [${shape.join(', ')}]. ` +
          'Smaller pictures need a smaller stemStride (--stem-stride) or to be enlarged (--size); ' +
          'other channels need the option channels.',
      );
    return this.stages(x);
  }
  protected abstract stages(x: Tensor): Features;
  /**
   * What is averaged over its positions and then goes through the head alone, [N, K, h, w], of a model that is made so: in evaluation
   * logits = head(mean of it). Class activation maps rest on that (activation-maps.ts); a model with anything else there has no such method.
   */
  averaged?(x: Tensor): Tensor;
}
