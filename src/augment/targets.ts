import { RescaledError } from '../errors.js';
import type { View } from './view.js';

/**
 * Sides of the grid that a target lies on. It covers the same field as the picture, and differs from `View`'s width and
 * height where the picture was reduced as it was decoded, or a mask has a resolution of its own.
 */
export interface Grid {
  readonly width: number;
  readonly height: number;
}

/** Boxes in a view. */
export interface ViewedBoxes {
  /**
   * [n, 4]: x0, y0, x1, y1 in pixels of the view, cut where it ends or shows the picture no more. A box out of sight is
   * empty, x0 = x1 or y0 = y1.
   */
  readonly boxes: Float32Array;
  /** [n]: the share of each box's area that lies in the view, 0 to 1; 0 of a box without area. */
  readonly visible: Float32Array;
}

/**
 * Boxes as the picture is seen in a view: u = (x - crop.x) * scaled.width / crop.width - shift.x, flipped S - u, and likewise down;
 * then cut to where the view shows the picture. Edges keep their fractions.
 * @param boxes [n, 4]: x0, y0, x1, y1 in pixels of `grid`
 * @param grid by default the picture as it was decoded
 */
export function viewBoxes(boxes: ArrayLike<number>, view: View, grid: Grid = view): ViewedBoxes {
  if (boxes.length % 4 !== 0)
    throw new RescaledError(`Expected four numbers a box but received ${boxes.length} in all.`);
  const n = boxes.length / 4;
  const out = new Float32Array(boxes.length);
  const visible = new Float32Array(n);
  const { crop, size, shift = { x: 0, y: 0 }, flip } = view;
  const scaled = scaledOf(view);
  const [scaleX, scaleY] = [scaled.width / crop.width, scaled.height / crop.height];
  const [toX, toY] = [view.width / grid.width, view.height / grid.height];
  const [minX, maxX] = lit(size, scaled.width, shift.x, flip);
  const [minY, maxY] = lit(size, scaled.height, shift.y, false);
  for (let i = 0; i < n; i++) {
    const at = 4 * i;
    let left = (boxes[at]! * toX - crop.x) * scaleX - shift.x;
    let right = (boxes[at + 2]! * toX - crop.x) * scaleX - shift.x;
    if (flip) [left, right] = [size - right, size - left];
    const top = (boxes[at + 1]! * toY - crop.y) * scaleY - shift.y;
    const bottom = (boxes[at + 3]! * toY - crop.y) * scaleY - shift.y;
    const [x0, x1] = [clamp(left, minX, maxX), clamp(right, minX, maxX)];
    const [y0, y1] = [clamp(top, minY, maxY), clamp(bottom, minY, maxY)];
    out.set([x0, y0, x1, y1], at);
    const area = (right - left) * (bottom - top);
    visible[i] = area > 0 ? ((x1 - x0) * (y1 - y0)) / area : 0;
  }
  return { boxes: out, visible };
}

const clamp = (value: number, low: number, high: number): number => Math.min(high, Math.max(low, value));

const scaledOf = ({ scaled, size }: View): { width: number; height: number } => scaled ?? { width: size, height: size };

/** The rows or columns of a view, from and to, that show the picture. */
function lit(size: number, scaled: number, shift: number, flip: boolean): [from: number, to: number] {
  const from = Math.min(size, Math.max(0, -shift));
  const to = Math.max(from, Math.min(size, scaled - shift));
  return flip ? [size - to, size - from] : [from, to];
}

/**
 * For each row or column of a view the one of the grid that lies under its centre: floor of
 * (crop + (i + shift + 1/2) * crop side / scaled side) * grid side / picture side, -1 outside the crop. This is Pillow's NEAREST on
 * the crop cut out of the grid.
 */
function nearest(
  size: number,
  scaled: number,
  from: number,
  side: number,
  shift: number,
  picture: number,
  grid: number,
): Int32Array {
  const rows = new Int32Array(size).fill(-1);
  const ratio = grid / picture;
  const first = Math.floor(from * ratio);
  const step = (side / scaled) * ratio;
  // Added up as Pillow does: a centre on the border of two pixels then falls to the same side.
  let centre = from * ratio - first + step * 0.5;
  for (let place = 0; place < scaled; place++, centre += step) {
    const i = place - shift;
    if (i >= 0 && i < size) rows[i] = Math.min(grid - 1, first + Math.floor(centre));
  }
  return rows;
}

/** The nearest value of a map under each pixel of a view. */
function sample<T extends Uint8Array | Uint16Array | Int32Array | Float32Array>(
  values: T,
  view: View,
  grid: Grid,
  out: T,
): T {
  if (values.length !== grid.width * grid.height)
    throw new RescaledError(
      `Expected ${grid.width} x ${grid.height} values for a map on that grid but received ${values.length}.`,
    );
  const { crop, size, shift = { x: 0, y: 0 }, flip } = view;
  const scaled = scaledOf(view);
  const columns = nearest(size, scaled.width, crop.x, crop.width, shift.x, view.width, grid.width);
  if (flip) columns.reverse();
  const rows = nearest(size, scaled.height, crop.y, crop.height, shift.y, view.height, grid.height);
  for (let y = 0; y < size; y++) {
    if (rows[y]! < 0) continue;
    const row = rows[y]! * grid.width;
    for (let x = 0; x < size; x++) if (columns[x]! >= 0) out[y * size + x] = values[row + columns[x]!]!;
  }
  return out;
}

/**
 * A mask of classes as the picture is seen in a view: each pixel takes the class under its centre, none is mixed of two.
 * @param mask [height, width] of `grid`
 * @param outside what stands where the view looks past the picture
 * @param grid by default the picture as it was decoded
 * @returns [S, S]
 */
export function viewMask<T extends Uint8Array | Uint16Array | Int32Array>(
  mask: T,
  view: View,
  outside: number,
  grid: Grid = view,
): T {
  const out = new (mask.constructor as new (length: number) => T)(view.size ** 2);
  return sample(mask, view, grid, out.fill(outside) as T);
}

/**
 * A depth map as the picture is seen in a view, by the nearest reading: between a near and a far one lies neither.
 * @param depth [height, width] of `grid`
 * @param outside what stands where the view looks past the picture, and marks places without a reading
 * @param zoom divide readings by sqrt(W/w * H/h), W and H what the crop is resized to (S), w and h its sides in pixels of `grid`, as a camera that
 * sees an object so much larger is that much nearer; `outside` is left as it is
 * @returns [S, S]
 */
export function viewDepth(
  depth: Float32Array,
  view: View,
  outside: number,
  { zoom = false, grid = view }: { zoom?: boolean; grid?: Grid } = {},
): Float32Array {
  const { crop, size } = view;
  const scaled = scaledOf(view);
  const missing = Math.fround(outside);
  const out = sample(depth, view, grid, new Float32Array(size * size).fill(missing));
  if (!zoom) return out;
  const [width, height] = [(crop.width * grid.width) / view.width, (crop.height * grid.height) / view.height];
  const scale = Math.sqrt((scaled.width / width) * (scaled.height / height));
  for (let i = 0; i < out.length; i++) if (!Object.is(out[i], missing)) out[i] = out[i]! / scale;
  return out;
}
