/** Indices and weights of one axis of a resampling, see resample.ts. */
export interface Axis {
  first: Int32Array;
  taps: Int32Array;
  weights: Int32Array;
  stride: number;
}

/**
 * The inner loops of a view, with vector instructions. The TypeScript beside each call is the same and gives the same
 * bytes: who has no kernels goes without. Lengths are in pixels, offset and pitch in bytes.
 */
export interface PictureKernels {
  /** Rows of `pixels` pixels, `pitch` bytes apart, each resampled to `width` pixels of `target`. */
  resampleRows(
    source: Uint8Array,
    offset: number,
    pitch: number,
    pixels: number,
    rows: number,
    target: Uint8Array,
    width: number,
    first: Int32Array,
    taps: Int32Array,
    weights: Int32Array,
    stride: number,
  ): void;
  /** `rows` rows of `bytes` bytes resampled to `height` rows of `target`. */
  resampleColumns(
    source: Uint8Array,
    offset: number,
    pitch: number,
    bytes: number,
    rows: number,
    target: Uint8Array,
    height: number,
    first: Int32Array,
    taps: Int32Array,
    weights: Int32Array,
    stride: number,
  ): void;
  /** [height, width, 3] blurred in place. */
  blur(values: Float32Array, width: number, height: number, kernel: Float32Array): void;
}

let kernels: PictureKernels | undefined;

/** Of this thread. */
export const pictureKernels = (): PictureKernels | undefined => kernels;

/**
 * From now on in this thread views are made with these; undefined for the TypeScript. This room knows no engine: who has
 * loaded it gives its kernels here.
 */
export function usePictureKernels(given: PictureKernels | undefined): void {
  kernels = given;
}
