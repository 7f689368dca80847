import { truthOf } from '../../data/annotations/detection.js';
import type { Source } from '../../data/sources/source.js';
import type { Suited } from '../../train/task.js';

/** An anchor of this many times a box's side still overlaps it by more than a half: 1 / 1.3^2 = 0.59. */
const REACH = 1.3;
/** Pixels of a place of P3. */
const PLACE = 8;
/** Share of a class's boxes that may be smaller than what is looked at. */
const SMALL_SHARE = 0.1;
/** Boxes of a class that say something. */
const FEWEST = 10;
/** Sides in pixels of the network's picture below which boxes are hardly found. */
const TINY = 6;

/**
 * Anchors for the boxes of these pictures: the smallest is the largest power of two that still lies on the small boxes of each class, from 8 to
 * 32 pixels of the network's picture. With anchors of twice a box's side, which is what torchvision's begin with for the small things of a
 * reduced picture, a class is hardly learned.
 */
export function suitedAnchors(train: Source, size: number): Suited | undefined {
  const sides: number[][] = train.classes.map(() => []);
  for (let i = 0; i < train.length; i++) {
    const { boxes, classes, width, height } = truthOf(train, i);
    const scale = size / Math.max(width, height);
    classes.forEach((label, k) => {
      const [x0, y0, x1, y1] = boxes.subarray(4 * k, 4 * k + 4) as unknown as [number, number, number, number];
      sides[label]!.push(Math.sqrt((x1 - x0) * (y1 - y0)) * scale);
    });
  }
  const small = sides.flatMap((own, label) => {
    if (own.length < FEWEST) return [];
    const side = own.sort((a, b) => a - b)[Math.floor(SMALL_SHARE * own.length)]!;
    return [{ name: train.classes[label]!, side }];
  });
  if (small.length === 0) return undefined;
  const { name, side } = small.reduce((least, one) => (one.side < least.side ? one : least));
  const anchorSize = Math.min(4, Math.max(1, 2 ** Math.floor(Math.log2((REACH * side) / PLACE))));
  const pixels = `a tenth of the boxes of ${name} is smaller than ${side.toFixed(side < 10 ? 1 : 0)} pixels at ${size} pixels`;
  return {
    values: { anchorSize },
    source: `chosen for these boxes: ${pixels}`,
    ...(side < TINY && { advice: `${pixels}, which is hardly found: a larger --size shows more of them` }),
  };
}
