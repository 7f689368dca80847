import type { Metric } from '../../metric.js';
import { METRICS as OF_CLASSES } from '../classify/metrics.js';

/**
 * Those of classes, and of a finished model what is left of the accuracy without motion: a set that these solve is no set of videos. While it is
 * trained a model is measured on the middle clip; when it is finished on the mean of the probabilities of all views.
 */
export const METRICS: readonly [Metric, ...Metric[]] = [
  ...OF_CLASSES,
  {
    name: 'singleFrame',
    title: 'one frame alone',
    heading: 'Control: top-1 of one frame in all places',
    unit: 'share',
    direction: 'higher',
  },
  {
    name: 'shuffled',
    title: 'frames shuffled',
    heading: 'Control: top-1 of frames in another order',
    unit: 'share',
    direction: 'higher',
  },
];
