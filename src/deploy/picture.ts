import { type Pixels, pixelsOf } from '../augment/pixels.js';
import { type DecodeOptions, decodeBytes, type Examined, examineBytes, examineFile } from '../data/decoding/decode.js';

/** A picture to classify: a path, an encoded file (JPEG, PNG, ...) in memory, or decoded pixels. */
export type Picture = string | Uint8Array | Pixels;

/** A picture that is read when its turn comes: one of a source, say. */
export interface LatePicture {
  /** As it is told. */
  readonly path: string;
  /**
   * @param targetSize side S that the network will see, in pixels
   * @throws BrokenPicture when it cannot be read
   */
  pixels(targetSize: number): Promise<Pixels>;
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
  pixels: async (targetSize) => decodeBytes(await read(), path, { targetSize }),
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

/** Pixels of which nobody knows whether they were reduced. */
export const ofPixels = (pixels: Pixels): Pick<Examined, 'pixels' | 'width' | 'height'> => ({
  ...{ pixels, width: pixels.width, height: pixels.height },
});
