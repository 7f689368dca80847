import { createHash } from 'node:crypto';
import { Random } from '../augment/random.js';
import { UsageError } from '../errors.js';

/** Positions of each label: lists[label] holds the indices that carry it, rising. */
export function byClass(labels: ArrayLike<number>, classes: number): number[][] {
  const lists: number[][] = Array.from({ length: classes }, () => []);
  for (let i = 0; i < labels.length; i++) lists[labels[i]!]!.push(i);
  return lists;
}

/**
 * A class-balanced subset of `count` pictures: classes take turns until the count is reached or a class has no more,
 * and each class gives its pictures in an order that depends on (seed, class) alone. A smaller subset lies within a
 * larger one of the same seed.
 * @returns chosen indices, rising
 */
export function balancedSubset(labels: ArrayLike<number>, classes: number, count: number, seed: number): number[] {
  const lists = byClass(labels, classes).map((members, label) => {
    const order = new Random(seed, SUBSET_STREAM, label).permutation(members.length);
    return Array.from(order, (i) => members[i]!);
  });
  const chosen: number[] = [];
  for (let turn = 0; chosen.length < Math.min(count, labels.length); turn++) {
    for (const list of lists) if (turn < list.length && chosen.length < count) chosen.push(list[turn]!);
  }
  return chosen.sort((a, b) => a - b);
}

/** Keeps these draws apart from the loader's streams (seed, epoch) and (seed, epoch, index) of the same seed. */
const SUBSET_STREAM = -1;

/**
 * Share of a class that goes to validation, at least one of two pictures and never all: round(n x share) within 1 .. n
 * - 1; 0 of one.
 */
function validationCount(n: number, share: number): number {
  return n < 2 ? 0 : Math.min(n - 1, Math.max(1, Math.round(n * share)));
}

/** How many pictures `splitByClass` leaves to training, without drawing which. */
export function trainingCount(labels: ArrayLike<number>, classes: number, share: number): number {
  const sizes = new Array<number>(classes).fill(0);
  for (let i = 0; i < labels.length; i++) sizes[labels[i]!]!++;
  return sizes.reduce((sum, n) => sum + n - validationCount(n, share), 0);
}

/**
 * Splits pictures class by class. Within a class the pictures are ordered by sha256(seed, key) and the first ones go to
 * validation, so adding or removing a few files moves few others across. A class with a single picture gives it to
 * training.
 * @param keys what identifies picture i: its path within the dataset, or its number
 * @returns rising indices of both parts
 */
export function splitByClass(
  labels: ArrayLike<number>,
  classes: number,
  keys: (i: number) => string,
  share: number,
  seed: number,
): { train: number[]; val: number[] } {
  const train: number[] = [];
  const val: number[] = [];
  for (const members of byClass(labels, classes)) {
    const ranked = members.map((i) => ({
      i,
      rank: createHash('sha256')
        .update(`${seed}\0${keys(i)}`)
        .digest('hex'),
    }));
    ranked.sort((a, b) => (a.rank < b.rank ? -1 : a.rank > b.rank ? 1 : a.i - b.i));
    const count = validationCount(members.length, share);
    ranked.forEach(({ i }, position) => (position < count ? val : train).push(i));
  }
  return { train: train.sort((a, b) => a - b), val: val.sort((a, b) => a - b) };
}

/** @throws UsageError unless the share lies strictly between 0 and 1. */
export function checkShare(share: number): void {
  if (!(share > 0 && share < 1)) {
    throw new UsageError(
      `Expected a share between 0 and 1 (both excluded) for valSplit (--val-split) but received ${share}.`,
    );
  }
}

/** @throws UsageError unless the limit is a whole number of at least one. */
export function checkLimit(name: string, limit: number): void {
  if (!Number.isInteger(limit) || limit < 1) {
    throw new UsageError(`Expected a whole number of pictures, at least 1, for ${name} but received ${limit}.`);
  }
}
