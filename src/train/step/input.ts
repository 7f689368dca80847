import { IMAGENET_INPUT, type InputFacts } from '../../run/config.js';
import { call, fromTypedArray, permute, type Tensor, to } from '../../torch/index.js';

/** Constants of the normalisation on a device: 255*mean and 255*std, [1, 3, 1, 1]; of clips [1, 3, 1, 1, 1]. */
export class Normaliser {
  readonly mean: Tensor;
  readonly std: Tensor;
  /** Of a clip; absent of pictures. */
  readonly frames: number | undefined;
  constructor(
    readonly device: string,
    { mean, std, clip }: Pick<InputFacts, 'mean' | 'std' | 'clip'> = IMAGENET_INPUT,
  ) {
    this.frames = clip?.frames;
    const constant = (values: readonly number[]) =>
      fromTypedArray(
        Float32Array.from(values, (v) => 255 * v),
        clip === undefined ? [1, 3, 1, 1] : [1, 3, 1, 1, 1],
        { device },
      );
    this.mean = constant(mean);
    this.std = constant(std);
  }
  /**
   * uint8 [N, S, S, 3] -> float32 [N, 3, S, S] in channels_last: (x - 255*mean)/(255*std). A permuted NHWC array
   * already is channels_last. Clips [N, T, S, S, 3] become [N, 3, T, S, S] in the same way.
   */
  input(images: Uint8Array, n: number, size: number): Tensor {
    const { frames, device } = this;
    const raw =
      frames === undefined
        ? permute(fromTypedArray(images, [n, size, size, 3], { device }), [0, 3, 1, 2])
        : permute(fromTypedArray(images, [n, frames, size, size, 3], { device }), [0, 4, 1, 2, 3]);
    const x = to(raw, { dtype: 'float32' });
    return call('aten::div_.Tensor', [call('aten::sub_.Tensor', [x, this.mean]), this.std]);
  }
  dispose(): void {
    this.mean.dispose();
    this.std.dispose();
  }
}
