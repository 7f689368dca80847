/** Learning rate of step t (0-based) of `total`, of which `warmup` ramp up. */
export interface ScheduleOptions {
  peak: number;
  total: number;
  warmup: number;
}

/**
 * Cosine without restart: lr(t) = peak/2 * (1 + cos(pi*min(t, T)/T)), T counted from step 0; for t < W: lr(W)*t/W, so the curve is
 * continuous. Source: paper section 4.2; tensorflow/models official/modeling/optimization/lr_schedule.py.
 */
export function cosine(t: number, { peak, total, warmup }: ScheduleOptions): number {
  const at = (step: number): number => 0.5 * peak * (1 + Math.cos((Math.PI * Math.min(step, total)) / total));
  return t < warmup ? (at(warmup) * t) / warmup : at(t);
}

/** Peak rate by the linear scaling rule: base * batch/256. Source: paper section 4.2 (0.1 per 256); Goyal et al. 2017. */
export const scaledPeak = (basePer256: number, batch: number): number => (basePer256 * batch) / 256;
