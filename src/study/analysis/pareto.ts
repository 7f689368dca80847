import { betterBy, isBetter } from '../../metric.js';
import type { Better } from './statistics.js';

/** A model measured: what it costs (time, memory, FLOPs; lower is better) and how good it is by some metric. */
export interface CostPoint {
  cost: number;
  score: number;
}

/**
 * The Pareto frontier: the points that no other one beats, by rising cost. A point is beaten by one that costs no more
 * and is at least as good, and better in one of the two; of equal points the first stays. Points that are not
 * finite take no part.
 */
export function paretoFrontier<T extends CostPoint>(points: readonly T[], metric: Better): T[] {
  const sorted = points
    .filter(({ cost, score }) => Number.isFinite(cost) && Number.isFinite(score))
    .sort((a, b) => a.cost - b.cost || betterBy(metric, b.score, a.score));
  const frontier: T[] = [];
  for (const point of sorted) if (isBetter(metric, point.score, frontier.at(-1)?.score)) frontier.push(point);
  return frontier;
}

/**
 * What a score costs on the frontier of these points: between two of them the logarithm of the cost is linear in the
 * score. Undefined outside the frontier's scores, since nothing was measured there.
 */
export function costAt(points: readonly CostPoint[], score: number, metric: Better): number | undefined {
  const frontier = paretoFrontier(points, metric);
  const above = frontier.findIndex((point) => betterBy(metric, point.score, score) >= 0);
  if (above < 0) return undefined;
  const high = frontier[above]!;
  if (high.score === score) return high.cost;
  if (above === 0) return undefined;
  const low = frontier[above - 1]!;
  const share = (score - low.score) / (high.score - low.score);
  return Math.exp(Math.log(low.cost) * (1 - share) + Math.log(high.cost) * share);
}
