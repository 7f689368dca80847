import { cacheFolder } from './cache/folder.js';
import { PixelFile } from './cache/pixel-file.js';
import { withCache } from './cached.js';
import { look } from './check/look.js';
import { Pictures, partOf } from './check/opened.js';
import type { Dataset } from './dataset.js';
import { BrokenPicture, decodeFile, headerProblem } from './decoding/decode.js';
import { cacheFinder, type Source } from './sources/source.js';

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
  yield* each(left, headerProblem, broken, signal);
  // What the cache could not take up was found broken when its turn came: it is decoded once more, for the reason.
  const suspects = (verify ? left : [turn.value.train, turn.value.val].flatMap(unreadable)).filter(
    (path) => !broken.has(path),
  );
  yield* each(suspects, (path) => decodeProblem(path, size), broken, signal);
  return broken;
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
  if (test?.spec.kind !== 'files' || note !== undefined || cacheFolder() === undefined) return false;
  const looking = look(new Pictures([partOf('test', test)]), test.spec.root, { all: false, ...(signal && { signal }) });
  try {
    let turn = await looking.next();
    for (let told = performance.now(); turn.done !== true; turn = await looking.next()) {
      if (performance.now() - told < TELL_MS) continue;
      told = performance.now();
      yield { type: 'looking', done: turn.value, of: test.length };
    }
    for (const [i, reason] of turn.value.broken) broken.set(test.describe(i), reason);
    return true;
  } catch (error) {
    if (signal?.aborted === true) return true;
    throw error;
  }
}

/** Paths of pictures that are not decoded in a cache. @param learned whether the test part is seen */
function unseen({ train, val, test }: Dataset, size: number, learned: boolean): string[] {
  const paths: string[] = [];
  for (const source of [train, val, ...(learned ? [] : [test])]) {
    if (source?.spec.kind !== 'files') continue;
    const { ids, cached } = source.spec;
    const find = cacheFinder(cached);
    for (let i = 0; i < source.length; i++) if (find(ids[i]!, size) === undefined) paths.push(source.describe(i));
  }
  return paths;
}

/** Paths of pictures that could not be decoded for the cache. */
function unreadable(source: Source | undefined): string[] {
  if (source?.spec.kind !== 'files' || source.spec.cached?.whole === undefined) return [];
  const { ids, cached } = source.spec;
  const whole = PixelFile.of(cached.whole!);
  return [...ids.keys()].filter((i) => whole.state(ids[i]!) === 'unreadable').map((i) => source.describe(i));
}

async function decodeProblem(path: string, targetSize: number): Promise<string | undefined> {
  try {
    await decodeFile(path, { targetSize });
    return undefined;
  } catch (error) {
    if (error instanceof BrokenPicture) return error.reason;
    throw error;
  }
}

/** Asks of each path what is wrong with it, some at a time. */
async function* each(
  paths: readonly string[],
  problem: (path: string) => Promise<string | undefined>,
  broken: Map<string, string>,
  signal: AbortSignal | undefined,
): AsyncGenerator<LookProgress> {
  const inFlight: Promise<string | undefined>[] = [];
  let next = 0;
  let told = performance.now();
  for (const [k, path] of paths.entries()) {
    while (next < Math.min(paths.length, k + AT_ONCE)) {
      const promise = problem(paths[next++]!);
      promise.catch(() => undefined); // heard when its turn comes
      inFlight.push(promise);
    }
    const reason = await inFlight.shift()!;
    if (reason !== undefined) broken.set(path, reason);
    if (signal?.aborted === true) return;
    if (performance.now() - told < TELL_MS) continue;
    told = performance.now();
    yield { type: 'looking', done: k + 1, of: paths.length };
  }
}
