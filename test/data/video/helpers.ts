import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { findFfmpeg } from '../../../src/data/video/programs.js';

/** Why a test that needs ffmpeg cannot run; false where it can. */
export const withoutFfmpeg = findFfmpeg() === undefined && 'needs ffmpeg: sudo apt-get install ffmpeg';

/** A white square of a quarter of the side on black that moves by `step` pixels a frame from the left, grey [frames, side, side]. */
export function square(frames: number, side: number, step: number, from = 0): Buffer {
  const own = side / 4;
  const data = Buffer.alloc(frames * side * side);
  for (let k = 0; k < frames; k++)
    for (let y = own; y < 2 * own; y++)
      for (let x = 0; x < own; x++) {
        const at = Math.round(from + k * step) + x;
        if (at >= 0 && at < side) data[(k * side + y) * side + at] = 255;
      }
  return data;
}

/** Frames as an animated GIF or WebP, by the ending of the path. */
export async function animation(path: string, grey: Buffer, side: number, delay: number | number[]): Promise<void> {
  mkdirSync(dirname(path), { recursive: true });
  const frames = grey.length / side ** 2;
  const delays = typeof delay === 'number' ? new Array<number>(frames).fill(delay) : delay;
  const raw = sharp(grey, {
    raw: { width: side, height: frames * side, channels: 1, pageHeight: side },
  });
  const made = path.endsWith('.webp')
    ? raw.webp({ delay: delays, lossless: true })
    : raw.gif({ delay: delays, dither: 0 });
  await made.toFile(path);
}

/** The same as a folder of PNG files, `1.png`, `2.png`, ... */
export async function frameFolder(folder: string, grey: Buffer, side: number): Promise<void> {
  mkdirSync(folder, { recursive: true });
  for (let k = 0; k < grey.length / side ** 2; k++)
    await sharp(grey.subarray(k * side * side, (k + 1) * side * side), {
      raw: { width: side, height: side, channels: 1 },
    })
      .png()
      .toFile(join(folder, `${k + 1}.png`));
}

/** The same as a video file whose frames are exact. @param more of ffmpeg's arguments, before the output */
export function videoFile(path: string, grey: Buffer, side: number, more: readonly string[] = []): void {
  const { status, stderr } = spawnSync(
    findFfmpeg()!,
    [
      ...[
        '-v',
        'error',
        '-y',
        '-f',
        'rawvideo',
        '-pix_fmt',
        'gray',
        '-s',
        `${side}x${side}`,
        '-r',
        '10',
        '-i',
        'pipe:0',
      ],
      ...(more.length > 0 ? more : ['-c:v', 'ffv1', '-pix_fmt', 'gray']),
      path,
    ],
    { input: grey },
  );
  if (status !== 0) throw new Error(String(stderr));
}

/** The same file, with a mark that it is to be turned by a quarter. */
export function turned(from: string, to: string): void {
  const { status, stderr } = spawnSync(findFfmpeg()!, [
    ...['-v', 'error', '-nostdin', '-y', '-i', from, '-c', 'copy', '-metadata:s:v:0', 'rotate=90', to],
  ]);
  if (status !== 0) throw new Error(String(stderr));
}
