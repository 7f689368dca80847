import { RescaledError } from '../../errors.js';
import { type BootstrapOptions, kept, type Spread, spreads } from '../bootstrap.js';
import { AREAS, type ClassMatch, matchPicture, OVERLAPS } from './measure/coco-match.js';
import { matchesIn, matchNumbers } from './measure/coco-numbers.js';
import {
  atRecalls,
  detectionsOf,
  type JoinedClass,
  joinPictures,
  type PictureMatch,
  precisionSum,
  RECALLS,
  recallOf,
  walk,
} from './measure/coco-walk.js';
import { checkPicture } from './measure/pairs.js';
import type { Detections, Truth } from './truth.js';

/**
 * COCO's average precision, equal to pycocotools (cocodataset/cocoapi, cocoeval.py @ 8c9bcc3, `accumulate` and
 * `summarize`), which test/tasks/detect/coco-ap.test.ts shows. Two differences are of form: pycocotools knows pictures
 * and objects by ids and takes id 0 for "not matched", so that an object of that id is never found; there are no ids
 * here. And boxes are edges, where COCO's files have a corner and sides.
 */

/** The twelve numbers, in pycocotools' order. -1: nothing of that kind was to be found. */
export interface CocoStats {
  /** Mean over overlaps 0.50, 0.55 .. 0.95 and the classes that occur; then at 0.50 and at 0.75. */
  readonly ap: number;
  readonly ap50: number;
  readonly ap75: number;
  /** By the area of the object: up to 32^2, to 96^2, and above. */
  readonly apSmall: number;
  readonly apMedium: number;
  readonly apLarge: number;
  /** Mean over overlaps and classes of the recall with at most 1, 10 or 100 detections a picture and class. */
  readonly ar1: number;
  readonly ar10: number;
  readonly ar100: number;
  readonly arSmall: number;
  readonly arMedium: number;
  readonly arLarge: number;
}

export const COCO_STATS = [
  ...(['ap', 'ap50', 'ap75', 'apSmall', 'apMedium', 'apLarge'] as const),
  ...(['ar1', 'ar10', 'ar100', 'arSmall', 'arMedium', 'arLarge'] as const),
] as const satisfies readonly (keyof CocoStats)[];

/** One class by itself; the values are -1 where none of it was to be found. */
export interface CocoClass {
  readonly ap: number;
  readonly ap50: number;
  readonly ap75: number;
  readonly ar100: number;
  /** Objects to be found; neither crowds nor ignored ones. */
  readonly truths: number;
  /** Detections, at most 100 a picture. */
  readonly detections: number;
}

/** Precision at the 101 recalls 0, 0.01 .. 1, with none to the right being higher, and the score that reaches each. */
export interface PrecisionCurve {
  readonly overlap: number;
  readonly precision: Float64Array;
  /** NaN where the recall is not reached. */
  readonly scores: Float64Array;
}

export interface CocoAp {
  readonly stats: CocoStats;
  readonly classes: readonly CocoClass[];
}

export interface CocoOptions {
  /** How many classes there are. */
  readonly classes: number;
  /** Objects marked difficult: found like others (as in pycocotools, which knows no such mark), or neither right nor wrong. */
  readonly difficult?: 'count' | 'ignore';
}

/** Gathers pictures one by one, and keeps of each what it takes to measure any set of them. */
export interface CocoScorer {
  add(truth: Truth, detections: Detections): void;
  /** Its pictures as numbers, and pictures that scorers of other processes know. */
  known(): Float64Array;
  addKnown(numbers: Float64Array): void;
  /** How many were added. */
  readonly pictures: number;
  /** @param times how often each picture counts, in the order they were added. Default: once */
  result(times?: ArrayLike<number>): CocoAp;
  /** Of a class: at an overlap of `OVERLAPS`; undefined where none of it was to be found. */
  curve(label: number, overlap?: number): PrecisionCurve | undefined;
  /**
   * 95 % intervals by drawing pictures. In a drawn set, copies of a detection stand together; where pictures have equal
   * scores, pycocotools would mix them.
   */
  intervals(options?: BootstrapOptions): CocoIntervals;
}

export interface CocoIntervals {
  readonly stats: Readonly<Partial<Record<keyof CocoStats, Spread>>>;
  readonly classes: readonly Readonly<{ ap?: Spread; ap50?: Spread }>[];
}

/** The twelve numbers, and each class by itself. @param truths of picture i, whose detections are `predictions[i]` */
export function cocoAp(truths: readonly Truth[], predictions: readonly Detections[], options: CocoOptions): CocoAp {
  return cocoScored(truths, predictions, options).result();
}

/** The same pictures, ready for curves and intervals too. */
export function cocoScored(
  truths: readonly Truth[],
  predictions: readonly Detections[],
  options: CocoOptions,
): CocoScorer {
  if (truths.length !== predictions.length)
    throw new RescaledError(`Expected ${truths.length} lists of detections but received ${predictions.length}.`);
  const scorer = cocoScorer(options);
  for (const [i, truth] of truths.entries()) scorer.add(truth, predictions[i]!);
  return scorer;
}

export function cocoScorer({ classes, difficult = 'count' }: CocoOptions): CocoScorer {
  /** By label. */
  const pictures: ReadonlyMap<number, ClassMatch>[] = [];
  let joined: JoinedClass[] | undefined;
  const all = (): JoinedClass[] => (joined ??= byClass(pictures, classes).map(joinPictures));
  const put = (matches: ReadonlyMap<number, ClassMatch>): void => {
    forget();
    pictures.push(matches);
    joined = undefined;
  };
  const { intervals, forget } = kept((options?: BootstrapOptions): CocoIntervals => {
    const found = spreads(
      pictures.length,
      (times) => {
        const { stats, classes: each } = summarise(all(), times);
        const values = COCO_STATS.map((name) => stats[name]).concat(each.flatMap(({ ap, ap50 }) => [ap, ap50]));
        // -1 is no value of a figure.
        return values.map((value) => (value < 0 ? Number.NaN : value));
      },
      options,
    );
    const named = <K extends string>(names: readonly K[], from: number): Partial<Record<K, Spread>> =>
      Object.fromEntries(
        names.flatMap((name, i) => (found[from + i] === undefined ? [] : [[name, found[from + i]!]])),
      ) as Partial<Record<K, Spread>>;
    return {
      stats: named(COCO_STATS, 0),
      classes: Array.from({ length: classes }, (_, k) => named(['ap', 'ap50'], COCO_STATS.length + 2 * k)),
    };
  });
  return {
    add(truth, detections) {
      checkPicture(truth, detections, classes, pictures.length);
      put(matchPicture(truth, detections, { skipDifficult: difficult === 'ignore' }));
    },
    known: () => matchNumbers(pictures),
    addKnown(numbers) {
      for (const matches of matchesIn(numbers)) put(matches);
    },
    get pictures() {
      return pictures.length;
    },
    result: (times) => summarise(all(), times),
    curve(label, overlap = 0.5) {
      const t = OVERLAPS.indexOf(overlap);
      if (t < 0) throw new RescaledError(`Expected an overlap of ${OVERLAPS.join(', ')} but received ${overlap}.`);
      const one = all()[label];
      if (one === undefined) throw new RescaledError(`Expected a class below ${classes} but received ${label}.`);
      return walk(one, 0) ? { overlap, ...atRecalls(one, 0, t) } : undefined;
    },
    intervals,
  };
}

function byClass(pictures: readonly ReadonlyMap<number, ClassMatch>[], classes: number): PictureMatch[][] {
  const matches: PictureMatch[][] = Array.from({ length: classes }, () => []);
  for (const [picture, own] of pictures.entries())
    for (const [label, match] of own) matches[label]!.push({ picture, match });
  return matches;
}

/** Places of the areas in `AREAS`. */
const [ALL, SMALL] = [0, 1];

function summarise(joined: readonly JoinedClass[], times?: ArrayLike<number>): CocoAp {
  // Sums over classes, and how many classes have a part in them: [area][threshold] of precision and of recall.
  const precision = AREAS.map(() => new Float64Array(OVERLAPS.length));
  const recall = AREAS.map(() => 0);
  const early = [0, 0];
  const occur = AREAS.map(() => 0);
  const classes = joined.map((one): CocoClass => {
    let own = { ap: -1, ap50: -1, ap75: -1, ar100: -1, truths: 0 };
    for (let a = 0; a < AREAS.length; a++) {
      if (!walk(one, a, times)) continue;
      occur[a]!++;
      const sums = OVERLAPS.map((_, t) => precisionSum(one, t));
      const recalls = OVERLAPS.map((_, t) => recallOf(one, t));
      for (const [t, sum] of sums.entries()) precision[a]![t]! += sum;
      recall[a]! += total(recalls);
      if (a !== ALL) continue;
      for (const m of [0, 1]) early[m]! += total(one.walked.early[m]!) / one.walked.positives;
      own = {
        ap: total(sums) / (RECALLS.length * OVERLAPS.length),
        ap50: sums[0]! / RECALLS.length,
        ap75: sums[FIFTH]! / RECALLS.length,
        ar100: total(recalls) / OVERLAPS.length,
        truths: one.walked.positives,
      };
    }
    return { ...own, detections: detectionsOf(one, times) };
  });
  const mean = (sum: number, a: number, of: number): number => (occur[a] === 0 ? -1 : sum / (of * occur[a]!));
  const ap = (a: number): number => mean(total(precision[a]!), a, RECALLS.length * OVERLAPS.length);
  const at = (t: number): number => mean(precision[ALL]![t]!, ALL, RECALLS.length);
  const ar = (sum: number, a = ALL): number => mean(sum, a, OVERLAPS.length);
  return {
    stats: {
      ...{
        ap: ap(ALL),
        ap50: at(0),
        ap75: at(FIFTH),
        apSmall: ap(SMALL),
        apMedium: ap(SMALL + 1),
        apLarge: ap(SMALL + 2),
      },
      ...{ ar1: ar(early[0]!), ar10: ar(early[1]!), ar100: ar(recall[ALL]!) },
      ...{
        arSmall: ar(recall[SMALL]!, SMALL),
        arMedium: ar(recall[SMALL + 1]!, SMALL + 1),
        arLarge: ar(recall[SMALL + 2]!, SMALL + 2),
      },
    },
    classes,
  };
}

/** The place of 0.75 in `OVERLAPS`. */
const FIFTH = 5;

function total(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum;
}
