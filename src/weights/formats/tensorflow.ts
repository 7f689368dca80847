import { existsSync } from 'node:fs';
import protobuf from 'protobufjs/light.js';
import { maskedCrc32c } from '../../crc32c.js';
import { RescaledError, UsageError } from '../../errors.js';
import { byteLength, type SafeDType, toFloat32 } from './dtypes.js';
import { FileBytes } from './file-bytes.js';
import { readTable } from './sstable.js';
import { entryOf, quote, type WeightsEntry, type WeightsFile } from './weights-file.js';

/** Numbers of tensorflow/core/framework/types.proto. */
const dtypes: Readonly<Record<number, SafeDType>> = {
  1: 'F32',
  2: 'F64',
  3: 'I32',
  4: 'U8',
  5: 'I16',
  6: 'I8',
  9: 'I64',
  10: 'BOOL',
  14: 'BF16',
  19: 'F16',
};

const one = (type: string, id: number) => ({ type, id });
const many = (type: string, id: number) => ({ rule: 'repeated', type, id });
/** Fields of tensorflow/core/protobuf/tensor_bundle.proto and core/framework/tensor_shape.proto. */
const types = protobuf.Root.fromJSON({
  nested: {
    Header: { fields: { numShards: one('int32', 1), endianness: one('int32', 2) } },
    Dim: { fields: { size: one('int64', 1) } },
    Shape: { fields: { dim: many('Dim', 2), unknownRank: one('bool', 3) } },
    Entry: {
      fields: {
        dtype: one('int32', 1),
        shape: one('Shape', 2),
        shardId: one('int32', 3),
        offset: one('int64', 4),
        size: one('int64', 5),
        crc32c: one('fixed32', 6),
        slices: many('bytes', 7),
      },
    },
  },
});
interface Header {
  numShards: number;
  endianness: number;
}
interface Entry {
  dtype: number;
  shape: { dim?: { size: number }[]; unknownRank: boolean } | null;
  shardId: number;
  offset: number;
  size: number;
  crc32c: number;
  slices?: unknown[];
}

interface Place extends WeightsEntry {
  readonly shard: number;
  readonly offset: number;
  readonly size: number;
  readonly crc32c: number;
}
const maxIndexBytes = 256 * 2 ** 20;
const maxShards = 10_000;

/**
 * A TensorFlow checkpoint (`model.ckpt-1234.index` and its `.data-00000-of-00001`): the index is a sorted string table
 * from variable name to where its bytes lie, the data files are those bytes. Checksums are checked as they are read.
 * Source: tensorflow/core/util/tensor_bundle/tensor_bundle.h.
 */
export class TensorFlowFile implements WeightsFile {
  readonly format = 'tensorflow';
  readonly metadata: Readonly<Record<string, string>> = {};
  private constructor(
    readonly path: string,
    private readonly shards: readonly FileBytes[],
    readonly entries: ReadonlyMap<string, Place>,
    readonly ignored: ReadonlyMap<string, string>,
  ) {}

  /** @param index the open `.index` file, closed here */
  static open(index: FileBytes): TensorFlowFile {
    const { path } = index;
    const shards: FileBytes[] = [];
    try {
      if (index.size > maxIndexBytes)
        throw new RescaledError(
          `${path} cannot be read as weights: an index of ${index.size} bytes is more than ${maxIndexBytes}.`,
        );
      const table = parsed(path, () => readTable(index.read(0, index.size)));
      const header = parsed(path, () => decode<Header>('Header', table.get('')));
      if (header.endianness !== 0)
        throw new RescaledError(
          `${path} was written on a big-endian machine, which is not read: save it again on a common one.`,
        );
      if (header.numShards < 1 || header.numShards > maxShards)
        throw new RescaledError(`${path} cannot be read as weights: it claims ${header.numShards} data files.`);
      for (let i = 0; i < header.numShards; i++) shards.push(openShard(path, i, header.numShards));
      const entries = new Map<string, Place>();
      const ignored = new Map<string, string>();
      for (const [name, value] of table) {
        if (name === '') continue;
        const place = placeOf(
          name,
          parsed(path, () => decode<Entry>('Entry', value)),
          shards,
          path,
        );
        if (typeof place === 'string') ignored.set(name, place);
        else entries.set(name, place);
      }
      return new TensorFlowFile(path, shards, entries, ignored);
    } catch (error) {
      for (const shard of shards) shard.close();
      throw error;
    } finally {
      index.close();
    }
  }

  read(name: string): Uint8Array<ArrayBuffer> {
    const { shard, offset, size, crc32c } = entryOf(this.entries, name, this.path);
    const bytes = this.shards[shard]!.read(offset, size);
    if (maskedCrc32c(bytes) !== crc32c)
      throw new RescaledError(
        `The checksum of ${quote(name)} in ${this.shards[shard]!.path} is wrong: the file is damaged.`,
      );
    return bytes;
  }

  readFloat32(name: string): Float32Array {
    return toFloat32(this.read(name), entryOf(this.entries, name, this.path).dtype);
  }

  close(): void {
    for (const shard of this.shards) shard.close();
  }
}

/**
 * The index of a checkpoint that is named as TensorFlow names it, `model.ckpt-1234`, or by its data file, which has
 * nothing in it that tells what it is.
 * @returns undefined when there is none
 */
export function indexBeside(path: string): string | undefined {
  const index = `${path.replace(/\.data-\d{5}-of-\d{5}$/, '')}.index`;
  return index !== path && existsSync(index) ? index : undefined;
}

function openShard(index: string, shard: number, count: number): FileBytes {
  const digits = (n: number): string => String(n).padStart(5, '0');
  const path = `${index.replace(/\.index$/, '')}.data-${digits(shard)}-of-${digits(count)}`;
  if (!existsSync(path))
    throw new UsageError(`Expected ${path} beside ${index}, with the values of the weights, but there is none.`);
  return FileBytes.open(path);
}

/** Where a variable lies, or why it is left out. */
function placeOf(name: string, entry: Entry, shards: readonly FileBytes[], path: string): Place | string {
  const wrong = (what: string): never => {
    throw new RescaledError(`${path} cannot be read as weights: variable ${quote(name)}: ${what}.`);
  };
  const { shardId: shard, offset, size, crc32c } = entry;
  const dtype = dtypes[entry.dtype];
  if (dtype === undefined)
    return entry.dtype === 7
      ? 'no weights: strings'
      : `no tensor of a known element type (TensorFlow's number ${entry.dtype})`;
  if ((entry.slices?.length ?? 0) > 0)
    wrong('it is stored in slices, which are not read: save the checkpoint without partitioned variables');
  const shape = (entry.shape?.dim ?? []).map((dim) => dim.size);
  const bytes = byteLength(dtype, shape);
  if (bytes === undefined || entry.shape?.unknownRank === true || bytes !== size)
    return wrong(`expected ${bytes ?? 'a whole number of'} bytes for ${dtype} [${shape.join(', ')}] but found ${size}`);
  const data = shards[shard];
  if (data === undefined || !Number.isSafeInteger(offset) || offset < 0 || offset + size > data.size)
    return wrong(
      `its bytes ${offset} to ${offset + size} of data file ${shard} are not there (is the file cut short?)`,
    );
  return { dtype, shape, shard, offset, size, crc32c };
}

function decode<T>(type: string, bytes: Buffer | undefined): T {
  if (bytes === undefined) throw new Error('it has no header');
  const codec = types.lookupType(type);
  return codec.toObject(codec.decode(bytes), { longs: Number, defaults: true }) as T;
}

function parsed<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new RescaledError(
      `${path} cannot be read as the index of a TensorFlow checkpoint: ` +
        `${(error as Error).message} (is the file cut short?).`,
      { cause: error },
    );
  }
}
