import type { Grid } from './anchors.js';

/** An anchor that learns that nothing is there, and one that learns nothing. */
export const BACKGROUND = -1;
export const IGNORED = -2;

export interface MatchOptions {
  /** Overlap from which on an anchor is the box's. */
  high: number;
  /** Overlap below which it is background; between the two it is ignored. The same as `high`: no such band. */
  low: number;
}

const { fround } = Math;

/**
 * Which box each anchor has to find: the one of the largest overlap (IoU), of several the first, where that is `high` at least; and for each
 * box, whatever the overlap, the anchors that overlap it most, which then take the box that they themselves overlap most. Equals torchvision's
 * Matcher with allow_low_quality_matches, in float32 as there, but for a box that no anchor touches: it is nobody's, where torchvision gives it
 * to all anchors.
 * @param anchors [A, 4] @param boxes [M, 4]
 * @returns [A]: number of the box, `BACKGROUND` or `IGNORED`
 */
export function matchAnchors(anchors: Float32Array, boxes: Float32Array, { high, low }: MatchOptions): Int32Array {
  const [count, boxCount] = [anchors.length / 4, boxes.length / 4];
  const best = new Float32Array(count);
  const of = new Int32Array(count);
  const touched: { anchor: number; overlap: number }[][] = [];
  const areas = new Float32Array(count);
  for (let a = 0; a < count; a++)
    areas[a] = fround(
      fround(anchors[4 * a + 2]! - anchors[4 * a]!) * fround(anchors[4 * a + 3]! - anchors[4 * a + 1]!),
    );
  for (let b = 0; b < boxCount; b++) {
    const [x0, y0, x1, y1] = [boxes[4 * b]!, boxes[4 * b + 1]!, boxes[4 * b + 2]!, boxes[4 * b + 3]!];
    const area = fround(fround(x1 - x0) * fround(y1 - y0));
    let largest = 0;
    let most: { anchor: number; overlap: number }[] = [];
    for (let a = 0, at = 0; a < count; a++, at += 4) {
      const width = Math.min(anchors[at + 2]!, x1) - Math.max(anchors[at]!, x0);
      if (width <= 0) continue;
      const height = Math.min(anchors[at + 3]!, y1) - Math.max(anchors[at + 1]!, y0);
      if (height <= 0) continue;
      const shared = fround(fround(width) * fround(height));
      const overlap = fround(shared / fround(fround(area + areas[a]!) - shared));
      if (overlap > best[a]!) {
        best[a] = overlap;
        of[a] = b;
      }
      if (overlap > largest) {
        largest = overlap;
        most = [];
      }
      if (overlap === largest && overlap > 0) most.push({ anchor: a, overlap });
    }
    touched.push(most);
  }
  const found = new Int32Array(count).fill(BACKGROUND);
  for (let a = 0; a < count; a++)
    if (boxCount > 0 && best[a]! >= fround(low)) found[a] = best[a]! >= fround(high) ? of[a]! : IGNORED;
  for (const most of touched) for (const { anchor } of most) found[anchor] = of[anchor]!;
  return found;
}

/**
 * Which box each place has to find, by FCOS's rules as torchvision has them: the place lies inside the box and within 1.5 strides of its
 * centre (sideways and down), and the farthest edge is between 4 and 8 strides away (on the first level from 0, on the last to any distance);
 * of several boxes the smallest.
 * @param places [A, 4]: a box of one stride around each place @param boxes [M, 4] @param grids of the levels
 * @returns [A]: number of the box, or `BACKGROUND`
 */
export function matchPlaces(
  places: Float32Array,
  boxes: Float32Array,
  grids: readonly Grid[],
  radius = 1.5,
): Int32Array {
  const found = new Int32Array(places.length / 4).fill(BACKGROUND);
  const boxCount = boxes.length / 4;
  const areas = Float32Array.from({ length: boxCount }, (_, b) =>
    fround(fround(boxes[4 * b + 2]! - boxes[4 * b]!) * fround(boxes[4 * b + 3]! - boxes[4 * b + 1]!)),
  );
  let a = 0;
  grids.forEach(({ side }, level) => {
    for (let end = a + side * side; a < end; a++) {
      const [left, top, right, bottom] = places.subarray(4 * a, 4 * a + 4) as unknown as [
        number,
        number,
        number,
        number,
      ];
      const [x, y, stride] = [(left + right) / 2, (top + bottom) / 2, right - left];
      const near = level === 0 ? 0 : 4 * stride;
      const far = level === grids.length - 1 ? Number.POSITIVE_INFINITY : 8 * stride;
      let smallest = Number.POSITIVE_INFINITY;
      for (let b = 0; b < boxCount; b++) {
        const [x0, y0, x1, y1] = [boxes[4 * b]!, boxes[4 * b + 1]!, boxes[4 * b + 2]!, boxes[4 * b + 3]!];
        const off = Math.max(Math.abs(x - fround(fround(x0 + x1) / 2)), Math.abs(y - fround(fround(y0 + y1) / 2)));
        if (off >= radius * stride) continue;
        const [l, t, r, d] = [fround(x - x0), fround(y - y0), fround(x1 - x), fround(y1 - y)];
        if (Math.min(l, t, r, d) <= 0) continue;
        const longest = Math.max(l, t, r, d);
        if (longest <= near || longest >= far) continue;
        if (areas[b]! < smallest) {
          smallest = areas[b]!;
          found[a] = b;
        }
      }
    }
  });
  return found;
}
