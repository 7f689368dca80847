import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pixelsOf, type Pixels } from '../augment/pixels.js';
import { BrokenPicture, decodeFile, type DecodeOptions } from '../data/decode.js';

/** A picture to classify: a path, an encoded file (JPEG, PNG, ...) in memory, or decoded pixels. */
export type Picture = string | Uint8Array | Pixels;

/**
 * Decodes a picture by the rules of `decodeFile`, which are those of training.
 * @param name what a picture in memory is called in messages
 * @throws BrokenPicture when it cannot be read; RescaledError when pixels and sides do not fit
 */
export async function decodePicture(picture: Picture, name: string, options: DecodeOptions): Promise<Pixels> {
  if (typeof picture === 'string') return decodeFile(picture, options);
  if (!(picture instanceof Uint8Array)) return pixelsOf(picture.data, picture.width, picture.height);
  if (picture.length === 0) throw new BrokenPicture(name, 'it is empty (0 bytes)');
  // By way of a file, so that there is one decoder with one set of limits.
  const folder = await mkdtemp(join(tmpdir(), 'rescaled-'));
  try {
    const path = join(folder, 'picture');
    await writeFile(path, picture, { mode: 0o600 });
    return await decodeFile(path, options);
  } catch (error) {
    if (error instanceof BrokenPicture) throw new BrokenPicture(name, error.reason, { cause: error });
    throw error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
