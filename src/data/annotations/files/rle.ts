/** A mask of one thing, whole or as runs of pixels column by column, as COCO has them. */
export type Runs = { readonly size: readonly [height: number, width: number]; readonly counts: readonly number[] };

/**
 * Run lengths of COCO's compressed form: each in groups of 5 bits, the lowest first, as characters from 48 on, bit 6 where more follow;
 * from the third on the difference to the one two before. (cocodataset/cocoapi common/maskApi.c, rleFrString.)
 * @throws Error that says what is wrong
 */
export function decodeCounts(text: string): number[] {
  const counts: number[] = [];
  for (let at = 0; at < text.length; ) {
    let [value, shift, more] = [0, 0, true];
    while (more) {
      const code = text.charCodeAt(at++) - 48;
      if (!(code >= 0 && code < 64) || shift > 30) throw new Error('its run lengths are damaged');
      value |= (code & 31) << shift;
      more = (code & 32) !== 0;
      shift += 5;
      if (!more && (code & 16) !== 0 && shift < 32) value |= -1 << shift;
    }
    if (counts.length > 2) value += counts[counts.length - 2]!;
    if (value < 0) throw new Error('its run lengths are damaged');
    counts.push(value);
  }
  return counts;
}

/** @throws Error where the runs do not fill the mask */
export function checkRuns({ size: [height, width], counts }: Runs): void {
  let sum = 0;
  for (const count of counts) {
    if (!(Number.isInteger(count) && count >= 0)) throw new Error('its run lengths are no whole numbers');
    sum += count;
  }
  if (sum !== height * width)
    throw new Error(`its run lengths are of ${sum} pixels but its size is ${height} x ${width}`);
}

/** Pixels that are covered. */
export const areaOfRuns = ({ counts }: Runs): number =>
  counts.reduce((sum, count, i) => (i % 2 === 1 ? sum + count : sum), 0);

/** The box around them, x0, y0, x1, y1; undefined where none is covered. (maskApi.c, rleToBbox.) */
export function boxOfRuns({ size: [height], counts }: Runs): [number, number, number, number] | undefined {
  let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
  let at = 0;
  for (const [i, count] of counts.entries()) {
    if (i % 2 === 1 && count > 0) {
      const [first, last] = [at, at + count - 1];
      const [from, to] = [Math.floor(first / height), Math.floor(last / height)];
      x0 = Math.min(x0, from);
      x1 = Math.max(x1, to + 1);
      y0 = Math.min(y0, from === to ? first % height : 0);
      y1 = Math.max(y1, from === to ? (last % height) + 1 : height);
    }
    at += count;
  }
  return x1 > x0 ? [x0, y0, x1, y1] : undefined;
}

/** Area of polygons, each x, y, x, y, ...: those that lie inside of others are counted too. */
export function areaOfPolygons(polygons: readonly (readonly number[])[]): number {
  let area = 0;
  for (const points of polygons) {
    let twice = 0;
    for (let i = 0; i < points.length; i += 2) {
      const j = (i + 2) % points.length;
      twice += points[i]! * points[j + 1]! - points[j]! * points[i + 1]!;
    }
    area += Math.abs(twice) / 2;
  }
  return area;
}

/** The box around polygons. */
export function boxOfPolygons(polygons: readonly (readonly number[])[]): [number, number, number, number] {
  let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const points of polygons)
    for (let i = 0; i < points.length; i += 2) {
      [x0, x1] = [Math.min(x0, points[i]!), Math.max(x1, points[i]!)];
      [y0, y1] = [Math.min(y0, points[i + 1]!), Math.max(y1, points[i + 1]!)];
    }
  return [x0, y0, x1, y1];
}
