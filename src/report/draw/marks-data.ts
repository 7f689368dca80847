import type { Tone } from './charts.js';

export const SHAPES = ['circle', 'triangle', 'square', 'diamond', 'down', 'cross'] as const;
export type Shape = (typeof SHAPES)[number];

/** A value with its interval. */
export interface Mark {
  x: number;
  y: number;
  low?: number;
  high?: number;
  /** Stands beside it where there is room. */
  label?: string;
  shape?: Shape;
}

/** Marks of one colour. */
export interface MarkSeries {
  name: string;
  tone: Tone;
  marks: readonly Mark[];
  /** A line joins them in their order. */
  joined?: boolean;
  /** The line alone. */
  bare?: boolean;
  dashed?: boolean;
  /** Without an entry in the key. */
  unnamed?: boolean;
  /** Small pale dots behind the others, without intervals and without an entry in the key. */
  faint?: boolean;
}

/** An upright dashed line with a word. */
export interface Vertical {
  x: number;
  label: string;
  tone: Tone;
}
