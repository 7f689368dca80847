import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Sample, ShardLabel } from './samples.js';
import { TAR_LIMITS } from './tar.js';

/**
 * Where the pictures of a shard lie, and their labels. Little-endian:
 *
 *     0    'rescaled shard 1'
 *     16   number of pictures n (uint32), bytes of the facts, bytes of the names (uint32), 4 bytes of zeros
 *     32   bytes of the shard, time of its last change in milliseconds (float64)
 *     48   16 bytes of zeros
 *     64   sha256 of what is in the shard: name, size and label of each picture
 *     96   sha256 of all before it, the facts and the labels
 *     128  facts as JSON: the labels that there are, files passed over by ending
 *          n x uint32: the label, 1 for the first one; 0 for none
 *          n x 16 bytes: offset (float64), bytes (uint32), end of the name among the names (uint32)
 *          names in UTF-8, one after the other
 *
 * What is asked at the start stands in front, under its checksum; a place is looked up where a picture is read, and held against the header
 * that stands before it there. NVIDIA DALI's text index (wds2idx) has neither labels nor a checksum, and must be read whole.
 */
const MAGIC = 'rescaled shard 1';
const HEAD = 128;
const RECORD = 16;
/** Of what stands beside the shard `000000.tar`: `000000.tar.index`. */
export const INDEX_ENDING = '.index';

/** What an index says at the start. */
export interface IndexFacts {
  readonly count: number;
  /** Bytes of the shard. */
  readonly bytes: number;
  /** Time of its last change in milliseconds; 0 where it is not known. */
  readonly modified: number;
  /** sha256 (hex) of what is in it. */
  readonly digest: string;
  readonly known: readonly ShardLabel[];
  /** One a picture: 1 is the first of `known`, 0 none. */
  readonly labels: Uint32Array;
  readonly ignored: Readonly<Record<string, number>>;
  /** Where the records begin. */
  readonly records: number;
}

/** Reads some bytes of an index; fewer where it ends. */
export type IndexBytes = (offset: number, length: number) => Buffer;

/** Gathers the pictures of a shard and writes them down. */
export class IndexWriter {
  readonly #known = new Map<ShardLabel, number>();
  #labels = new Uint32Array(1024);
  #records = Buffer.alloc(1024 * RECORD);
  readonly #names: Buffer[] = [];
  #nameBytes = 0;
  #count = 0;
  readonly #hash = createHash('sha256');

  get count(): number {
    return this.#count;
  }

  add({ name, offset, size, label }: Sample): void {
    if (this.#count === this.#labels.length) this.#grow();
    const i = this.#count++;
    if (label !== undefined) {
      if (!this.#known.has(label)) this.#known.set(label, this.#known.size + 1);
      this.#labels[i] = this.#known.get(label)!;
    }
    const bytes = Buffer.from(name);
    this.#names.push(bytes);
    this.#nameBytes += bytes.length;
    this.#records.writeDoubleLE(offset, i * RECORD);
    this.#records.writeUInt32LE(size, i * RECORD + 8);
    this.#records.writeUInt32LE(this.#nameBytes, i * RECORD + 12);
    this.#hash.update(`${name}\0${size}\0${JSON.stringify(label ?? null)}\n`);
  }

  #grow(): void {
    const labels = new Uint32Array(2 * this.#labels.length);
    labels.set(this.#labels);
    this.#labels = labels;
    this.#records = Buffer.concat([this.#records, Buffer.alloc(this.#records.length)]);
  }

  /** sha256 (hex) of what has been added: names, sizes and labels. */
  digest(): string {
    return this.#hash.copy().digest('hex');
  }

  /** @param shard its bytes and the time of its last change */
  finish(shard: { bytes: number; modified: number }, ignored: Readonly<Record<string, number>>): Buffer {
    const facts = Buffer.from(JSON.stringify({ known: [...this.#known.keys()], ignored }));
    const labels = Buffer.alloc(4 * this.#count);
    for (let i = 0; i < this.#count; i++) labels.writeUInt32LE(this.#labels[i]!, 4 * i);
    const head = Buffer.alloc(HEAD);
    head.write(MAGIC, 'latin1');
    head.writeUInt32LE(this.#count, 16);
    head.writeUInt32LE(facts.length, 20);
    head.writeUInt32LE(this.#nameBytes, 24);
    head.writeDoubleLE(shard.bytes, 32);
    head.writeDoubleLE(shard.modified, 40);
    this.#hash.copy().digest().copy(head, 64);
    checksum(head, facts, labels).copy(head, 96);
    return Buffer.concat([head, facts, labels, this.#records.subarray(0, this.#count * RECORD), ...this.#names]);
  }
}

/** A checksum tells of damage; who wrote the index, on a server say, may have written anything. */
const factsSchema = z.object({
  known: z.array(z.union([z.int().nonnegative(), z.string()])),
  ignored: z.record(z.string(), z.int().nonnegative()),
});

function jsonOf(facts: Buffer): unknown {
  try {
    return JSON.parse(facts.toString('utf8'));
  } catch {
    return undefined;
  }
}

const checksum = (head: Buffer, facts: Buffer, labels: Buffer): Buffer =>
  createHash('sha256').update(head.subarray(0, 96)).update(facts).update(labels).digest();

/**
 * What an index says.
 * @param length bytes of the index
 * @returns undefined for one that is damaged, cut off or of another kind
 */
export function readIndex(read: IndexBytes, length: number): IndexFacts | undefined {
  const head = read(0, HEAD);
  if (head.length < HEAD || head.toString('latin1', 0, 16) !== MAGIC) return undefined;
  const count = head.readUInt32LE(16);
  const factBytes = head.readUInt32LE(20);
  const records = HEAD + factBytes + 4 * count;
  if (records + count * RECORD + head.readUInt32LE(24) !== length) return undefined;
  const body = read(HEAD, records - HEAD);
  if (body.length < records - HEAD) return undefined;
  const facts = body.subarray(0, factBytes);
  const labelBytes = body.subarray(factBytes);
  if (!checksum(head, facts, labelBytes).equals(head.subarray(96, HEAD))) return undefined;
  const said = factsSchema.safeParse(jsonOf(facts));
  if (!said.success) return undefined;
  const { known, ignored } = said.data;
  const labels = Uint32Array.from({ length: count }, (_, i) => labelBytes.readUInt32LE(4 * i));
  if (labels.some((label) => label > known.length)) return undefined;
  return {
    count,
    bytes: head.readDoubleLE(32),
    modified: head.readDoubleLE(40),
    digest: head.toString('hex', 64, 96),
    known,
    labels,
    ignored,
    records,
  };
}

/** Where one picture lies, as its index says. */
export interface Place {
  offset: number;
  size: number;
  name: string;
}

/** Looks up picture i of an index with so many pictures. @returns undefined where the index ends before */
export function placeOf(read: IndexBytes, records: number, count: number, i: number): Place | undefined {
  const first = i === 0;
  const length = first ? RECORD : 2 * RECORD;
  const pair = read(records + (i - (first ? 0 : 1)) * RECORD, length);
  if (pair.length < length) return undefined;
  const own = first ? pair : pair.subarray(RECORD);
  const begin = first ? 0 : pair.readUInt32LE(12);
  const bytes = own.readUInt32LE(12) - begin;
  if (bytes < 1 || bytes > TAR_LIMITS.name) return undefined;
  const name = read(records + count * RECORD + begin, bytes).toString('utf8');
  return { offset: own.readDoubleLE(0), size: own.readUInt32LE(8), name };
}

/** All of them, in order. */
export function* placesOf(read: IndexBytes, records: number, count: number): Generator<Place> {
  const STEP = 4096;
  const names = records + count * RECORD;
  let begin = 0;
  for (let from = 0; from < count; from += STEP) {
    const n = Math.min(STEP, count - from);
    const part = read(records + from * RECORD, n * RECORD);
    const start = begin;
    const text = read(names + start, part.readUInt32LE((n - 1) * RECORD + 12) - start);
    for (let k = 0; k < n; k++) {
      const end = part.readUInt32LE(k * RECORD + 12);
      const name = text.toString('utf8', begin - start, end - start);
      begin = end;
      yield { offset: part.readDoubleLE(k * RECORD), size: part.readUInt32LE(k * RECORD + 8), name };
    }
  }
}
