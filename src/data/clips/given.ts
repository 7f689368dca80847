import { dirname, join } from 'node:path';
import { RescaledError, UsageError } from '../../errors.js';
import { PICTURE_EXTENSIONS } from '../decoding/decode.js';
import { type Given, type Ignored, look } from '../given.js';
import { addEndings, byName, findFiles, othersText } from '../sources/walk.js';
import { ANIMATION_EXTENSIONS, CLIP_KINDS, endingOf, isClipName } from '../video/kinds.js';
import { findFfmpeg, missingFfmpeg } from '../video/programs.js';

/** A video that was found, or a place that cannot be looked into and why. */
export interface FoundVideo {
  path: string;
  error?: string;
}

/**
 * The videos that a path stands for, sorted: a file is one, whatever its ending. Of a folder and of a pattern (`holiday/*.mp4`) video files and
 * animations at any depth; a folder of pictures without one is a video itself, of frames.
 * @throws UsageError where there is none
 */
export async function videosAt(path: string, ignored: Ignored = {}): Promise<FoundVideo[]> {
  const given = await look(path);
  if (given.kind === 'missing')
    throw new UsageError(
      `Expected a video, or a folder of videos or of frames, at ${path} but there is nothing. Check the path.`,
    );
  if (given.kind === 'shards')
    throw new UsageError(
      `Expected videos but ${path} holds tar shards, which are of pictures. Give video files or folders.`,
    );
  if (given.kind === 'file') return [{ path }];
  try {
    return await videosIn(given, ignored);
  } catch (error) {
    if (error instanceof UsageError || !(error instanceof RescaledError)) throw error;
    return [{ path, error: error.message }];
  }
}

async function videosIn(given: Extract<Given, { kind: 'folder' | 'glob' }>, ignored: Ignored): Promise<FoundVideo[]> {
  const globbed = given.kind === 'glob';
  const base = globbed ? given.pattern.base : given.path;
  const { files, ignored: others } = await findFiles(
    base,
    (name) => isClipName(name) || (!globbed && PICTURE_EXTENSIONS.has(endingOf(name))),
  );
  const found = new Set<string>();
  for (const { path } of files) {
    if (globbed && !given.pattern.matches(path)) continue;
    if (isClipName(path)) found.add(globbed ? given.pattern.prefix + path : join(base, path));
    else found.add(join(base, dirname(path)));
  }
  // Pictures beside videos are no frames: covers, say.
  const folders = new Set([...found].filter((path) => isClipName(path)).map((path) => dirname(path)));
  const videos = [...found].filter((path) => isClipName(path) || !folders.has(path)).sort(byName);
  addEndings(ignored, others);
  if (videos.length > 0) return videos.map((path) => ({ path }));
  throw new UsageError(
    `Expected videos ${globbed ? `for the pattern ${given.path} but it takes` : `in ${given.path} but found`} none${othersText(others)}. ${CLIP_KINDS}`,
  );
}

/** Before any work: video files need ffmpeg. @throws RescaledError with the command that mends it */
export function needFfmpeg(paths: readonly string[]): void {
  const file = paths.find((path) => isClipName(path) && !ANIMATION_EXTENSIONS.has(endingOf(path)));
  if (file !== undefined && findFfmpeg() === undefined) throw missingFfmpeg(file);
}
