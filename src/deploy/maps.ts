import { frameOf } from '../augment/view.js';
import type { Looked } from './found.js';

/** For each pixel of a picture's row or column the two centres of the view that it lies between, and how far it is from the first to the second. */
interface Between {
  readonly low: Int32Array;
  readonly high: Int32Array;
  readonly share: Float32Array;
}

/**
 * The centre of a picture's pixel x lies in the view at u = ((x + 1/2) scale - crop) S / length of the crop - shift; past the first and the last
 * centre of the view it takes theirs. The same as in tasks/picture-size.ts, by which a model is measured.
 */
function between(count: number, scale: number, crop: number, length: number, shift: number, size: number): Between {
  const [low, high, share] = [new Int32Array(count), new Int32Array(count), new Float32Array(count)];
  for (let x = 0; x < count; x++) {
    const u = (((x + 0.5) * scale - crop) * size) / length - shift - 0.5;
    const inside = Math.min(size - 1, Math.max(0, u));
    low[x] = Math.floor(inside);
    high[x] = Math.min(size - 1, low[x]! + 1);
    share[x] = inside - low[x]!;
  }
  return { low, high, share };
}

function placesOf({ view, width, height }: Looked): { across: Between; down: Between } {
  const { crop, shift } = frameOf(view);
  const { size } = view;
  return {
    across: between(width, view.width / width, crop.x, crop.width, shift.x, size),
    down: between(height, view.height / height, crop.y, crop.height, shift.y, size),
  };
}

/**
 * The class of each pixel of a picture: the logits of its view are laid on it bilinearly, and the highest one counts, of equal ones the first.
 * @param logits [K, S, S] @param classes [S, S], the highest of them
 * @returns [height, width]
 */
export function classesOnPicture(logits: Float32Array, classes: Uint8Array, looked: Looked): Uint8Array {
  const { size } = looked.view;
  const { across, down } = placesOf(looked);
  const { width, height } = looked;
  const plane = size * size;
  const K = logits.length / plane;
  const out = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const [top, bottom, v] = [down.low[y]! * size, down.high[y]! * size, down.share[y]!];
    for (let x = 0; x < width; x++) {
      const [left, right] = [across.low[x]!, across.high[x]!];
      const first = classes[top + left]!;
      // Where one class is the highest of all four, it is so of what lies between them.
      if (first === classes[top + right] && first === classes[bottom + left] && first === classes[bottom + right]) {
        out[y * width + x] = first;
        continue;
      }
      const u = across.share[x]!;
      const [a, b, c, d] = [(1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v];
      let [best, most] = [0, Number.NEGATIVE_INFINITY];
      for (let k = 0, at = 0; k < K; k++, at += plane) {
        const value =
          a * logits[at + top + left]! +
          b * logits[at + top + right]! +
          c * logits[at + bottom + left]! +
          d * logits[at + bottom + right]!;
        if (value > most) [best, most] = [k, value];
      }
      out[y * width + x] = best;
    }
  }
  return out;
}

/** The number of each pixel of a picture, as `classesOnPicture` lays them. @param values [S, S] @returns [height, width] */
export function valuesOnPicture(values: Float32Array, looked: Looked): Float32Array {
  const { size } = looked.view;
  const { across, down } = placesOf(looked);
  const { width, height } = looked;
  const out = new Float32Array(width * height);
  for (let y = 0; y < height; y++) {
    const [top, bottom, v] = [down.low[y]! * size, down.high[y]! * size, down.share[y]!];
    for (let x = 0; x < width; x++) {
      const [left, right, u] = [across.low[x]!, across.high[x]!, across.share[x]!];
      const above = (1 - u) * values[top + left]! + u * values[top + right]!;
      const below = (1 - u) * values[bottom + left]! + u * values[bottom + right]!;
      out[y * width + x] = (1 - v) * above + v * below;
    }
  }
  return out;
}
