import { type Pixels, pixelsOf } from '../augment/pixels.js';
import { type DecodeOptions, decodeBytes, decodeFile } from '../data/decoding/decode.js';

/** An encoded picture that is read when its turn comes. */
export interface LazyPicture {
  /** As it will be told. */
  path: string;
  read(): Promise<Uint8Array>;
}

export const isLazy = (value: unknown): value is LazyPicture =>
  typeof value === 'object' &&
  value !== null &&
  'read' in value &&
  typeof value.read === 'function' &&
  'path' in value &&
  typeof value.path === 'string';

/** A picture to classify: a path, an encoded file (JPEG, PNG, ...) in memory or read later, or decoded pixels. */
export type Picture = string | Uint8Array | Pixels | LazyPicture;

/**
 * Decodes a picture by the rules of `decodeFile`, which are those of training.
 * @param name what a picture in memory is called in messages
 * @throws BrokenPicture when it cannot be read; RescaledError when pixels and sides do not fit
 */
export async function decodePicture(picture: Picture, name: string, options: DecodeOptions): Promise<Pixels> {
  if (typeof picture === 'string') return decodeFile(picture, options);
  if (isLazy(picture)) return decodeBytes(await picture.read(), name, options);
  if (!(picture instanceof Uint8Array)) return pixelsOf(picture.data, picture.width, picture.height);
  return decodeBytes(picture, name, options);
}
