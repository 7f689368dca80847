import type { MaskTable, ShapeTable } from '../../sources/truth.js';
import { type MapOf, readMask } from './map-file.js';
import type { Runs } from './rle.js';

/** What a thing covers: polygons, each x, y, x, y, ..., or runs of pixels. */
export type Shape = readonly (readonly number[])[] | Runs;

const isPolygons = (shape: Shape): shape is readonly (readonly number[])[] => Array.isArray(shape);

/** A shape as it stands in `ShapeTable.numbers`. */
export const packed = (shape: Shape): number[] =>
  isPolygons(shape) ? shape.flatMap((points) => [points.length, ...points]) : [-1, ...shape.counts];

/** The mask of picture `id`, whose file, or whose picture's file, is `path`. @throws BrokenPicture */
export const maskOf = async (table: MaskTable, id: number, path: string): Promise<MapOf<Uint8Array>> =>
  table.shapes === undefined ? readMask(path, table) : drawShapes(table.shapes, id);

/** The class of every pixel of a picture: of several things that cover it the last one's. */
export function drawShapes(table: ShapeTable, id: number): MapOf<Uint8Array> {
  const { sides, starts, classes, at, numbers, background } = table;
  const [width, height] = [sides[2 * id]!, sides[2 * id + 1]!];
  const data = new Uint8Array(width * height).fill(background);
  for (let thing = starts[id]!; thing < starts[id + 1]!; thing++) {
    const [from, to] = [at[thing]!, at[thing + 1]!];
    const value = classes[thing]!;
    const fill = (first: number, end: number): void => {
      for (let p = first; p < end; p++) data[(p % height) * width + Math.floor(p / height)] = value;
    };
    if (numbers[from] === -1) {
      for (let i = from + 1, p = 0; i < to; p += numbers[i++]!) if ((i - from) % 2 === 0) fill(p, p + numbers[i]!);
      continue;
    }
    for (let i = from; i < to; i += 1 + numbers[i]!) {
      const edges = crossings(numbers.subarray(i + 1, i + 1 + numbers[i]!), width, height);
      for (let k = 0; k + 1 < edges.length; k += 2) fill(edges[k]!, edges[k + 1]!);
    }
  }
  return { data, width, height };
}

/**
 * Where a polygon begins and ends, in pixels counted column by column: inside from the first place to before the second, from the third to
 * before the fourth, ... Equals cocodataset/cocoapi common/maskApi.c, rleFrPoly: the outline is walked in fifths of a pixel, and a column's
 * pixels are inside whose centres lie between two of its crossings.
 */
export function crossings(points: ArrayLike<number>, width: number, height: number): Int32Array {
  const scale = 5;
  const count = points.length / 2;
  const xs = Int32Array.from({ length: count + 1 }, (_, i) => Math.trunc(scale * points[2 * (i % count)]! + 0.5));
  const ys = Int32Array.from({ length: count + 1 }, (_, i) => Math.trunc(scale * points[2 * (i % count) + 1]! + 0.5));
  const places: number[] = [];
  // The place before, of the whole outline.
  let [u, v, first] = [0, 0, true];
  const visit = (x: number, y: number): void => {
    if (!first && x !== u) {
      const column = ((x < u ? x : x - 1) + 0.5) / scale - 0.5;
      if (Number.isInteger(column) && column >= 0 && column <= width - 1) {
        const row = ((y < v ? y : v) + 0.5) / scale - 0.5;
        places.push(column * height + Math.ceil(Math.min(height, Math.max(0, row))));
      }
    }
    [u, v, first] = [x, y, false];
  };
  for (let i = 0; i < count; i++) {
    let [x0, x1, y0, y1] = [xs[i]!, xs[i + 1]!, ys[i]!, ys[i + 1]!];
    const [dx, dy] = [Math.abs(x1 - x0), Math.abs(y1 - y0)];
    const flip = (dx >= dy && x0 > x1) || (dx < dy && y0 > y1);
    if (flip) [x0, x1, y0, y1] = [x1, x0, y1, y0];
    const slope = dx >= dy ? (y1 - y0) / dx : (x1 - x0) / dy;
    for (let d = 0; d <= Math.max(dx, dy); d++) {
      const t = flip ? Math.max(dx, dy) - d : d;
      if (dx >= dy) visit(x0 + t, Math.trunc(y0 + (dx === 0 ? 0 : slope * t) + 0.5));
      else visit(Math.trunc(x0 + slope * t + 0.5), y0 + t);
    }
  }
  const edges = Int32Array.from(places).sort();
  if (edges.length % 2 === 0) return edges;
  // An outline that leaves the picture at its end.
  const closed = new Int32Array(edges.length + 1).fill(width * height);
  closed.set(edges);
  return closed;
}
