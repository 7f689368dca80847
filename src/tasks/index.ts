import type { Metric } from '../metric.js';
import { METRICS } from './classify/metrics.js';

/** The metrics of a task, the primary one first. */
export function metricsOf(_task = 'classify'): readonly [Metric, ...Metric[]] {
  return METRICS;
}
