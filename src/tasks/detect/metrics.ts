import type { Metric } from '../../metric.js';

/** COCO's numbers, the mean over overlaps 0.50 to 0.95 first. */
export const METRICS: readonly [Metric, ...Metric[]] = [
  { name: 'ap', title: 'AP', heading: 'AP, mean over overlaps 0.50 to 0.95', unit: 'share', direction: 'higher' },
  { name: 'ap50', title: 'AP50', heading: 'AP at overlap 0.50', unit: 'share', direction: 'higher', charted: true },
  { name: 'ap75', title: 'AP75', heading: 'AP at overlap 0.75', unit: 'share', direction: 'higher', charted: true },
  {
    name: 'apSmall',
    title: 'AP small',
    heading: 'AP of boxes up to 32 x 32 pixels',
    unit: 'share',
    direction: 'higher',
  },
  {
    name: 'apMedium',
    title: 'AP medium',
    heading: 'AP of boxes up to 96 x 96 pixels',
    unit: 'share',
    direction: 'higher',
  },
  {
    name: 'apLarge',
    title: 'AP large',
    heading: 'AP of boxes above 96 x 96 pixels',
    unit: 'share',
    direction: 'higher',
  },
  { name: 'ar100', title: 'AR', heading: 'Recall with 100 boxes a picture', unit: 'share', direction: 'higher' },
];
