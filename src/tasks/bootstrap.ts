import { Random } from '../augment/random.js';
import { UsageError } from '../errors.js';

/** The middle 95 % of what a figure is over drawn sets of pictures. */
export interface Spread {
  readonly low: number;
  readonly high: number;
}

export interface BootstrapOptions {
  /** Sets that are drawn. Default 1,000. */
  readonly draws?: number;
  readonly seed?: number;
}

/**
 * The bootstrap over pictures (Efron 1979): each set has as many pictures as there are, drawn with replacement, and is
 * given as how often each picture stands in it. One picture's boxes or pixels are not drawn apart from each other: they
 * are alike, and an interval over them would be too narrow. The array is the same one for every set.
 */
export function* drawnSets(
  pictures: number,
  { draws = 1000, seed = 0 }: BootstrapOptions = {},
): Generator<Int32Array, void, undefined> {
  if (!Number.isSafeInteger(draws) || draws < 1)
    throw new UsageError(`Expected a whole number of draws of at least 1 but received ${draws}.`);
  const random = new Random(seed);
  const times = new Int32Array(pictures);
  for (let draw = 0; draw < draws; draw++) {
    times.fill(0);
    for (let i = 0; i < pictures; i++) times[random.int(pictures)]!++;
    yield times;
  }
}

/**
 * The quantiles 0.025 and 0.975 of a figure over drawn sets, by linear interpolation (NumPy's default). Sets in which
 * it is not finite, such as one without a picture of a class, are left out; undefined where none is left or there is but
 * one picture, which is drawn whatever is drawn.
 */
export function middle(values: ArrayLike<number>, pictures: number): Spread | undefined {
  if (pictures < 2) return undefined;
  const sorted = Float64Array.from(values).filter(Number.isFinite).sort();
  if (sorted.length === 0) return undefined;
  const at = (q: number): number => {
    const place = q * (sorted.length - 1);
    const below = Math.floor(place);
    const above = Math.min(sorted.length - 1, below + 1);
    return sorted[below]! + (place - below) * (sorted[above]! - sorted[below]!);
  };
  return { low: at(0.025), high: at(0.975) };
}

/**
 * The middle of each of some figures over drawn sets.
 * @param figures of a set, all of the same length
 */
export function spreads(
  pictures: number,
  figures: (times: Int32Array) => ArrayLike<number>,
  options: BootstrapOptions = {},
): (Spread | undefined)[] {
  if (pictures < 2) return [];
  const columns: number[][] = [];
  for (const times of drawnSets(pictures, options)) {
    const row = figures(times);
    for (let i = 0; i < row.length; i++) (columns[i] ??= []).push(row[i]!);
  }
  return columns.map((column) => middle(column, pictures));
}

/**
 * Intervals with the usual draws, kept until a picture is added: text, JSON and page of one evaluation all tell them.
 * @param make what they are with given options
 */
export function kept<T>(make: (options?: BootstrapOptions) => T): {
  intervals(options?: BootstrapOptions): T;
  forget(): void;
} {
  let usual: T | undefined;
  return {
    intervals: (options) => (options === undefined ? (usual ??= make()) : make(options)),
    forget() {
      usual = undefined;
    },
  };
}
