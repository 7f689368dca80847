import { join } from 'node:path';
import { fromGrey, type Pixels } from '../../augment/pixels.js';
import type { Random } from '../../augment/random.js';
import { RescaledError } from '../../errors.js';
import { stampOf } from '../cache/facts-file.js';
import { PixelFile, type PixelFileSpec } from '../cache/pixel-file.js';
import {
  BrokenPicture,
  type DecodeLimits,
  type DecodeOptions,
  type Examined,
  examineFile,
  headerProblem,
  readFileLimited,
} from '../decoding/decode.js';
import { type Opened, openBytes } from '../decoding/jpeg.js';
import { readTogether } from '../decoding/read-together.js';
import { clipHeaderProblem, examineClip } from '../video/decode.js';
import { storedSide } from '../video/limits.js';
import { type CachedFiles, cacheReader } from './cached-files.js';
import { PathTable, type PathTableSpec } from './path-table.js';
import { idsOf, type ShardsSpec, shardNames, shardsReader } from './shard-source.js';
import type { Truth } from './truth.js';

/** Pictures on disk, one file each. */
export interface FilesSpec {
  kind: 'files';
  name: string;
  classes: readonly string[];
  labels: Int32Array;
  /** Folder that the paths start from. */
  root: string;
  paths: PathTableSpec;
  /** Each picture's number among all pictures of the data set. */
  ids: Int32Array;
  /** Where pictures lie decoded. */
  cached?: CachedFiles;
  /** What else is known of all pictures of the data set. */
  truth?: Truth;
  /** Each is a clip: a video file, an animation, or a folder of pictures. */
  clips?: ClipFacts;
}

/** What is known of all clips of a data set. */
export interface ClipFacts {
  /** By number in the data set, in shared memory: begin and end in seconds of what is meant of its file; NaN where it is not said. */
  spans?: Float64Array;
}

/** Grey pictures of one size in shared memory (MNIST's IDX files). */
export interface IdxSpec {
  kind: 'idx';
  name: string;
  classes: readonly string[];
  labels: Int32Array;
  /** All pictures of the file, [count, rows, columns], one byte a pixel; or the cache that holds them. */
  pixels: SharedArrayBuffer | PixelFileSpec;
  rows: number;
  columns: number;
  /** Position in the file of each picture of the source. */
  positions: Int32Array;
  /** File name, for `describe`. */
  file: string;
}

/** Sources one after the other: pictures with labels, say, and then pictures without. */
export interface JoinedSpec {
  kind: 'joined';
  name: string;
  classes: readonly string[];
  labels: Int32Array;
  members: readonly SourceSpec[];
}

/**
 * Everything a worker thread needs to read the source. Structured-cloneable; the large parts are shared, not copied.
 */
export type SourceSpec = FilesSpec | IdxSpec | ShardsSpec | JoinedSpec;

/** Labelled pictures that can be read in any order. */
export interface Source {
  /** For people, such as `fashion-mnist/train`. */
  readonly name: string;
  readonly classes: readonly string[];
  /** One label a picture: an index into `classes`. */
  readonly labels: Int32Array;
  readonly length: number;
  /** Where picture i lies: a file path, or `t10k-images-idx3-ubyte.gz#12`. */
  describe(i: number): string;
  /**
   * Picture i where no file has to be decoded for it: from memory or a cache, as `readPixels` would give it. Not to be
   * written to.
   */
  ready(i: number, targetSize: number): Pixels | undefined;
  /**
   * Picture i as it lies encoded, read and decoded anew. Undefined where pictures are not encoded.
   * @throws BrokenPicture when it cannot be read or decoded
   */
  readonly examine: ((i: number, options: DecodeOptions) => Promise<Examined>) | undefined;
  /** Picture i, of which no more is decoded than is wanted; where that can be. @throws BrokenPicture */
  readonly open?: (i: number, options: DecodeOptions) => Promise<Pixels | Opened>;
  /** Whether picture i could not be read when its turn came for the cache; of clips, which take long to try again. */
  readonly unreadable?: (i: number) => boolean;
  /** Of pictures that lie encoded. */
  readonly encoded: Encoded | undefined;
  /** The order of a training's epoch, where it matters in which order pictures are read; else any is as good. */
  readonly order?: (random: Random) => Uint32Array | undefined;
  /** Pictures that one thread asks for at a time, where the answer comes from afar. */
  readonly ahead?: number;
  readonly spec: SourceSpec;
}

/** Pictures as they lie encoded. */
export interface Encoded {
  /** The bytes of picture i. @throws BrokenPicture */
  read(i: number): Promise<Uint8Array>;
  /** A name from the folder of the data set, `train-000000.tar#000012.jpg`; of pictures in shards. */
  name?(i: number): string;
  /** How many bytes; not of files, which need not be there. */
  size?(i: number): number;
  /** Names picture i as it lies there now; undefined where it does not. */
  stamp(i: number): string | undefined;
  /** What is wrong with it as far as its header says; see `headerProblem`. */
  headerProblem(i: number): Promise<string | undefined>;
}

/** An Int32Array in shared memory, so that worker threads see it without a copy. */
export function sharedInts(values: ArrayLike<number>): Int32Array {
  const shared = new Int32Array(new SharedArrayBuffer(values.length * 4));
  shared.set(values);
  return shared;
}

/** The source that a spec describes; used by worker threads to reopen what the main thread opened. */
export function openSource(spec: SourceSpec): Source {
  const { name, classes, labels } = spec;
  const common = { name, classes, labels, length: labels.length, spec };
  if (spec.kind === 'joined') return { ...common, ...joinedReader(spec) };
  if (spec.kind === 'idx')
    return {
      ...common,
      describe: (i) => `${spec.file}#${spec.positions[i]}`,
      ready: idxReader(spec),
      examine: undefined,
      encoded: undefined,
    };
  if (spec.kind === 'shards') return { ...common, ...shardsReader(spec) };
  const paths = new PathTable(spec.paths);
  const describe = (i: number): string => join(spec.root, paths.at(i));
  if (spec.clips !== undefined) return { ...common, describe, ...clipReader(spec, spec.clips, describe) };
  return {
    ...common,
    describe,
    ready: cacheReader((i) => spec.ids[i]!, spec.cached),
    examine: (i, options) => examineFile(describe(i), options),
    open: async (i, options) => openBytes(await readTogether(describe(i), options), describe(i), options),
    encoded: {
      read: (i) => readFileLimited(describe(i)),
      stamp: (i) => stampOf(spec.root, paths.at(i)),
      headerProblem: (i) => headerProblem(describe(i)),
    },
  };
}

/** A clip goes from hand to hand as its frames packed into one tall picture (`packClip`). */
function clipReader(
  { root, paths: table, ids, cached }: FilesSpec,
  { spans }: ClipFacts,
  describe: (i: number) => string,
): Pick<Source, 'ready' | 'examine' | 'encoded' | 'unreadable'> {
  const paths = new PathTable(table);
  const whole = cached?.whole && PixelFile.of(cached.whole);
  const said = (value: number | undefined): value is number => value !== undefined && !Number.isNaN(value);
  return {
    ready: cacheReader((i) => ids[i]!, cached),
    unreadable: (i) => whole?.state(ids[i]!) === 'unreadable',
    async examine(i, { targetSize = CLIP_SIZE }) {
      const [start, end] = [spans?.[2 * ids[i]!], spans?.[2 * ids[i]! + 1]];
      const side = storedSide(targetSize);
      return examineClip(describe(i), { side, ...(said(start) && { start }), ...(said(end) && { end }) });
    },
    encoded: {
      read: (i) => readFileLimited(describe(i)),
      stamp: (i) => stampOf(root, paths.at(i)),
      headerProblem: (i) => clipHeaderProblem(describe(i)),
    },
  };
}

/** Side of the network's pictures where nobody says one. */
const CLIP_SIZE = 224;

/** Whether the pictures of a source are clips. */
export const hasClips = ({ spec }: Source): boolean => spec.kind === 'files' && spec.clips !== undefined;

/** Sources one after the other, with the classes and labels of the first; pictures of the others have none: they are 0. */
export function joined(name: string, sources: readonly Source[]): Source {
  const [first] = sources;
  if (first === undefined) throw new RescaledError(`Expected sources to join in ${name} but there are none.`);
  const total = sources.reduce((sum, { length }) => sum + length, 0);
  const labels = new Int32Array(new SharedArrayBuffer(4 * total));
  labels.set(first.labels);
  return openSource({ kind: 'joined', name, classes: first.classes, labels, members: sources.map(({ spec }) => spec) });
}

function joinedReader({
  members,
}: JoinedSpec): Pick<Source, 'describe' | 'ready' | 'examine' | 'open' | 'encoded' | 'ahead'> {
  const sources = members.map(openSource);
  const ends: number[] = [];
  for (const source of sources) ends.push((ends.at(-1) ?? 0) + source.length);
  const at = (i: number): [Source, number] => {
    const k = ends.findIndex((end) => i < end);
    return [sources[k]!, i - (ends[k - 1] ?? 0)];
  };
  const ahead = Math.max(...sources.map((source) => source.ahead ?? 0));
  return {
    ...(ahead > 0 && { ahead }),
    describe(i) {
      const [source, own] = at(i);
      return source.describe(own);
    },
    ready(i, targetSize) {
      const [source, own] = at(i);
      return source.ready(own, targetSize);
    },
    examine(i, options) {
      const [source, own] = at(i);
      return source.examine!(own, options);
    },
    async open(i, options) {
      const [source, own] = at(i);
      return source.open?.(own, options) ?? (await source.examine!(own, options)).pixels;
    },
    encoded: {
      read(i) {
        const [source, own] = at(i);
        return source.encoded!.read(own);
      },
      stamp(i) {
        const [source, own] = at(i);
        return source.encoded!.stamp(own);
      },
      headerProblem(i) {
        const [source, own] = at(i);
        return source.encoded!.headerProblem(own);
      },
    },
  };
}

function idxReader({ pixels, positions, rows, columns }: IdxSpec): (i: number) => Pixels {
  if (!(pixels instanceof SharedArrayBuffer)) {
    const file = PixelFile.of(pixels);
    return (i) => file.pixels(positions[i]!)!;
  }
  const size = rows * columns;
  return (i) => fromGrey(new Uint8Array(pixels, positions[i]! * size, size), columns, rows);
}

/** Pictures that lie encoded, and may lie decoded in a cache. */
export type StoredSpec = FilesSpec | ShardsSpec;

/** The spec of a source of such pictures. */
export const storedSpec = ({ spec }: Source): StoredSpec | undefined =>
  spec.kind === 'files' || spec.kind === 'shards' ? spec : undefined;

/** The number of picture i in the data set. */
export const numbersOf = (spec: StoredSpec): ((i: number) => number) =>
  spec.kind === 'shards' ? idsOf(spec) : (i) => spec.ids[i]!;

/** The folder or address that names of pictures start from. */
export const rootOf = (spec: StoredSpec): string => (spec.kind === 'shards' ? spec.set.root : spec.root);

/**
 * Part of a source: its pictures at `chosen`, in that order.
 * @param chosen indices into `source`
 */
export function subset(source: Source, chosen: ArrayLike<number>): Source {
  const { spec } = source;
  if (spec.kind === 'joined') throw new RescaledError(`A part of ${source.name} was asked for, which is joined.`);
  const labels = sharedInts(Array.from(chosen, (i) => source.labels[i]!));
  if (spec.kind === 'idx') {
    return openSource({ ...spec, labels, positions: sharedInts(Array.from(chosen, (i) => spec.positions[i]!)) });
  }
  const ids = sharedInts(Array.from(chosen, numbersOf(spec)));
  if (spec.kind === 'shards') return openSource({ ...spec, labels, ids });
  const table = new PathTable(spec.paths);
  return openSource({ ...spec, labels, ids, paths: PathTable.from(Array.from(chosen, (i) => table.at(i))) });
}

/** The pictures' paths from the folder of their data set, of those in shards `a.tar#b.jpg`; undefined where they have none. */
export function pathsOf({ spec, length }: Source): string[] | undefined {
  if (spec.kind === 'shards') return shardNames(spec);
  if (spec.kind !== 'files') return undefined;
  const table = new PathTable(spec.paths);
  return Array.from({ length }, (_, i) => table.at(i));
}

/**
 * The same pictures with labels of other classes, by name.
 * @param classes hold every class that a picture has
 */
export function relabelled(source: Source, classes: readonly string[]): Source {
  const label = source.classes.map((name) => classes.indexOf(name));
  return openSource({ ...source.spec, classes, labels: sharedInts(Array.from(source.labels, (old) => label[old]!)) });
}

/**
 * Reads and decodes picture i as 8-bit RGB. Grey pictures get three equal channels. A file whose shorter side exceeds
 * 4 x targetSize is reduced while decoding (see `decodeFile`); IDX pictures never are.
 * @param targetSize the side S that the network will see, in pixels
 * @throws BrokenPicture when the file cannot be read or decoded
 */
export async function readPixels(
  source: Source,
  i: number,
  targetSize: number,
  limits?: DecodeLimits,
): Promise<Pixels> {
  checkReadable(source, i);
  // What cannot be decoded is always ready.
  return source.ready(i, targetSize) ?? (await source.examine!(i, { targetSize, ...(limits && { limits }) })).pixels;
}

/** As `readPixels`; where it can be, a picture that is decoded as far as a view shows it. */
export async function openPicture(source: Source, i: number, targetSize: number): Promise<Pixels | Opened> {
  checkReadable(source, i);
  return source.ready(i, targetSize) ?? source.open?.(i, { targetSize }) ?? readPixels(source, i, targetSize);
}

function checkReadable(source: Source, i: number): void {
  if (!(i >= 0 && i < source.length))
    throw new RescaledError(`Picture ${i} asked of ${source.name}, which has ${source.length}.`);
  if (source.unreadable?.(i) === true)
    throw new BrokenPicture(source.describe(i), 'it could not be decoded for the cache; "rescaled check" says why');
}
