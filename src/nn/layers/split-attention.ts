import { UsageError } from '../../errors.js';
import { add, call, permute, reshape, sigmoid, softmax, type Tensor } from '../../torch/index.js';
import { Conv2d } from '../conv.js';
import { Module } from '../module.js';
import { BatchNorm2d } from '../norm.js';
import { ownKernels } from '../own-kernels.js';
import { scaleChannels, squeeze } from '../squeeze-excite.js';

export interface SplitAttentionOptions {
  /** Splits of a group, R: the same convolution several times, weighed against each other. 1: a gate of its own, by a sigmoid. */
  radix: number;
  /** Groups of the input, K. */
  cardinality: number;
  /** Of the 3x3 convolution; 1 unless given. */
  stride?: number;
}

/**
 * Split attention (Zhang et al. 2020, arXiv 2004.08955, section 3.1), C -> C channels, [N, C, H, W], with A = max(32, C*R/4 to the
 * nearest multiple of 8):
 * ```
 * U = [U_1 .. U_R] = relu(bn0(conv 3x3 (x)))            R*C channels in K*R groups
 * s = mean over H, W of sum_r U_r                       [N, C]
 * z = fc2(relu(bn1(fc1(s))))                            C -> A -> R*C, 1x1 in K groups, with bias
 * y = sum_r a_r U_r,  a = softmax of z over r           (R = 1: sigmoid)
 * ```
 * Channels of U are radix-major: r*C + k*C/K + c. Those of z are cardinality-major, (k*R + r)*C/K + c, since fc2's groups are the
 * cardinality's; a is put in U's order. State keys are timm's SplitAttn's.
 */
export class SplitAttention extends Module {
  readonly conv: Conv2d;
  readonly bn0: BatchNorm2d;
  readonly fc1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly fc2: Conv2d;
  constructor(
    readonly channels: number,
    readonly options: SplitAttentionOptions,
  ) {
    super();
    const { radix, cardinality, stride = 1 } = options;
    const reduced = Math.max(32, Math.floor((channels * radix) / 4 / 8 + 0.5) * 8);
    if (channels % (cardinality * radix) !== 0 || reduced % cardinality !== 0)
      throw new UsageError(
        `Expected channels that cardinality ${cardinality} and radix ${radix} of split attention divide but it has ${channels}, ` +
          `${reduced} inside. Take other values of cardinality, radix, baseWidth or width.`,
      );
    this.conv = new Conv2d(channels, channels * radix, 3, { stride, groups: cardinality * radix });
    this.bn0 = new BatchNorm2d(channels * radix);
    this.fc1 = new Conv2d(channels, reduced, 1, { groups: cardinality, bias: true });
    this.bn1 = new BatchNorm2d(reduced);
    this.fc2 = new Conv2d(reduced, channels * radix, 1, { groups: cardinality, bias: true });
  }

  forward(x: Tensor): Tensor {
    const u = this.bn0.forwardAct(this.conv.forward(x), 'relu');
    const s = this.#sum(squeeze(u, this.training));
    const z = this.fc2.forward(this.bn1.forwardAct(this.fc1.forward(s), 'relu'));
    return this.#weighted(u, this.#weights(z));
  }

  /** a, [N, R*C, 1, 1], radix-major. */
  #weights(z: Tensor): Tensor {
    const { radix, cardinality } = this.options;
    if (radix === 1) return sigmoid(z);
    const [n = 0, all = 0] = z.shape;
    const a = softmax(reshape(z, [n, cardinality, radix, all / (cardinality * radix)]), 2);
    return reshape(cardinality === 1 ? a : permute(a, [0, 2, 1, 3]), [n, all, 1, 1]);
  }

  /** sum_r a_r U_r. While training on the CPU a pass of our own (native/radix_sum.cpp). */
  #weighted(u: Tensor, a: Tensor): Tensor {
    const { radix } = this.options;
    if (radix > 1 && this.training && u.device === 'cpu' && ownKernels(u, a))
      return call('rescaled::radix_sum', [u, a, radix]);
    return this.#sum(scaleChannels(u, a, this.training));
  }

  /** Over r, [N, R*C, ..] -> [N, C, ..]. */
  #sum(x: Tensor): Tensor {
    const { channels, options } = this;
    const part = (r: number): Tensor => call('aten::slice.Tensor', [x, 1, r * channels, (r + 1) * channels]);
    let total = options.radix === 1 ? x : part(0);
    for (let r = 1; r < options.radix; r++) total = add(total, part(r));
    return total;
  }
}
