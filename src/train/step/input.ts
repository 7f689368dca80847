import { IMAGENET_INPUT, type InputFacts } from '../../run/config.js';
import { call, fromTypedArray, permute, type Tensor, to } from '../../torch/index.js';

/** Constants of the normalisation on a device: 255*mean and 255*std, [1, 3, 1, 1]. */
export class Normaliser {
  readonly mean: Tensor;
  readonly std: Tensor;
  constructor(
    readonly device: string,
    { mean, std }: Pick<InputFacts, 'mean' | 'std'> = IMAGENET_INPUT,
  ) {
    const constant = (values: readonly number[]) =>
      fromTypedArray(
        Float32Array.from(values, (v) => 255 * v),
        [1, 3, 1, 1],
        { device },
      );
    this.mean = constant(mean);
    this.std = constant(std);
  }
  /**
   * uint8 [N, S, S, 3] -> float32 [N, 3, S, S] in channels_last: (x - 255*mean)/(255*std). A permuted NHWC array
   * already is channels_last.
   */
  input(images: Uint8Array, n: number, size: number): Tensor {
    const raw = fromTypedArray(images, [n, size, size, 3], { device: this.device });
    const x = to(permute(raw, [0, 3, 1, 2]), { dtype: 'float32' });
    return call('aten::div_.Tensor', [call('aten::sub_.Tensor', [x, this.mean]), this.std]);
  }
  dispose(): void {
    this.mean.dispose();
    this.std.dispose();
  }
}
