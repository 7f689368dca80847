import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { RescaledError, UsageError } from '../errors.js';
import { didYouMean } from '../suggest.js';
import { byteLength, isSafeDType, itemSizes, toFloat32, type SafeDType } from './dtypes.js';
import { maxHeaderBytes, parseHeader, type SafetensorsHeader, type TensorEntry } from './safetensors-header.js';

export type { SafeDType } from './dtypes.js';
export type { TensorEntry } from './safetensors-header.js';

/**
 * A safetensors file, open for reading: 8 bytes little-endian header length, a JSON header, the data. `open` reads and checks the
 * header alone, before anything of the stated sizes is allocated; a tensor's bytes are read when asked for. Close it after use.
 */
export class SafetensorsFile {
  #file: number | undefined;
  private constructor(
    readonly path: string,
    file: number,
    private readonly dataStart: number,
    private readonly header: SafetensorsHeader,
  ) {
    this.#file = file;
  }

  /** @throws UsageError when the file cannot be opened, RescaledError when it breaks the format (file, tensor and expectation named) */
  static open(path: string): SafetensorsFile {
    let file: number;
    try {
      file = openSync(path, 'r');
    } catch (cause) {
      throw new UsageError(`Expected a weights file but ${path} cannot be opened: ${(cause as Error).message}.`, { cause });
    }
    try {
      const stat = fstatSync(file);
      if (!stat.isFile()) throw new UsageError(`Expected a weights file but ${path} is not a file.`);
      const headerBytes = readHeaderLength(file, stat.size, path);
      const dataStart = 8 + headerBytes;
      return new SafetensorsFile(path, file, dataStart, parseHeader(readFully(file, 8, headerBytes, path), stat.size - dataStart, path));
    } catch (error) {
      closeSync(file);
      throw error;
    }
  }

  /** The file's free `__metadata__` strings; empty when it has none. */
  get metadata(): Readonly<Record<string, string>> {
    return this.header.metadata;
  }

  /** Every tensor by name, in the order of the data. */
  get entries(): ReadonlyMap<string, TensorEntry> {
    return this.header.entries;
  }

  /** The tensor's bytes, little-endian, row-major, in a buffer of their own. */
  read(name: string): Uint8Array<ArrayBuffer> {
    const { begin, end } = this.#entry(name);
    // A closed descriptor's number is soon another file's.
    if (this.#file === undefined) throw new RescaledError(`${this.path} is closed; open it again to read "${name}".`);
    return readFully(this.#file, this.dataStart + begin, end - begin, this.path);
  }

  /** The tensor's values as float32, converted from any dtype (rounded to nearest; BOOL gives 0 and 1). */
  readFloat32(name: string): Float32Array {
    return toFloat32(this.read(name), this.#entry(name).dtype);
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #entry(name: string): TensorEntry {
    const entry = this.entries.get(name);
    if (entry === undefined) throw new RescaledError(`Expected a tensor "${name}" in ${this.path} but it holds none of that name.${didYouMean(name, [...this.entries.keys()])}`);
    return entry;
  }
}

/** `bytes` may be a function, called when its turn comes, so that a large model is copied out one tensor at a time. */
export interface TensorToWrite {
  readonly name: string;
  readonly dtype: SafeDType;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array | (() => Uint8Array);
}

/**
 * The file's parts in order, for `writeFileAtomic`. The data starts at a multiple of 8 bytes. Wider types come first (else the order
 * given is kept), so that every tensor is aligned to its item size.
 * @throws RescaledError on a repeated or reserved name, or bytes that do not fit the shape
 */
export function* encodeSafetensors(tensors: Iterable<TensorToWrite>, metadata: Readonly<Record<string, string>> = {}): Generator<Uint8Array> {
  const all = [...tensors].sort((a, b) => itemSizes[b.dtype] - itemSizes[a.dtype]);
  const sizes = all.map(checkedLength);
  const fields = [`"__metadata__":${JSON.stringify(metadata)}`];
  const names = new Set(['__metadata__']);
  let at = 0;
  for (const [i, { name, dtype, shape }] of all.entries()) {
    if (names.has(name)) throw new RescaledError(`Expected distinct tensor names but "${name}" is reserved or came twice.`);
    names.add(name);
    fields.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [at, (at += sizes[i]!)] })}`);
  }
  yield encodeHeader(`{${fields.join(',')}}`);
  for (const [i, { name, dtype, shape, bytes }] of all.entries()) {
    const chunk = typeof bytes === 'function' ? bytes() : bytes;
    if (chunk.byteLength !== sizes[i]) {
      throw new RescaledError(`Tensor "${name}" of ${dtype}[${shape.join(', ')}] needs ${sizes[i]} bytes but came with ${chunk.byteLength}.`);
    }
    yield chunk;
  }
}

function checkedLength({ name, dtype, shape }: TensorToWrite): number {
  const bytes = isSafeDType(dtype) ? byteLength(dtype, shape) : undefined;
  if (bytes !== undefined) return bytes;
  throw new RescaledError(`Expected a dtype of ${Object.keys(itemSizes).join(', ')} and a shape of whole numbers, but tensor "${name}" is ${dtype}[${shape.join(', ')}].`);
}

function encodeHeader(text: string): Uint8Array {
  const padded = Math.ceil(Buffer.byteLength(text) / 8) * 8;
  if (padded > maxHeaderBytes) throw new RescaledError(`The safetensors header would take ${padded} bytes; readers accept ${maxHeaderBytes}.`);
  const header = Buffer.alloc(8 + padded, ' ');
  header.writeBigUInt64LE(BigInt(padded));
  header.write(text, 8);
  return header;
}

function readHeaderLength(file: number, size: number, path: string): number {
  if (size < 8) throw new RescaledError(`${path} is not a valid safetensors file: expected at least 8 bytes but it has ${size}.`);
  const start = Buffer.from(readFully(file, 0, 8, path).buffer);
  const length = start.readBigUInt64LE();
  const limit = Math.min(size - 8, maxHeaderBytes);
  if (length <= BigInt(limit)) return Number(length);
  throw new RescaledError(`${path} is not a valid safetensors file: its header claims ${length} bytes, but at most ${limit} are possible.${otherFormat(start)}`);
}

/** The files that are most often taken for safetensors files. */
function otherFormat(start: Buffer): string {
  const text = start.toString('latin1');
  if (text.startsWith('PK\x03\x04')) return ' It looks like a PyTorch checkpoint (a zip of pickles), which can run code and is never loaded: save it as safetensors.';
  if (text.startsWith('version ')) return ' It looks like a Git LFS pointer: fetch the file itself with "git lfs pull".';
  return '';
}

/** Reads exactly `length` bytes at `position`; one system call takes less than 2^31. */
function readFully(file: number, position: number, length: number, path: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length; ) {
    const got = readSync(file, bytes, done, Math.min(length - done, 2 ** 30), position + done);
    if (got === 0) throw new RescaledError(`${path} became shorter while it was read.`);
    done += got;
  }
  return bytes;
}
