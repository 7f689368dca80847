import { RescaledError } from '../../../errors.js';
import { type BootstrapOptions, type Spread, spreads } from '../../bootstrap.js';
import type { Detections, Truth } from '../truth.js';
import { byScore, checkPicture, overlap } from './pairs.js';

export interface VocOptions {
  readonly classes: number;
  /**
   * How precision over recall becomes a number. `2010`: the area under its envelope, as Pascal VOC has it since then;
   * `2007`: the mean of the highest precision at recall 0, 0.1 .. 1 or higher.
   */
  readonly rule?: '2007' | '2010';
  /** An object is found by an overlap that is larger than this. Default 0.5. */
  readonly overlap?: number;
  /**
   * `continuous`: edges, as everywhere here. `inclusive`: coordinates are indices of the first and the last pixel, so that a side is one
   * longer than their difference; with edges made of a Pascal VOC file as x0 = xmin - 1, x1 = xmax, `continuous` is the devkit's rule.
   */
  readonly pixels?: 'continuous' | 'inclusive';
}

export interface VocClass {
  /** Undefined where there are no objects that are not difficult: the class is not scored. */
  readonly ap?: number;
  /** Objects that are not difficult. */
  readonly truths: number;
  /** After each detection that found one, by score descending. */
  readonly curve: readonly VocPoint[];
}

export interface VocPoint {
  readonly recall: number;
  readonly precision: number;
  readonly score: number;
}

export interface VocAp {
  /** Mean over the classes that are scored; undefined where there is none. */
  readonly map?: number;
  readonly classes: readonly VocClass[];
}

export interface VocScorer {
  add(truth: Truth, detections: Detections): void;
  /** @param times how often each picture counts, in the order they were added. Default: once */
  result(times?: ArrayLike<number>): VocAp;
  /** 95 % intervals by drawing pictures: of the mean and of each class. */
  intervals(options?: BootstrapOptions): { map?: Spread; classes: readonly (Spread | undefined)[] };
}

/** `ignored`: of an object that is difficult, or a crowd. */
type Outcome = 'hit' | 'miss' | 'ignored';

interface Judged {
  readonly picture: number;
  readonly score: number;
  readonly outcome: Exclude<Outcome, 'ignored'>;
}

export function vocAp(truths: readonly Truth[], predictions: readonly Detections[], options: VocOptions): VocAp {
  if (truths.length !== predictions.length)
    throw new RescaledError(`Expected ${truths.length} lists of detections but received ${predictions.length}.`);
  const scorer = vocScorer(options);
  for (const [i, truth] of truths.entries()) scorer.add(truth, predictions[i]!);
  return scorer.result();
}

/**
 * Pascal VOC's average precision, after its devkit as facebookresearch/detectron2 @ 02b5c4e,
 * detectron2/evaluation/pascal_voc_evaluation.py, has it. Equal scores stand in the order of the pictures.
 */
export function vocScorer({
  classes,
  rule = '2010',
  overlap: least = 0.5,
  pixels = 'continuous',
}: VocOptions): VocScorer {
  const extra = pixels === 'inclusive' ? 1 : 0;
  let pictures = 0;
  const judged: Judged[][] = Array.from({ length: classes }, () => []);
  const positives: { picture: number; objects: number }[][] = Array.from({ length: classes }, () => []);
  let sorted = true;
  const result = (times?: ArrayLike<number>): VocAp => {
    // A stable sort: of equal scores the picture that came first.
    if (!sorted) for (const list of judged) list.sort((a, b) => b.score - a.score);
    sorted = true;
    const each = judged.map((list, label) => average(list, positives[label]!, rule, times));
    const scored = each.flatMap(({ ap }) => (ap === undefined ? [] : [ap]));
    return {
      ...(scored.length > 0 && { map: scored.reduce((sum, ap) => sum + ap, 0) / scored.length }),
      classes: each,
    };
  };
  return {
    add(truth, detections) {
      checkPicture(truth, detections, classes, pictures);
      const objects = new Map<number, number>();
      for (let g = 0; g < truth.classes.length; g++)
        if (!skipped(truth, g)) objects.set(truth.classes[g]!, (objects.get(truth.classes[g]!) ?? 0) + 1);
      for (const [label, count] of objects) positives[label]!.push({ picture: pictures, objects: count });
      const taken = new Set<number>();
      for (const d of byScore(detections)) {
        const outcome = judge(truth, detections, d, taken, least, extra);
        if (outcome !== 'ignored')
          judged[detections.classes[d]!]!.push({ picture: pictures, score: detections.scores[d]!, outcome });
      }
      pictures++;
      sorted = false;
    },
    result,
    intervals(options) {
      const [map, ...each] = spreads(
        pictures,
        (times) => {
          const { map = Number.NaN, classes: found } = result(times);
          return [map, ...found.map(({ ap = Number.NaN }) => ap)];
        },
        options,
      );
      return { ...(map !== undefined && { map }), classes: each };
    },
  };
}

/** VOC has no crowds; they are as ungraspable as what is difficult. */
const skipped = (truth: Truth, g: number): boolean => truth.difficult[g] !== 0 || truth.crowd[g] !== 0;

/** A detection stands for the object of its class that it overlaps most, the first of equal ones, and for no other. */
function judge(
  truth: Truth,
  detections: Detections,
  d: number,
  taken: Set<number>,
  least: number,
  extra: number,
): Outcome {
  let best = Number.NEGATIVE_INFINITY;
  let which = -1;
  for (let g = 0; g < truth.classes.length; g++) {
    if (truth.classes[g] !== detections.classes[d]) continue;
    const value = overlap(truth.boxes, g, detections.boxes, d, extra);
    if (value > best) [best, which] = [value, g];
  }
  if (!(best > least)) return 'miss';
  if (skipped(truth, which)) return 'ignored';
  if (taken.has(which)) return 'miss';
  taken.add(which);
  return 'hit';
}

function average(
  judged: readonly Judged[],
  positives: readonly { picture: number; objects: number }[],
  rule: '2007' | '2010',
  times?: ArrayLike<number>,
): VocClass {
  const copies = (picture: number): number => (times === undefined ? 1 : times[picture]!);
  const truths = positives.reduce((sum, { picture, objects }) => sum + objects * copies(picture), 0);
  if (truths === 0) return { truths, curve: [] };
  const curve: VocPoint[] = [];
  let hits = 0;
  let all = 0;
  for (const { picture, score, outcome } of judged) {
    const count = copies(picture);
    all += count;
    if (outcome === 'miss' || count === 0) continue;
    hits += count;
    curve.push({ recall: hits / truths, precision: hits / all, score });
  }
  // The envelope: no precision to the right is higher.
  let envelope = 0;
  let area = 0;
  for (let i = curve.length - 1; i >= 0; i--) {
    envelope = Math.max(envelope, curve[i]!.precision);
    area += (curve[i]!.recall - (curve[i - 1]?.recall ?? 0)) * envelope;
  }
  return { ap: rule === '2010' ? area : elevenPoints(curve), truths, curve };
}

/** i x 0.1 is not always i / 10: as `numpy.arange(0, 1.1, 0.1)` of the source. */
function elevenPoints(curve: readonly VocPoint[]): number {
  let sum = 0;
  for (let i = 0; i <= 10; i++) {
    let best = 0;
    for (const { recall, precision } of curve) if (recall >= i * 0.1) best = Math.max(best, precision);
    sum += best / 11;
  }
  return sum;
}
