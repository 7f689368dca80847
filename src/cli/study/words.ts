import { type Metric, showMetric } from '../../metric.js';

/** A value as it stands beside another one that has the unit: `90.49`, `0.123`. */
const bare = ({ unit }: Metric, value: number): string =>
  unit === 'share' ? (100 * value).toFixed(2) : showMetric({ unit: '' }, value);

/** `90.49 % (90.11 to 90.87)`. */
export const scoreWithInterval = (
  metric: Metric,
  { mean, low, high }: { mean: number; low?: number; high?: number },
): string =>
  low === undefined || high === undefined
    ? `${showMetric(metric, mean)} (one seed)`
    : `${showMetric(metric, mean)} (${bare(metric, low)} to ${bare(metric, high)})`;

/** How far one score is from another: `0.63 points`, `0.012 m`. */
export const distance = (metric: Metric, difference: number): string =>
  metric.unit === 'share' ? `${bare(metric, difference)} points` : showMetric(metric, difference);
