import { maskedCrc32c } from '../../crc32c.js';

/** Bytes of a table's last part: two handles, padding, the magic number. */
export const footerBytes = 48;
export const sstableMagic = 0xdb4775248b80fb57n;
const maxEntries = 1_000_000;

/**
 * Keys and values of a sorted string table (LevelDB's format, as TensorFlow's checkpoints use it): data blocks, an
 * index block that points at them, a footer that points at the index. Blocks must be uncompressed, as TensorFlow writes
 * them; checksums are checked.
 *
 * Source: leveldb doc/table_format.md; tensorflow/core/lib/io/format.cc.
 * @throws Error saying what is broken; the caller adds the file's name
 */
export function readTable(file: Uint8Array): Map<string, Buffer> {
  const data = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  if (data.length < footerBytes || data.readBigUInt64LE(data.length - 8) !== sstableMagic)
    throw new Error('it has no footer');
  const footer = new Cursor(data.subarray(data.length - footerBytes, data.length - 8));
  readHandle(footer); // of the metaindex block, which TensorFlow leaves empty
  const result = new Map<string, Buffer>();
  for (const [, handle] of readBlock(data, readHandle(footer))) {
    for (const [key, value] of readBlock(data, readHandle(new Cursor(handle)))) {
      const name = key.toString('utf8');
      if (result.has(name)) throw new Error(`the key ${JSON.stringify(name.slice(0, 80))} comes twice`);
      result.set(name, value);
      if (result.size > maxEntries) throw new Error(`it has over ${maxEntries} keys`);
    }
  }
  return result;
}

interface Handle {
  offset: number;
  size: number;
}

function readHandle(cursor: Cursor): Handle {
  return { offset: cursor.varint(), size: cursor.varint() };
}

/** A block is entries, restart offsets (4 bytes each), their count; behind it a byte of compression and a checksum. */
function readBlock(data: Buffer, { offset, size }: Handle): [Buffer, Buffer][] {
  if (offset + size + 5 > data.length - footerBytes) throw new Error('a block reaches past the end');
  const block = data.subarray(offset, offset + size);
  const type = data.subarray(offset + size, offset + size + 1);
  if (type[0] !== 0) throw new Error('a block is compressed, which TensorFlow never does');
  if (maskedCrc32c(block, type) !== data.readUInt32LE(offset + size + 1))
    throw new Error('the checksum of a block is wrong');
  const restarts = size < 4 ? -1 : block.readUInt32LE(size - 4);
  const end = size - 4 - 4 * restarts;
  if (restarts < 0 || end < 0) throw new Error('a block is too short');
  const cursor = new Cursor(block.subarray(0, end));
  const entries: [Buffer, Buffer][] = [];
  let key: Buffer = Buffer.alloc(0);
  while (!cursor.done) {
    const shared = cursor.varint();
    const rest = cursor.varint();
    const length = cursor.varint();
    // Keys share their beginnings: without a limit a small file could unfold into any amount of memory.
    if (shared > key.length || shared + rest > 4096) throw new Error('a key is damaged');
    key = Buffer.concat([key.subarray(0, shared), cursor.bytes(rest)]);
    entries.push([key, cursor.bytes(length)]);
  }
  return entries;
}

class Cursor {
  private at = 0;
  constructor(private readonly data: Buffer) {}
  get done(): boolean {
    return this.at >= this.data.length;
  }
  bytes(length: number): Buffer {
    if (length > this.data.length - this.at) throw new Error('a block ends in the middle');
    return this.data.subarray(this.at, (this.at += length));
  }
  /** 7 bits a byte, lowest first; the high bit says that more follow. */
  varint(): number {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 49; scale *= 128) {
      const [byte = 0] = this.bytes(1);
      value += (byte & 127) * scale;
      if (byte < 128) {
        if (Number.isSafeInteger(value)) return value;
        break;
      }
    }
    throw new Error('a number is too large');
  }
}
