import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, type Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { RescaledError } from '../../errors.js';
import { writeFileAtomic } from '../../files.js';
import { INDEX_ENDING, type IndexFacts, IndexWriter, readIndex } from './index-file.js';
import { readAt, readReason } from './open-files.js';
import { readSamples } from './samples.js';
import { BrokenShard, type ShardBytes } from './tar.js';

/** A shard whose index is at hand. */
export interface IndexedShard {
  /** Path, or address. */
  at: string;
  bytes: number;
  /** Tells it from another one in its place. */
  version: string;
  /** The index' path, or the index itself where it cannot be kept. */
  index: string | SharedArrayBuffer;
  facts: IndexFacts;
}

/** Headers are read so many bytes at a time: those of a picture's label and of the next picture lie side by side. */
const WINDOW = 8 * 1024;

/** A shard on this machine. */
export class LocalBytes implements ShardBytes {
  readonly window = WINDOW;

  constructor(
    readonly name: string,
    readonly size: number,
    readonly version: string,
  ) {}

  async read(offset: number, length: number): Promise<Uint8Array> {
    const bytes = await readAt(this.name, this.version, offset, length).catch((error: unknown) => {
      throw new BrokenShard(this.name, readReason(error), { cause: error });
    });
    if (bytes.length < length)
      throw new BrokenShard(this.name, `it became shorter while it was read, than ${this.size} bytes`);
    return bytes;
  }
}

/**
 * The index of a shard on this machine: the one beside it or in `fallback`, where it belongs to the file as it is (bytes and time of the last
 * change), else made anew and kept beside it, or in `fallback` where that cannot be written to.
 * @throws BrokenShard
 */
export async function indexLocal(path: string, fallback: string | undefined): Promise<IndexedShard> {
  let found: Stats;
  try {
    found = await stat(path);
  } catch (error) {
    throw new BrokenShard(path, readReason(error), { cause: error });
  }
  if (!found.isFile()) throw new BrokenShard(path, 'it is no file');
  const { size, mtimeMs, ctimeMs, ino } = found;
  const shard = { at: path, bytes: size, version: `${size} ${mtimeMs} ${ctimeMs} ${ino}` };
  const fits = ({ bytes, modified }: IndexFacts): boolean => bytes === size && modified === mtimeMs;
  const places = [`${path}${INDEX_ENDING}`, ...(fallback === undefined ? [] : [join(fallback, indexName(path))])];
  for (const index of places) {
    const facts = existsSync(index) ? readIndexFile(index) : undefined;
    if (facts !== undefined && fits(facts)) return { ...shard, index, facts };
  }
  const content = await makeIndex(new LocalBytes(path, size, shard.version), { bytes: size, modified: mtimeMs });
  return { ...shard, ...keepIndex(content, places) };
}

/** Reads a whole shard for its index. */
export async function makeIndex(bytes: ShardBytes, shard: { bytes: number; modified: number }): Promise<Buffer> {
  const writer = new IndexWriter();
  const ignored: Record<string, number> = {};
  for await (const sample of readSamples(bytes, ignored)) writer.add(sample);
  if (writer.count === 0) {
    const others = Object.keys(ignored);
    throw new BrokenShard(
      bytes.name,
      `it has no pictures${others.length > 0 ? ` (endings ${others.slice(0, 5).join(', ')})` : ''}. ` +
        'Pictures end in .jpg, .png, .webp, .gif, .tif, .avif or .bmp',
    );
  }
  return writer.finish(shard, ignored);
}

/** Keeps an index in the first of these places that can be written to. */
export function keepIndex(content: Buffer, places: readonly string[]): Pick<IndexedShard, 'index' | 'facts'> {
  const facts = readIndex((offset, length) => content.subarray(offset, offset + length), content.length)!;
  for (const index of places)
    try {
      mkdirSync(dirname(index), { recursive: true });
      writeFileAtomic(index, content);
      return { index, facts };
    } catch (error) {
      // Read-only, or full: the next place.
      if (!(error instanceof RescaledError) && (error as NodeJS.ErrnoException).code === undefined) throw error;
    }
  const index = new SharedArrayBuffer(content.length);
  new Uint8Array(index).set(content);
  return { index, facts };
}

/** @returns undefined for one that is damaged or cannot be read */
export function readIndexFile(path: string): IndexFacts | undefined {
  try {
    const content = readFileSync(path);
    return readIndex((offset, length) => content.subarray(offset, offset + length), content.length);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    return undefined;
  }
}

/** Of an index that does not lie beside its shard. */
export const indexName = (at: string): string =>
  `${createHash('sha256').update(at).digest('hex').slice(0, 32)}${INDEX_ENDING}`;
