import type { Pixels } from '../pixels.js';

/** Frames of a clip [T, S, S, 3] side by side, evenly chosen, the first and the last among them. @param most of them */
export function filmStrip(image: Uint8Array, size: number, most = 6): Pixels {
  const row = 3 * size;
  const frames = image.length / (row * size);
  const count = Math.max(1, Math.min(most, frames));
  const width = count * size;
  const data = new Uint8Array(3 * width * size);
  for (let i = 0; i < count; i++) {
    const k = count === 1 ? 0 : Math.round((i * (frames - 1)) / (count - 1));
    for (let y = 0; y < size; y++) {
      const from = (k * size + y) * row;
      data.set(image.subarray(from, from + row), 3 * (y * width + i * size));
    }
  }
  return { data, width, height: size };
}
