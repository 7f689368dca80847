import { systemReason } from '../../files.js';
import { withLock } from '../../lock.js';
import { cacheFile, cacheFolder, MOST_BYTES, makeRoom, touch } from '../cache/folder.js';
import { PixelFile } from '../cache/pixel-file.js';
import { PixelWriter } from '../cache/pixel-writer.js';
import { readIdxFile } from './idx-file.js';

export interface IdxPixels {
  /** Number of pictures, rows, columns. */
  shape: [number, number, number];
  pixels: SharedArrayBuffer | PixelFile;
  /** Why they are not kept. */
  note?: string;
}

/**
 * The pictures of an IDX file, unpacked: from the cache where they lie there, else from the file, and then kept for the
 * next process.
 * @param key of the cache, which changes with the file's bytes; without it nothing is kept
 */
export async function idxPixels(path: string, key: string | undefined): Promise<IdxPixels> {
  const folder = cacheFolder();
  const cache = key === undefined || folder === undefined ? undefined : cacheFile(folder, key);
  const known = cache === undefined ? undefined : fromCache(cache);
  if (known !== undefined) return known;
  const { shape, data } = await readIdxFile(path, 3);
  const unpacked: IdxPixels = { shape: shape as [number, number, number], pixels: data };
  if (cache === undefined || data.byteLength === 0) return unpacked;
  const note = await keep(cache, unpacked.shape, new Uint8Array(data));
  return note === undefined ? (fromCache(cache) ?? unpacked) : { ...unpacked, note };
}

function fromCache(path: string): IdxPixels | undefined {
  const file = PixelFile.open(path);
  if (file === undefined) return undefined;
  touch(path);
  return { shape: [file.count, file.height(0), file.width(0)], pixels: file };
}

class Busy extends Error {}

/** @returns why not; undefined also when another process is at it */
async function keep(
  path: string,
  [count, rows, columns]: [number, number, number],
  data: Uint8Array,
): Promise<string | undefined> {
  if (data.length > MOST_BYTES) return undefined;
  let writer: PixelWriter | undefined;
  try {
    const problem = makeRoom(path, data.length);
    if (problem !== undefined) return problem;
    const write = async (): Promise<void> => {
      writer = new PixelWriter(path, 1, count);
      const size = rows * columns;
      for (let i = 0; i < count; i++) writer.add(i, columns, rows, data.subarray(i * size, (i + 1) * size));
      writer.commit();
    };
    await withLock(`${path}.lock`, write, { timeoutMs: 0, busy: () => new Busy() });
    return undefined;
  } catch (error) {
    writer?.abandon();
    if (error instanceof Busy) return undefined;
    return reasonOf(error);
  }
}

/** Of an error of the file system; any other is a fault of the program. */
export function reasonOf(error: unknown): string {
  const { code, syscall, path } = error as NodeJS.ErrnoException;
  if (code === undefined || syscall === undefined) throw error;
  return `${path ?? 'the cache of pictures'} cannot be written to: ${systemReason(error)}`;
}
