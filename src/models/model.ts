import { Module, type Initialiser } from '../nn/index.js';
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

/** Outputs of the stages, named as in the feature-pyramid literature: c2 at stride 4, c3 at 8, c4 at 16, c5 at 32 (half with a stem of half the stride). */
export type Features = Record<'c2' | 'c3' | 'c4' | 'c5', Tensor>;

/** A classifier of images [N, channels, S, S] (normalised) with logits [N, classes]. */
export abstract class ImageModel extends Module {
  abstract readonly options: ModelOptions;
  /** Field of the last linear layer: `fc` or `classifier`. Its rows are the classes. */
  abstract readonly head: string;
  abstract features(x: Tensor): Features;
}
