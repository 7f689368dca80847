import { frameOf, type View } from '../augment/view.js';
import type { FoundBoxes } from './session.js';

/** A box found in a picture. */
export interface BoxPrediction {
  label: string;
  /** Position among the labels. */
  index: number;
  /** 0 to 1. */
  score: number;
  /** x0, y0, x1, y1: edges in pixels of the picture, upright and before any reduction. */
  box: [number, number, number, number];
}

/** What an evaluation found and should have found, picture by picture. */
export interface FoundAndAsked {
  readonly labels: readonly string[];
  readonly pictures: readonly {
    /** Its place in the source. */
    readonly index: number;
    readonly width: number;
    readonly height: number;
    /** Its number in COCO's file, where it comes from one. */
    readonly id?: number;
    /** Highest score first. */
    readonly boxes: readonly BoxPrediction[];
    readonly asked: readonly (Omit<BoxPrediction, 'score'> & { crowd: boolean; difficult: boolean; area: number })[];
  }[];
  /** Numbers of the classes in that file, by index. */
  readonly categories?: readonly (number | undefined)[];
}

/** How a picture was looked at. */
export interface Looked {
  readonly view: View;
  /** Of the picture, upright and before any reduction. */
  readonly width: number;
  readonly height: number;
}

export interface BoxesOf {
  readonly labels: readonly string[];
  /** Boxes below are left out. */
  readonly threshold: number;
  /** Boxes of a picture at most. */
  readonly most: number;
}

/** The boxes of one of the pictures that a model looked at, highest score first, as they lie in the picture. */
export function boxesIn(
  found: FoundBoxes,
  row: number,
  { view, width, height }: Looked,
  { labels, threshold, most }: BoxesOf,
): BoxPrediction[] {
  const { crop, shift } = frameOf(view);
  const [across, down] = [width / view.width, height / view.height];
  const cut = (value: number, side: number): number => Math.min(side, Math.max(0, value));
  const x = (u: number): number => cut((crop.x + (u + shift.x) * (crop.width / view.size)) * across, width);
  const y = (v: number): number => cut((crop.y + (v + shift.y) * (crop.height / view.size)) * down, height);
  const list: BoxPrediction[] = [];
  for (let i = 0; i < found.scores.length && list.length < most; i++) {
    const score = found.scores[i]!;
    if (found.pictures[i] !== row || score < threshold) continue;
    const index = found.classes[i]!;
    const [x0, y0, x1, y1] = found.boxes.subarray(4 * i, 4 * i + 4) as unknown as BoxPrediction['box'];
    list.push({ label: labels[index]!, index, score, box: [x(x0), y(y0), x(x1), y(y1)] });
  }
  return list;
}
