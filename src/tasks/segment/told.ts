import type { Evaluation } from '../../train/task.js';
import type { SegmentDetails } from './evaluator.js';
import type { SegmentSettings } from './settings.js';

/** The classes with their figures and intervals, those of the means; with `all` the whole matrix of pixels too. */
export function segmentTold(
  { details: { scorer } }: Evaluation<SegmentDetails>,
  { classes, decoder }: SegmentSettings,
  much: 'all' | 'summary' = 'all',
): Readonly<Record<string, unknown>> {
  const { classes: found, pixels, counts } = scorer.result();
  const { miou, accuracy, classAccuracy, classes: intervals } = scorer.intervals();
  return {
    pixels,
    perClass: found.map((one, i) => ({ name: classes[i], ...one, ...(intervals[i] && { interval: intervals[i] }) })),
    intervals: { miou, ...(accuracy && { accuracy }), ...(classAccuracy && { classAccuracy }) },
    decoder,
    ...(much === 'all' && {
      confusion: classes.map((_, t) => [...counts.subarray(t * classes.length, (t + 1) * classes.length)]),
    }),
    classes,
  };
}
