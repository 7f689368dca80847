import type { Detections, Truth } from '../../../src/tasks/detect/truth.js';

type Box = readonly [x0: number, y0: number, x1: number, y1: number];

export interface Marked {
  box: Box;
  label?: number;
  crowd?: boolean;
  difficult?: boolean;
  area?: number;
}

export function truthOf(objects: readonly Marked[]): Truth {
  return {
    boxes: Float32Array.from(objects.flatMap(({ box }) => box)),
    classes: Int32Array.from(objects, ({ label = 0 }) => label),
    crowd: Uint8Array.from(objects, ({ crowd = false }) => Number(crowd)),
    difficult: Uint8Array.from(objects, ({ difficult = false }) => Number(difficult)),
    area: Float32Array.from(objects, ({ box: [x0, y0, x1, y1], area = (x1 - x0) * (y1 - y0) }) => area),
  };
}

export const detectionsOf = (found: readonly { box: Box; score: number; label?: number }[]): Detections => ({
  boxes: Float32Array.from(found.flatMap(({ box }) => box)),
  scores: Float32Array.from(found, ({ score }) => score),
  classes: Int32Array.from(found, ({ label = 0 }) => label),
});

/** A square at (x, y). */
export const square = (x: number, y: number, side: number): Box => [x, y, x + side, y + side];
