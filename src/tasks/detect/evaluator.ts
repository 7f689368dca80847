import type { DetectTargets } from '../../data/annotations/detect-targets.js';
import type { Scores } from '../../metric.js';
import { anchorsFor, type Decoder, type Detections, detectionsOf } from '../../models/detect/index.js';
import type { ImageModel } from '../../models/index.js';
import type { Evaluator } from '../../train/task.js';
import { damagedWeights } from '../refused.js';
import { COCO_STATS, type CocoAp, type CocoClass, type CocoScorer, cocoScorer } from './coco-ap.js';
import { type VocAp, vocAp } from './measure/voc-ap.js';
import type { DetectSettings } from './settings.js';
import type { Truth } from './truth.js';

/** What the evaluation of a detector finds besides its metrics. */
export interface DetectDetails {
  readonly classes: readonly CocoClass[];
  /** Pascal VOC's average precision at overlap 0.50, by the rule of a year; difficult boxes are neither right nor wrong. */
  voc(rule: '2007' | '2010'): VocAp;
  /** Ready for curves and intervals. */
  readonly scorer: CocoScorer;
  /** In the order of `index`. */
  readonly truths: readonly Truth[];
  readonly found: readonly Detections[];
  /** Of the pictures in their source. */
  readonly index: readonly number[];
  /** Of the pictures, in pixels: what the boxes are in. */
  readonly sides: readonly (readonly [width: number, height: number])[];
}

/** COCO's AP over pictures in the coordinates of their files. */
export function detectEvaluator(
  { classes, detector }: DetectSettings,
  { model }: { model: ImageModel },
): Evaluator<DetectTargets, DetectDetails> {
  const scorer = cocoScorer({ classes: classes.length });
  const scores = ({ stats }: CocoAp, images: number): Scores => {
    const told = COCO_STATS.filter((name) => stats[name] >= 0).map((name) => [name, stats[name]]);
    // Without any box to find nothing is found.
    return { ap: 0, ...Object.fromEntries(told), images };
  };
  const truths: Truth[] = [];
  const all: Detections[] = [];
  const index: number[] = [];
  const sides: [number, number][] = [];
  let decoder: Decoder | undefined;
  return {
    add(outputs, { n, images, targets }) {
      const size = Math.sqrt(images.length / (3 * n));
      decoder ??= {
        options: { ...detector, classes: classes.length },
        size,
        ...anchorsFor(detector, size, model.totalStride),
      };
      const values = outputs.data() as Float32Array;
      if (!values.every(Number.isFinite)) throw damagedWeights('boxes');
      const each = values.length / n;
      for (const [i, truth] of truthsIn(targets).entries()) {
        const seen = detectionsOf(values.subarray(i * each, (i + 1) * each), decoder, detector.predict);
        const found = { ...seen, boxes: inPicture(seen.boxes, targets, i, size) };
        scorer.add(truth, found);
        truths.push(truth);
        all.push(found);
        index.push(targets.index[i]!);
        sides.push([targets.sides[2 * i]!, targets.sides[2 * i + 1]!]);
      }
    },
    shared: {
      own: () => ({ sums: new Float64Array(0), lists: [scorer.known()] }),
      scores({ lists: [known] }) {
        const all = cocoScorer({ classes: classes.length });
        all.addKnown(known!);
        return scores(all.result(), all.pictures);
      },
    },
    result() {
      const ap = scorer.result();
      const known = new Map<string, VocAp>();
      const voc = (rule: '2007' | '2010'): VocAp => {
        const found = known.get(rule) ?? vocAp(truths, all, { classes: classes.length, rule });
        known.set(rule, found);
        return found;
      };
      return {
        scores: scores(ap, scorer.pictures),
        details: { classes: ap.classes, voc, scorer, truths, found: all, index, sides },
      };
    },
  };
}

/** The boxes that were annotated, picture by picture. */
function truthsIn(targets: DetectTargets): Truth[] {
  const { truthCounts, truthBoxes, truthClasses, truthCrowd, truthDifficult, truthArea } = targets;
  let from = 0;
  return Array.from(truthCounts, (count) => {
    const to = from + count;
    const truth = {
      boxes: truthBoxes.slice(4 * from, 4 * to),
      classes: truthClasses.slice(from, to),
      crowd: truthCrowd.slice(from, to),
      difficult: truthDifficult.slice(from, to),
      area: truthArea.slice(from, to),
    };
    from = to;
    return truth;
  });
}

/** Boxes in pixels of a view as they lie in its picture, cut at the picture's edges. */
export function inPicture(
  boxes: Float32Array,
  { views, sides }: Pick<DetectTargets, 'views' | 'sides'>,
  i: number,
  size: number,
): Float32Array {
  const [x, y, width, height, shiftX, shiftY, flip, scale] = views.subarray(8 * i, 8 * i + 8) as unknown as [
    ...[number, number, number, number],
    ...[number, number, number, number],
  ];
  const across = (u: number): number => (x + (u + shiftX) * (width / size)) / scale;
  const down = (v: number): number => (y + (v + shiftY) * (height / size)) / scale;
  const cut = (value: number, side: number): number => Math.min(side, Math.max(0, value));
  const out = new Float32Array(boxes.length);
  for (let at = 0; at < boxes.length; at += 4) {
    const [left, right] = flip === 1 ? [size - boxes[at + 2]!, size - boxes[at]!] : [boxes[at]!, boxes[at + 2]!];
    out[at] = cut(across(left), sides[2 * i]!);
    out[at + 1] = cut(down(boxes[at + 1]!), sides[2 * i + 1]!);
    out[at + 2] = cut(across(right), sides[2 * i]!);
    out[at + 3] = cut(down(boxes[at + 3]!), sides[2 * i + 1]!);
  }
  return out;
}
