import { cacheFolder } from './cache/folder.js';
import { PixelFile } from './cache/pixel-file.js';
import { withCache } from './cached.js';
import { look } from './check/look.js';
import { Pictures, partOf } from './check/opened.js';
import type { Dataset } from './dataset.js';
import { BrokenPicture } from './decoding/decode.js';
import { cacheFinder } from './sources/cached-files.js';
import { hasClips, numbersOf, rootOf, type Source, storedSpec } from './sources/source.js';

/** How many pictures have been looked at, or decoded for the cache. */
export interface LookProgress {
  type: 'looking' | 'decoding';
  done: number;
  of: number;
}

export interface LookOptions {
  /** Decodes all of them, also where no cache keeps what comes of it. */
  verify?: boolean;
  signal?: AbortSignal;
}

/** At a time: more than libuv has threads by default, so that none waits. */
const AT_ONCE = 12;
/** Between two events of progress. */
const TELL_MS = 1000;

/**
 * Looks at all pictures of a data set before a model learns from them. Where there is room they are decoded for the
 * cache (see `withCache`), which finds everything; of the others the header is read, and with `verify` all of it.
 * @param size side of the network's input, in pixels
 * @returns those that cannot be read, path -> reason
 */
export async function* lookAt(
  dataset: Dataset,
  size: number,
  { verify = false, signal }: LookOptions,
): AsyncGenerator<LookProgress, ReadonlyMap<string, string>> {
  const broken = new Map<string, string>();
  const decoding = withCache(dataset, size, signal);
  let turn = await decoding.next();
  for (; turn.done !== true; turn = await decoding.next()) yield { type: 'decoding', ...turn.value };
  const learned = yield* learnTest(turn.value, broken, signal);
  const left = unseen(turn.value, size, learned);
  yield* each(left, ({ source, i }) => source.encoded!.headerProblem(i), broken, signal);
  // What the cache could not take up was found broken when its turn came: it is decoded once more, for the reason.
  const suspects = (verify ? left : [turn.value.train, turn.value.val, turn.value.test].flatMap(unreadable)).filter(
    ({ source, i }) => !broken.has(source.describe(i)),
  );
  yield* each(suspects, (one) => decodeProblem(one, size), broken, signal);
  return broken;
}

/** A picture of a source. */
interface One {
  readonly source: Source;
  readonly i: number;
}

/**
 * The cache has no test part, which is measured once. Where there is a cache its pictures are decoded as a check would,
 * much reduced, so that they can be compared with the others; what is known already is not.
 * @returns whether that was done
 */
async function* learnTest(
  { test, note }: Dataset,
  broken: Map<string, string>,
  signal: AbortSignal | undefined,
): AsyncGenerator<LookProgress, boolean> {
  const spec = test && storedSpec(test);
  // Of clips the cache has the test part too.
  if (spec === undefined || note !== undefined || cacheFolder() === undefined || hasClips(test!)) return false;
  const looking = look(new Pictures([partOf('test', test!)]), rootOf(spec), { all: false, ...(signal && { signal }) });
  try {
    let turn = await looking.next();
    for (let told = performance.now(); turn.done !== true; turn = await looking.next()) {
      if (performance.now() - told < TELL_MS) continue;
      told = performance.now();
      yield { type: 'looking', done: turn.value, of: test!.length };
    }
    for (const [i, reason] of turn.value.broken) broken.set(test!.describe(i), reason);
    return true;
  } catch (error) {
    if (signal?.aborted === true) return true;
    throw error;
  }
}

/** Pictures that are not decoded in a cache. @param learned whether the test part is seen */
function unseen({ train, val, test }: Dataset, size: number, learned: boolean): One[] {
  return [train, val, ...(learned ? [] : [test])].flatMap((source) => {
    const spec = source && storedSpec(source);
    if (spec === undefined) return [];
    const find = cacheFinder(spec.cached);
    return chosen(source!, (id) => find(id, size) === undefined);
  });
}

/** Pictures that could not be decoded for the cache. */
function unreadable(source: Source | undefined): One[] {
  const cached = source && storedSpec(source)?.cached;
  if (cached?.whole === undefined) return [];
  const whole = PixelFile.of(cached.whole);
  return chosen(source!, (id) => whole.state(id) === 'unreadable');
}

/** Those whose numbers in the data set fit. */
function chosen(source: Source, fits: (id: number) => boolean): One[] {
  const idOf = numbersOf(storedSpec(source)!);
  const ones: One[] = [];
  for (let i = 0; i < source.length; i++) if (fits(idOf(i))) ones.push({ source, i });
  return ones;
}

async function decodeProblem({ source, i }: One, targetSize: number): Promise<string | undefined> {
  try {
    await source.examine!(i, { targetSize });
    return undefined;
  } catch (error) {
    if (error instanceof BrokenPicture) return error.reason;
    throw error;
  }
}

/** Asks of each picture what is wrong with it, some at a time. */
async function* each(
  pictures: readonly One[],
  problem: (one: One) => Promise<string | undefined>,
  broken: Map<string, string>,
  signal: AbortSignal | undefined,
): AsyncGenerator<LookProgress> {
  const inFlight: Promise<string | undefined>[] = [];
  let next = 0;
  let told = performance.now();
  for (const [k, { source, i }] of pictures.entries()) {
    while (next < Math.min(pictures.length, k + AT_ONCE)) {
      const promise = problem(pictures[next++]!);
      promise.catch(() => undefined); // heard when its turn comes
      inFlight.push(promise);
    }
    const reason = await inFlight.shift()!;
    if (reason !== undefined) broken.set(source.describe(i), reason);
    if (signal?.aborted === true) return;
    if (performance.now() - told < TELL_MS) continue;
    told = performance.now();
    yield { type: 'looking', done: k + 1, of: pictures.length };
  }
}
