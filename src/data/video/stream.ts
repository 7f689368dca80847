import { animationFrames } from './animation.js';
import { framesIn, kindAt } from './decode.js';
import { videoFrames } from './ffmpeg-stream.js';
import { folderFrames, inOrder } from './frame-folder.js';
import type { ClipRequest, VideoFrame } from './limits.js';

/**
 * The frames of a clip, whatever it is, one by one and however many: those that `decodeClip` gives, which keeps the middle ones of a long video.
 * Memory does not grow with their number (of an animation: its file is held).
 * @throws BrokenPicture for anything that keeps it from being read whole; RescaledError where a program is missing
 */
export async function* clipFrames(
  path: string,
  request: Omit<ClipRequest, 'start' | 'end'>,
): AsyncGenerator<VideoFrame> {
  const kind = await kindAt(path);
  if (kind === 'folder') yield* folderFrames(path, (await framesIn(path)).sort(inOrder), request);
  else yield* kind === 'animation' ? animationFrames(path, request) : videoFrames(path, request);
}
