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
  /** out[i] = tables[256 * (i % 3) + source[i]]; `out` may be the source. */
  mapBytes(source: Uint8Array, out: Uint8Array, tables: Uint8Array): void;
  /** counts[256 * c + v]: how often channel c is v. */
  countBytes(source: Uint8Array, counts: Int32Array): void;
  /** See `color`: blend with the grey of `parts` [3, 256], TensorFlow's, or with Pillow's. `out` may be the source. */
  color(
    source: Uint8Array,
    out: Uint8Array,
    width: number,
    height: number,
    factor: number,
    parts: Float32Array | undefined,
  ): void;
  /** See `sharpness`. */
  sharpness(source: Uint8Array, out: Uint8Array, width: number, height: number, factor: number, pillow: boolean): void;
  /** See `transform`: TensorFlow's nearest pixel. */
  nearest(
    source: Uint8Array,
    out: Uint8Array,
    width: number,
    height: number,
    map: Float32Array,
    fill: Uint8Array,
  ): void;
  /** Pillow's bilinear sampling. */
  bilinear(
    source: Uint8Array,
    out: Uint8Array,
    width: number,
    height: number,
    map: Float64Array,
    fill: Uint8Array,
  ): void;
  /** And Pillow's nearest: steps and first point in units of 1/65536. */
  nearestFixed(
    source: Uint8Array,
    out: Uint8Array,
    width: number,
    height: number,
    map: Int32Array,
    fill: Uint8Array,
  ): void;
}

let kernels: PictureKernels | undefined;

/** Of this thread. */
export const pictureKernels = (): PictureKernels | undefined => kernels;

/** Those for these bytes: memory that threads share is not handed to native code. */
export const kernelsFor = ({ buffer }: Uint8Array): PictureKernels | undefined =>
  buffer instanceof ArrayBuffer ? kernels : undefined;

/**
 * From now on in this thread views are made with these; undefined for the TypeScript. This room knows no engine: who has
 * loaded it gives its kernels here.
 */
export function usePictureKernels(given: PictureKernels | undefined): void {
  kernels = given;
}
