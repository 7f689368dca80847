import type { MeasuredPart } from '../../part-words.js';
import type { Figure } from '../figures.js';
import type { Interval } from '../statistics.js';

/** What a report says of a segmentation, as plain data. Shares are fractions in 0..1. */
export interface MaskFindings {
  /** Which pictures were measured. Default: test pictures. */
  part?: MeasuredPart;
  images: number;
  /** mIoU and the like; the first is the primary one. */
  figures: readonly Figure[];
  /** In the order of the counts. */
  classes: readonly MaskClass[];
  /** Pixels: [truth][predicted]. */
  counts: readonly (readonly number[])[];
  /** The best answer that is the same at every pixel: its class and what the primary figure would be. */
  constant?: { name: string; value: number };
  /** The worst first. */
  worst: readonly WorstMask[];
}

export interface MaskClass {
  name: string;
  /** That it has in the drawings, as CSS has it: `rgb(12 34 56)`. */
  colour: string;
  /** Pixels of the class, and those that were given it. */
  truth: number;
  predicted: number;
  iou?: number;
  interval?: Interval;
  recall?: number;
  precision?: number;
}

/** Drawings of one picture, `data:image/...;base64,...` each. */
export interface WorstMask {
  picture: string;
  truth: string;
  predicted: string;
  /** Where they differ. */
  wrong: string;
  /** Few pixels, which are clearer as sharp squares than as a blur. */
  pixels?: boolean;
  /** The share of its pixels that are right. */
  accuracy: number;
  source: string;
}
