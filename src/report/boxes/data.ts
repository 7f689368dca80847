import type { MeasuredPart } from '../../part-words.js';
import type { Figure } from '../figures.js';
import type { Interval } from '../statistics.js';

/** What a report says of a detector, as plain data. Shares are fractions in 0..1; what is not known is undefined. */
export interface BoxFindings {
  /** Which pictures were measured. Default: test pictures. */
  part?: MeasuredPart;
  images: number;
  /** AP and the like, in the order in which they are shown; the first is the primary one. */
  figures: readonly Figure[];
  /** Means over the classes, by overlap: `0.50`, say. */
  curves: readonly { name: string; precision: ArrayLike<number> }[];
  /** AP at each overlap by which an object counts as found. */
  overlaps: readonly { overlap: number; ap: number }[];
  classes: readonly BoxClass[];
  /** At one threshold. */
  errors: BoxErrors;
  /** Of all pictures, the worst first. */
  worst: readonly WorstPicture[];
}

export interface BoxClass {
  name: string;
  ap?: number;
  interval?: Interval;
  ap50?: number;
  ap75?: number;
  /** With at most 100 boxes a picture, mean over overlaps. */
  recall?: number;
  /** At overlap 0.50: the highest precision at recall 0, 0.01 .. 1 or above it, 0 where that is not reached. */
  precision?: ArrayLike<number>;
}

export interface BoxErrors {
  /** By which an object is found. */
  overlap: number;
  /** Boxes with a lower score are passed over. */
  threshold: number;
  /** Where the threshold was not given but is the best one on these very pictures. */
  chosen: boolean;
  /** By score descending: all boxes from there on. */
  scores: readonly { score: number; precision: number; recall: number; f1: number }[];
  /** [truth][predicted], the classes and then the background. */
  confusion: readonly (readonly number[])[];
  /** In the order of the classes. */
  classes: readonly { objects: number; found: number; taken: number; missed: number; detections: number }[];
  /** By the root of the object's area, pixels. */
  sizes: readonly { from: number; to: number; objects: number; found: number; reached: number; overlap?: number }[];
  /** Wrong boxes: on an object of another class, on one that was found already, beside one, on none. */
  kinds: { other: number; again: number; loose: number; background: number };
}

/** Edges in pixels of the picture: x0, y0, x1, y1. */
export type Edges = readonly [x0: number, y0: number, x1: number, y1: number];

export interface WorstPicture {
  /** `data:image/...;base64,...`; it may be smaller than the picture that it shows. */
  uri: string;
  /** Of the picture that the edges are in. */
  width: number;
  height: number;
  /** Which picture: its path, or its place in an archive. */
  source: string;
  found: number;
  taken: number;
  missed: number;
  wrong: number;
  f1?: number;
  objects: readonly ShownObject[];
  detections: readonly ShownDetection[];
}

export interface ShownObject {
  edges: Edges;
  name: string;
  outcome: 'found' | 'taken' | 'missed' | 'aside';
  /** The class that it was taken for. */
  as?: string;
}

export interface ShownDetection {
  edges: Edges;
  name: string;
  score: number;
  outcome: 'right' | 'other' | 'again' | 'loose' | 'background' | 'aside';
}
