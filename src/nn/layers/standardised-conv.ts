import { batchNorm, call, fixed, mul, ones, permute, reshape, type Tensor } from '../../torch/index.js';
import { Conv2d } from '../conv.js';
import { ownKernels } from '../own-kernels.js';
import { parameter } from '../parameter.js';

/** Of the variance of a kernel. Source: timm nfnet.py, std_conv_eps. */
const EPSILON = 1e-5;

/**
 * A convolution with bias whose kernels are standardised (scaled weight standardisation: Brock et al. 2021, arXiv 2101.08692), each output
 * channel over its N = in/groups * k^2 weights:
 * ```
 * W' = gain * scale / sqrt(N) * (W - mean W) / sqrt(var W + 1e-5)      var with N in the denominator
 * ```
 * so that an output has the variance of the inputs, whatever W is. `scale` is a constant: NFNets take the variance-preserving factor of the
 * activation before it, and whatever else multiplies all inputs. State: weight, bias, gain [out, 1, 1, 1], which begins as 1.
 */
export class StandardisedConv2d extends Conv2d {
  gain: Tensor;
  constructor(
    inChannels: number,
    outChannels: number,
    kernel: number,
    readonly scale: number,
    options: { stride?: number; padding?: number | 'same'; groups?: number } = {},
  ) {
    super(inChannels, outChannels, kernel, { ...options, bias: true });
    this.gain = parameter(ones([outChannels, 1, 1, 1]));
  }

  /** W'; in an exported file a constant. */
  protected override kernels(): Tensor {
    return fixed(this.weight, () => {
      const { weight, outChannels } = this;
      const factor = this.scale / Math.sqrt(weight.size / outChannels);
      // One pass of our own (native/standardise.cpp); elsewhere PyTorch's batch norm, whose channels are the kernels.
      if (this.training && weight.device === 'cpu' && ownKernels(weight, this.gain))
        return call('rescaled::standardise', [weight, this.gain, factor, EPSILON]);
      const [, depth = 0, height = 0, width = 0] = weight.shape;
      const count = depth * height * width;
      // A channel's weights as they lie in memory: their order is of no matter to mean and variance.
      const last = weight.isContiguous('channels_last');
      const rows = reshape(last ? permute(weight, [0, 2, 3, 1]) : weight, [1, outChannels, count]);
      const gain = mul(reshape(this.gain, [outChannels]), factor);
      const standard = batchNorm(rows, gain, null, null, null, true, 0, EPSILON);
      if (!last) return reshape(standard, [outChannels, depth, height, width]);
      return permute(reshape(standard, [outChannels, height, width, depth]), [0, 3, 1, 2]);
    });
  }
}
