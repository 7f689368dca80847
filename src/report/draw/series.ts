/** A point of a curve; y is undefined where there is no finite value. */
export type Point = readonly [x: number, y: number | undefined];

/**
 * Exponential moving average with the start's bias divided out (as Adam does): s_t = d s_(t-1) + (1-d) y_t, shown as
 * s_t / (1 - d^t), with d = 1 - 1/window. Values that are not finite are left out of the mean and come back undefined.
 */
export function smooth(points: readonly Point[], window: number): Point[] {
  const decay = 1 - 1 / Math.max(1, window);
  let sum = 0;
  let weight = 0;
  return points.map(([x, y]) => {
    if (y === undefined || !Number.isFinite(y)) return [x, undefined];
    sum = decay * sum + (1 - decay) * y;
    weight = decay * weight + (1 - decay);
    return [x, sum / weight];
  });
}

/**
 * At most `limit` (>= 4) of the rows, in order: the first, the last, and the lowest and highest of each stretch
 * between, so that a spike of a single step stays visible. Rows whose value is not finite stand for their stretch only
 * where it has no other.
 */
export function thin<Row>(rows: readonly Row[], limit: number, value: (row: Row) => number | undefined): Row[] {
  if (rows.length <= limit) return [...rows];
  const stretches = Math.max(1, Math.floor((limit - 2) / 2));
  const kept: Row[] = [rows[0]!];
  const inner = rows.length - 2;
  for (let s = 0; s < stretches; s++) {
    const from = 1 + Math.floor((s * inner) / stretches);
    const to = 1 + Math.floor(((s + 1) * inner) / stretches);
    let low = -1;
    let high = -1;
    for (let i = from; i < to; i++) {
      const y = value(rows[i]!);
      if (y === undefined || !Number.isFinite(y)) continue;
      if (low < 0 || y < value(rows[low]!)!) low = i;
      if (high < 0 || y > value(rows[high]!)!) high = i;
    }
    if (low < 0) low = high = from;
    if (from >= to) continue;
    kept.push(rows[Math.min(low, high)]!);
    if (low !== high) kept.push(rows[Math.max(low, high)]!);
  }
  kept.push(rows[rows.length - 1]!);
  return kept;
}

/** The q-quantile (0..1) of the finite values, by nearest rank; undefined where there is none. */
export function quantile(values: readonly (number | undefined)[], q: number): number | undefined {
  const sorted = values.filter((v): v is number => v !== undefined && Number.isFinite(v)).sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))];
}
