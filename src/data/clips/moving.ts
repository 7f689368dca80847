import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from '../../augment/random.js';
import { loadSharp } from '../decoding/decode.js';
import type { Source } from '../sources/source.js';
import { readPixels } from '../sources/source.js';

/** What is told of a clip: how a garment moves. No frame alone tells it. */
export const MOTIONS = ['left', 'right', 'up', 'down', 'clockwise', 'anticlockwise', 'grow', 'shrink'] as const;
export type Motion = (typeof MOTIONS)[number];

export interface MovingOptions {
  /** Clips of each motion. */
  perMotion: number;
  frames: number;
  /** Side of a frame in pixels, and the garment's on average. */
  side: number;
  seed: number;
}

export const MOVING: MovingOptions = { perMotion: 100, frames: 16, side: 64, seed: 0 };

/** Place, angle (radians) and size of a garment in a frame. */
interface Pose {
  x: number;
  y: number;
  angle: number;
  scale: number;
}

/**
 * The pose in each frame: a random place, angle and size in the middle of the clip, and one of the motions through it; so the middle frames of
 * all motions look alike.
 */
export function posesOf(
  motion: Motion,
  { frames, side }: Pick<MovingOptions, 'frames' | 'side'>,
  random: Random,
): Pose[] {
  const within = (low: number, high: number): number => low + random.uniform() * (high - low);
  const middle = {
    x: side * within(0.42, 0.58),
    y: side * within(0.42, 0.58),
    angle: within(-0.5, 0.5),
    scale: within(0.9, 1.1),
  };
  const reach = side * within(0.25, 0.5);
  const turn = within(0.6, 1.4);
  const growth = within(0.5, 0.8);
  return Array.from({ length: frames }, (_, k): Pose => {
    // From -1/2 to 1/2.
    const t = frames === 1 ? 0 : k / (frames - 1) - 0.5;
    const signed = motion === 'left' || motion === 'up' || motion === 'anticlockwise' || motion === 'shrink' ? -t : t;
    if (motion === 'left' || motion === 'right') return { ...middle, x: middle.x + reach * signed };
    if (motion === 'up' || motion === 'down') return { ...middle, y: middle.y + reach * signed };
    if (motion === 'grow' || motion === 'shrink') return { ...middle, scale: middle.scale * (1 + growth * signed) };
    return { ...middle, angle: middle.angle + turn * signed };
  });
}

/** A square grey picture in these poses on black, bilinear: [frames, side, side], one byte a pixel. */
export function drawMoving(grey: Uint8Array, own: number, poses: readonly Pose[], side: number): Uint8Array {
  const out = new Uint8Array(poses.length * side * side);
  const at = (x: number, y: number): number => (x < 0 || y < 0 || x >= own || y >= own ? 0 : grey[y * own + x]!);
  for (const [k, { x, y, angle, scale }] of poses.entries()) {
    // Half of the frame's side at scale 1.
    const factor = own / (scale * side * 0.5);
    const [cos, sin] = [Math.cos(angle) * factor, Math.sin(angle) * factor];
    for (let v = 0; v < side; v++)
      for (let u = 0; u < side; u++) {
        const [dx, dy] = [u + 0.5 - x, v + 0.5 - y];
        const [px, py] = [cos * dx + sin * dy + own / 2 - 0.5, cos * dy - sin * dx + own / 2 - 0.5];
        const [left, top] = [Math.floor(px), Math.floor(py)];
        const [fx, fy] = [px - left, py - top];
        const upper = at(left, top) * (1 - fx) + at(left + 1, top) * fx;
        const lower = at(left, top + 1) * (1 - fx) + at(left + 1, top + 1) * fx;
        out[(k * side + v) * side + u] = Math.round(upper * (1 - fy) + lower * fy);
      }
  }
  return out;
}

/** Writes clips of moving pictures as animated GIFs, `FOLDER/MOTION/0001.gif`. A function of pictures and options. */
export async function writeMoving(folder: string, source: Source, options: MovingOptions): Promise<number> {
  const { perMotion, frames, side, seed } = options;
  const sharp = await loadSharp();
  let written = 0;
  for (const [m, motion] of MOTIONS.entries()) {
    mkdirSync(join(folder, motion), { recursive: true });
    for (let i = 0; i < perMotion; i++) {
      const random = new Random(seed, m, i);
      const pixels = await readPixels(source, random.int(source.length), side);
      const own = Math.min(pixels.width, pixels.height);
      const grey = Uint8Array.from({ length: own * own }, (_, k) => pixels.data[3 * k]!);
      const drawn = drawMoving(grey, own, posesOf(motion, options, random), side);
      await sharp(drawn, { raw: { width: side, height: frames * side, channels: 1, pageHeight: side } } as never)
        .gif({ delay: new Array<number>(frames).fill(40), loop: 0, dither: 0 })
        .toFile(join(folder, motion, `${String(i + 1).padStart(4, '0')}.gif`));
      written++;
    }
  }
  return written;
}
