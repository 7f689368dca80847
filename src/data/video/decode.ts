import { open, readdir, stat } from 'node:fs/promises';
import { packClip } from '../../augment/clips/packed.js';
import { BrokenPicture, type Examined, PICTURE_EXTENSIONS } from '../decoding/decode.js';
import { KIND_BYTES, kindOf } from '../decoding/kind.js';
import { decodeAnimation } from './animation.js';
import { isCutAvi } from './avi.js';
import { decodeVideo } from './ffmpeg.js';
import { decodeFrames } from './frame-folder.js';
import type { ClipRequest, DecodedClip } from './limits.js';

/** A clip decoded and packed (`packClip`), and whether it was longer than what is kept. */
export interface ExaminedClip extends Examined {
  cut: boolean;
}

/**
 * Decodes a clip, whatever it is: a folder of pictures, an animation (told by its first bytes, not its name), else a video file.
 * @throws BrokenPicture for anything that keeps it from being read whole
 */
export async function examineClip(path: string, request: ClipRequest): Promise<ExaminedClip> {
  const { data, width, height, times, cut } = await decodeClip(path, request);
  return { pixels: packClip(data, width, height, times, cut), bytes: new Uint8Array(0), width, height, cut };
}

export async function decodeClip(path: string, request: ClipRequest): Promise<DecodedClip> {
  const kind = await kindAt(path);
  if (kind === 'folder') return decodeFrames(path, await framesIn(path), request);
  return kind === 'animation' ? decodeAnimation(path, request) : decodeVideo(path, request);
}

/** Names of the pictures in a folder of frames. */
export async function framesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder);
  return names.filter((name) => !name.startsWith('.') && PICTURE_EXTENSIONS.has(endingOf(name)));
}

const endingOf = (name: string): string => /\.[^.]*$/.exec(name)?.[0].toLowerCase() ?? '';

/** @throws BrokenPicture where there is nothing, or nothing in it */
export async function kindAt(path: string): Promise<'folder' | 'animation' | 'video'> {
  try {
    const facts = await stat(path);
    if (facts.isDirectory()) return 'folder';
    if (!facts.isFile()) throw new BrokenPicture(path, 'it is neither a file nor a folder');
    if (facts.size === 0) throw new BrokenPicture(path, 'the file is empty (0 bytes)');
    const file = await open(path, 'r');
    try {
      const { buffer, bytesRead } = await file.read(new Uint8Array(KIND_BYTES), 0, KIND_BYTES, 0);
      const head = buffer.subarray(0, bytesRead);
      if (isCutAvi(head, facts.size))
        throw new BrokenPicture(path, `it is cut off: it has ${facts.size} bytes, fewer than it says`);
      const kind = kindOf(head)?.name;
      return kind === 'a GIF' || kind === 'a WebP' ? 'animation' : 'video';
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof BrokenPicture) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' ? 'no such file' : code === 'EACCES' ? 'permission denied' : message;
    throw new BrokenPicture(path, reason, { cause: error });
  }
}

/** What is wrong with a clip as far as can be seen without decoding it; undefined where nothing is. */
export async function clipHeaderProblem(path: string): Promise<string | undefined> {
  try {
    const kind = await kindAt(path);
    if (kind === 'folder' && (await framesIn(path)).length === 0) return 'it has no pictures';
    return undefined;
  } catch (error) {
    if (error instanceof BrokenPicture) return error.reason;
    throw error;
  }
}
