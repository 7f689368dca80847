import { RescaledError, UsageError } from '../../errors.js';
import { AvgPool2d, Conv2d, Module, type Sequential } from '../../nn/index.js';
import { call, mul, type Tensor } from '../../torch/index.js';
import type { ImageModel } from '../model.js';
import { ResNet } from '../resnet.js';

/** Pixels of the picture that one position of c5 stands for, each way. */
export const OUTPUT_STRIDES = [8, 16, 32] as const;
export type OutputStride = (typeof OUTPUT_STRIDES)[number];

/** x[i + by] along a dimension; where that is past the end, x[i]. */
function ahead(x: Tensor, dim: number, by: number): Tensor {
  const side = x.shape[dim]!;
  const from = Math.min(by, side);
  const slice = (begin: number, end: number): Tensor => call('aten::slice.Tensor', [x, dim, begin, end]);
  return from === side ? x : call('aten::cat', [[slice(from, side), slice(side - from, side)], dim]);
}

/**
 * The 2x2 average pool of the ResNet-D shortcut at stride 1, its taps `dilation` apart: at every place the value that the pool of stride 2
 * has at every other one. A tap past the border does not count.
 */
class DilatedAvgPool2d extends Module {
  constructor(readonly dilation: number) {
    super();
  }
  forward(x: Tensor): Tensor {
    // The place itself stands for a tap that is missing, so that two are averaged everywhere.
    const half = (y: Tensor, dim: number): Tensor =>
      mul(call<Tensor>('aten::add.Tensor', [y, ahead(y, dim, this.dilation)]), 0.5);
    return half(half(x, 2), 3);
  }
}

/**
 * Makes the last stages of a ResNet keep their side: where their stride would make c5 coarser than `stride`, it becomes 1, and the taps of
 * all that follows stand twice as far apart (atrous convolution: Chen et al. 2017, arXiv 1706.05587, section 3.1). Keys and shapes stay, and
 * so does what the trunk computes: with any weights its maps have, at every other place (or fourth), the values of the trunk with strides.
 *
 * The strided 3x3 convolution of the first block keeps the taps of the stage before it, as in torchvision (resnet.py, `_make_layer` with
 * `dilate`) and timm. The average pool of a ResNet-D shortcut does so too (timm's pool is not dilated in the last stage at stride 8).
 * @throws UsageError for a trunk that is no ResNet
 */
export function dilate(trunk: ImageModel, stride: OutputStride): void {
  if (trunk.totalStride <= stride) return;
  if (!(trunk instanceof ResNet))
    throw new UsageError(
      `Expected a ResNet for an output stride of ${stride} but the trunk is another (${trunk.constructor.name}), of stride ${trunk.totalStride}. ` +
        'Use the decoder fpn, which needs no dilation, or a ResNet.',
    );
  let reached: number = trunk.options.stemStride;
  let dilation = 1;
  for (const stage of [trunk.layer1, trunk.layer2, trunk.layer3, trunk.layer4]) {
    const own = stage === trunk.layer1 ? 1 : 2;
    const before = dilation;
    if (reached * own > stride) dilation *= own;
    else reached *= own;
    if (dilation === 1) continue;
    [...stage].forEach((block, i) =>
      dilateBlock(block, { first: i === 0, strided: before !== dilation, before, dilation }),
    );
  }
  if (reached !== stride)
    throw new RescaledError(`Expected an output stride of ${stride} but dilation of this trunk gives ${reached}.`);
}

interface Place {
  /** The first block of its stage. */
  first: boolean;
  /** The stage lost its stride. */
  strided: boolean;
  /** Of the stage before, and of this one. */
  before: number;
  dilation: number;
}

function dilateBlock(block: Module, { first, strided, before, dilation }: Place): void {
  let met = false;
  for (const [path, module] of block.modules()) {
    if (!(module instanceof Conv2d)) continue;
    const wasStrided = module.stride > 1;
    if (first && strided) module.stride = 1;
    if (module.kernel === 1 || path.startsWith('downsample')) continue;
    // In a basic block two convolutions are 3x3: only what comes after the lost stride has the wider taps.
    const wide = first && strided && !met ? before : dilation;
    if (wasStrided || module.kernel > 1) met = true;
    module.dilation = wide;
    module.padding = (wide * (module.kernel - 1)) / 2;
  }
  const { downsample } = block as { downsample?: Sequential };
  if (first && strided && downsample !== undefined)
    for (const [name, module] of downsample.children())
      if (module instanceof AvgPool2d)
        (downsample as unknown as Record<string, Module>)[name] = new DilatedAvgPool2d(before);
}
