import { createHash, type Hash } from 'node:crypto';
import { closeSync, fsyncSync, openSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { writeFileAtomic } from '../../files.js';
import { INDEX_ENDING, IndexWriter } from './index-file.js';
import type { ShardLabel } from './samples.js';
import { BLOCK } from './tar.js';

/** What has been written of a shard. */
export interface WrittenShard {
  count: number;
  bytes: number;
  sha256: string;
}

/** Bytes that an entry takes with its header. */
export const entryBytes = (size: number): number => BLOCK + Math.ceil(size / BLOCK) * BLOCK;
/** Two blocks of zeros. */
export const END_BYTES = 2 * BLOCK;

/**
 * A header of the POSIX ustar format. Owner, rights and time are always the same, so that the same pictures give the same bytes.
 * @param name at most 100 bytes
 */
export function tarHeader(name: string, size: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, length: number): void => {
    block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1');
  };
  block.write(name, 0);
  octal(0o644, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(0, 136, 12);
  block.write('        0', 148, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** Writes a shard under another name, and gives it its own with its index when it is whole. */
export class ShardWriter {
  readonly #temporary: string;
  readonly #file: number;
  readonly #hash: Hash = createHash('sha256');
  readonly #index = new IndexWriter();
  #bytes = 0;
  #open = true;

  constructor(readonly path: string) {
    this.#temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
    this.#file = openSync(this.#temporary, 'w');
  }

  /**
   * @param key of the sample
   * @param picture its ending and bytes
   * @param others further entries of the sample: endings and contents
   */
  add(
    key: string,
    picture: { ending: string; bytes: Uint8Array },
    label: ShardLabel | undefined,
    others: Readonly<Record<string, string>>,
  ): void {
    const name = `${key}.${picture.ending}`;
    const offset = this.#bytes + BLOCK;
    this.#entry(name, picture.bytes);
    for (const [ending, content] of Object.entries(others)) this.#entry(`${key}.${ending}`, Buffer.from(content));
    this.#index.add({ name, offset, size: picture.bytes.length, ...(label !== undefined && { label }) });
  }

  #entry(name: string, bytes: Uint8Array): void {
    const fill = Buffer.alloc(entryBytes(bytes.length) - BLOCK - bytes.length);
    this.#write(Buffer.concat([tarHeader(name, bytes.length), bytes, fill]));
  }

  #write(bytes: Uint8Array): void {
    this.#hash.update(bytes);
    for (let done = 0; done < bytes.length; ) done += writeSync(this.#file, bytes, done);
    this.#bytes += bytes.length;
  }

  /** Ends the shard and puts it and its index in their places. */
  commit(): WrittenShard {
    this.#write(Buffer.alloc(END_BYTES));
    fsyncSync(this.#file);
    this.#close();
    renameSync(this.#temporary, this.path);
    const { size, mtimeMs } = statSync(this.path);
    writeFileAtomic(`${this.path}${INDEX_ENDING}`, this.#index.finish({ bytes: size, modified: mtimeMs }, {}));
    return { count: this.#index.count, bytes: this.#bytes, sha256: this.#hash.digest('hex') };
  }

  #close(): void {
    if (this.#open) closeSync(this.#file);
    this.#open = false;
  }

  /** Removes what is not whole. May be called after `commit`. */
  abandon(): void {
    this.#close();
    rmSync(this.#temporary, { force: true });
  }
}
