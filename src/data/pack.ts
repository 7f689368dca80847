import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readdirSync, statSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { Random } from '../augment/random.js';
import { RescaledError, UsageError } from '../errors.js';
import { makeFolder, systemReason, writeFileAtomic } from '../files.js';
import { openDataset } from './dataset.js';
import { BrokenPicture, PICTURE_EXTENSIONS } from './decoding/decode.js';
import type { PartName } from './parts.js';
import { openPool, type Pool } from './pool.js';
import { INDEX_ENDING, IndexWriter } from './shards/index-file.js';
import { readIndexFile } from './shards/local.js';
import { MANIFEST, MANIFEST_FORMAT, type Manifest } from './shards/manifest.js';
import { PICTURE_BYTES } from './shards/samples.js';
import { END_BYTES, entryBytes, ShardWriter, type WrittenShard } from './shards/tar-writer.js';
import { pathsOf, type Source } from './sources/source.js';

export interface PackOptions {
  /** Folder for the shards: new, empty, or of a packing that was stopped. */
  out: string;
  /** Most bytes of a shard; one picture may need more. Default 512,000,000. */
  size?: number;
  /** Whether pictures are mixed before they are packed. Default: those with labels are. */
  shuffle?: boolean;
  /** Seed of that. Default 0. */
  seed?: number;
  /** Pictures without labels: paths as `openPool` takes them. Else class folders, IDX files or other shards. */
  unlabelled?: boolean;
  /** Ends the packing after the picture in hand; shards that are whole stay. It throws the signal's reason. */
  signal?: AbortSignal;
}

export type PackEvent =
  | { type: 'packing'; shard: string; done: number; of: number }
  | { type: 'kept'; shard: string }
  | { type: 'left out'; path: string; reason: string };

export interface Packed {
  folder: string;
  shards: Manifest['shards'];
  classes?: readonly string[];
  pictures: number;
  bytes: number;
  leftOut: number;
  /** What is to be known of how the data was understood. */
  notes: readonly string[];
}

const DEFAULT_SIZE = 512e6;
/** Below, shards are no better than files. */
const LEAST_SIZE = 1024;
const READ_AHEAD = 8;
/** Keeps these draws apart from those of a training with the same seed. */
const PACK_STREAM = -3;
const TELL_MS = 200;

/** Pictures that go into shards of one name. */
interface Part {
  part: PartName | undefined;
  source: Source;
  names: (i: number) => string;
}

/** One picture that is to be written. */
interface Planned {
  i: number;
  key: string;
  ending: string;
  size: number;
  label: number | undefined;
  others: Record<string, string>;
  /** Where it was encoded for its size. */
  bytes?: Uint8Array;
}

/**
 * Writes pictures into tar shards of WebDataset's layout, as they lie: `000000.jpg`, its class number `000000.cls` and where it came from,
 * `000000.json`; a shard's index beside it, and at last the manifest. Pictures of IDX files become PNG. The same pictures and options give
 * the same bytes. Shards are whole or not there; a packing that was stopped goes on with those that are missing.
 * @throws UsageError for data that cannot be opened, a folder that holds other things, a size that is no size
 */
export async function* packShards(paths: readonly string[], options: PackOptions): AsyncGenerator<PackEvent, Packed> {
  const { out, size = DEFAULT_SIZE, seed = 0, unlabelled = false, signal } = options;
  if (!Number.isSafeInteger(size) || size < LEAST_SIZE)
    throw new UsageError(`Expected a size of at least ${LEAST_SIZE} bytes for a shard but received ${size}.`);
  const { shuffle = !unlabelled } = options;
  const { parts, classes, notes } = await partsOf(paths, unlabelled);
  claim(out, new Set(parts.map(({ part }) => part)));
  const shards: Manifest['shards'] = [];
  const of = parts.reduce((sum, { source }) => sum + source.length, 0);
  let [done, bytes, pictures, leftOut] = [0, 0, 0, 0];
  for (const { part, source, names } of parts) {
    const order = shuffle
      ? new Random(seed, PACK_STREAM).permutation(source.length)
      : Uint32Array.from({ length: source.length }, (_, i) => i);
    const digits = Math.max(6, String(source.length - 1).length);
    const plans = new Map<number, Promise<Planned | string>>();
    const planned = (place: number): Promise<Planned | string> => {
      for (let at = place; at < Math.min(order.length, place + READ_AHEAD); at++) {
        if (plans.has(at)) continue;
        const i = order[at]!;
        const promise = plan(source, i, names(i), String(at).padStart(digits, '0'), classes);
        promise.catch(() => undefined); // heard in its turn
        plans.set(at, promise);
      }
      const promise = plans.get(place)!;
      plans.delete(place);
      return promise;
    };
    let waiting: Planned | undefined;
    for (let next = 0, k = 0; next < order.length || waiting !== undefined; k++) {
      const ones: Planned[] = [];
      let total = END_BYTES;
      for (;;) {
        if (waiting === undefined) {
          if (next === order.length) break;
          signal?.throwIfAborted();
          const place = next++;
          const found = await planned(place);
          if (typeof found === 'string') {
            leftOut++;
            yield { type: 'left out', path: source.describe(order[place]!), reason: found };
            continue;
          }
          waiting = found;
        }
        const own =
          entryBytes(waiting.size) +
          Object.values(waiting.others).reduce((sum, text) => sum + entryBytes(Buffer.byteLength(text)), 0);
        if (ones.length > 0 && total + own > size) break;
        ones.push(waiting);
        waiting = undefined;
        total += own;
      }
      if (ones.length === 0) break;
      const name = `${part === undefined ? '' : `${part}-`}${String(k).padStart(6, '0')}.tar`;
      let written = await keptShard(join(out, name), ones);
      if (written !== undefined) {
        done += ones.length;
        yield { type: 'kept', shard: name };
      } else {
        const writing = write(join(out, name), source, ones, signal);
        let turn = await writing.next();
        for (; turn.done !== true; turn = await writing.next())
          yield { type: 'packing', shard: name, done: done + turn.value, of };
        written = turn.value;
        done += ones.length;
      }
      shards.push({ name, ...(part !== undefined && { part }), ...written });
      bytes += written.bytes;
      pictures += written.count;
    }
  }
  if (pictures === 0) throw new RescaledError(`Expected pictures that can be read but all ${leftOut} cannot.`);
  const manifest: Manifest = { format: MANIFEST_FORMAT, ...(classes && { classes: [...classes] }), shards };
  writeFileAtomic(join(out, MANIFEST), `${JSON.stringify(manifest, null, 1)}\n`);
  return { folder: out, shards, ...(classes && { classes }), pictures, bytes, leftOut, notes };
}

/** What is to be packed. Nothing is set aside: who trains on it says how much. */
async function partsOf(
  paths: readonly string[],
  unlabelled: boolean,
): Promise<{ parts: Part[]; classes?: readonly string[]; notes: readonly string[] }> {
  if (unlabelled) {
    const pool: Pool = await openPool(paths);
    return { parts: [{ part: undefined, source: pool.source, names: (i) => pool.key(i) }], notes: [] };
  }
  const [data, second] = paths;
  if (data === undefined || second !== undefined)
    throw new UsageError(
      `Expected one data set but received ${paths.length} paths. Several may be packed without labels (--unlabelled).`,
    );
  const dataset = await openDataset(data).catch((error: unknown) => {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(`${error.message} Pictures without classes are packed with --unlabelled.`, { cause: error });
  });
  const { classes, train, val, test, measured, split, notes } = dataset;
  const named = (part: PartName | undefined, source: Source): Part => {
    const names = pathsOf(source);
    return { part, source, names: (i) => names?.[i] ?? source.describe(i) };
  };
  if (split !== undefined) {
    const { val: all, measured: which } = await openDataset(data, { take: 'all' });
    return { parts: [named(which === 'all' ? undefined : which, all)], classes: all.classes, notes };
  }
  return {
    parts: [
      ...(train ? [named('train', train)] : []),
      named(measured === 'all' ? undefined : measured, val),
      ...(test ? [named('test', test)] : []),
    ],
    classes,
    notes,
  };
}

/** @throws UsageError for a folder that holds more than shards of such a packing that was stopped */
function claim(out: string, parts: ReadonlySet<PartName | undefined>): void {
  if (existsSync(out) && !statSync(out).isDirectory())
    throw new UsageError(`Expected a folder for the shards but ${out} is a file. Choose another --out.`);
  const names = existsSync(out) ? readdirSync(out) : [];
  if (names.includes(MANIFEST))
    throw new UsageError(
      `Expected a new folder for the shards but ${out} has been packed already ("rescaled shards inspect ${out}"). ` +
        'Choose another --out, or remove it.',
    );
  const own = /^\.?(?:(train|val|test)-)?\d{6,}\.tar(?:\.index)?(?:\.\d+\.tmp)?$/;
  const strange = names.find((name) => {
    const match = own.exec(name);
    return match === null || !parts.has(match[1] as PartName | undefined);
  });
  if (strange !== undefined)
    throw new UsageError(`Expected a new folder for the shards but ${out} holds ${strange}. Choose another --out.`);
  makeFolder(out);
}

/** @returns in words why a picture cannot be packed */
async function plan(
  source: Source,
  i: number,
  path: string,
  key: string,
  classes: readonly string[] | undefined,
): Promise<Planned | string> {
  const label = classes === undefined ? undefined : source.labels[i]!;
  const others = {
    ...(label !== undefined && { cls: `${label}\n` }),
    json: `${JSON.stringify({ path, ...(label !== undefined && { class: classes![label] }) })}\n`,
  };
  if (source.spec.kind === 'idx') {
    const bytes = await encoded(source, i);
    return { i, key, ending: 'png', size: bytes.length, label, others, bytes };
  }
  const ending = extname(path).slice(1).toLowerCase();
  if (!PICTURE_EXTENSIONS.has(`.${ending}`)) return `its name does not end like a picture's (${basename(path)})`;
  let size: number;
  try {
    size = source.encoded?.size?.(i) ?? (await stat(source.describe(i))).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    return systemReason(error);
  }
  if (size === 0) return 'it is empty (0 bytes)';
  if (size > PICTURE_BYTES) return `its ${size} bytes exceed the limit of ${PICTURE_BYTES}`;
  return { i, key, ending, size, label, others };
}

/** The bytes of a picture; one that lies without encoding becomes a grey PNG. */
async function encoded(source: Source, i: number): Promise<Uint8Array> {
  const own = source.encoded;
  if (own !== undefined) return own.read(i);
  const { data, width, height } = source.ready(i, Number.MAX_SAFE_INTEGER)!;
  const grey = Buffer.alloc(width * height);
  for (let p = 0; p < grey.length; p++) grey[p] = data[3 * p]!;
  const { default: sharp } = await import('sharp');
  return sharp(grey, { raw: { width, height, channels: 1 } })
    .toColourspace('b-w')
    .png()
    .toBuffer();
}

/** A shard that an earlier call finished: the same names, sizes and labels. */
async function keptShard(path: string, planned: readonly Planned[]): Promise<WrittenShard | undefined> {
  if (!existsSync(path)) return undefined;
  const facts = readIndexFile(`${path}${INDEX_ENDING}`);
  const wanted = new IndexWriter();
  let offset = 0;
  for (const { key, ending, size, label } of planned)
    wanted.add({ name: `${key}.${ending}`, offset: offset++, size, ...(label !== undefined && { label }) });
  const { size } = statSync(path);
  if (facts === undefined || facts.bytes !== size || facts.digest !== wanted.digest()) return undefined;
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 })) hash.update(chunk as Buffer);
  return { count: planned.length, bytes: size, sha256: hash.digest('hex') };
}

async function* write(
  path: string,
  source: Source,
  planned: readonly Planned[],
  signal: AbortSignal | undefined,
): AsyncGenerator<number, WrittenShard> {
  const writer = new ShardWriter(path);
  const reading: Promise<Uint8Array>[] = [];
  let told = performance.now();
  try {
    for (const [k, { i, key, ending, size, label, others }] of planned.entries()) {
      while (reading.length < Math.min(planned.length, k + READ_AHEAD)) {
        const wanted = planned[reading.length]!;
        const promise = wanted.bytes === undefined ? encoded(source, wanted.i) : Promise.resolve(wanted.bytes);
        promise.catch(() => undefined); // heard in its turn
        reading.push(promise);
      }
      const bytes = await reading[k]!;
      delete reading[k];
      if (bytes.length !== size)
        throw new BrokenPicture(
          source.describe(i),
          `it changed while it was packed: ${size} bytes became ${bytes.length}`,
        );
      writer.add(key, { ending, bytes }, label, others);
      signal?.throwIfAborted();
      if (performance.now() - told < TELL_MS) continue;
      told = performance.now();
      yield k + 1;
    }
    return writer.commit();
  } finally {
    writer.abandon();
  }
}
