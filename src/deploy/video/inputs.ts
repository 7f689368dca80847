import { type Pixels, pixelsOf } from '../../augment/pixels.js';
import type { VideoFrame } from '../../data/video/limits.js';
import { RescaledError, UsageError } from '../../errors.js';

/** A video whose frames come from elsewhere: a camera, another decoder. */
export interface FramesInMemory {
  /** As it is told. */
  path?: string;
  /** All of one size. */
  frames: Iterable<Pixels> | AsyncIterable<Pixels>;
  /** Frames a second; without it they have no times. */
  fps?: number;
}

/** The path of a video file, an animation or a folder of frames; or frames in memory. */
export type Video = string | FramesInMemory;
export type Videos = Video | Iterable<Video> | AsyncIterable<Video>;

const isIterable = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && (Symbol.iterator in value || Symbol.asyncIterator in value);

export const isVideo = (value: unknown): value is Video =>
  typeof value === 'string' ||
  (typeof value === 'object' && value !== null && 'frames' in value && isIterable(value.frames));

/** @throws UsageError for what is no video at all */
export async function* videosOf(videos: Videos): AsyncGenerator<Video> {
  if (!isVideo(videos) && !isIterable(videos)) throw wrong(videos);
  for await (const video of isVideo(videos) ? [videos] : videos) {
    if (!isVideo(video)) throw wrong(video);
    yield video;
  }
}

const wrong = (value: unknown): UsageError =>
  new UsageError(
    `Expected the path of a video, { frames, fps }, or an iterable of these but received ${
      typeof value === 'object' && value !== null ? (value.constructor?.name ?? 'an object') : String(value)
    }.`,
  );

/** Frames in memory as those of a file. @throws RescaledError for one of another size than the first; UsageError for a wrong rate */
export async function* framesInMemory({ frames, fps, path = 'the video' }: FramesInMemory): AsyncGenerator<VideoFrame> {
  if (fps !== undefined && !(fps > 0 && fps <= 1000))
    throw new UsageError(`Expected a number above 0 and up to 1000 for fps but received ${fps}.`);
  let sides: { width: number; height: number } | undefined;
  let k = 0;
  for await (const given of frames) {
    const { data, width, height } = pixelsOf(given.data, given.width, given.height);
    sides ??= { width, height };
    if (width !== sides.width || height !== sides.height)
      throw new RescaledError(
        `Expected frames of ${sides.width} x ${sides.height} in ${path} but frame ${k} is ${width} x ${height}.`,
      );
    yield { data: data as Uint8Array, width, height, ...(fps !== undefined && { time: k / fps }) };
    k++;
  }
}
