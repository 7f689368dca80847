import type { Metric } from '../../metric.js';

/**
 * What pre-training by contrast is measured by: on pictures set aside, each seen whole and in two views. The first one is primary. k-NN and the
 * linear gauge need classes, which nothing else learns from.
 */
export const METRICS: readonly [Metric, ...Metric[]] = [
  {
    name: 'matched',
    title: 'views matched',
    heading: 'Views matched with their partner',
    unit: 'share',
    direction: 'higher',
  },
  {
    name: 'knn',
    title: 'k-NN',
    heading: 'k-NN accuracy of features',
    unit: 'share',
    direction: 'higher',
    charted: true,
  },
  {
    name: 'gauge',
    title: 'linear gauge',
    heading: 'Linear gauge, trained on the side',
    unit: 'share',
    direction: 'higher',
    charted: true,
  },
  { name: 'loss', title: 'loss', unit: '', direction: 'lower' },
  {
    name: 'alignment',
    title: 'alignment',
    heading: 'Alignment: squared distance of partners',
    unit: '',
    direction: 'lower',
    charted: true,
  },
  {
    name: 'uniformity',
    title: 'uniformity',
    heading: 'Uniformity: how evenly views lie',
    unit: '',
    direction: 'lower',
    charted: true,
  },
  {
    name: 'spread',
    title: 'spread',
    heading: 'Spread of views (1 is even, 0 collapse)',
    unit: '',
    direction: 'higher',
    charted: true,
  },
];

/** Those that need classes. */
export const OF_CLASSES: readonly string[] = ['knn', 'gauge'];
