import { AREAS, type ClassMatch } from './coco-match.js';

/**
 * Matches of pictures as numbers, for another process. A picture: how many classes it has a match of; then of each class its label, its
 * detections, the objects to be found in each area range, and of each detection its score, then hits and ignored in each area range.
 */
export const matchNumbers = (pictures: readonly ReadonlyMap<number, ClassMatch>[]): Float64Array =>
  Float64Array.from(
    pictures.flatMap((classes) => [
      classes.size,
      ...[...classes].flatMap(([label, { scores, hits, ignored, positives }]) => [
        ...[label, scores.length, ...positives],
        ...Array.from(scores, (score, d) => [
          score,
          ...hits.map((of) => of[d]!),
          ...ignored.map((of) => of[d]!),
        ]).flat(),
      ]),
    ]),
  );

/** The pictures of `matchNumbers`, of one process or of several, one after the other. */
export function matchesIn(numbers: Float64Array): Map<number, ClassMatch>[] {
  let at = 0;
  const next = (): number => numbers[at++]!;
  const match = (): [number, ClassMatch] => {
    const [label, detections] = [next(), next()];
    const own: ClassMatch = {
      scores: new Float64Array(detections),
      hits: AREAS.map(() => new Uint16Array(detections)),
      ignored: AREAS.map(() => new Uint16Array(detections)),
      positives: Int32Array.from(AREAS, next),
    };
    for (let d = 0; d < detections; d++) {
      own.scores[d] = next();
      for (const bits of [...own.hits, ...own.ignored]) bits[d] = next();
    }
    return [label, own];
  };
  const pictures: Map<number, ClassMatch>[] = [];
  while (at < numbers.length) pictures.push(new Map(Array.from({ length: next() }, match)));
  return pictures;
}
