import type { Metric } from '../../metric.js';
import { missing, percent, points, significant } from '../draw/format.js';

export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** A value of a metric with its unit. */
export function shown({ unit }: Metric, value: number | undefined, digits = 2): string {
  if (unit === 'share') return percent(value, digits);
  const figure = significant(value);
  return unit === '' || figure === missing ? figure : `${figure}\u00a0${unit}`;
}

/** A difference of two values, with its sign: points of shares. */
export function shownDifference(metric: Metric, difference: number): string {
  if (metric.unit === 'share') return points(difference);
  const text = shown(metric, Math.abs(difference));
  return difference === 0 || !Number.isFinite(difference) ? text : `${difference < 0 ? '\u2212' : '+'}${text}`;
}
