import { type Pixels, pixelsOf } from '../augment/pixels.js';
import { type DecodeOptions, decodeBytes, decodeFile } from '../data/decoding/decode.js';

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
 * @throws BrokenPicture when it cannot be read; RescaledError when pixels and sides do not fit
 */
export async function decodePicture(picture: Picture, name: string, options: DecodeOptions): Promise<Pixels> {
  if (typeof picture === 'string') return decodeFile(picture, options);
  if (!(picture instanceof Uint8Array)) return pixelsOf(picture.data, picture.width, picture.height);
  return decodeBytes(picture, name, options);
}
