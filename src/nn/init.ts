import { call, copy_, type Generator, generator, noGrad, scope, type Tensor, zeros } from '../torch/index.js';
import { Conv2d, Conv3d } from './conv.js';
import { Linear } from './linear.js';
import type { AnyModule, Module } from './module.js';
import { BatchNorm } from './norm.js';
import { SelfGate } from './squeeze-excite.js';

/**
 * - `tf`: convolution kernels truncated normal with deviation sqrt(1/fan_in) (tf.variance_scaling_initializer()),
 *   classifier normal 0.01. The released ResNet-RS code.
 * - `timm`: convolution kernels normal with deviation sqrt(2/fan_out), classifier uniform +-1/sqrt(in).
 * - `efficientnet`: convolution kernels as `timm`, classifier uniform +-1/sqrt(out). The released EfficientNet code.
 * - `tresnet`: convolution kernels as `timm`, classifier normal 0.01. timm's TResNet and Alibaba-MIIL's.
 * - `resnest`: as `timm`, but fan_out of a convolution in groups is that of one without. timm's ResNeSt and zhanghang1989's.
 *
 * Biases are 0, of the last two uniform +-1/sqrt(fan_in), and batch norm is the identity in all; the kernel of a self-gate is truncated normal of 0.01, as in
 * tensorflow/models.
 */
export type Initialiser = 'tf' | 'timm' | 'efficientnet' | 'tresnet' | 'resnest';

/**
 * Deviation of a standard normal cut at +-2: a truncated normal is divided by it to have the deviation that was asked
 * for.
 */
const TRUNCATED_DEVIATION = 0.8796256610342398;

/** Normal numbers of deviation `std` cut at two deviations, by the inverse of the distribution function. */
function truncatedNormal_(tensor: Tensor, std: number, random: Generator): void {
  const inside = 0.9544997361036416; // erf(2 / sqrt 2)
  call('aten::uniform_', [tensor, -inside, inside], { generator: random });
  call('aten::erfinv_', [tensor]);
  call('aten::mul_.Scalar', [tensor, (Math.SQRT2 * std) / TRUNCATED_DEVIATION]);
}

/** Fills every layer of the tree. The same seed gives the same weights. */
export function initialise(root: Module, kind: Initialiser, seed: number): void {
  const random = generator(seed);
  const gates = new Set<AnyModule>();
  const uniform_ = (tensor: Tensor, limit: number): void =>
    fill(tensor, (t) => call('aten::uniform_', [t, -limit, limit], { generator: random }));
  const startBias = (bias: Tensor | undefined, fanIn: number): void => {
    if (bias === undefined) return;
    if (kind === 'tresnet' || kind === 'resnest') uniform_(bias, 1 / Math.sqrt(fanIn));
    else call('aten::zero_', [bias]);
  };
  // In-place operators return a handle as well: without the scope those would live until the collector finds them.
  noGrad(() =>
    scope(() => {
      for (const [, module] of root.modules()) {
        if (module instanceof SelfGate) gates.add(module.fc);
        if (module instanceof Conv2d || module instanceof Conv3d) {
          const { weight, inChannels, outChannels } = module;
          const groups = module instanceof Conv2d ? module.groups : 1;
          const area = weight.shape.slice(2).reduce((product, side) => product * side, 1);
          if (gates.has(module)) fill(weight, (t) => truncatedNormal_(t, 0.01 * TRUNCATED_DEVIATION, random));
          else if (kind === 'tf')
            fill(weight, (t) => truncatedNormal_(t, Math.sqrt(1 / ((area * inChannels) / groups)), random));
          else {
            const fanOut = (area * outChannels) / (kind === 'resnest' ? 1 : groups);
            fill(weight, (t) => call('aten::normal_', [t, 0, Math.sqrt(2 / fanOut)], { generator: random }));
          }
          startBias(module.bias, (area * inChannels) / groups);
        } else if (module instanceof Linear) {
          if (kind === 'tf' || kind === 'tresnet')
            fill(module.weight, (t) => call('aten::normal_', [t, 0, 0.01], { generator: random }));
          else uniform_(module.weight, 1 / Math.sqrt(kind === 'efficientnet' ? module.outFeatures : module.inFeatures));
          startBias(module.bias, module.inFeatures);
        } else if (module instanceof BatchNorm) {
          call('aten::fill_.Scalar', [module.weight, 1]);
          if (module.bias !== undefined) call('aten::zero_', [module.bias]);
        }
      }
    }),
  );
}

/**
 * Fills the kernels of all convolutions of a tree by `draw`, in the order of its fields; biases become 0. The same seed gives the same weights.
 * @param draw fills a tensor with numbers for the kernel of that convolution
 */
export function initialised(
  root: AnyModule,
  seed: number,
  draw: (drawn: Tensor, conv: Conv2d, random: Generator) => void,
): void {
  const random = generator(seed);
  noGrad(() =>
    scope(() => {
      for (const [, module] of root.modules()) {
        if (!(module instanceof Conv2d)) continue;
        fill(module.weight, (drawn) => draw(drawn, module, random));
        if (module.bias !== undefined) call('aten::zero_', [module.bias]);
      }
    }),
  );
}

// Drawn in a contiguous CPU tensor first: the numbers then do not depend on device or memory format.
function fill(target: Tensor, draw: (tensor: Tensor) => void): void {
  scope(() => {
    const drawn = zeros(target.shape);
    draw(drawn);
    copy_(target, drawn);
  });
}
