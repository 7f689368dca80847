import { closeSync, openSync, read, readSync } from 'node:fs';
import { systemReason } from '../../files.js';

/** Files that are kept open at most, in each thread. Shards are read in windows of a few. */
const MOST_OPEN = 64;

interface OpenFile {
  readonly fd: number;
  /** Reads under way. */
  pins: number;
}

const files = new Map<string, OpenFile>();

/**
 * Reads bytes of a file that stays open for the next read: with pictures in any order, opening would cost more than reading.
 * @param version of the file as it was looked at, so that one in its place is opened anew
 * @returns fewer bytes where it ends before
 */
export async function readAt(path: string, version: string, offset: number, length: number): Promise<Buffer> {
  const file = opened(path, version);
  file.pins++;
  try {
    const buffer = Buffer.allocUnsafeSlow(length);
    let done = 0;
    while (done < length) {
      const count = await readOnce(file.fd, buffer, done, offset + done);
      if (count === 0) break;
      done += count;
    }
    return buffer.subarray(0, done);
  } finally {
    file.pins--;
  }
}

/** As `readAt`, at once; for a few bytes that the system most likely holds. */
export function readAtSync(path: string, version: string, offset: number, length: number): Buffer {
  const buffer = Buffer.allocUnsafe(length);
  return buffer.subarray(0, readSync(opened(path, version).fd, buffer, 0, length, offset));
}

const readOnce = (fd: number, buffer: Buffer, at: number, position: number): Promise<number> =>
  new Promise((resolve, reject) =>
    read(fd, buffer, at, buffer.length - at, position, (error, count) => (error ? reject(error) : resolve(count))),
  );

/** Why a file cannot be read, in words. */
export function readReason(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'no such file';
  return code === 'EACCES' || code === 'EPERM' ? 'permission denied' : systemReason(error);
}

/** The one not used for longest is closed; a plain descriptor, since sources are never closed. */
function opened(path: string, version: string): OpenFile {
  const key = `${path}\0${version}`;
  const known = files.get(key);
  if (known !== undefined) {
    files.delete(key);
    files.set(key, known);
    return known;
  }
  const file: OpenFile = { fd: openSync(path, 'r'), pins: 0 };
  if (files.size >= MOST_OPEN)
    for (const [other, { fd, pins }] of files) {
      if (pins > 0) continue;
      files.delete(other);
      closeSync(fd);
      break;
    }
  files.set(key, file);
  return file;
}
