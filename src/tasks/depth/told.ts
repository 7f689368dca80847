import type { Evaluation } from '../../train/task.js';
import type { DepthDetails } from './evaluator.js';
import type { DepthSettings } from './settings.js';

/** Intervals, the figures over all pixels at once, errors by distance, and what a constant answer is worth. */
export function depthTold(
  { details: { scorer, constant } }: Evaluation<DepthDetails>,
  { depth }: DepthSettings,
): Readonly<Record<string, unknown>> {
  const { pooled, skipped, pixels, distances } = scorer.result();
  return {
    pixels,
    skipped,
    intervals: scorer.intervals().mean,
    ...(pooled && { pooled }),
    ...(constant && { constant }),
    distances: distances.filter((bin) => bin.pixels > 0),
    depth,
  };
}
