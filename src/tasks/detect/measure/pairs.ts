import { RescaledError } from '../../../errors.js';
import type { Detections, Truth } from '../truth.js';

/**
 * Shared area of two boxes over the area of both, in continuous coordinates: 0 where they only touch.
 * @param extra added to each side's length: 0, or 1 where coordinates are indices of the first and the last pixel
 */
export function overlap(a: ArrayLike<number>, i: number, b: ArrayLike<number>, j: number, extra = 0): number {
  const shared = sharedArea(a, i, b, j, extra);
  return shared === 0 ? 0 : shared / (areaOf(a, i, extra) + areaOf(b, j, extra) - shared);
}

export function areaOf(boxes: ArrayLike<number>, i: number, extra = 0): number {
  return (boxes[4 * i + 2]! - boxes[4 * i]! + extra) * (boxes[4 * i + 3]! - boxes[4 * i + 1]! + extra);
}

export function sharedArea(a: ArrayLike<number>, i: number, b: ArrayLike<number>, j: number, extra = 0): number {
  const width = Math.min(a[4 * i + 2]!, b[4 * j + 2]!) - Math.max(a[4 * i]!, b[4 * j]!) + extra;
  if (width <= 0) return 0;
  const height = Math.min(a[4 * i + 3]!, b[4 * j + 3]!) - Math.max(a[4 * i + 1]!, b[4 * j + 1]!) + extra;
  return height <= 0 ? 0 : width * height;
}

/** Places of detections by score descending; of equal scores the earlier stands first. */
export function byScore({ scores }: Pick<Detections, 'scores'>): number[] {
  return Array.from({ length: scores.length }, (_, i) => i).sort((a, b) => scores[b]! - scores[a]! || a - b);
}

/** @throws RescaledError where arrays have lengths that do not fit, classes that are none or scores that are not finite */
export function checkPicture(truth: Truth, detections: Detections, classes: number, at: number): void {
  const fail = (expected: string, received: string): never => {
    throw new RescaledError(`Picture ${at}: expected ${expected} but received ${received}.`);
  };
  const [n, k] = [truth.classes.length, detections.classes.length];
  for (const [what, length, expected] of [
    ['coordinates of true boxes', truth.boxes.length, 4 * n],
    ['crowd marks', truth.crowd.length, n],
    ['difficult marks', truth.difficult.length, n],
    ['areas', truth.area.length, n],
    ['coordinates of detected boxes', detections.boxes.length, 4 * k],
    ['scores', detections.scores.length, k],
  ] as const)
    if (length !== expected) fail(`${expected} ${what}`, `${length}`);
  for (const list of [truth.classes, detections.classes])
    for (let i = 0; i < list.length; i++)
      if (!(Number.isInteger(list[i]) && list[i]! >= 0 && list[i]! < classes))
        fail(`classes from 0 to ${classes - 1}`, `${list[i]}`);
  for (let i = 0; i < k; i++)
    if (!Number.isFinite(detections.scores[i])) fail('finite scores', `${detections.scores[i]}`);
}
