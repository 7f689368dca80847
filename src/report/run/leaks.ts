import type { Metric } from '../../metric.js';
import { type MeasuredPart, picturesOf } from '../../part-words.js';
import { percent } from '../draw/format.js';
import { wilson } from '../statistics.js';

/** Pictures to measure on that stand in training too, and what is left of the figure without them. */
export interface Leaked {
  part: MeasuredPart;
  /** All that were measured. */
  images: number;
  /** Of them, the same as a training picture, and nearly. */
  exact: number;
  near: number;
  /** The primary metric on the others, where it is a share of pictures; a Wilson interval of 95 % with it. */
  without?: { images: number; score: number; low: number; high: number };
}

/** The same from the metric on all and on the leaked ones, a share of whole pictures. */
export function shareWithout(
  all: { images: number; score: number },
  leaked: { images: number; score: number },
): Leaked['without'] {
  const images = all.images - leaked.images;
  if (images <= 0) return undefined;
  const right = Math.round(all.score * all.images) - Math.round(leaked.score * leaked.images);
  const { low, high } = wilson(right, images)!;
  return { images, score: right / images, low, high };
}

/** `37 of 300 test pictures also stand in training (12 exactly, 25 nearly): top-1 without them is 81.2 % (76.0 to 85.5 %).` */
export function leakText({ part, images, exact, near, without }: Leaked, { title }: Metric): string {
  const count = exact + near;
  const how = near === 0 ? 'exactly' : exact === 0 ? 'nearly the same' : `${exact} exactly, ${near} nearly`;
  const begin =
    `${count} of ${picturesOf(part, images)} also ${count === 1 ? 'stands' : 'stand'} in training (${how})` +
    `${without === undefined ? ' and flatter the figures' : ''}`;
  if (without === undefined) return `${begin}.`;
  const { score, low, high } = without;
  const interval = `95 % interval ${percent(low, 1)} to ${percent(high, 1)}`;
  return `${begin}: ${title} without ${count === 1 ? 'it' : 'them'} is ${percent(score, 2)} (${interval}).`;
}
