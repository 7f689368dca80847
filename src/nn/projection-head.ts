import { UsageError } from '../errors.js';
import { call, copy_, generator, noGrad, relu, scope, type Tensor, zeros } from '../torch/index.js';
import { Linear } from './linear.js';
import { Module } from './module.js';
import { BatchNorm1d } from './norm.js';

/** `v1`: SimCLR, arXiv 2002.05709. `v2`: SimCLRv2, arXiv 2006.10029, and the code of both. */
export type HeadVersion = 'v1' | 'v2';

export interface ProjectionHeadOptions {
  /** 2 of v1, 3 of v2 unless given. */
  layers: number;
  /** Outputs of every layer but the last; those of the trunk unless given. */
  hidden: number;
  /** Outputs of the last layer; 128 unless given. */
  out: number;
  /** Where more layers follow that are not kept: the last of these is a hidden one too, of `hidden` outputs. */
  cut: boolean;
}

/** Deviation of the normal numbers that its kernels begin with; google-research/simclr model_util.py, linear_layer. */
const DEVIATION = 0.01;

/** A linear layer, batch norm where the head has any, and ReLU on all layers but the last. */
class HeadLayer extends Module {
  readonly linear: Linear;
  readonly norm?: BatchNorm1d;
  constructor(
    inputs: number,
    outputs: number,
    version: HeadVersion,
    readonly last: boolean,
  ) {
    super();
    this.linear = new Linear(inputs, outputs, { bias: version === 'v1' });
    if (version === 'v2') this.norm = new BatchNorm1d(outputs, { shift: !last });
  }
  forward(x: Tensor): Tensor {
    const y = this.linear.forward(x);
    const normed = this.norm === undefined ? y : this.norm.forward(y);
    return this.last ? normed : relu(normed);
  }
}

/**
 * What stands on the trunk while it learns by contrast: [N, width] -> [N, out], before it is brought to length 1.
 *
 * - `v1`: linear, ReLU, linear, with biases (the paper, section 2.1).
 * - `v2`: linear layers without biases, each followed by batch norm; hidden ones with its shift and ReLU, the last with
 *   neither (google-research/simclr tf2/model.py, ProjectionHead).
 *
 * Kernels begin with normal numbers of deviation 0.01, biases with 0. State keys: `layers.<i>.linear.weight`,
 * `layers.<i>.linear.bias` of v1, `layers.<i>.norm.*` of v2.
 */
export class ProjectionHead extends Module {
  readonly layers: HeadLayer[];
  /** Outputs of the first k layers, k from 0 (those of the trunk) to all. */
  readonly widths: readonly number[];
  constructor(
    width: number,
    readonly version: HeadVersion,
    seed: number,
    options: Partial<ProjectionHeadOptions> = {},
  ) {
    super();
    const { layers = version === 'v1' ? 2 : 3, hidden = width, cut = false, out = cut ? hidden : 128 } = options;
    for (const [name, value] of Object.entries({ width, layers, hidden, out }))
      if (!Number.isInteger(value) || value < 1)
        throw new UsageError(`Expected a whole number above 0 for ${name} of a projection head but received ${value}.`);
    this.widths = [width, ...Array.from({ length: layers }, (_, i) => (i === layers - 1 ? out : hidden))];
    this.layers = this.widths
      .slice(1)
      .map((outputs, i) => new HeadLayer(this.widths[i]!, outputs, version, i === layers - 1 && !cut));
    const random = generator(seed);
    noGrad(() =>
      scope(() => {
        for (const { linear } of this.layers) {
          const drawn = zeros(linear.weight.shape);
          call('aten::normal_', [drawn, 0, DEVIATION], { generator: random });
          copy_(linear.weight, drawn);
        }
      }),
    );
  }

  forward(x: Tensor): Tensor {
    return this.middle(x, this.layers.length);
  }

  /**
   * Outputs of the first k layers, x itself for 0. SimCLRv2 fine-tunes from the first layer of three where labels are
   * few, and from the trunk (0) with all of them: arXiv 2006.10029, section 3.2.
   */
  middle(x: Tensor, k: number): Tensor {
    if (!Number.isInteger(k) || k < 0 || k > this.layers.length)
      throw new UsageError(
        `Expected the number of a projection head's layers, 0 to ${this.layers.length}, but received ${k}.`,
      );
    return this.layers.slice(0, k).reduce((value, layer) => layer.forward(value), x);
  }
}

/** The version and widths of the projection head whose tensors these are, under `projection.`; undefined where there is none. */
export function projectionIn(
  tensors: ReadonlyMap<string, { readonly shape: readonly number[] }>,
): { version: HeadVersion; widths: number[] } | undefined {
  const kernel = (i: number): readonly number[] | undefined =>
    tensors.get(`projection.layers.${i}.linear.weight`)?.shape;
  const first = kernel(0);
  if (first === undefined) return undefined;
  const widths = [first[1]!];
  for (let i = 0; kernel(i) !== undefined; i++) widths.push(kernel(i)![0]!);
  return { version: tensors.has('projection.layers.0.norm.weight') ? 'v2' : 'v1', widths };
}
