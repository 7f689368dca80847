import type { Detections, Truth } from '../truth.js';
import { areaOf, byScore, sharedArea } from './pairs.js';

/**
 * COCO's rules of who finds whom, after cocodataset/cocoapi, PythonAPI/pycocotools/cocoeval.py @ 8c9bcc3, `evaluateImg`;
 * overlaps after common/maskApi.c, `bbIou`.
 */

/**
 * 0.50 to 0.95 as `numpy.linspace(.5, .95, 10)` has them: the last digits count where an overlap is exactly a threshold,
 * and `0.5 + 0.05 * i` has others.
 */
export const OVERLAPS: readonly number[] = [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.8999999999999999, 0.95];

/** Square pixels, both ends included. */
export const AREAS = [
  { name: 'all', low: 0, high: 1e10 },
  { name: 'small', low: 0, high: 32 ** 2 },
  { name: 'medium', low: 32 ** 2, high: 96 ** 2 },
  { name: 'large', low: 96 ** 2, high: 1e10 },
] as const;

/** Detections of a picture and class that count. */
export const MOST = 100;

/** All thresholds of overlap, one bit each. */
export const EVERY = (1 << OVERLAPS.length) - 1;

/** One class in one picture. */
export interface ClassMatch {
  /** Of its best detections, descending. */
  readonly scores: Float64Array;
  /** [area range][detection]: a bit for each overlap at which it found an object that counts. */
  readonly hits: readonly Uint16Array[];
  /** The same: where it is neither right nor wrong. */
  readonly ignored: readonly Uint16Array[];
  /** [area range]: objects to be found. */
  readonly positives: Int32Array;
}

/**
 * Detections against the truth of a picture, by class; a class without either has no entry.
 * @param skipDifficult objects marked difficult are ignored as those outside an area range are; pycocotools knows no such mark
 */
export function matchPicture(
  truth: Truth,
  detections: Detections,
  { skipDifficult = false }: { skipDifficult?: boolean } = {},
): Map<number, ClassMatch> {
  const classes = new Map<number, { objects: number[]; found: number[] }>();
  const of = (label: number): { objects: number[]; found: number[] } => {
    if (!classes.has(label)) classes.set(label, { objects: [], found: [] });
    return classes.get(label)!;
  };
  for (let i = 0; i < truth.classes.length; i++) of(truth.classes[i]!).objects.push(i);
  for (const i of byScore(detections)) of(detections.classes[i]!).found.push(i);
  return new Map(
    [...classes].map(([label, { objects, found }]) => [
      label,
      matchClass(truth, objects, detections, found.slice(0, MOST), skipDifficult),
    ]),
  );
}

/** @param objects places in the truth, and `found` in the detections, by score descending */
function matchClass(
  truth: Truth,
  objects: readonly number[],
  detections: Detections,
  found: readonly number[],
  skipDifficult: boolean,
): ClassMatch {
  const overlaps = found.map((d) => Float64Array.from(objects, (g) => overlapWith(truth, g, detections, d)));
  const areas = Float64Array.from(found, (d) => areaOf(detections.boxes, d));
  const never = (g: number): boolean => truth.crowd[g] !== 0 || (skipDifficult && truth.difficult[g] !== 0);
  const match: ClassMatch = {
    scores: Float64Array.from(found, (d) => detections.scores[d]!),
    hits: AREAS.map(() => new Uint16Array(found.length)),
    ignored: AREAS.map(() => new Uint16Array(found.length)),
    positives: new Int32Array(AREAS.length),
  };
  for (const [a, { low, high }] of AREAS.entries()) {
    const outside = (area: number): boolean => area < low || area > high;
    // Those that count stand first, in their order.
    const counted = objects.map((g) => !never(g) && !outside(truth.area[g]!));
    const order = [...counted.keys()].filter((i) => counted[i]).concat([...counted.keys()].filter((i) => !counted[i]));
    const positives = counted.filter(Boolean).length;
    match.positives[a] = positives;
    const crowd = order.map((i) => truth.crowd[objects[i]!] !== 0);
    assign(overlaps, order, positives, crowd, match.hits[a]!, match.ignored[a]!);
    for (const [d, area] of areas.entries()) if (outside(area)) match.ignored[a]![d]! |= EVERY & ~match.hits[a]![d]!;
  }
  return match;
}

/** A detection inside a crowd is wholly covered by it: the shared area is measured by its own. */
function overlapWith(truth: Truth, g: number, detections: Detections, d: number): number {
  const shared = sharedArea(detections.boxes, d, truth.boxes, g);
  if (shared === 0) return 0;
  const own = areaOf(detections.boxes, d);
  return shared / (truth.crowd[g] !== 0 ? own : own + areaOf(truth.boxes, g) - shared);
}

/**
 * For each threshold, each detection by score takes the object that is free, or a crowd, with the largest overlap; of
 * equal ones the last. Objects that do not count are looked at only while none that counts was found.
 * @param order of the objects; the first `positives` count
 */
function assign(
  overlaps: readonly Float64Array[],
  order: readonly number[],
  positives: number,
  crowd: readonly boolean[],
  hits: Uint16Array,
  ignored: Uint16Array,
): void {
  const taken = new Uint8Array(order.length);
  // Below the lowest threshold nothing is matched at any.
  const near = overlaps.map((row) => row.some((value) => value >= OVERLAPS[0]!));
  for (const [t, threshold] of OVERLAPS.entries()) {
    taken.fill(0);
    for (const [d, row] of overlaps.entries()) {
      if (!near[d]) continue;
      let best = Math.min(threshold, 1 - 1e-10);
      let which = -1;
      for (let g = 0; g < order.length; g++) {
        if (taken[g] === 1 && !crowd[g]) continue;
        if (which >= 0 && which < positives && g >= positives) break;
        const value = row[order[g]!]!;
        if (value < best) continue;
        best = value;
        which = g;
      }
      if (which < 0) continue;
      taken[which] = 1;
      if (which < positives) hits[d]! |= 1 << t;
      else ignored[d]! |= 1 << t;
    }
  }
}
