import { UsageError } from '../../errors.js';
import {
  add,
  call,
  cat,
  conv2d,
  fixed,
  fromTypedArray,
  isTracing,
  matmul,
  permute,
  reshape,
  softmax,
  type Tensor,
  to,
  zeros,
} from '../../torch/index.js';
import { Conv2d } from '../conv.js';
import { Module } from '../module.js';
import { BatchNorm2d } from '../norm.js';
import { parameter } from '../parameter.js';

export interface LambdaOptions {
  /** Queries that share keys and values. */
  heads: number;
  /** Length of a query and a key, K. */
  keyDepth: number;
  /** Side of the local context, odd: positions further away have a part in the content lambda alone. 0: an embedding of all relative positions. */
  context: number;
  /** With a context of 0: sides [height, width] of the largest map. */
  positions: readonly [number, number];
}

/** Kernels of the local context, one a key dimension, over single channels: weight [K, 1, r, r, 1] as of timm's 3-D convolution, bias [K]. */
export class LocalContext extends Module {
  weight: Tensor;
  bias: Tensor;
  constructor(
    readonly keyDepth: number,
    readonly side: number,
  ) {
    super();
    this.weight = parameter(zeros([keyDepth, 1, side, side, 1]));
    this.bias = parameter(zeros([keyDepth]));
  }
  /** Position lambdas of each position: values [N, V, H, W] -> [N, H*W, K, V]. */
  forward(v: Tensor): Tensor {
    const { keyDepth, side } = this;
    const [n = 0, depth = 0, height = 0, width = 0] = v.shape;
    const padding = (side - 1) / 2;
    const flat = (): Tensor => reshape(this.weight, [keyDepth, 1, side, side]);
    const positions = height * width;
    // In a file the batch stays the first dimension: every value has its own K kernels, which are the same.
    const y = isTracing()
      ? conv2d(
          v,
          repeated(this.weight, flat, depth),
          repeated(this.bias, () => this.bias, depth),
          { padding, groups: depth },
        )
      : conv2d(reshape(v, [n * depth, 1, height, width]), flat(), this.bias, { padding });
    return permute(reshape(y, [n, depth, keyDepth, positions]), [0, 3, 2, 1]);
  }
}

/** `times` copies one after the other, as a constant of a trace. */
const repeated = (source: Tensor, of: () => Tensor, times: number): Tensor =>
  fixed(source, () => {
    const one = of();
    return cat(Array.from({ length: times }, () => one));
  });

/**
 * Lambda layer (Bello 2021, arXiv 2102.08602) with intra-depth 1, as timm has it: C -> C channels on M = H * W positions, V = C / heads.
 * ```
 * q [h, M, K], k [K, M], v [M, V] = 1x1 convolution;  q and v through batch norm, k through a softmax over the M positions
 * content lambda     Lc   = k v                        [K, V], one for all positions
 * position lambdas   Lp_m = sum over n of E_(n-m) v_n   [K, V] for each position m
 * y_(h,m) = q_(h,m) (Lc + Lp_m)                         output channel h * V + v
 * ```
 * E is a kernel of r x r (its bias is added), 0 outside, or an embedding of every relative position, `pos_emb` [2H - 1, 2W - 1, K], of whose
 * middle smaller maps take their part. No attention map of M x M is kept for a picture. State keys are timm's LambdaLayer's.
 */
export class LambdaLayer extends Module {
  // `declare`: which of the two there is decides about the order of state keys.
  declare pos_emb?: Tensor;
  declare conv_lambda?: LocalContext;
  readonly qkv: Conv2d;
  readonly norm_q: BatchNorm2d;
  readonly norm_v: BatchNorm2d;
  readonly depth: number;
  constructor(
    readonly channels: number,
    readonly options: LambdaOptions,
  ) {
    super();
    const { heads, keyDepth, context, positions } = options;
    if (channels % heads !== 0)
      throw new UsageError(
        `Expected channels that ${heads} heads of a lambda layer divide but it has ${channels}. Take another width or other heads.`,
      );
    this.depth = channels / heads;
    if (context === 0) this.pos_emb = parameter(zeros([2 * positions[0] - 1, 2 * positions[1] - 1, keyDepth]));
    this.qkv = new Conv2d(channels, heads * keyDepth + keyDepth + this.depth, 1);
    this.norm_q = new BatchNorm2d(heads * keyDepth);
    this.norm_v = new BatchNorm2d(this.depth);
    if (context > 0) this.conv_lambda = new LocalContext(keyDepth, context);
  }

  /** Deviations of the normal numbers that its tensors start as. Source: timm lambda_layer.py, reset_parameters. */
  startDeviations(): [Tensor, number][] {
    const { qkv, conv_lambda: local, pos_emb: table } = this;
    return [
      [qkv.weight, 1 / Math.sqrt(this.channels)],
      ...(local === undefined ? [] : [[local.weight, 1 / Math.sqrt(local.keyDepth)] as [Tensor, number]]),
      ...(table === undefined ? [] : [[table, 0.02] as [Tensor, number]]),
    ];
  }

  forward(x: Tensor): Tensor {
    const { heads, keyDepth } = this.options;
    const { depth } = this;
    const [n = 0, , height = 0, width = 0] = x.shape;
    const positions = height * width;
    const qkv = this.qkv.forward(x);
    const part = (from: number, to: number): Tensor => call('aten::slice.Tensor', [qkv, 1, from, to]);
    const q = this.norm_q.forwardAct(part(0, heads * keyDepth), 'none');
    const k = softmax(reshape(part(heads * keyDepth, (heads + 1) * keyDepth), [n, keyDepth, positions]));
    const v = this.norm_v.forwardAct(part((heads + 1) * keyDepth, (heads + 1) * keyDepth + depth), 'none');
    const values = permute(reshape(v, [n, depth, positions]), [0, 2, 1]);
    const content = reshape(matmul(k, values), [n, 1, keyDepth, depth]);
    const lambdas = add(this.conv_lambda?.forward(v) ?? this.#everywhere(values, height, width), content);
    const queries = permute(reshape(q, [n, heads, keyDepth, positions]), [0, 3, 1, 2]);
    const y = reshape(matmul(queries, lambdas), [n, height, width, this.channels]);
    return permute(y, [0, 3, 1, 2]);
  }

  /** Position lambdas by the embedding: [N, M, V] -> [N, M, K, V]. */
  #everywhere(values: Tensor, height: number, width: number): Tensor {
    const { keyDepth, positions } = this.options;
    const [rows, columns] = positions;
    if (height > rows || width > columns)
      throw new UsageError(
        `Expected maps of at most ${rows} x ${columns} positions, for which the network has embeddings, but received ${height} x ${width}. ` +
          'Take a smaller size, or a model with embeddings for a larger one: the option positionSize, or @SIZE behind its name.',
      );
    const all = height * width;
    const table = this.pos_emb!;
    const [n = 0, , depth = 0] = values.shape;
    const embedding = fixed(table, () => {
      const places = new Int32Array(all * all);
      for (let m = 0, at = 0; m < all; m++)
        for (let other = 0; other < all; other++, at++) {
          const row = Math.floor(other / width) - Math.floor(m / width) + rows - 1;
          places[at] = row * (2 * columns - 1) + (other % width) - (m % width) + columns - 1;
        }
      const index = to(fromTypedArray(places, [all * all]), { device: table.device });
      const list = reshape(table, [(2 * rows - 1) * (2 * columns - 1), keyDepth]);
      const pairs = reshape(call('aten::index_select', [list, 0, index]), [all, all, keyDepth]);
      return reshape(permute(pairs, [0, 2, 1]), [all * keyDepth, all]);
    });
    return reshape(matmul(embedding, values), [n, all, keyDepth, depth]);
  }
}
