import { UsageError } from '../errors.js';
import { BatchNorm2d, Conv2d, GroupNorm, initialised, Module, resize, Sequential, sidesOf } from '../nn/index.js';
import { add, call, relu, type Tensor } from '../torch/index.js';

/** What stands behind a convolution of a pyramid or a head: batch norm of this machine's batch, group norm, or nothing. */
export type PyramidNorm = 'none' | 'batch' | 'group';

export interface PyramidOptions {
  /** Of every level. */
  channels: number;
  /** Behind each lateral and each output convolution, without an activation. Default: none. */
  norm?: PyramidNorm;
  /**
   * Two levels more, each of half the size: a 3x3 convolution of stride 2 on the last map (`c5`: RetinaNet as published, Detectron2) or on the
   * last level (`p5`: tensorflow/tpu, torchvision's first RetinaNet), and one on the ReLU of that. Default: none.
   */
  extra?: 'c5' | 'p5';
}

/** A norm of these channels; undefined for none. */
export const normOf = (kind: PyramidNorm, channels: number): BatchNorm2d | GroupNorm | undefined =>
  kind === 'batch' ? new BatchNorm2d(channels) : kind === 'group' ? new GroupNorm(channels) : undefined;

/** A convolution, which has a bias where no norm stands behind it. */
function convNorm(inputs: number, channels: number, kernel: number, kind: PyramidNorm): Sequential {
  const norm = normOf(kind, channels);
  const conv = new Conv2d(inputs, channels, kernel, { bias: norm === undefined });
  return new Sequential(norm === undefined ? [conv] : [conv, norm]);
}

/** The two levels beyond the last map. */
class ExtraLevels extends Module<Tensor, [Tensor, Tensor]> {
  readonly p6: Conv2d;
  readonly p7: Conv2d;
  constructor(inputs: number, channels: number) {
    super();
    this.p6 = new Conv2d(inputs, channels, 3, { stride: 2, bias: true });
    this.p7 = new Conv2d(channels, channels, 3, { stride: 2, bias: true });
  }
  forward(x: Tensor): [Tensor, Tensor] {
    const p6 = this.p6.forward(x);
    return [p6, this.p7.forward(relu(p6))];
  }
}

/**
 * Feature pyramid (Lin et al. 2017) on maps of a trunk, finest first, each of half the sides of the one before it (rounded up):
 *
 *     lateral(l) = 1x1(c(l));  merged(last) = lateral(last);  merged(l) = lateral(l) + nearest(merged(l + 1));  p(l) = 3x3(merged(l))
 *
 * and, with `extra`, two levels more. The levels have the same number of channels. State keys are torchvision's: `inner_blocks.<i>.0.*`,
 * `layer_blocks.<i>.0.*` (`.1.*` the norm), `extra_blocks.p6.*`, `extra_blocks.p7.*`. Kernels begin uniform in +-sqrt(3 / fan in), biases 0
 * (torchvision ops/feature_pyramid_network.py).
 */
export class FeaturePyramid extends Module<readonly Tensor[], Tensor[]> {
  readonly inner_blocks: readonly Sequential[];
  readonly layer_blocks: readonly Sequential[];
  readonly extra_blocks?: ExtraLevels;

  /** @param inputs channels of the maps, finest first */
  constructor(
    inputs: readonly number[],
    readonly options: PyramidOptions,
    seed: number,
  ) {
    super();
    const { channels, norm = 'none', extra } = options;
    if (inputs.length === 0) throw new UsageError('Expected at least one map for a feature pyramid.');
    this.inner_blocks = inputs.map((own) => convNorm(own, channels, 1, norm));
    this.layer_blocks = inputs.map(() => convNorm(channels, channels, 3, norm));
    if (extra !== undefined) this.extra_blocks = new ExtraLevels(extra === 'c5' ? inputs.at(-1)! : channels, channels);
    initialised(this, seed, (drawn, conv, random) => {
      const limit = Math.sqrt(3 / (conv.inChannels * conv.kernel ** 2));
      call('aten::uniform_', [drawn, -limit, limit], { generator: random });
    });
  }

  /** @returns the levels, finest first */
  forward(maps: readonly Tensor[]): Tensor[] {
    if (maps.length !== this.inner_blocks.length)
      throw new UsageError(
        `Expected ${this.inner_blocks.length} maps for the feature pyramid but received ${maps.length}.`,
      );
    const levels: Tensor[] = [];
    let merged: Tensor | undefined;
    for (let i = maps.length - 1; i >= 0; i--) {
      const lateral = this.inner_blocks[i]!.forward(maps[i]!);
      merged = merged === undefined ? lateral : add(lateral, resize(merged, sidesOf(lateral), 'nearest'));
      levels.unshift(this.layer_blocks[i]!.forward(merged));
    }
    if (this.extra_blocks === undefined) return levels;
    return [...levels, ...this.extra_blocks.forward(this.options.extra === 'c5' ? maps.at(-1)! : levels.at(-1)!)];
  }
}
