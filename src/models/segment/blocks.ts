import { Activate, type AnyModule, BatchNorm2d, Conv2d, GroupNorm, type Module } from '../../nn/index.js';
import { call, copy_, type Generator, noGrad, scope, type Tensor, zeros } from '../../torch/index.js';

/** `batch`: statistics of the batch as it is on this machine. `group`: of each picture alone, for few pictures a step. */
export const HEAD_NORMS = ['batch', 'group'] as const;
export type HeadNorm = (typeof HEAD_NORMS)[number];

/** Convolution without bias, norm, ReLU: the entries of a Sequential. */
export const convNormRelu = (
  cin: number,
  cout: number,
  kernel: number,
  norm: HeadNorm,
  options: { dilation?: number } = {},
): Module[] => [
  new Conv2d(cin, cout, kernel, options),
  norm === 'batch' ? new BatchNorm2d(cout) : new GroupNorm(cout),
  new Activate('relu'),
];

/**
 * How the convolutions of a new part begin:
 * - `pytorch`: kernels and biases uniform within 1/sqrt(fan in), PyTorch's own; torchvision's heads.
 * - `xavier`: kernels uniform within sqrt(3/fan in), biases 0; detectron2's pyramid (`c2_xavier_fill`).
 * - `msra`: kernels normal of deviation sqrt(2/fan out), biases 0; detectron2's segmentation head (`c2_msra_fill`).
 * - `normal`: kernels normal of deviation 0.01, biases 0; the heads of tensorflow/models.
 */
export type Beginning = 'pytorch' | 'xavier' | 'msra' | 'normal';

/** Fills the convolutions of a tree, in its order. */
export function begin(root: AnyModule, how: Beginning, random: Generator): void {
  noGrad(() =>
    scope(() => {
      for (const [, conv] of root.modules()) {
        if (!(conv instanceof Conv2d)) continue;
        const area = conv.kernel * conv.kernel;
        const fanIn = (area * conv.inChannels) / conv.groups;
        const fanOut = (area * conv.outChannels) / conv.groups;
        if (how === 'pytorch' || how === 'xavier')
          fill(conv.weight, 'aten::uniform_', Math.sqrt((how === 'xavier' ? 3 : 1) / fanIn), random);
        else fill(conv.weight, 'aten::normal_', how === 'msra' ? Math.sqrt(2 / fanOut) : 0.01, random);
        if (conv.bias === undefined) continue;
        if (how === 'pytorch') fill(conv.bias, 'aten::uniform_', Math.sqrt(1 / fanIn), random);
        else call('aten::zero_', [conv.bias]);
      }
    }),
  );
}

function fill(target: Tensor, rule: 'aten::uniform_' | 'aten::normal_', scale: number, random: Generator): void {
  const drawn = zeros(target.shape);
  call(rule, [drawn, rule === 'aten::uniform_' ? -scale : 0, scale], { generator: random });
  copy_(target, drawn);
}
