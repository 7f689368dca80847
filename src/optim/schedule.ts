/** Learning rate of step t (0-based) of `total`, of which `warmup` ramp up. Neither need be whole. */
export interface ScheduleOptions {
  peak: number;
  total: number;
  warmup: number;
}

/**
 * peak*t/W while t < W, then `after(t)`. Source: tensorflow/tpu models/official/efficientnet/utils.py, resnet_main.py.
 */
const ramped = (t: number, { peak, warmup }: ScheduleOptions, after: (t: number) => number): number =>
  t < warmup ? (peak * t) / warmup : after(t);

/** The ramp, then the peak. */
export const constant = (t: number, options: ScheduleOptions): number => ramped(t, options, () => options.peak);

/**
 * Cosine without restart: lr(t) = peak/2 * (1 + cos(pi*min(t, T)/T)), T counted from step 0; for t < W: lr(W)*t/W, so
 * the curve is continuous. Source: paper section 4.2; tensorflow/models official/modeling/optimization/lr_schedule.py.
 */
export function cosine(t: number, { peak, total, warmup }: ScheduleOptions): number {
  const at = (step: number): number => 0.5 * peak * (1 + Math.cos((Math.PI * Math.min(step, total)) / total));
  return t < warmup ? (at(warmup) * t) / warmup : at(t);
}

/**
 * Polynomial decay: lr(t) = end + (peak - end) * (1 - min(t, T)/T)^power, T counted from step 0; for t < W: lr(W)*t/W. `end` is a share of the
 * peak. Sources: torchvision references/segmentation/train.py (power 0.9, to 0), cleinc/bts pytorch/bts_main.py (0.9, to a tenth),
 * tensorflow/models official/modeling/optimization/lr_schedule.py (the ramp).
 */
export function polynomial(
  t: number,
  { peak, total, warmup, power, end }: ScheduleOptions & { power: number; end: number },
): number {
  const at = (step: number): number => peak * (end + (1 - end) * (1 - Math.min(step, total) / total) ** power);
  return t < warmup ? (at(warmup) * t) / warmup : at(t);
}

/**
 * peak * factor^n after the ramp, n being the number of boundaries <= t. He et al. 2016: x0.1 at 30, 60 and 80 of 90
 * epochs.
 */
export function steps(t: number, options: ScheduleOptions & { boundaries: readonly number[]; factor: number }): number {
  return ramped(
    t,
    options,
    () => options.peak * options.factor ** options.boundaries.filter((boundary) => t >= boundary).length,
  );
}

/**
 * Staircase: peak * factor^floor(t/every) after the ramp, counted from step 0. Source: tensorflow/tpu
 * models/official/efficientnet/utils.py.
 */
export function exponential(t: number, options: ScheduleOptions & { every: number; factor: number }): number {
  return ramped(t, options, () => options.peak * options.factor ** Math.floor(t / options.every));
}

/**
 * One cycle: cosine from peak/25 up to the peak at step W-1, cosine down to peak/250,000 at step T-1.
 * Equals torch.optim.lr_scheduler.OneCycleLR with pct_start = W/T; Smith and Topin 2018.
 */
export function oneCycle(t: number, { peak, total, warmup }: ScheduleOptions): number {
  const between = (from: number, to: number, share: number): number =>
    to + ((from - to) / 2) * (1 + Math.cos(Math.PI * share));
  const top = warmup - 1;
  const low = peak / 25;
  return t < top
    ? between(low, peak, t / top)
    : between(peak, low / 1e4, Math.min(1, (t - top) / Math.max(1, total - 1 - top)));
}

/** How the peak follows the batch. */
export const RATE_SCALINGS = ['linear', 'sqrt', 'none'] as const;
export type RateScaling = (typeof RATE_SCALINGS)[number];

/**
 * Peak rate of a batch: `linear` rate*batch/256 (paper section 4.2, 0.1 per 256; Goyal et al. 2017), `sqrt`
 * rate*sqrt(batch) (google-research/simclr model_util.py, learning_rate_scaling; arXiv 2002.05709, appendix B.1), `none`
 * the rate itself.
 */
export function scaledPeak(rate: number, batch: number, scaling: RateScaling): number {
  if (scaling === 'none') return rate;
  return scaling === 'sqrt' ? rate * Math.sqrt(batch) : (rate * batch) / 256;
}

/** What stands behind a rate so that the peak comes of it: ` x 64/256`, ` x sqrt(64)`, nothing. */
export function scalingText(batch: number, scaling: RateScaling): string {
  if (scaling === 'none') return '';
  return scaling === 'sqrt' ? ` x sqrt(${batch})` : ` x ${batch}/256`;
}

/** What a rate is of: `per 256 pictures`, ... */
export function scalingUnit(scaling: RateScaling): string {
  if (scaling === 'none') return 'of a step, whatever the batch';
  return scaling === 'sqrt' ? 'to be multiplied by the root of the batch' : 'per 256 pictures';
}
