import type { MeasuredPart } from '../../part-words.js';
import type { Figure } from '../figures.js';
import type { Interval } from '../statistics.js';

/** What a report says of depth, as plain data. Distances in metres, shares as fractions in 0..1. */
export interface DepthFindings {
  /** Which pictures were measured. Default: test pictures. */
  part?: MeasuredPart;
  images: number;
  /** Pictures without a reading that counts. */
  skipped: number;
  pixels: number;
  /** d1 and the like as means over pictures; the first is the primary one. */
  figures: readonly Figure[];
  /** The same over all pixels at once, in the order of the figures. */
  pooled: readonly (number | undefined)[];
  /** By the reading. */
  distances: readonly DistanceBin[];
  /** The best answer that is the same at every pixel, and what d1 would be. */
  constant?: { metres: number; d1: number };
  /** The worst first. */
  worst: readonly WorstDepth[];
}

/** Readings from `from` to before `to`. */
export interface DistanceBin {
  from: number;
  to: number;
  pixels: number;
  /** mean |error| / reading, root of the mean square of the error, mean error (above 0: predicted too far), share within 1.25. */
  absRel?: number;
  rmse?: number;
  bias?: number;
  d1?: number;
  intervals?: Partial<Record<'absRel' | 'rmse' | 'bias' | 'd1', Interval>>;
}

/** Drawings of one picture, `data:image/...;base64,...` each. */
export interface WorstDepth {
  picture: string;
  truth: string;
  predicted: string;
  error: string;
  /** Few pixels, which are clearer as sharp squares than as a blur. */
  pixels?: boolean;
  /** Metres that the ends of its colours stand for. */
  near: number;
  far: number;
  absRel: number;
  source: string;
}
