import { steadyTicks } from '../../augment/clips/indices.js';
import { usualRate } from '../../augment/clips/packed.js';
import { BrokenPicture } from '../../data/decoding/decode.js';
import { CLIP_LIMITS, type VideoFrame } from '../../data/video/limits.js';

/** By so many of its first frames a video is told whether its rate varies: all that a training keeps of one. */
const MOST_HEAD = CLIP_LIMITS.frames;
const HEAD_BYTES = 2 ** 27;
/** A longer gap between two frames is a fault of the file. */
const MOST_GAP = 100_000;

/** A video at a steady rate. */
export interface SteadyVideo {
  /** Ticks a second; undefined where frames have no times. */
  fps: number | undefined;
  /** Of its ticks, where it ended before that was to be decided. */
  length: number | undefined;
  /** The frame of each tick, the same one where it lasts. */
  ticks: AsyncGenerator<VideoFrame>;
}

/**
 * Brings a video to a steady rate as `steadyTicks` does, frame by frame. Of a video longer than a training keeps (512 frames, 128 MiB) its first
 * frames say what its rate is and whether that varies.
 * @param fps wanted; 0: its own
 * @param path for messages
 */
export async function steadyVideo(frames: AsyncIterable<VideoFrame>, fps: number, path: string): Promise<SteadyVideo> {
  const source = frames[Symbol.asyncIterator]();
  const head: VideoFrame[] = [];
  let [bytes, ended] = [0, false];
  while (head.length < MOST_HEAD && (bytes < HEAD_BYTES || head.length < 2)) {
    const next = await source.next();
    if (next.done === true) {
      ended = true;
      break;
    }
    head.push(next.value);
    bytes += next.value.data.length;
  }
  if (head.length === 0) throw new BrokenPicture(path, 'it has no frames');
  const begin = head[0]!.time ?? 0;
  const timed = head.every(({ time }) => time !== undefined);
  // As `packClip` keeps them.
  const times = Float32Array.from(head, ({ time }) => (time ?? begin) - begin);
  const rate = timed ? Math.fround(usualRate(head.map(({ time }) => time!))) : 0;
  const { frames: chosen, fps: found } = steadyTicks(times, rate, fps);
  async function* all(): AsyncGenerator<VideoFrame> {
    yield* head.splice(0);
    for (let next = await source.next(); next.done !== true; next = await source.next()) yield next.value;
  }
  const length = !ended ? undefined : (chosen?.length ?? head.length);
  return {
    ...{ fps: found, length },
    ticks: chosen === undefined ? all() : ticksOf(all(), rate, found!, path),
  };
}

/** Tick j shows the last frame that has begun at j / fps; see `steadyTicks`. */
async function* ticksOf(
  frames: AsyncIterable<VideoFrame>,
  rate: number,
  fps: number,
  path: string,
): AsyncGenerator<VideoFrame> {
  let shown: VideoFrame | undefined;
  let [j, begin, last] = [0, 0, 0];
  for await (const frame of frames) {
    if (shown === undefined) begin = frame.time ?? 0;
    const time = frame.time === undefined ? last : Math.fround(frame.time - begin);
    if ((time - last) * fps > MOST_GAP)
      throw new BrokenPicture(path, `its frames jump from ${last.toFixed(1)} to ${time.toFixed(1)} s`);
    // Times are rounded: a frame that begins within a hundredth of a tick has begun.
    if (shown !== undefined) for (; (j + 0.01) / fps < time; j++) yield shown;
    shown = frame;
    last = time;
  }
  const ticks = Math.max(1, Math.round((last + 1 / rate) * fps));
  for (; j < ticks; j++) yield shown!;
}
