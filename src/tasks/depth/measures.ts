import type { Metric } from '../../metric.js';

/** Of each picture as it was read, then the mean over pictures; see metrics.ts. */
export const METRICS: readonly [Metric, ...Metric[]] = [
  { name: 'd1', title: 'd1', heading: 'd1: within 1.25 times the reading', unit: 'share', direction: 'higher' },
  { name: 'd2', title: 'd2', heading: 'd2: within 1.25² times', unit: 'share', direction: 'higher' },
  { name: 'd3', title: 'd3', heading: 'd3: within 1.25³ times', unit: 'share', direction: 'higher' },
  {
    name: 'absRel',
    title: 'AbsRel',
    heading: 'AbsRel: mean of |error| / reading',
    unit: '',
    direction: 'lower',
    charted: true,
  },
  { name: 'sqRel', title: 'SqRel', heading: 'SqRel: mean of error² / reading', unit: 'm', direction: 'lower' },
  { name: 'rmse', title: 'RMSE', heading: 'RMSE, mean over pictures', unit: 'm', direction: 'lower', charted: true },
  { name: 'rmseLog', title: 'RMSElog', heading: 'RMSE of the natural logarithm', unit: '', direction: 'lower' },
  { name: 'log10', title: 'log10', heading: 'Mean error of the decimal logarithm', unit: '', direction: 'lower' },
  { name: 'silog', title: 'SILog', heading: 'SILog: scale-invariant, times 100', unit: '', direction: 'lower' },
  { name: 'loss', title: 'loss', unit: '', direction: 'lower' },
];
