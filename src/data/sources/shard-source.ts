import type { Random } from '../../augment/random.js';
import { isAddress } from '../../files.js';
import { type DecodeOptions, type Examined, examineBytes, headerProblemOf } from '../decoding/decode.js';
import { openBytes } from '../decoding/jpeg.js';
import { ShardSet, type ShardSetSpec } from '../shards/set.js';
import { type CachedFiles, cacheReader } from './cached-files.js';

/** Pictures in tar archives, read where they lie. */
export interface ShardsSpec {
  kind: 'shards';
  name: string;
  classes: readonly string[];
  labels: Int32Array;
  /** All shards of the data set. */
  set: ShardSetSpec;
  /** Each picture's number among all of the data set; or the first one's, where they follow each other. */
  ids: Int32Array | number;
  /** Where pictures lie decoded. */
  cached?: CachedFiles;
}

/** What an order of reading is kind to; see `shardOrder`. */
const WHOLE_BYTES = 16 * 2 ** 30;
const WINDOW_BYTES = 4 * 2 ** 30;
const WINDOW_SHARDS = 8;
const REMOTE_AHEAD = 16;
/** Enough for the headers of most pictures, with the colour profiles and thumbnails before them. */
const HEAD_BYTES = 64 * 1024;

/** The number of picture i in the data set. */
export const idsOf = ({ ids }: ShardsSpec): ((i: number) => number) =>
  typeof ids === 'number' ? (i) => ids + i : (i) => ids[i]!;

/** How pictures in shards are read. */
export function shardsReader(spec: ShardsSpec) {
  const set = new ShardSet(spec.set);
  const idOf = idsOf(spec);
  const describe = (i: number): string => set.describe(idOf(i));
  const read = (i: number): Promise<Uint8Array> => set.read(idOf(i));
  return {
    describe,
    ready: cacheReader(idOf, spec.cached),
    examine: async (i: number, options: DecodeOptions): Promise<Examined> =>
      examineBytes(await read(i), describe(i), options),
    open: async (i: number, options: DecodeOptions) => openBytes(await read(i), describe(i), options),
    encoded: {
      read,
      name: (i: number): string => set.name(idOf(i)),
      size: (i: number): number => set.size(idOf(i)),
      stamp: (i: number): string => set.stamp(idOf(i)),
      async headerProblem(i: number): Promise<string | undefined> {
        const size = set.size(idOf(i));
        const head = await set.read(idOf(i), HEAD_BYTES);
        const problem = await headerProblemOf(head, describe(i), size);
        // What is wanted may stand at the end, as in TIFF.
        return problem === undefined || size <= HEAD_BYTES
          ? problem
          : headerProblemOf(await read(i), describe(i), size);
      },
    },
    // A request takes the time of a way there and back, whatever else is done meanwhile.
    ...(spec.set.shards.some(({ at }) => isAddress(at)) && { ahead: REMOTE_AHEAD }),
    order: (random: Random): Uint32Array | undefined => shardOrder(spec, set, random),
  };
}

/** Names of the pictures from the folder of their data set: `train-000000.tar#000012.jpg`. */
export const shardNames = (spec: ShardsSpec): string[] => {
  const idOf = idsOf(spec);
  const ids = (function* () {
    for (let i = 0; i < spec.labels.length; i++) yield idOf(i);
  })();
  return [...new ShardSet(spec.set).names(ids)];
};

/**
 * The order of an epoch that is kind to a disk or a network: shards in any order, and of each few of them, one after the other, the pictures
 * in any order. A function of the data and `random` alone: neither where the shards lie nor who reads them changes it.
 * @returns undefined where all shards together have at most 16 GiB: memory holds them, and any order is as good
 */
export function shardOrder(spec: ShardsSpec, set: ShardSet, random: Random): Uint32Array | undefined {
  const { shards } = spec.set;
  if (shards.reduce((sum, { bytes }) => sum + bytes, 0) <= WHOLE_BYTES) return undefined;
  return windowedOrder(
    {
      bytes: shards.map(({ bytes }) => bytes),
      shardOf: (i) => set.shardOf(idsOf(spec)(i)),
      length: spec.labels.length,
    },
    random,
  );
}

/** See `shardOrder`. A window has at least 8 shards, and as many as have 4 GiB. */
export function windowedOrder(
  { bytes, shardOf, length }: { bytes: readonly number[]; shardOf: (i: number) => number; length: number },
  random: Random,
): Uint32Array {
  const shards = random.permutation(bytes.length);
  const windowOf = new Uint32Array(bytes.length);
  for (let k = 0, window = 0, held = 0, sum = 0; k < shards.length; k++) {
    windowOf[shards[k]!] = window;
    sum += bytes[shards[k]!]!;
    if (++held < WINDOW_SHARDS || sum < WINDOW_BYTES) continue;
    window++;
    held = sum = 0;
  }
  // Pictures go to their windows (counting sort), and are shuffled there.
  const ends: number[] = new Array<number>(bytes.length + 1).fill(0);
  const windows = new Uint32Array(length);
  for (let i = 0; i < length; i++) ends[(windows[i] = windowOf[shardOf(i)]!) + 1]!++;
  for (let k = 1; k < ends.length; k++) ends[k]! += ends[k - 1]!;
  const order = new Uint32Array(length);
  const at = [...ends];
  for (let i = 0; i < length; i++) order[at[windows[i]!]!++] = i;
  for (let k = 0; k + 1 < ends.length; k++) {
    const part = order.slice(ends[k], ends[k + 1]);
    const shuffled = random.permutation(part.length);
    for (let i = 0; i < part.length; i++) order[ends[k]! + i] = part[shuffled[i]!]!;
  }
  return order;
}
