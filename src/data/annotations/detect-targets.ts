import { viewBoxes } from '../../augment/targets.js';
import { frameOf } from '../../augment/view.js';
import { RescaledError } from '../../errors.js';
import { BrokenPicture } from '../decoding/decode.js';
import type { TargetReader, TargetSpec, TargetWriter } from '../loading/targets.js';
import type { Source } from '../sources/source.js';
import { boxesOf } from '../sources/truth.js';

/** What the pictures of a batch show, as the network sees them and as they were annotated. Boxes of all pictures stand one after the other. */
export type DetectTargets = {
  /** [sum of counts, 4]: x0, y0, x1, y1 in pixels of the view; those to learn from, without crowds and what the view does not show. */
  readonly boxes: Float32Array;
  /** [sum of counts] */
  readonly classes: Int32Array;
  /** [n]: boxes of each picture. */
  readonly counts: Int32Array;
  /** [n]: the picture's place in its source. */
  readonly index: Int32Array;
  /**
   * [n, 8]: crop.x, crop.y, crop.width, crop.height, shift.x, shift.y, flip, scale. Of a point u of the view, unflipped, the picture's is
   * (crop.x + (u + shift.x) * crop.width / S) / scale, and likewise down. The scale is that of the decoder, 1 unless the picture was reduced.
   */
  readonly views: Float32Array;
  /** [n, 2]: width and height of the pictures as they were annotated, upright and before any reduction. */
  readonly sides: Int32Array;
  /** [n]: annotated boxes of each picture, all of them. */
  readonly truthCounts: Int32Array;
  /** [sum of truthCounts, 4] in pixels of the picture. */
  readonly truthBoxes: Float32Array;
  readonly truthClasses: Int32Array;
  readonly truthCrowd: Uint8Array;
  readonly truthDifficult: Uint8Array;
  readonly truthArea: Float32Array;
};

export interface DetectTargetOptions {
  /** Boxes of which a view shows less are not learned from, as a share of their area. Default 0.1. */
  minVisible?: number;
  /** Nor are those with a shorter side in the view, in pixels. Default 1. */
  minSide?: number;
}

/** The boxes of a source of `openDetection` as targets. */
export const detectTargets = (options: DetectTargetOptions = {}): TargetSpec<DetectTargets> => ({
  module: import.meta.url,
  data: options,
});

export function openTargets({ spec, describe }: Source, data: unknown): TargetReader<DetectTargets> {
  const { minVisible = 0.1, minSide = 1 } = data as DetectTargetOptions;
  if (spec.kind !== 'files' || spec.truth?.kind !== 'boxes')
    throw new RescaledError(`Expected pictures with boxes in ${spec.name} but there are none.`);
  const { truth, ids } = spec;
  return {
    writer(most): TargetWriter<DetectTargets> {
      const [boxes, classes, all, allClasses, crowds, difficults, areas]: number[][] = [[], [], [], [], [], [], []];
      const [counts, index, truthCounts] = [new Int32Array(most), new Int32Array(most), new Int32Array(most)];
      const views = new Float32Array(8 * most);
      const sides = new Int32Array(2 * most);
      let n = 0;
      return {
        add({ index: i, pixels, view }) {
          const own = boxesOf(truth, ids[i]!);
          const grid = { width: own.width, height: own.height };
          // Each side is rounded where a picture is reduced.
          if (Math.abs(pixels.width * grid.height - pixels.height * grid.width) > Math.max(grid.width, grid.height))
            throw new BrokenPicture(
              describe(i),
              `its boxes are of a picture of ${grid.width} x ${grid.height} but it has ${pixels.width} x ${pixels.height}`,
            );
          const seen = viewBoxes(own.boxes, view, grid);
          let count = 0;
          for (let k = 0; k < own.classes.length; k++) {
            const [x0, y0, x1, y1] = seen.boxes.subarray(4 * k, 4 * k + 4) as unknown as [
              number,
              number,
              number,
              number,
            ];
            const clear =
              seen.visible[k]! > 0 && seen.visible[k]! >= minVisible && Math.min(x1 - x0, y1 - y0) >= minSide;
            if (!clear || own.crowd[k] === 1) continue;
            boxes!.push(x0, y0, x1, y1);
            classes!.push(own.classes[k]!);
            count++;
          }
          counts[n] = count;
          index[n] = i;
          sides.set([grid.width, grid.height], 2 * n);
          const { crop, shift } = frameOf(view);
          const scale = Math.max(pixels.width, pixels.height) / Math.max(grid.width, grid.height);
          views.set([crop.x, crop.y, crop.width, crop.height, shift.x, shift.y, view.flip ? 1 : 0, scale], 8 * n);
          truthCounts[n] = own.classes.length;
          all!.push(...own.boxes);
          allClasses!.push(...own.classes);
          crowds!.push(...own.crowd);
          difficults!.push(...own.difficult);
          areas!.push(...own.area);
          n++;
        },
        finish: () => ({
          boxes: Float32Array.from(boxes!),
          classes: Int32Array.from(classes!),
          counts: counts.slice(0, n),
          index: index.slice(0, n),
          views: views.slice(0, 8 * n),
          sides: sides.slice(0, 2 * n),
          truthCounts: truthCounts.slice(0, n),
          truthBoxes: Float32Array.from(all!),
          truthClasses: Int32Array.from(allClasses!),
          truthCrowd: Uint8Array.from(crowds!),
          truthDifficult: Uint8Array.from(difficults!),
          truthArea: Float32Array.from(areas!),
        }),
      };
    },
  };
}
