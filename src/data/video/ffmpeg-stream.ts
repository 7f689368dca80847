import { once } from 'node:events';
import { BrokenPicture } from '../decoding/decode.js';
import { checkRun, type Heard, listen, notStarted, reasonOf, runFfmpeg, startFfmpeg } from './ffmpeg.js';
import { CLIP_LIMITS, type ClipRequest, type VideoFrame } from './limits.js';

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
  // The picture may change its size on the way: all frames as the first one.
  const first = await runFfmpeg(path, side, { from: 0, frames: 1 }, limits);
  checkRun(path, first, limits);
  const sides = [...first.sides][0]!;
  const [width, height] = sides.split('x').map(Number) as [number, number];
  const child = startFfmpeg(path, side, { from: 0, sides }, limits);
  const told: Heard = { times: [], sides: new Set(), duration: undefined, errors: [] };
  let [failed, stopped, count]: [Error | undefined, string | undefined, number] = [undefined, undefined, 0];
  let wake = (): void => {};
  listen(child, told, () => wake());
  const closed = once(child, 'close').catch((error: Error) => {
    failed = error;
    return [null, null];
  });
  /** Of the frame that comes next. */
  const timeOf = async (): Promise<number | undefined> => {
    while (told.times.length === 0 && !child.stderr.readableEnded)
      await Promise.race([new Promise<void>((heard) => (wake = heard)), closed]);
    return told.times.shift();
  };
  const check = (): void => {
    if (told.errors.length > 0) throw new BrokenPicture(path, reasonOf(told.errors.join('; '), limits));
  };
  try {
    let frame = new Uint8Array(3 * width * height);
    let filled = 0;
    let last = Number.NEGATIVE_INFINITY;
    const chunks = child.stdout[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    for (;;) {
      const timer = setTimeout(() => {
        stopped = `no frame came within ${limits.seconds} s`;
        child.kill('SIGKILL');
      }, 1000 * limits.seconds);
      const { value: chunk, done } = await chunks.next().finally(() => clearTimeout(timer));
      check();
      if (done === true) break;
      for (let at = 0; at < chunk.length; ) {
        const part = chunk.subarray(at, at + frame.length - filled);
        frame.set(part, filled);
        filled += part.length;
        at += part.length;
        if (filled < frame.length) continue;
        const time = await timeOf();
        check();
        count++;
        // Times that do not rise are of no use: some files have none.
        yield { data: frame, width, height, ...(time !== undefined && time > last && { time }) };
        last = Math.max(last, time ?? last);
        frame = new Uint8Array(frame.length);
        filled = 0;
      }
    }
    const [code, signal] = (await closed) as [number | null, NodeJS.Signals | null];
    if (failed !== undefined) throw notStarted(failed);
    checkRun(path, { errors: told.errors, code, signal, stopped, bytes: count }, limits);
    if (filled > 0) throw new BrokenPicture(path, `it ended within frame ${count + 1}`);
  } finally {
    child.kill('SIGKILL');
  }
}
