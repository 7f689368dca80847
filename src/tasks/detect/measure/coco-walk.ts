import { AREAS, type ClassMatch, EVERY, OVERLAPS } from './coco-match.js';

/**
 * Precision and recall down the scores, after cocodataset/cocoapi, PythonAPI/pycocotools/cocoeval.py @ 8c9bcc3,
 * `accumulate`. Pictures may count several times or not at all, so that drawn sets cost no new matching.
 */

/** 0, 0.01 .. 1 as `numpy.linspace(0, 1, 101)` has them: i x 0.01, which is not always i / 100. */
export const RECALLS: readonly number[] = Array.from({ length: 101 }, (_, i) => (i === 100 ? 1 : i * 0.01));

export interface PictureMatch {
  readonly picture: number;
  readonly match: ClassMatch;
}

/** A class over all pictures. */
export interface JoinedClass {
  /** [area range] */
  readonly areas: readonly JoinedArea[];
  /** Detections of each picture that has any. */
  readonly found: readonly { picture: number; detections: number }[];
  /** What the last walk found. */
  readonly walked: Walked;
}

/** Its detections by score descending, of equal scores the earlier picture's first; those that are ignored at every overlap are left out. */
interface JoinedArea {
  readonly scores: Float64Array;
  readonly pictures: Int32Array;
  /** Place among the picture's detections of the class. */
  readonly ranks: Uint8Array;
  /** As in `ClassMatch`. */
  readonly hits: Uint16Array;
  readonly ignored: Uint16Array;
  /** Pictures with objects that count. */
  readonly positives: readonly { picture: number; objects: number }[];
}

/** By threshold of overlap. */
interface Walked {
  /** Objects to be found. */
  positives: number;
  /** Hits that were passed, and of each the objects found so far, the precision and its place among the detections. */
  readonly steps: Int32Array;
  readonly found: readonly Float64Array[];
  readonly precision: readonly Float64Array[];
  readonly places: readonly Int32Array[];
  /** Objects found by the first and by the first 10 detections of a picture. */
  readonly early: readonly [Float64Array, Float64Array];
  /** Room for counting. */
  readonly objects: Float64Array;
  readonly extra: Float64Array;
}

export function joinPictures(list: readonly PictureMatch[]): JoinedClass {
  const all = list.flatMap(({ picture, match }, which) =>
    Array.from(match.scores, (score, rank) => ({ which, picture, match, rank, score })),
  );
  all.sort((a, b) => b.score - a.score || a.which - b.which || a.rank - b.rank);
  const areas = AREAS.map((_, a): JoinedArea => {
    const places = all.filter(({ match, rank }) => match.ignored[a]![rank] !== EVERY);
    return {
      scores: Float64Array.from(places, ({ score }) => score),
      pictures: Int32Array.from(places, ({ picture }) => picture),
      ranks: Uint8Array.from(places, ({ rank }) => rank),
      hits: Uint16Array.from(places, ({ match, rank }) => match.hits[a]![rank]!),
      ignored: Uint16Array.from(places, ({ match, rank }) => match.ignored[a]![rank]!),
      positives: list
        .map(({ picture, match }) => ({ picture, objects: match.positives[a]! }))
        .filter(({ objects }) => objects > 0),
    };
  });
  const most = OVERLAPS.map((_, t) =>
    Math.max(...areas.map(({ hits }) => hits.reduce((sum, bits) => sum + ((bits >> t) & 1), 0))),
  );
  const numbers = (): Float64Array => new Float64Array(OVERLAPS.length);
  return {
    areas,
    found: list
      .map(({ picture, match }) => ({ picture, detections: match.scores.length }))
      .filter(({ detections }) => detections > 0),
    walked: {
      positives: 0,
      steps: new Int32Array(OVERLAPS.length),
      found: most.map((length) => new Float64Array(length)),
      precision: most.map((length) => new Float64Array(length)),
      places: most.map((length) => new Int32Array(length)),
      early: [numbers(), numbers()],
      objects: numbers(),
      extra: numbers(),
    },
  };
}

/**
 * Down the scores; what it finds is in `walked`. Where a hit raises recall, and only there, precision is read: between
 * hits it only falls.
 * @returns whether there was anything to be found
 */
export function walk(one: JoinedClass, area: number, times?: ArrayLike<number>): boolean {
  const { walked } = one;
  const { pictures, ranks, hits, ignored, positives } = one.areas[area]!;
  const { steps, found, precision, places, early, objects, extra } = walked;
  walked.positives = 0;
  for (const { picture, objects: count } of positives)
    walked.positives += count * (times === undefined ? 1 : times[picture]!);
  if (walked.positives === 0) return false;
  steps.fill(0);
  objects.fill(0);
  extra.fill(0);
  for (const row of early) row.fill(0);
  // Detections that count, at every threshold; `extra` are those that count at one threshold and not at another.
  let counted = 0;
  for (let i = 0; i < pictures.length; i++) {
    const copies = times === undefined ? 1 : times[pictures[i]!]!;
    if (copies === 0) continue;
    const unseen = ignored[i]!;
    if (unseen === 0) counted += copies;
    else for (let t = 0; t < OVERLAPS.length; t++) if (((unseen >> t) & 1) === 0) extra[t]! += copies;
    let bits = hits[i]!;
    for (let t = 0; bits !== 0; t++, bits >>= 1) {
      if ((bits & 1) === 0) continue;
      const sum = (objects[t]! += copies);
      const step = steps[t]!++;
      found[t]![step] = sum;
      // With epsilon as pycocotools has it; it shows where there is one detection.
      precision[t]![step] = sum / (counted + extra[t]! + Number.EPSILON);
      places[t]![step] = i;
      if (ranks[i]! < 10) early[1][t]! += copies;
      if (ranks[i]! < 1) early[0][t]! += copies;
    }
  }
  return true;
}

/** The recall of all detections at a threshold. */
export const recallOf = ({ walked: { objects, positives } }: JoinedClass, t: number): number => objects[t]! / positives;

/** The sum over `RECALLS` of the highest precision at that recall or a higher one: 101 times AP. */
export function precisionSum({ walked }: JoinedClass, t: number): number {
  const { found, precision } = { found: walked.found[t]!, precision: walked.precision[t]! };
  let sum = 0;
  let best = 0;
  let step = walked.steps[t]! - 1;
  for (let r = RECALLS.length - 1; r >= 0; r--) {
    for (; step >= 0 && found[step]! / walked.positives >= RECALLS[r]!; step--)
      if (precision[step]! > best) best = precision[step]!;
    sum += best;
  }
  return sum;
}

/** That precision at each of `RECALLS`, and the score of the first detection that reaches it. */
export function atRecalls(
  { walked, areas }: JoinedClass,
  area: number,
  t: number,
): { precision: Float64Array; scores: Float64Array } {
  const precision = new Float64Array(RECALLS.length);
  const reached = new Float64Array(RECALLS.length).fill(Number.NaN);
  let best = 0;
  let step = walked.steps[t]! - 1;
  let first = Number.NaN;
  for (let r = RECALLS.length - 1; r >= 0; r--) {
    for (; step >= 0 && walked.found[t]![step]! / walked.positives >= RECALLS[r]!; step--) {
      best = Math.max(best, walked.precision[t]![step]!);
      first = areas[area]!.scores[walked.places[t]![step]!]!;
    }
    precision[r] = best;
    reached[r] = first;
  }
  return { precision, scores: reached };
}

export const detectionsOf = ({ found }: JoinedClass, times?: ArrayLike<number>): number =>
  found.reduce((sum, { picture, detections }) => sum + detections * (times === undefined ? 1 : times[picture]!), 0);
