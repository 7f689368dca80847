import type { Pixels } from '../../augment/pixels.js';
import { PixelFile, type PixelFileSpec } from '../cache/pixel-file.js';
import { isWhole } from '../decoding/decode.js';

/** Decoded pictures of a data set by their numbers. A file may hold only some of them. */
export interface CachedFiles {
  /** In their own size. */
  whole?: PixelFileSpec;
  /** Larger ones, reduced for pictures of `size` pixels. */
  reduced?: PixelFileSpec;
  size: number;
}

/** Finds the file, if any, that holds picture `id` as it is decoded for pictures of `targetSize` pixels. */
export function cacheFinder(
  cached: CachedFiles | undefined,
): (id: number, targetSize: number) => PixelFile | undefined {
  const whole = cached?.whole && PixelFile.of(cached.whole);
  const reduced = cached?.reduced && PixelFile.of(cached.reduced);
  return (id, targetSize) => {
    // Decoding for smaller pictures would have reduced it.
    if (whole?.state(id) === 'there' && isWhole(whole.width(id), whole.height(id), targetSize)) return whole;
    return cached?.size === targetSize && reduced?.state(id) === 'there' ? reduced : undefined;
  };
}

/** Reads picture i of a source. @param idOf its number in the data set */
export function cacheReader(
  idOf: (i: number) => number,
  cached: CachedFiles | undefined,
): (i: number, targetSize: number) => Pixels | undefined {
  const find = cacheFinder(cached);
  return (i, targetSize) => find(idOf(i), targetSize)?.pixels(idOf(i));
}
