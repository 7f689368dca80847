import { RescaledError } from '../../errors.js';
import { type Pixels, pixelsOf } from '../pixels.js';

/**
 * A video's frames as one tall picture, so that caches and loaders take it as they take pictures: rows of a head, then the frames one below the
 * other. The head, little-endian: 'clip' (or 'part' where only the frames in its middle were kept), frames, height of a frame (uint32 each), usual
 * rate in frames a second (float32; 0 where frames have no times), begin of each frame in seconds from the first (float32 each), zeros up to a
 * whole row.
 */
const MAGIC = 0x70_69_6c_63;
const PART = 0x74_72_61_70;
const FIXED = 16;

/** Frames of a video, and when each begins. */
export interface Clip {
  readonly frames: number;
  readonly width: number;
  readonly height: number;
  /** Seconds from the first frame. */
  readonly times: Float32Array;
  /** Frames a second, as is usual in it; 0 where frames have no times. */
  readonly rate: number;
  /** Not to be written to. */
  frame(k: number): Pixels;
}

/** The usual rate of frames with these times: 1 / the median gap; 0 of one frame. */
export function usualRate(times: ArrayLike<number>): number {
  const gaps = Array.from({ length: Math.max(0, times.length - 1) }, (_, k) => times[k + 1]! - times[k]!);
  const middle = gaps.filter((gap) => gap > 0).sort((a, b) => a - b)[gaps.length >> 1];
  return middle === undefined ? 0 : 1 / middle;
}

/** @param data [frames, height, width, 3] @param times in seconds; none where frames have none @param cut whether it had more frames */
export function packClip(
  data: Uint8Array,
  width: number,
  height: number,
  times?: readonly number[],
  cut = false,
): Pixels {
  const bytes = 3 * width * height;
  const frames = data.length / bytes;
  if (!Number.isInteger(frames) || frames < 1 || (times !== undefined && times.length !== frames))
    throw new RescaledError(
      `Expected whole frames of ${width} x ${height}, each with its time, but received ${data.length} bytes.`,
    );
  const rows = Math.ceil((FIXED + 4 * frames) / (3 * width));
  const packed = new Uint8Array(3 * width * rows + data.length);
  const head = new DataView(packed.buffer);
  head.setUint32(0, cut ? PART : MAGIC, true);
  head.setUint32(4, frames, true);
  head.setUint32(8, height, true);
  head.setFloat32(12, times === undefined ? 0 : usualRate(times), true);
  for (let k = 0; k < frames; k++)
    head.setFloat32(FIXED + 4 * k, times === undefined ? k : times[k]! - times[0]!, true);
  packed.set(data, 3 * width * rows);
  return pixelsOf(packed, width, rows + frames * height);
}

/** Whether only the frames in the middle of a video were kept. */
export const isPart = ({ data }: Pixels): boolean =>
  data.length >= FIXED && new DataView(data.buffer, data.byteOffset, FIXED).getUint32(0, true) === PART;

export function openClip({ data, width, height: rows }: Pixels): Clip {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const [frames, height] = data.length < FIXED ? [0, 0] : [view.getUint32(4, true), view.getUint32(8, true)];
  const start = 3 * width * (rows - frames * height);
  if (frames < 1 || ![MAGIC, PART].includes(view.getUint32(0, true)) || start < FIXED + 4 * frames)
    throw new RescaledError('Expected the frames of a video but received a picture: the data set is one of pictures.');
  const bytes = 3 * width * height;
  return {
    ...{ frames, width, height, rate: view.getFloat32(12, true) },
    times: Float32Array.from({ length: frames }, (_, k) => view.getFloat32(FIXED + 4 * k, true)),
    frame(k) {
      return pixelsOf(data.subarray(start + k * bytes, start + (k + 1) * bytes), width, height);
    },
  };
}
