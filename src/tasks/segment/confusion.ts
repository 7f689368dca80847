import { RescaledError } from '../../errors.js';
import { type BootstrapOptions, kept, type Spread, spreads } from '../bootstrap.js';

/** In a mask: a pixel whose class is not asked for. */
export const NOT_ASKED = 255;

/**
 * Which classes have a part in the mean of the IoUs. `keras`: those that are in the truth or in the prediction (keras-team/keras,
 * MeanIoU). `detectron2`: those in the truth; one that is only predicted lowers the others' alone (facebookresearch/detectron2 @ 02b5c4e,
 * sem_seg_evaluation.py). `csail`: all, those in neither as 0 (CSAILVision/semantic-segmentation-pytorch @ 8f27c9b, eval.py, without
 * the 1e-10 under its fractions).
 */
export const CLASS_RULES = ['keras', 'detectron2', 'csail'] as const;
export type ClassRule = (typeof CLASS_RULES)[number];

export interface PixelFigures {
  /** [classes x classes], rows of the truth: counts of pixels. */
  readonly counts: Float64Array;
  /** Of all of them; ignored ones are in no count. */
  readonly pixels: number;
  /** Pictures with at least one such pixel. */
  readonly images: number;
  /** Mean over classes of TP / (TP + FP + FN) by each rule; undefined where no class has a part in it. */
  readonly miou: Readonly<Partial<Record<ClassRule, number>>>;
  /** The share of pixels that are given their class. */
  readonly accuracy?: number;
  /** The mean of this share over the classes in the truth. */
  readonly classAccuracy?: number;
  readonly classes: readonly ClassPixels[];
}

export interface ClassPixels {
  /** Pixels of the class, those that were given it, and those where both are so. */
  readonly truth: number;
  readonly predicted: number;
  readonly hit: number;
  /** Undefined where it is in neither. */
  readonly iou?: number;
  /** hit / truth and hit / predicted. */
  readonly recall?: number;
  readonly precision?: number;
}

/** Gathers pictures one by one. The matrix is one over all pixels of all pictures, never a mean over pictures. */
export interface PixelScorer {
  /** @param predicted a class below `classes` for each pixel of the truth */
  add(truth: ArrayLike<number>, predicted: ArrayLike<number>): void;
  /** @param times how often each picture counts, in the order they were added. Default: once */
  result(times?: ArrayLike<number>): PixelFigures;
  /** Of picture i alone. */
  picture(i: number): PixelFigures;
  /** 95 % intervals by drawing pictures. */
  intervals(options?: BootstrapOptions): PixelIntervals;
}

export interface PixelIntervals {
  readonly miou: Readonly<Partial<Record<ClassRule, Spread>>>;
  readonly accuracy?: Spread;
  readonly classAccuracy?: Spread;
  /** Of the IoU of each class. */
  readonly classes: readonly (Spread | undefined)[];
}

/** The cells of a picture's matrix that are not 0: with many classes they are few. */
interface PictureCounts {
  readonly cells: Uint32Array;
  readonly counts: Float64Array;
}

export function pixelScorer(classes: number): PixelScorer {
  const pictures: PictureCounts[] = [];
  const room = new Float64Array(classes * classes);
  const sum = (of: readonly PictureCounts[], times?: ArrayLike<number>): PixelFigures => {
    const total = new Float64Array(classes * classes);
    let images = 0;
    for (const [i, { cells, counts }] of of.entries()) {
      const copies = times === undefined ? 1 : times[i]!;
      if (copies === 0 || cells.length === 0) continue;
      images += copies;
      for (let c = 0; c < cells.length; c++) total[cells[c]!]! += copies * counts[c]!;
    }
    return pixelFigures(total, classes, images);
  };
  const { intervals, forget } = kept((options?: BootstrapOptions): PixelIntervals => {
    const found = spreads(
      pictures.length,
      (times) => {
        const { miou, accuracy, classAccuracy, classes: each } = sum(pictures, times);
        const values = [
          ...CLASS_RULES.map((rule) => miou[rule]),
          accuracy,
          classAccuracy,
          ...each.map(({ iou }) => iou),
        ];
        return values.map((value) => value ?? Number.NaN);
      },
      options,
    );
    const [accuracy, classAccuracy] = found.slice(CLASS_RULES.length);
    return {
      miou: Object.fromEntries(CLASS_RULES.flatMap((rule, i) => (found[i] === undefined ? [] : [[rule, found[i]]]))),
      ...(accuracy !== undefined && { accuracy }),
      ...(classAccuracy !== undefined && { classAccuracy }),
      classes: Array.from({ length: classes }, (_, k) => found[CLASS_RULES.length + 2 + k]),
    };
  });
  return {
    add(truth, predicted) {
      forget();
      room.fill(0);
      countPixels(truth, predicted, classes, room);
      const cells = Uint32Array.from([...room.keys()].filter((cell) => room[cell]! > 0));
      pictures.push({ cells, counts: Float64Array.from(cells, (cell) => room[cell]!) });
    },
    result: (times) => sum(pictures, times),
    picture: (i) => {
      if (!(i in pictures)) throw new RescaledError(`Expected a picture below ${pictures.length} but received ${i}.`);
      return sum([pictures[i]!]);
    },
    intervals,
  };
}

/** Adds a picture's pixels to `into`, [truth x classes + predicted]; those that are not asked for are passed over. */
export function countPixels(
  truth: ArrayLike<number>,
  predicted: ArrayLike<number>,
  classes: number,
  into: Float64Array,
): void {
  if (truth.length !== predicted.length)
    throw new RescaledError(`Expected a prediction of ${truth.length} pixels but received ${predicted.length}.`);
  for (let i = 0; i < truth.length; i++) {
    const t = truth[i]!;
    if (t === NOT_ASKED) continue;
    const p = predicted[i]!;
    if (!(t < classes && p < classes))
      throw new RescaledError(
        `Expected classes from 0 to ${classes - 1}, in masks also ${NOT_ASKED}, but received ${t} in a mask and ${p} predicted.`,
      );
    into[t * classes + p]!++;
  }
}

/** @param counts [classes x classes], rows of the truth */
export function pixelFigures(counts: Float64Array, classes: number, images: number): PixelFigures {
  const each = Array.from({ length: classes }, (_, k): ClassPixels => {
    let [truth, predicted] = [0, 0];
    for (let other = 0; other < classes; other++) {
      truth += counts[k * classes + other]!;
      predicted += counts[other * classes + k]!;
    }
    const hit = counts[k * classes + k]!;
    return {
      ...{ truth, predicted, hit },
      ...(truth + predicted > 0 && { iou: hit / (truth + predicted - hit) }),
      ...(truth > 0 && { recall: hit / truth }),
      ...(predicted > 0 && { precision: hit / predicted }),
    };
  });
  const pixels = each.reduce((sum, { truth }) => sum + truth, 0);
  const hits = each.reduce((sum, { hit }) => sum + hit, 0);
  const present = each.filter(({ truth }) => truth > 0);
  const seen = each.filter(({ iou }) => iou !== undefined);
  return {
    ...{ counts, pixels, images },
    miou:
      pixels === 0
        ? {}
        : {
            keras: mean(seen.map(({ iou }) => iou!)),
            detectron2: mean(present.map(({ iou }) => iou!)),
            csail: mean(each.map(({ iou = 0 }) => iou)),
          },
    ...(pixels > 0 && { accuracy: hits / pixels, classAccuracy: mean(present.map(({ recall }) => recall!)) }),
    classes: each,
  };
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
