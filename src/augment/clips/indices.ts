import { UsageError } from '../../errors.js';
import type { Random } from '../random.js';

/** Whose rules say which frames make a clip: tensorflow/models' or SlowFast's. */
export const CLIP_RULES = ['garden', 'slowfast'] as const;
export type ClipRule = (typeof CLIP_RULES)[number];

/** Which frames make a clip. */
export interface ClipFrames {
  /** Frames n of a clip. */
  readonly frames: number;
  /** Frames of the video from one to the next, s; 0: as many as the video allows, up to `WIDEST`. */
  readonly stride: number;
  readonly rule: ClipRule;
}

/** Frames from one to the next at most, where the video decides: 8 of them then cover about a second. */
export const WIDEST = 4;

/** The same clip with a stride: L / n in whole numbers, 1 at least, where none is set. */
const strided = (length: number, clip: ClipFrames): ClipFrames =>
  clip.stride > 0 ? clip : { ...clip, stride: Math.max(1, Math.min(WIDEST, Math.floor(length / clip.frames))) };

/** Frames a second that SlowFast's clips are measured in: a clip covers n x s x fps / 30 frames. */
export const SLOWFAST_FPS = 30;

/**
 * The frames of a training clip, indices into the L frames of a video.
 *
 * `garden`: the start is a whole number in [0, L - (n-1)s) where L > (n-1)s, else in [0, L); frame k is start + k s of the frames repeated as
 * often as needed, so that a short video goes on with its first frame. Source: tensorflow/models preprocess_ops_3d.py, sample_sequence.
 *
 * `slowfast`: the clip covers `size` = n s fps/30 frames, its start is uniform in [0, max(0, L - size)) and need not be whole; the frames lie
 * evenly from start to start + size - 1, cut to whole numbers and to the video, so that a short video goes on with its last frame. Source:
 * SlowFast datasets/decoder.py, get_start_end_idx and temporal_sampling.
 * @param fps of the video; undefined where it says none: 30
 */
export function trainFrames(length: number, given: ClipFrames, random: Random, fps?: number): Int32Array {
  checkLength(length);
  const clip = strided(length, given);
  const { frames, stride, rule } = clip;
  if (rule === 'slowfast') {
    const size = spanOf(clip, fps);
    return evenly(random.uniform() * Math.max(0, length - size), size, length, frames);
  }
  const reach = (frames - 1) * stride;
  return repeated(random.int(length > reach ? length - reach : length), length, clip);
}

/**
 * The frames of clip i of `of` in an evaluation.
 *
 * `garden`: starts are trunc(i max(0, L - n s) / (of - 1)); of one clip it is max(0, (L - n s) div 2). `slowfast`: i max(0, L - size) / of, so
 * that the last clip never reaches the end; of one clip the whole part of half. Sources as of `trainFrames`.
 */
export function evalFrames(length: number, given: ClipFrames, i: number, of: number, fps?: number): Int32Array {
  checkLength(length);
  const clip = strided(length, given);
  const { frames, stride, rule } = clip;
  if (rule === 'slowfast') {
    const size = spanOf(clip, fps);
    const free = Math.max(0, length - size);
    return evenly(of === 1 ? Math.floor(free / 2) : (free * i) / of, size, length, frames);
  }
  const free = Math.max(0, length - frames * stride);
  return repeated(of === 1 ? free >> 1 : Math.trunc((i * free) / (of - 1)), length, clip);
}

/** Rates are rounded: a hundredth of a frame is none. */
const ROUNDING = 0.01;

/** Whole frames that a clip covers of a video of this length, 1 at least. @param length Infinity where it is not known yet */
export function clipSpan(length: number, given: ClipFrames, fps?: number): number {
  const clip = strided(length, given);
  return Math.max(1, clip.rule === 'slowfast' ? Math.ceil(spanOf(clip, fps) - ROUNDING) : clip.frames * clip.stride);
}

const spanOf = ({ frames, stride }: ClipFrames, fps = SLOWFAST_FPS): number => (frames * stride * fps) / SLOWFAST_FPS;

const repeated = (start: number, length: number, { frames, stride }: ClipFrames): Int32Array =>
  Int32Array.from({ length: frames }, (_, k) => (start + k * stride) % length);

/** torch.linspace(start, start + size - 1, frames), in float32 as there: from both ends to the middle. */
function evenly(start: number, size: number, length: number, frames: number): Int32Array {
  const single = Math.fround;
  const [first, last] = [single(start), single(start + size - 1)];
  const step = frames === 1 ? 0 : single(single(last - first) / (frames - 1));
  return Int32Array.from({ length: frames }, (_, k) => {
    const at = k < frames / 2 ? single(first + step * k) : single(last - step * (frames - 1 - k));
    return Math.trunc(Math.min(Math.max(frames === 1 ? first : at, 0), length - 1));
  });
}

function checkLength(length: number): void {
  if (!(length >= 1)) throw new UsageError(`Expected a video of at least one frame but received ${length}.`);
}

/** Gaps between frames that differ from the usual one by more than this share make a rate that varies. */
const STEADY = 0.5;
/** So many ticks at most are made of a video whose rate varies. */
const MOST_TICKS = 100_000;

/**
 * The frames of a video at a steady rate: tick j shows the last frame that has begun at j / fps. Without `fps` that is done where the rate
 * varies, at its usual (median) rate, so that indices stand for time.
 * @param times of the frames in seconds, from the first one, rising
 * @param rate the usual one of the video; 0 where frames have no times
 * @returns frames by tick, and how many a second; undefined frames: they are as they should be
 */
export function steadyTicks(
  times: ArrayLike<number>,
  rate: number,
  fps = 0,
): { frames?: Int32Array; fps: number | undefined } {
  if (!(rate > 0)) return { fps: undefined };
  const wanted = fps > 0 ? fps : rate;
  if (fps === 0) {
    let steady = true;
    for (let k = 1; k < times.length && steady; k++)
      steady = Math.abs((times[k]! - times[k - 1]!) * rate - 1) <= STEADY;
    if (steady) return { fps: rate };
  }
  const lasts = times[times.length - 1]! + 1 / rate;
  const ticks = Math.max(1, Math.min(MOST_TICKS, Math.round(lasts * wanted)));
  const frames = new Int32Array(ticks);
  let at = 0;
  for (let j = 0; j < ticks; j++) {
    // Times are rounded: a frame that begins within a hundredth of a tick has begun.
    while (at + 1 < times.length && times[at + 1]! <= (j + 0.01) / wanted) at++;
    frames[j] = at;
  }
  return { frames, fps: wanted };
}
