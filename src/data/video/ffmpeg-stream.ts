import { once } from 'node:events';
import { BrokenPicture } from '../decoding/decode.js';
import { checkRun, type Heard, listen, notStarted, reasonOf, startFfmpeg } from './ffmpeg.js';
import { CLIP_LIMITS, type ClipLimits, type ClipRequest, type VideoFrame } from './limits.js';

/**
 * All frames of a video file, as `decodeVideo` gives them, one by one: the program waits while they are not taken, so that memory does not grow
 * with the video. Its limit of time is that between two frames.
 * @throws BrokenPicture as soon as the program finds something wrong; RescaledError where it is not there
 */
export async function* videoFrames(
  path: string,
  { side, limits: given }: Omit<ClipRequest, 'start' | 'end'>,
): AsyncGenerator<VideoFrame> {
  const limits = { ...CLIP_LIMITS, ...given };
  const done = { frames: 0 };
  const changed = yield* readFrames(path, { side, done }, limits);
  // The picture changes its size on the way: all frames as the first one.
  if (changed !== undefined) yield* readFrames(path, { side, sides: changed, done }, limits);
}

interface Reading {
  side: number;
  /** Of all frames, `320x240`; without them each has its own. */
  sides?: string;
  /** Frames that were given: they are not given again. */
  done: { frames: number };
}

/** @returns the sides of the first frame, where a later one has others and none were asked for */
async function* readFrames(
  path: string,
  { side, sides, done }: Reading,
  limits: ClipLimits,
): AsyncGenerator<VideoFrame, string | undefined> {
  const child = startFfmpeg(path, side, { from: 0, sides }, limits);
  const told: Heard = { times: [], sides: new Set(), duration: undefined, errors: [] };
  let [failed, stopped, count]: [Error | undefined, string | undefined, number] = [undefined, undefined, 0];
  let wake = (): void => {};
  listen(child, told, () => wake());
  const closed = once(child, 'close').catch((error: Error) => {
    failed = error;
    return [null, null];
  });
  /** Until the next frame is told of, whose bytes may come before that. */
  const nextTold = async (): Promise<void> => {
    while (told.times.length === 0 && !child.stderr.readableEnded)
      await Promise.race([new Promise<void>((heard) => (wake = heard)), closed]);
    if (told.errors.length > 0) throw new BrokenPicture(path, reasonOf(told.errors.join('; '), limits));
  };
  try {
    let frame: Uint8Array | undefined;
    let [width, height, filled, last] = [0, 0, 0, Number.NEGATIVE_INFINITY];
    const chunks = child.stdout[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    for (;;) {
      const timer = setTimeout(() => {
        stopped = `no frame came within ${limits.seconds} s`;
        child.kill('SIGKILL');
      }, 1000 * limits.seconds);
      const { value: chunk, done: ended } = await chunks.next().finally(() => clearTimeout(timer));
      if (ended === true) break;
      for (let at = 0; at < chunk.length; ) {
        if (filled === 0) {
          await nextTold();
          if (told.sides.size > 1) return [...told.sides][0];
          if (told.sides.size === 0) throw new BrokenPicture(path, 'ffmpeg gave bytes that it told nothing of');
          [width, height] = [...told.sides][0]!.split('x').map(Number) as [number, number];
          frame = new Uint8Array(3 * width * height);
        }
        const part = chunk.subarray(at, at + frame!.length - filled);
        frame!.set(part, filled);
        filled += part.length;
        at += part.length;
        if (filled < frame!.length) continue;
        filled = 0;
        const time = told.times.shift();
        // Times that do not rise are of no use: some files have none.
        const rises = time !== undefined && time > last;
        last = Math.max(last, time ?? last);
        if (count++ < done.frames) continue;
        done.frames++;
        yield { data: frame!, width, height, ...(rises && { time }) };
      }
    }
    const [code, signal] = (await closed) as [number | null, NodeJS.Signals | null];
    if (failed !== undefined) throw notStarted(failed);
    checkRun(path, { errors: told.errors, code, signal, stopped, bytes: count }, limits);
    if (filled > 0) throw new BrokenPicture(path, `it ended within frame ${count + 1}`);
    return undefined;
  } finally {
    child.kill('SIGKILL');
  }
}
