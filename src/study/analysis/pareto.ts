/**
 * A model measured: what it costs (time, memory, FLOPs; lower is better) and how good it is (accuracy; higher is
 * better).
 */
export interface CostPoint {
  cost: number;
  accuracy: number;
}

/**
 * The Pareto frontier: the points that no other one beats, by rising cost. A point is beaten by one that costs no more
 * and is at least as accurate, and better in one of the two; of equal points the first stays. Points that are not
 * finite take no part.
 */
export function paretoFrontier<T extends CostPoint>(points: readonly T[]): T[] {
  const sorted = points
    .filter(({ cost, accuracy }) => Number.isFinite(cost) && Number.isFinite(accuracy))
    .sort((a, b) => a.cost - b.cost || b.accuracy - a.accuracy);
  const frontier: T[] = [];
  for (const point of sorted)
    if (frontier.length === 0 || point.accuracy > frontier.at(-1)!.accuracy) frontier.push(point);
  return frontier;
}

/**
 * What the accuracy costs on the frontier of these points: between two of them the logarithm of the cost is linear in
 * the accuracy. Undefined outside the frontier's accuracies, since nothing was measured there.
 */
export function costAt(points: readonly CostPoint[], accuracy: number): number | undefined {
  const frontier = paretoFrontier(points);
  const above = frontier.findIndex((point) => point.accuracy >= accuracy);
  if (above < 0) return undefined;
  const high = frontier[above]!;
  if (high.accuracy === accuracy) return high.cost;
  if (above === 0) return undefined;
  const low = frontier[above - 1]!;
  const share = (accuracy - low.accuracy) / (high.accuracy - low.accuracy);
  return Math.exp(Math.log(low.cost) * (1 - share) + Math.log(high.cost) * share);
}
