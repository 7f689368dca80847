import { createHash } from 'node:crypto';
import { RescaledError } from '../../errors.js';
import { isAddress } from '../../files.js';
import { type IndexBytes, type Place, placeOf, placesOf } from './index-file.js';
import type { IndexedShard } from './local.js';
import { readAt, readAtSync, readReason } from './open-files.js';
import { readRemote } from './remote.js';
import { BLOCK, BrokenShard, headerOf } from './tar.js';

/** One shard of many. */
export interface ShardSpec {
  /** From the folder of all, with `/` on every system. */
  name: string;
  /** Path, or address. */
  at: string;
  bytes: number;
  version: string;
  index: string | SharedArrayBuffer;
  /** Where the records of the index begin. */
  records: number;
}

/** All shards of a data set. Structured-cloneable; nothing in it grows with the number of pictures. */
export interface ShardSetSpec {
  /** Folder, or address, that the names start from. */
  root: string;
  shards: readonly ShardSpec[];
  /** Float64Array: pictures before each shard, and of all. */
  starts: SharedArrayBuffer;
}

export function shardSetOf(root: string, shards: readonly (IndexedShard & { name: string })[]): ShardSetSpec {
  const starts = new SharedArrayBuffer(8 * (shards.length + 1));
  const ends = new Float64Array(starts);
  for (const [k, { facts }] of shards.entries()) ends[k + 1] = ends[k]! + facts.count;
  return {
    root,
    starts,
    shards: shards.map(({ name, at, bytes, version, index, facts }) => ({
      ...{ name, at, bytes, version, index },
      records: facts.records,
    })),
  };
}

/** Pictures of shards by their number among all of them. Places are looked up in the index files when they are needed. */
export class ShardSet {
  readonly #spec: ShardSetSpec;
  readonly #starts: Float64Array;

  constructor(spec: ShardSetSpec) {
    this.#spec = spec;
    this.#starts = new Float64Array(spec.starts);
  }

  /** Which shard holds a picture. */
  shardOf(id: number): number {
    let [low, high] = [0, this.#starts.length - 2];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#starts[middle]! <= id) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** `train-000000.tar#000012.jpg`. */
  name(id: number): string {
    const [shard, place] = this.#place(id);
    return `${shard.name}#${place.name}`;
  }

  describe(id: number): string {
    return `${this.#spec.root}/${this.name(id)}`;
  }

  /** Bytes of a picture as it lies there. */
  size(id: number): number {
    return this.#place(id)[1].size;
  }

  /** Names the picture as it lies there now: another shard in the place gives another. */
  stamp(id: number): string {
    const [shard, { name, offset, size }] = this.#place(id);
    return createHash('sha256')
      .update(`${shard.at}#${name}\0${shard.version} ${offset} ${size}`)
      .digest()
      .toString('latin1', 0, 16);
  }

  /** The names of pictures, in order; quicker than one by one where they are all of a shard. */
  *names(ids: Iterable<number>): Generator<string> {
    let known = -1;
    let all: string[] = [];
    for (const id of ids) {
      const k = this.shardOf(id);
      if (k !== known) {
        const { records, name } = this.#spec.shards[k]!;
        const count = this.#starts[k + 1]! - this.#starts[k]!;
        all = Array.from(
          placesOf(indexBytes(this.#spec.shards[k]!), records, count),
          (place) => `${name}#${place.name}`,
        );
        known = k;
      }
      yield all[id - this.#starts[k]!]!;
    }
  }

  /** The encoded picture, or its first bytes. @throws BrokenShard where the shard is not what its index was made of */
  async read(id: number, most = Number.POSITIVE_INFINITY): Promise<Uint8Array> {
    const [shard, { offset, size, name }] = this.#place(id);
    const length = BLOCK + Math.min(size, most);
    const bytes = await this.#bytes(shard, offset - BLOCK, length);
    const header = bytes.length === length ? headerOf(bytes.subarray(0, BLOCK)) : undefined;
    // A long name, or one of other characters, stands in an extended header.
    const plain = name.length <= 99 && /^[\x20-\x7e]*$/.test(name);
    if (header?.type !== '0' || header.size !== size || (plain && header.name.replace(/^(?:\.\/)+/, '') !== name))
      throw new BrokenShard(
        shard.at,
        `"${name}" is no longer where its index says, at byte ${offset}: the shard has changed. Start again`,
      );
    return bytes.subarray(BLOCK);
  }

  async #bytes(shard: ShardSpec, offset: number, length: number): Promise<Uint8Array> {
    if (isAddress(shard.at)) return readRemote(shard.at, shard.bytes, shard.version, offset, length);
    try {
      return await readAt(shard.at, shard.version, offset, length);
    } catch (error) {
      throw new BrokenShard(shard.at, readReason(error), { cause: error });
    }
  }

  #place(id: number): [ShardSpec, Place] {
    const k = this.shardOf(id);
    const shard = this.#spec.shards[k]!;
    const begin = this.#starts[k]!;
    const count = this.#starts[k + 1]! - begin;
    if (!(id >= begin && id - begin < count))
      throw new RescaledError(`Picture ${id} asked of ${this.#spec.root}, which has ${this.#starts.at(-1)}.`);
    const place = placeOf(indexBytes(shard), shard.records, count, id - begin);
    if (place === undefined || !(place.offset >= BLOCK && place.offset + place.size <= shard.bytes))
      throw new BrokenShard(
        shard.at,
        `its index is damaged${typeof shard.index === 'string' ? `: delete ${shard.index}` : ''}`,
      );
    return [shard, place];
  }
}

const indexBytes = ({ at, index, version }: ShardSpec): IndexBytes =>
  typeof index === 'string'
    ? (offset, length) => {
        try {
          return readAtSync(index, version, offset, length);
        } catch (error) {
          throw new BrokenShard(at, `its index ${index} cannot be read: ${readReason(error)}`, { cause: error });
        }
      }
    : (offset, length) => Buffer.from(index, offset, Math.max(0, Math.min(length, index.byteLength - offset)));
