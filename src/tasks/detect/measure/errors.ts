import { RescaledError } from '../../../errors.js';
import type { Detections, Truth } from '../truth.js';
import { areaOf, byScore, checkPicture, overlap, sharedArea } from './pairs.js';

/** What became of an object. `aside`: difficult or a crowd, neither found nor missed. */
export type ObjectOutcome = 'found' | 'taken' | 'missed' | 'aside';
/**
 * What a detection is. `other`: an object of another class. `again`: an object that was found already. `loose`: it
 * touches an object of its class, but not enough. `background`: none of these.
 */
export type DetectionOutcome = 'right' | 'other' | 'again' | 'loose' | 'background' | 'aside';

export interface JudgedPicture {
  /** In the order of the truth; `by` is the detection that found it or took it for another class. */
  readonly objects: readonly { readonly outcome: ObjectOutcome; readonly by?: number; readonly overlap?: number }[];
  /** By score descending, those from the threshold on; `at` is the place in the list of detections, `of` that of the object. */
  readonly detections: readonly { readonly at: number; readonly outcome: DetectionOutcome; readonly of?: number }[];
}

/** Below this overlap a detection is said not to mean an object at all (Bolya et al. 2020, TIDE). */
const TOUCHES = 0.1;

/**
 * Who finds whom at one threshold of score: by score, each detection takes the free object of its class that it overlaps
 * most, then those that are left one of another class. An object is found or taken once.
 */
export function judgePicture(truth: Truth, detections: Detections, threshold: number, least = 0.5): JudgedPicture {
  const order = byScore(detections).filter((d) => detections.scores[d]! >= threshold);
  const objects: { outcome: ObjectOutcome; by?: number; overlap?: number }[] = Array.from(truth.classes, (_, g) => ({
    outcome: truth.crowd[g] !== 0 || truth.difficult[g] !== 0 ? 'aside' : 'missed',
  }));
  const judged = new Map<number, { outcome: DetectionOutcome; of?: number }>();
  const same = (d: number, g: number): boolean => truth.classes[g] === detections.classes[d];
  const near = (d: number, may: (g: number) => boolean): { g: number; value: number } => {
    let best = { g: -1, value: 0 };
    for (let g = 0; g < objects.length; g++) {
      if (!may(g)) continue;
      const value = overlap(detections.boxes, d, truth.boxes, g);
      if (value > best.value) best = { g, value };
    }
    return best;
  };
  const take = (free: (d: number, g: number) => boolean, object: ObjectOutcome, outcome: DetectionOutcome): void => {
    for (const d of order) {
      if (judged.has(d)) continue;
      const { g, value } = near(d, (g) => objects[g]!.outcome === 'missed' && free(d, g));
      if (g < 0 || value < least) continue;
      objects[g] = { outcome: object, by: d, overlap: value };
      judged.set(d, { outcome, of: g });
    }
  };
  take(same, 'found', 'right');
  for (const d of order)
    if (
      !judged.has(d) &&
      objects.some(({ outcome }, g) => outcome === 'aside' && same(d, g) && within(truth, g, detections, d, least))
    )
      judged.set(d, { outcome: 'aside' });
  take((d, g) => !same(d, g), 'taken', 'other');
  for (const d of order) {
    if (judged.has(d)) continue;
    const { g, value } = near(d, (g) => same(d, g) && objects[g]!.outcome !== 'aside');
    const outcome = value >= least ? 'again' : value >= TOUCHES ? 'loose' : 'background';
    judged.set(d, outcome === 'background' ? { outcome } : { outcome, of: g });
  }
  return { objects, detections: order.map((at) => ({ at, ...judged.get(at)! })) };
}

/** Of a crowd it is enough that the detection lies in it. */
function within(truth: Truth, g: number, detections: Detections, d: number, least: number): boolean {
  if (truth.crowd[g] === 0) return overlap(detections.boxes, d, truth.boxes, g) >= least;
  const shared = sharedArea(detections.boxes, d, truth.boxes, g);
  return shared > 0 && shared / areaOf(detections.boxes, d) >= least;
}

/** All classes together, from this score on. */
export interface ScorePoint {
  readonly score: number;
  readonly precision: number;
  readonly recall: number;
  /** The harmonic mean of both. */
  readonly f1: number;
}

export interface ClassErrors {
  /** Objects that are not aside: found, taken for another class, missed. */
  readonly objects: number;
  readonly found: number;
  readonly taken: number;
  readonly missed: number;
  /** Detections of the class that are not aside, and those that are right. */
  readonly detections: number;
}

export interface SizeBin {
  /** Root of the area, pixels: from, and below `to`. */
  readonly from: number;
  readonly to: number;
  readonly objects: number;
  /** At the threshold, and at any score. */
  readonly found: number;
  readonly reached: number;
  /** Mean of those that were found; undefined where none was. */
  readonly overlap?: number;
}

export interface PictureErrors {
  /** In the order they were given. */
  readonly picture: number;
  readonly found: number;
  readonly taken: number;
  readonly missed: number;
  /** Detections that are neither right nor aside. */
  readonly wrong: number;
  /** 2 found / (objects + detections); undefined where there are neither. */
  readonly f1?: number;
}

export interface BoxErrors {
  readonly overlap: number;
  /** Of score: detections below it are passed over. */
  readonly threshold: number;
  /** By score descending. */
  readonly scores: readonly ScorePoint[];
  /** [truth][predicted], the classes and then the background: what is in no object, and objects that nothing is on. */
  readonly confusion: readonly (readonly number[])[];
  readonly classes: readonly ClassErrors[];
  readonly sizes: readonly SizeBin[];
  readonly pictures: readonly PictureErrors[];
  /** Wrong detections by their kind. */
  readonly kinds: Readonly<Record<Exclude<DetectionOutcome, 'right' | 'aside'>, number>>;
}

/** Ends of sizes, pixels; COCO's 32 and 96 are among them. */
const SIZES = [0, 16, 32, 64, 96, 192, 384, Number.POSITIVE_INFINITY];

/**
 * What goes wrong at one threshold of score, which is the one with the highest F1 on these very pictures where none is
 * given.
 */
export function boxErrors(
  truths: readonly Truth[],
  found: readonly Detections[],
  { classes, overlap: least = 0.5, threshold }: { classes: number; overlap?: number; threshold?: number },
): BoxErrors {
  if (truths.length !== found.length)
    throw new RescaledError(`Expected ${truths.length} lists of detections but received ${found.length}.`);
  const all = truths.map((truth, i) => {
    checkPicture(truth, found[i]!, classes, i);
    return judgePicture(truth, found[i]!, Number.NEGATIVE_INFINITY, least);
  });
  const scores = scorePoints(all, found);
  const best = scores.reduce<ScorePoint | undefined>((a, b) => (a === undefined || b.f1 > a.f1 ? b : a), undefined);
  const from = threshold ?? best?.score ?? 0.5;
  const judged = truths.map((truth, i) => judgePicture(truth, found[i]!, from, least));
  const confusion = Array.from({ length: classes + 1 }, () => new Array<number>(classes + 1).fill(0));
  const kinds = { other: 0, again: 0, loose: 0, background: 0 };
  const pictures: PictureErrors[] = [];
  for (const [i, { objects, detections }] of judged.entries()) {
    const { classes: real } = truths[i]!;
    const { classes: given } = found[i]!;
    for (const [g, { outcome, by }] of objects.entries())
      if (outcome !== 'aside') confusion[real[g]!]![by === undefined ? classes : given[by]!]!++;
    for (const { at, outcome } of detections) {
      if (outcome === 'right' || outcome === 'aside') continue;
      kinds[outcome]++;
      if (outcome !== 'other') confusion[classes]![given[at]!]!++;
    }
    pictures.push(pictureErrors(i, judged[i]!));
  }
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  return {
    ...{ overlap: least, threshold: from, scores, confusion, kinds, pictures },
    classes: Array.from({ length: classes }, (_, k) => {
      const [objects, own, missed] = [sum(confusion[k]!), confusion[k]![k]!, confusion[k]![classes]!];
      const detections = sum(confusion.map((row) => row[k]!));
      return { ...{ objects, found: own, taken: objects - own - missed, missed, detections } };
    }),
    sizes: sizeBins(truths, judged, all),
  };
}

function pictureErrors(picture: number, { objects, detections }: JudgedPicture): PictureErrors {
  const count = (kind: ObjectOutcome): number => objects.filter(({ outcome }) => outcome === kind).length;
  const [found, taken, missed] = [count('found'), count('taken'), count('missed')];
  const wrong = detections.filter(({ outcome }) => outcome !== 'right' && outcome !== 'aside').length;
  const both = found + taken + missed + found + wrong;
  return { picture, found, taken, missed, wrong, ...(both > 0 && { f1: (2 * found) / both }) };
}

/** A detection that comes later takes nothing from an earlier one, so that one judgement holds for all thresholds. */
function scorePoints(judged: readonly JudgedPicture[], found: readonly Detections[]): ScorePoint[] {
  const objects = judged.reduce(
    (sum, picture) => sum + picture.objects.filter(({ outcome }) => outcome !== 'aside').length,
    0,
  );
  if (objects === 0) return [];
  const all = judged.flatMap(({ detections }, i) =>
    detections
      .filter(({ outcome }) => outcome !== 'aside')
      .map(({ at, outcome }) => ({ score: found[i]!.scores[at]!, right: outcome === 'right' })),
  );
  all.sort((a, b) => b.score - a.score);
  const points: ScorePoint[] = [];
  let right = 0;
  for (const [i, one] of all.entries()) {
    if (one.right) right++;
    if (all[i + 1]?.score === one.score) continue;
    points.push({
      score: one.score,
      precision: right / (i + 1),
      recall: right / objects,
      f1: (2 * right) / (objects + i + 1),
    });
  }
  return points;
}

function sizeBins(
  truths: readonly Truth[],
  judged: readonly JudgedPicture[],
  all: readonly JudgedPicture[],
): SizeBin[] {
  const bins = SIZES.slice(1).map((to, i) => ({ from: SIZES[i]!, to, objects: 0, found: 0, reached: 0, overlaps: 0 }));
  for (const [i, { objects }] of judged.entries())
    for (const [g, { outcome, overlap: value }] of objects.entries()) {
      if (outcome === 'aside') continue;
      const bin = bins.find(({ to }) => Math.sqrt(truths[i]!.area[g]!) < to)!;
      bin.objects++;
      if (all[i]!.objects[g]!.outcome === 'found') bin.reached++;
      if (outcome !== 'found') continue;
      bin.found++;
      bin.overlaps += value!;
    }
  return bins
    .filter(({ objects }) => objects > 0)
    .map(({ overlaps, ...bin }) => ({ ...bin, ...(bin.found > 0 && { overlap: overlaps / bin.found }) }));
}
