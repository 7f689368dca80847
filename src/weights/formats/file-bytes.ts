import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { RescaledError, UsageError } from '../../errors.js';
import { systemReason } from '../../files.js';

/**
 * A file open for ranged reads. Its size is taken once; a file that shrinks meanwhile is an error, never short data.
 */
export class FileBytes {
  #file: number | undefined;
  private constructor(
    readonly path: string,
    file: number,
    readonly size: number,
  ) {
    this.#file = file;
  }

  /** @throws UsageError when there is no such file or it cannot be opened */
  static open(path: string): FileBytes {
    let file: number;
    try {
      // Asked first: opening a pipe would wait for its writer.
      if (!statSync(path).isFile()) throw new UsageError(`Expected a weights file but ${path} is not a file.`);
      file = openSync(path, 'r');
    } catch (cause) {
      if (cause instanceof UsageError) throw cause;
      const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
      throw new UsageError(
        `Expected a weights file but ${path} ${missing ? 'is not there. Check the path' : `cannot be opened: ${systemReason(cause)}`}.`,
        { cause },
      );
    }
    const stat = fstatSync(file);
    if (stat.isFile()) return new FileBytes(path, file, stat.size);
    closeSync(file);
    throw new UsageError(`Expected a weights file but ${path} is not a file.`);
  }

  /**
   * For a library that reads by itself; it must not close it. A closed descriptor's number is soon another file's, so
   * never keep it.
   */
  get descriptor(): number {
    if (this.#file === undefined) throw new RescaledError(`${this.path} is closed; open it again to read from it.`);
    return this.#file;
  }

  /**
   * Exactly `length` bytes at `position`, in a buffer of their own. The caller has checked the range against `size`.
   */
  read(position: number, length: number): Uint8Array<ArrayBuffer> {
    const file = this.descriptor;
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      // one system call takes less than 2^31
      const got = readSync(file, bytes, done, Math.min(length - done, 2 ** 30), position + done);
      if (got === 0) throw new RescaledError(`${this.path} became shorter while it was read.`);
      done += got;
    }
    return bytes;
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}
