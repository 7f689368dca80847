import type { Pixels } from '../pixels.js';
import { openClip } from './packed.js';

/**
 * Frames of a clip [T, S, S, 3] in rows, in reading order, evenly chosen, the first and the last among them.
 * @param most of them @param columns of a row; default: all in one
 */
export function filmStrip(image: Uint8Array, size: number, most = 6, columns = most): Pixels {
  const row = 3 * size;
  const frames = image.length / (row * size);
  const count = Math.max(1, Math.min(most, frames));
  const across = Math.min(columns, count);
  const [width, height] = [across * size, Math.ceil(count / across) * size];
  const data = new Uint8Array(3 * width * height);
  for (let i = 0; i < count; i++) {
    const k = count === 1 ? 0 : Math.round((i * (frames - 1)) / (count - 1));
    const [left, top] = [(i % across) * size, Math.floor(i / across) * size];
    for (let y = 0; y < size; y++) {
      const from = (k * size + y) * row;
      data.set(image.subarray(from, from + row), 3 * ((top + y) * width + left));
    }
  }
  return { data, width, height };
}

/** Four frames of a packed video, evenly over it, as one picture of 2 x 2: what it is compared with others by. */
export function montage(packed: Pixels): Pixels {
  const { frames, width, height, frame } = openClip(packed);
  const row = 3 * width;
  const data = new Uint8Array(4 * row * height);
  for (let i = 0; i < 4; i++) {
    const own = frame(Math.min(frames - 1, Math.floor(((2 * i + 1) * frames) / 8))).data;
    for (let y = 0; y < height; y++)
      data.set(own.subarray(y * row, (y + 1) * row), 2 * row * ((i >> 1) * height + y) + (i & 1) * row);
  }
  return { data, width: 2 * width, height: 2 * height };
}
