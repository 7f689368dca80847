import { BatchNorm2d, Conv2d, type GroupNorm, initialised, Module } from '../../nn/index.js';
import { call, cat, noGrad, permute, relu, relu_, reshape, type Tensor } from '../../torch/index.js';
import { FeaturePyramid, normOf, type PyramidNorm } from '../pyramid.js';
import { anchorsPerPlace, LEVELS } from './anchors.js';
import type { DetectorOptions } from './options.js';

/** How probable an object is said to be at a place before anything is learned (Lin et al. 2017, RetinaNet, section 4.1). */
const PRIOR = 0.01;
/** Deviation of the normal numbers that kernels begin with (the same). */
const DEVIATION = 0.01;

/** A 3x3 convolution, its norm and ReLU. Batch norm has statistics and weights of its own for each level (tensorflow/tpu). */
class Layer extends Module<readonly [x: Tensor, level: number], Tensor> {
  readonly conv: Conv2d;
  readonly norm?: GroupNorm;
  readonly norms?: readonly BatchNorm2d[];
  constructor(channels: number, norm: PyramidNorm, bias: boolean) {
    super();
    this.conv = new Conv2d(channels, channels, 3, { bias });
    if (norm === 'group') this.norm = normOf(norm, channels) as GroupNorm;
    if (norm === 'batch') this.norms = Array.from({ length: LEVELS }, () => new BatchNorm2d(channels));
  }
  forward([x, level]: readonly [Tensor, number]): Tensor {
    const y = this.conv.forward(x);
    return this.norms === undefined ? relu_(this.norm?.forward(y) ?? y) : this.norms[level]!.forwardAct(y, 'relu');
  }
}

/** [n, places x k, ...] of a convolution's [n, k x .., h, w]: by row, column, anchor. */
const byPlace = (x: Tensor, numbers: number): Tensor =>
  reshape(permute(x, [0, 2, 3, 1]), [x.shape[0]!, (x.shape[1]! / numbers) * x.shape[2]! * x.shape[3]!, numbers]);

/** Layers and an output convolution, the same ones on all levels. */
class Branch extends Module<readonly [x: Tensor, level: number], Tensor> {
  readonly tower: readonly Layer[];
  readonly out: Conv2d;
  /** FCOS: how near a place is to its box's centre. */
  readonly centre?: Conv2d;
  /** @param numbers an anchor's @param centre whether it says centre-ness too */
  constructor(
    { channels, layers, norm, kind }: DetectorOptions,
    anchors: number,
    readonly numbers: number,
    centre = false,
  ) {
    super();
    const bias = kind === 'fcos' || norm === 'none';
    this.tower = Array.from({ length: layers }, () => new Layer(channels, norm, bias));
    this.out = new Conv2d(channels, anchors * numbers, 3, { bias: true });
    if (centre) this.centre = new Conv2d(channels, anchors, 3, { bias: true });
  }
  /** @returns [n, anchors of the level, numbers (+ 1)] */
  forward([x, level]: readonly [Tensor, number]): Tensor {
    const y = this.tower.reduce((value, layer) => layer.forward([value, level]), x);
    const out = byPlace(this.out.forward(y), this.numbers);
    // Distances are not negative.
    return this.centre === undefined ? out : cat([relu(out), byPlace(this.centre.forward(y), 1)], 2);
  }
}

/**
 * All that stands on a trunk's maps c3, c4 and c5 in a detector: the pyramid P3 to P7, and two branches that look at each of its levels with the
 * same weights. Outputs, for each anchor of each level (see `anchorsOf`): class logits and the box's code, [n, A, classes + 4]; with FCOS a
 * logit of centre-ness behind them.
 */
export class DetectionHead extends Module<readonly Tensor[], Tensor> {
  readonly fpn: FeaturePyramid;
  readonly classes: Branch;
  readonly boxes: Branch;
  /** @param widths channels of the maps */
  constructor(widths: readonly number[], options: DetectorOptions, seed: number) {
    super();
    const { channels, extra, pyramidNorm, kind } = options;
    const anchors = kind === 'fcos' ? 1 : anchorsPerPlace(options.anchors);
    this.fpn = new FeaturePyramid(widths, { channels, norm: pyramidNorm, extra }, seed);
    this.classes = new Branch(options, anchors, options.classes);
    this.boxes = new Branch(options, anchors, 4, kind === 'fcos');
    for (const [i, branch] of [this.classes, this.boxes].entries())
      initialised(branch, seed + 1 + i, (drawn, _, random) =>
        call('aten::normal_', [drawn, 0, DEVIATION], { generator: random }),
      );
    noGrad(() =>
      call<Tensor>('aten::fill_.Scalar', [this.classes.out.bias!, -Math.log((1 - PRIOR) / PRIOR)]).dispose(),
    );
  }
  forward(maps: readonly Tensor[]): Tensor {
    const levels = this.fpn
      .forward(maps)
      .map((x, level) => cat([this.classes.forward([x, level]), this.boxes.forward([x, level])], 2));
    return cat(levels, 1);
  }
}
