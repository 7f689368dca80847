import { call, fromTypedArray, type Tensor } from '../torch/index.js';

/** How a picture was looked at, and its sides: of one picture of a batch. */
export interface Seen {
  /** crop.x, crop.y, crop.width, crop.height, shift.x, shift.y, flip, scale; see data/annotations. */
  readonly view: ArrayLike<number>;
  readonly width: number;
  readonly height: number;
}

/** Picture k of a batch's arrays `views` [n, 8] and `sides` [n, 2]. */
export const seenOf = ({ views, sides }: { views: Float32Array; sides: Int32Array }, k: number): Seen => ({
  view: views.subarray(8 * k, 8 * k + 8),
  width: sides[2 * k]!,
  height: sides[2 * k + 1]!,
});

/** Numbers that are made at a time: maps of many classes over a large picture are many. */
const MOST = 8e6;

/**
 * Maps of a view as they lie on the picture, band by band from the top. The centre of a picture's pixel (x, y) lies in the view at
 * ```
 * u = ((x + 1/2) scale - crop.x) S / crop.width - shift.x,   flipped S - u,   and likewise down
 * ```
 * and takes what lies there between the four nearest centres of the view, bilinearly; past the view's border the border's.
 * @param maps [1, C, S, S]
 * @param visit told of each band: its first row, and the values [C, rows, width]
 */
export function onPicture(
  maps: Tensor,
  { view, width, height }: Seen,
  visit: (row: number, values: Tensor) => void,
): void {
  const [, channels, , size] = maps.shape as [number, number, number, number];
  const [x, y, cropWidth, cropHeight, shiftX, shiftY, flip, scale] = Array.from(view) as [
    ...[number, number, number, number],
    ...[number, number, number, number],
  ];
  // PyTorch's grid goes from -1 at the left edge to 1 at the right one.
  const across = Float32Array.from({ length: width }, (_, i) => {
    const u = (((i + 0.5) * scale - x) * size) / cropWidth - shiftX;
    return (2 * (flip === 1 ? size - u : u)) / size - 1;
  });
  const down = (j: number): number => (2 * ((((j + 0.5) * scale - y) * size) / cropHeight - shiftY)) / size - 1;
  const most = Math.max(1, Math.floor(MOST / (channels * width)));
  for (let row = 0; row < height; row += most) {
    const rows = Math.min(most, height - row);
    const places = new Float32Array(2 * rows * width);
    for (let j = 0; j < rows; j++) {
      const v = down(row + j);
      for (let i = 0; i < width; i++) {
        places[2 * (j * width + i)] = across[i]!;
        places[2 * (j * width + i) + 1] = v;
      }
    }
    const grid = fromTypedArray(places, [1, rows, width, 2], { device: maps.device });
    const band = call<Tensor>('aten::grid_sampler_2d', [maps, grid, 0, 1, false]);
    visit(row, call('aten::squeeze.dim', [band, 0]));
  }
}

/** Picture k of [n, ...] as [1, ...]. */
export const one = (x: Tensor, k: number): Tensor => call('aten::slice.Tensor', [x, 0, k, k + 1]);

/** The class with the highest number at every pixel of the picture; of two equal ones the first. */
export function classesOnPicture(logits: Tensor, seen: Seen): Uint8Array {
  const out = new Uint8Array(seen.width * seen.height);
  onPicture(logits, seen, (row, values) => out.set(argmax(values), row * seen.width));
  return out;
}

/** The number at every pixel of the picture, of maps [1, 1, S, S]. */
export function valuesOnPicture(maps: Tensor, seen: Seen): Float32Array {
  const out = new Float32Array(seen.width * seen.height);
  onPicture(maps, seen, (row, values) => out.set(values.data() as Float32Array, row * seen.width));
  return out;
}

/** Of [C, h, w], in bytes [h, w]. */
export const argmax = (values: Tensor): Uint8Array =>
  call<Tensor>('aten::to.dtype', [call('aten::argmax', [values, 0]), 'uint8']).data() as Uint8Array;
