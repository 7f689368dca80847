import type { Metric } from '../../metric.js';

/** Of pixels of the pictures as they are annotated, all pictures together; see confusion.ts. */
export const METRICS: readonly [Metric, ...Metric[]] = [
  { name: 'miou', title: 'mIoU', heading: 'Mean IoU over the classes', unit: 'share', direction: 'higher' },
  {
    name: 'accuracy',
    title: 'pixel accuracy',
    heading: 'Pixel accuracy',
    unit: 'share',
    direction: 'higher',
    charted: true,
  },
  {
    name: 'classAccuracy',
    title: 'class accuracy',
    heading: 'Mean accuracy of the classes',
    unit: 'share',
    direction: 'higher',
  },
  {
    name: 'miouKeras',
    title: 'mIoU (Keras)',
    heading: 'Mean IoU, classes predicted or true',
    unit: 'share',
    direction: 'higher',
  },
  {
    name: 'miouAll',
    title: 'mIoU (all classes)',
    heading: 'Mean IoU, absent classes as 0',
    unit: 'share',
    direction: 'higher',
  },
  { name: 'loss', title: 'loss', unit: '', direction: 'lower' },
];
