import type { Metric } from '../../metric.js';

/** What a classifier is measured by. The first one is primary: epochs, trials and models are chosen by it. */
export const METRICS: readonly [Metric, ...Metric[]] = [
  {
    ...{ name: 'top1', title: 'top-1', heading: 'Top-1 accuracy', noun: 'accuracy' },
    ...{ unit: 'share', direction: 'higher' },
  },
  { name: 'top5', title: 'top-5', unit: 'share', direction: 'higher' },
  { name: 'loss', title: 'loss', unit: '', direction: 'lower' },
];
