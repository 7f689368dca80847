import { setImmediate } from 'node:timers/promises';
import { drained } from '../data/drained.js';
import type { Manifest } from './format.js';
import { Sidecar } from './sidecar.js';

/** Probabilities are counted in bins of 0.01. */
export const BINS = 100;

/**
 * The bin of a probability: floor(100 p), and the last one for 1. Half an ulp is added, so that the float32 nearest to
 * 0.29, which is a little less, lies in bin 29.
 */
export const binOf = (probability: number): number =>
  Math.min(BINS - 1, Math.max(0, Math.floor(100 * probability + 1e-5)));

/** How many pictures there are of each class, by probability. */
export interface LabelCounts {
  /** [classes, BINS] */
  bins: Float64Array;
  /** With a label. */
  pictures: number;
  unreadable: number;
  /** Parts whose labels are not there yet. */
  missing: string[];
}

/** Counts the labels that are there, part by part, and tells after each one how many were looked for. */
export async function* countParts(
  labels: string,
  { parts, classes, teacher }: Manifest,
): AsyncGenerator<number, LabelCounts> {
  const found: LabelCounts = { bins: new Float64Array(classes.length * BINS), pictures: 0, unreadable: 0, missing: [] };
  for (const [done, part] of parts.entries()) {
    if (!Sidecar.isThere(labels, part.name)) {
      found.missing.push(part.name);
      continue;
    }
    const sidecar = Sidecar.open(labels, part, teacher.identity);
    try {
      const [classOf, probability] = [sidecar.classOf(), sidecar.probability()];
      for (let row = 0; row < part.pictures; row++) {
        const label = classOf[row]!;
        if (label < 0) found.unreadable++;
        else {
          found.bins[label * BINS + binOf(probability[row]!)]!++;
          found.pictures++;
        }
      }
    } finally {
      sidecar.close();
    }
    yield done + 1;
    await setImmediate();
  }
  return found;
}

/** The same, untold. */
export const countLabels = (labels: string, manifest: Manifest): Promise<LabelCounts> =>
  drained(countParts(labels, manifest));

/** Of a class: its pictures, and how many of them have at least the probability of a bin's lower end. */
export function classCount({ bins }: LabelCounts, label: number, from = 0): number {
  let sum = 0;
  for (let bin = from; bin < BINS; bin++) sum += bins[label * BINS + bin]!;
  return sum;
}
