import { splitByClass, trainingCount } from './choose.js';
import { type Source, subset } from './sources/source.js';

/**
 * Sets a share of the training pictures aside, class by class, to decide on without looking at the test pictures: the
 * paper's minival is 2 % (section 4.2). A function of (seed, position): the same pictures give the same split.
 */
export function splitMinival(train: Source, share: number, seed: number): { train: Source; minival: Source } {
  const parts = splitByClass(train.labels, train.classes.length, (i) => `minival\0${i}`, share, seed);
  return { train: subset(train, parts.train), minival: subset(train, parts.val) };
}

/** How many training pictures `splitMinival` leaves. */
export const withoutMinival = (train: Source, share: number): number =>
  trainingCount(train.labels, train.classes.length, share);
