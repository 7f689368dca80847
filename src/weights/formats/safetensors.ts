import { RescaledError } from '../../errors.js';
import { byteLength, isSafeDType, itemSizes, type SafeDType, toFloat32 } from './dtypes.js';
import { FileBytes } from './file-bytes.js';
import { maxHeaderBytes, parseHeader, type SafetensorsHeader, type TensorEntry } from './safetensors-header.js';
import { entryOf, type WeightsFile } from './weights-file.js';

export type { SafeDType } from './dtypes.js';
export type { TensorEntry } from './safetensors-header.js';

/**
 * A safetensors file, open for reading: 8 bytes little-endian header length, a JSON header, the data. `open` reads and
 * checks the header alone, before anything of the stated sizes is allocated; a tensor's bytes are read when asked for.
 * Close it after use.
 */
export class SafetensorsFile implements WeightsFile {
  readonly format = 'safetensors';
  readonly ignored: ReadonlyMap<string, string> = new Map();
  private constructor(
    readonly path: string,
    private readonly file: FileBytes,
    private readonly dataStart: number,
    private readonly header: SafetensorsHeader,
  ) {}

  /**
   * @throws UsageError when the file cannot be opened, RescaledError when it breaks the format (file, tensor and
   * expectation named)
   */
  static open(path: string): SafetensorsFile {
    const file = FileBytes.open(path);
    try {
      const headerBytes = readHeaderLength(file);
      const dataStart = 8 + headerBytes;
      return new SafetensorsFile(
        path,
        file,
        dataStart,
        parseHeader(file.read(8, headerBytes), file.size - dataStart, path),
      );
    } catch (error) {
      file.close();
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
    const { begin, end } = entryOf(this.entries, name, this.path);
    return this.file.read(this.dataStart + begin, end - begin);
  }

  /** The tensor's values as float32, converted from any dtype (rounded to nearest; BOOL gives 0 and 1). */
  readFloat32(name: string): Float32Array {
    return toFloat32(this.read(name), entryOf(this.entries, name, this.path).dtype);
  }

  close(): void {
    this.file.close();
  }

  [Symbol.dispose](): void {
    this.close();
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
 * The file's parts in order, for `writeFileAtomic`. The data starts at a multiple of 8 bytes. Wider types come first
 * (else the order given is kept), so that every tensor is aligned to its item size.
 * @throws RescaledError on a repeated or reserved name, or bytes that do not fit the shape
 */
export function* encodeSafetensors(
  tensors: Iterable<TensorToWrite>,
  metadata: Readonly<Record<string, string>> = {},
): Generator<Uint8Array> {
  const all = [...tensors].sort((a, b) => itemSizes[b.dtype] - itemSizes[a.dtype]);
  const sizes = all.map(checkedLength);
  const fields = [`"__metadata__":${JSON.stringify(metadata)}`];
  const names = new Set(['__metadata__']);
  let at = 0;
  for (const [i, { name, dtype, shape }] of all.entries()) {
    if (names.has(name))
      throw new RescaledError(`Expected distinct tensor names but "${name}" is reserved or came twice.`);
    names.add(name);
    fields.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [at, (at += sizes[i]!)] })}`);
  }
  yield encodeHeader(`{${fields.join(',')}}`);
  for (const [i, { name, dtype, shape, bytes }] of all.entries()) {
    const chunk = typeof bytes === 'function' ? bytes() : bytes;
    if (chunk.byteLength !== sizes[i]) {
      throw new RescaledError(
        `Tensor "${name}" of ${dtype}[${shape.join(', ')}] needs ${sizes[i]} bytes but came with ${chunk.byteLength}.`,
      );
    }
    yield chunk;
  }
}

function checkedLength({ name, dtype, shape }: TensorToWrite): number {
  const bytes = isSafeDType(dtype) ? byteLength(dtype, shape) : undefined;
  if (bytes !== undefined) return bytes;
  throw new RescaledError(
    `Expected a dtype of ${Object.keys(itemSizes).join(', ')} and a shape of whole numbers, ` +
      `but tensor "${name}" is ${dtype}[${shape.join(', ')}].`,
  );
}

function encodeHeader(text: string): Uint8Array {
  const padded = Math.ceil(Buffer.byteLength(text) / 8) * 8;
  if (padded > maxHeaderBytes)
    throw new RescaledError(`The safetensors header would take ${padded} bytes; readers accept ${maxHeaderBytes}.`);
  const header = Buffer.alloc(8 + padded, ' ');
  header.writeBigUInt64LE(BigInt(padded));
  header.write(text, 8);
  return header;
}

function readHeaderLength(file: FileBytes): number {
  const { path, size } = file;
  if (size < 8)
    throw new RescaledError(`${path} is not a valid safetensors file: expected at least 8 bytes but it has ${size}.`);
  const start = Buffer.from(file.read(0, 8).buffer);
  const length = start.readBigUInt64LE();
  const limit = Math.min(size - 8, maxHeaderBytes);
  if (length <= BigInt(limit)) return Number(length);
  throw new RescaledError(
    `${path} is not a valid safetensors file: its header claims ${length} bytes, ` +
      `but at most ${limit} are possible.${otherFormat(start)}`,
  );
}

/** The files that are most often taken for safetensors files. */
function otherFormat(start: Buffer): string {
  const text = start.toString('latin1');
  if (text.startsWith('PK\x03\x04'))
    return (
      ' It looks like a PyTorch checkpoint (a zip of a pickle): ' +
      'make it a safetensors file with "rescaled weights convert".'
    );
  if (text.startsWith('version '))
    return ' It looks like a Git LFS pointer: fetch the file itself with "git lfs pull".';
  return '';
}
