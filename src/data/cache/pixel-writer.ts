import {
  closeSync,
  constants,
  copyFileSync,
  fsyncSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { checksum, ENTRY, HEADER, MAGIC, type PixelFile, UNREADABLE } from './pixel-file.js';

/** Small pictures are written together. */
const STAGED = 2 ** 20;

/**
 * Writes a file of decoded pictures beside the one that is to be replaced: a reader sees the old file or the whole new
 * one. The order of the calls does not matter to readers.
 */
export class PixelWriter {
  readonly #temporary: string;
  readonly #file: number;
  readonly #head = Buffer.alloc(HEADER);
  readonly #index: Buffer;
  readonly #staged = Buffer.alloc(STAGED);
  #filled = 0;
  /** Where the staged bytes will lie. */
  #at: number;

  /** @param old what is kept: the new file begins as its copy */
  constructor(
    readonly path: string,
    channels: 1 | 3,
    readonly count: number,
    old?: PixelFile,
  ) {
    this.#temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
    this.#index = Buffer.alloc(ENTRY * count);
    try {
      if (old !== undefined) copyFileSync(path, this.#temporary, constants.COPYFILE_FICLONE);
      this.#file = openSync(this.#temporary, old === undefined ? 'w' : 'r+');
    } catch (error) {
      rmSync(this.#temporary, { force: true });
      throw error;
    }
    if (old !== undefined) readSync(this.#file, this.#index, 0, this.#index.length, HEADER);
    this.#head.write(MAGIC, 'latin1');
    this.#head.writeUInt32LE(channels, 16);
    this.#head.writeUInt32LE(count, 20);
    this.#at = old?.bytes ?? HEADER + ENTRY * count;
  }

  /** Bytes of the file so far. */
  get bytes(): number {
    return this.#at + this.#filled;
  }

  /** Adds picture i; the bytes are [height, width, channels]. */
  add(i: number, width: number, height: number, data: Uint8Array): void {
    this.#index.writeDoubleLE(this.bytes, ENTRY * i);
    this.#index.writeUInt32LE(width, ENTRY * i + 8);
    this.#index.writeUInt32LE(height, ENTRY * i + 12);
    if (this.#filled + data.length > STAGED) this.#flush();
    if (data.length > STAGED) this.#write(data);
    else {
      this.#staged.set(data, this.#filled);
      this.#filled += data.length;
    }
  }

  /** Notes that picture i could not be read. */
  addUnreadable(i: number): void {
    this.#index.writeDoubleLE(UNREADABLE, ENTRY * i);
  }

  /** Puts the file in its place. */
  commit(): void {
    this.#flush();
    this.#head.writeDoubleLE(this.#at, 24);
    checksum(this.#head, this.#index).copy(this.#head, 32);
    writeWhole(this.#file, this.#head, 0);
    writeWhole(this.#file, this.#index, HEADER);
    fsyncSync(this.#file);
    closeSync(this.#file);
    renameSync(this.#temporary, this.path);
  }

  /** Leaves what was there. */
  abandon(): void {
    try {
      closeSync(this.#file);
    } catch {
      // commit() had closed it.
    }
    rmSync(this.#temporary, { force: true });
  }

  #flush(): void {
    const staged = this.#staged.subarray(0, this.#filled);
    this.#filled = 0;
    this.#write(staged);
  }

  #write(data: Uint8Array): void {
    writeWhole(this.#file, data, this.#at);
    this.#at += data.length;
  }
}

function writeWhole(file: number, data: Uint8Array, position: number): void {
  for (let done = 0; done < data.length; ) done += writeSync(file, data, done, data.length - done, position + done);
}
