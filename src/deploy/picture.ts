import { type Pixels, pixelsOf } from '../augment/pixels.js';
import { type DecodeOptions, type Examined, examineBytes, examineFile } from '../data/decoding/decode.js';

/** A picture to classify: a path, an encoded file (JPEG, PNG, ...) in memory, or decoded pixels. */
export type Picture = string | Uint8Array | Pixels;

interface Sides {
  readonly width: number;
  readonly height: number;
}

/** A picture that is read when its turn comes: one of a source, say. */
export interface LatePicture {
  /** As it is told. */
  readonly path: string;
  /**
   * @param targetSize side S that the network will see, in pixels
   * @returns its pixels, with the sides that it had before any reduction where they are known
   * @throws BrokenPicture when it cannot be read
   */
  pixels(targetSize: number): Promise<Pixels & { whole?: Sides }>;
}

export const isLate = (value: unknown): value is LatePicture =>
  typeof value === 'object' &&
  value !== null &&
  'pixels' in value &&
  typeof value.pixels === 'function' &&
  'path' in value &&
  typeof value.path === 'string';

/** An encoded picture that is read when its turn comes. */
export const late = (path: string, read: () => Promise<Uint8Array>): LatePicture => ({
  path,
  async pixels(targetSize) {
    const { pixels, width, height } = await examineBytes(await read(), path, { targetSize });
    return { ...pixels, whole: { width, height } };
  },
});

/**
 * Decodes a picture by the rules of `decodeFile`, which are those of training.
 * @param name what a picture in memory is called in messages
 * @returns its pixels, and its sides before any reduction
 * @throws BrokenPicture when it cannot be read; RescaledError when pixels and sides do not fit
 */
export async function decodePicture(
  picture: Picture,
  name: string,
  options: DecodeOptions,
): Promise<Pick<Examined, 'pixels' | 'width' | 'height'>> {
  if (typeof picture === 'string') return examineFile(picture, options);
  if (picture instanceof Uint8Array) return examineBytes(picture, name, options);
  return ofPixels(pixelsOf(picture.data, picture.width, picture.height));
}

/** Pixels of which nobody may know whether they were reduced. */
export const ofPixels = (pixels: Pixels & { whole?: Sides }): Pick<Examined, 'pixels' | 'width' | 'height'> => ({
  pixels,
  ...(pixels.whole ?? { width: pixels.width, height: pixels.height }),
});
