import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { takeLock } from '../lock.js';
import { engineLoaded } from '../torch/addon.js';
import { cacheFile, cacheFolder, MOST_BYTES, MOST_CLIP_BYTES, makeRoom, megabytes, touch } from './cache/folder.js';
import { PixelFile } from './cache/pixel-file.js';
import { PixelWriter } from './cache/pixel-writer.js';
import { brokenRecord, KnownFacts, recordOf } from './check/facts.js';
import type { Dataset } from './dataset.js';
import { BrokenPicture, type Examined, isWhole } from './decoding/decode.js';
import { drained } from './drained.js';
import { useEngineKernels } from './loading/kernels.js';
import { type CachedFiles, cacheFinder } from './sources/cached-files.js';
import { reasonOf } from './sources/idx-pixels.js';
import { hasClips, numbersOf, openSource, rootOf, type Source, type StoredSpec, storedSpec } from './sources/source.js';
import { type Unlabelled, withMembers } from './unlabelled.js';

/** How many pictures have been decoded for the cache. */
export interface CacheProgress {
  done: number;
  of: number;
}

/** The pictures of a data set, by its parts. */
export type Cacheable = Pick<Dataset, 'train' | 'val' | 'test' | 'onDisk' | 'note'>;

/** Pictures being decoded at a time: more than libuv has threads by default. */
const AHEAD = 8;
/** Pictures that say how much memory all would take. */
const SAMPLE = 16;
/** Clips that are decoded are put in their place this often, so that a process that is killed has not worked for nothing. */
const KEEP_MS = 5 * 60_000;
/** Between two events of progress. */
const TELL_MS = 1000;

/**
 * The same data set, whose pictures are read from a cache on disk: decoded once, and shared by all processes. Those
 * that are not there yet are decoded first, under a lock; a second process waits for the first. Without room, or when
 * switched off, the data set comes back as it was, with a note where that is of interest. Pictures that cannot be read
 * stay what they are.
 * @param size side of the network's input, in pixels
 */
export async function* withCache<D extends Cacheable>(
  dataset: D,
  size: number,
  signal?: AbortSignal,
): AsyncGenerator<CacheProgress, D> {
  const folder = cacheFolder();
  if (folder === undefined || dataset.onDisk === undefined) return dataset;
  const build = new Build(dataset, size, folder);
  if (build.missing().length === 0) return build.dataset();
  if (engineLoaded()) useEngineKernels();
  let unlock: (() => void) | undefined;
  try {
    const problem = makeRoom(build.paths.whole, 0);
    if (problem !== undefined) return { ...build.dataset(), note: problem };
    unlock = await lockUnless(`${build.paths.whole}.lock`, signal);
    if (unlock === undefined) return build.dataset();
    build.open(); // another process may have been here
    const note = await build.roomProblem();
    if (note !== undefined) return { ...build.dataset(), note };
    yield* build.decodeMissing(signal);
    return build.dataset();
  } catch (error) {
    return { ...build.dataset(), note: reasonOf(error) };
  } finally {
    build.abandon();
    unlock?.();
  }
}

/** Pictures without labels read from the cache, each path's from its own; see `withCache`. The note of one that cannot be is told. */
export async function* unlabelledWithCache(
  unlabelled: Unlabelled,
  size: number,
  signal?: AbortSignal,
): AsyncGenerator<CacheProgress, { unlabelled: Unlabelled; note?: string }> {
  const members = [];
  let note: string | undefined;
  for (const member of unlabelled.pool.members) {
    const dataset: Cacheable = yield* withCache<Cacheable>(member.dataset, size, signal);
    note ??= dataset.note;
    members.push({ ...member, dataset });
  }
  return { unlabelled: withMembers(unlabelled, members), ...(note !== undefined && { note }) };
}

/** As `withCache`, without a word about its progress. */
export const cachedDataset = (dataset: Dataset, size: number, signal?: AbortSignal): Promise<Dataset> =>
  drained(withCache(dataset, size, signal));

interface Missing {
  /** In the data set. */
  id: number;
  source: Source;
  /** In the source. */
  i: number;
}

class Busy extends Error {}

/** Waits for the lock; undefined when the signal came first. */
async function lockUnless(path: string, signal: AbortSignal | undefined): Promise<(() => void) | undefined> {
  while (signal?.aborted !== true) {
    try {
      return await takeLock(path, { timeoutMs: 0, busy: () => new Busy() });
    } catch (error) {
      if (!(error instanceof Busy)) throw error;
      await sleep(100);
    }
  }
  return undefined;
}

/** One data set and the two files of its cache: pictures in their own size, and larger ones reduced for this size. */
class Build<D extends Cacheable> {
  readonly paths: { whole: string; reduced: string };
  #whole: PixelFile | undefined;
  #reduced: PixelFile | undefined;
  readonly #writers = new Map<string, PixelWriter>();

  constructor(
    readonly given: D,
    readonly size: number,
    folder: string,
  ) {
    const { key } = given.onDisk!;
    this.paths = { whole: cacheFile(folder, key), reduced: cacheFile(folder, `${key}-${size}`) };
    this.open();
  }

  open(): void {
    this.#whole = PixelFile.open(this.paths.whole);
    this.#reduced = PixelFile.open(this.paths.reduced);
    for (const file of [this.#whole, this.#reduced]) if (file !== undefined) touch(file.path);
  }

  get #cached(): CachedFiles {
    return {
      size: this.size,
      ...(this.#whole && { whole: this.#whole }),
      ...(this.#reduced && { reduced: this.#reduced }),
    };
  }

  /** The data set on what there is. */
  dataset(): D {
    const on = (source: Source): Source => openSource({ ...(source.spec as StoredSpec), cached: this.#cached });
    const { train, val, test } = this.given;
    return {
      ...this.given,
      ...(train && { train: on(train) }),
      val: on(val),
      ...(this.#clips && test && { test: on(test) }),
    };
  }

  /** Of clips the test part is kept too: to decode it again for each evaluation would take longer than the evaluation. */
  get #clips(): boolean {
    return hasClips(this.given.val);
  }

  get #sources(): Source[] {
    const { train, val, test } = this.given;
    return [train, val, this.#clips ? test : undefined].filter((source) => source !== undefined);
  }

  /** Pictures that nobody has tried to decode. */
  missing(): Missing[] {
    const find = cacheFinder(this.#cached);
    const missing: Missing[] = [];
    for (const source of this.#sources) {
      const idOf = numbersOf(source.spec as StoredSpec);
      for (let i = 0; i < source.length; i++) {
        const id = idOf(i);
        if (find(id, this.size) === undefined && this.#whole?.state(id) !== 'unreadable')
          missing.push({ id, source, i });
      }
    }
    return missing;
  }

  async roomProblem(): Promise<string | undefined> {
    const missing = this.missing();
    const step = Math.ceil(missing.length / SAMPLE);
    const sample = await Promise.all(missing.filter((_, i) => i % step === 0).map((one) => this.#decode(one)));
    const mean =
      sample.reduce((sum, seen) => sum + (typeof seen === 'string' ? 0 : seen.pixels.data.length), 0) /
      Math.max(1, sample.length);
    const bytes = mean * missing.length + (this.#whole?.bytes ?? 0) + (this.#reduced?.bytes ?? 0);
    const most = this.#clips ? MOST_CLIP_BYTES : MOST_BYTES;
    if (bytes > most)
      return (
        `its ${this.#clips ? 'clips' : 'pictures'} would take about ${megabytes(bytes)}, ` +
        `more than the ${megabytes(most)} that are kept of one data set`
      );
    return makeRoom(this.paths.whole, bytes);
  }

  /**
   * Decodes what is missing and puts the files in their place; stopped by the signal, it leaves everything as it was, but for clips.
   * What a check would have to decode them for is learned on the way.
   */
  async *decodeMissing(signal: AbortSignal | undefined): AsyncGenerator<CacheProgress> {
    const missing = this.missing();
    // A check knows no clips.
    const known = this.#clips ? undefined : KnownFacts.of(rootOf(storedSpec(this.given.val)!));
    const ahead = this.#clips ? availableParallelism() : AHEAD;
    const inFlight: Promise<Examined | string>[] = [];
    let next = 0;
    let told = performance.now();
    let kept = told;
    for (const [k, { id, source, i }] of missing.entries()) {
      while (next < Math.min(missing.length, k + ahead)) inFlight.push(this.#decode(missing[next++]!));
      const seen = await inFlight.shift()!;
      this.#add(id, seen);
      known?.add(source.encoded!.stamp(i), typeof seen === 'string' ? brokenRecord(seen) : recordOf(seen));
      if (signal?.aborted === true) {
        // Hours may be in them: the next training goes on from here.
        if (this.#clips) this.#commit();
        return;
      }
      if (this.#clips && performance.now() - kept > KEEP_MS) {
        this.#commit();
        kept = performance.now();
      }
      if (performance.now() - told < TELL_MS) continue;
      told = performance.now();
      yield { done: k + 1, of: missing.length };
    }
    this.#commit();
    known?.save({ all: false });
  }

  #commit(): void {
    for (const writer of this.#writers.values()) writer.commit();
    this.#writers.clear();
    this.open();
  }

  /** The reason where it cannot be read. Whoever needs it tries again and says why. */
  #decode({ source, i }: Missing): Promise<Examined | string> {
    return source.examine!(i, { targetSize: this.size }).catch((error: unknown) =>
      error instanceof BrokenPicture ? error.reason : reasonOf(error),
    );
  }

  #add(id: number, seen: Examined | string): void {
    if (typeof seen === 'string') return this.#writer('whole').addUnreadable(id);
    const { width, height, data } = seen.pixels;
    // One that just fits may have been reduced to that.
    const own = !this.#clips && isWhole(width, height, this.size) && Math.min(width, height) < 4 * this.size;
    this.#writer(own ? 'whole' : 'reduced').add(id, width, height, data);
  }

  #writer(kind: 'whole' | 'reduced'): PixelWriter {
    const path = this.paths[kind];
    let writer = this.#writers.get(path);
    if (writer === undefined)
      this.#writers.set(
        path,
        (writer = new PixelWriter(path, 3, this.given.onDisk!.count, kind === 'whole' ? this.#whole : this.#reduced)),
      );
    return writer;
  }

  /** Removes what was not put in its place. */
  abandon(): void {
    for (const writer of this.#writers.values()) writer.abandon();
  }
}
