import { open } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { PICTURE_EXTENSIONS } from '../decoding/decode.js';
import { foldersIn, follow, isFolder, listFolder } from '../sources/walk.js';
import { pagesOf } from '../video/animation.js';
import { ANIMATION_EXTENSIONS, isClipName, VIDEO_EXTENSIONS } from '../video/kinds.js';
import { findLists } from './list.js';

/** Folders that are looked into, and animations that are opened, before none of them says anything. */
const MOST_LOOKED = 24;
const MOST_OPENED = 4;
/** Part, class, and what may lie between class and file. */
const DEEPEST = 3;
const HEAD_BYTES = 4096;

/**
 * Whether what lies there is videos by class, told by content: at least as many video files as pictures in the first folders; or animations
 * alone, the first of which have several frames; or a list of such files. Folders of frames could be class folders of pictures too, and say nothing.
 * @param path a folder, or a list
 * @returns why; undefined where they are no videos
 */
export async function whichVideo(path: string): Promise<string | undefined> {
  const found = await follow(path);
  if (found === 'missing') return undefined;
  if (!found.isDirectory()) return extname(path).toLowerCase() === '.csv' ? `${path} is a list` : undefined;
  const seen = { folders: 0, pictures: 0, videos: [] as string[], animations: [] as string[] };
  const lookIn = async (place: string, depth: number): Promise<void> => {
    if (seen.folders++ >= MOST_LOOKED) return;
    const [entries, folders] = [await listFolder(join(path, place)), await foldersIn(join(path, place))];
    let first = true;
    for (const { name } of depth === 0 ? [] : entries) {
      const ending = extname(name).toLowerCase();
      if (folders.includes(name)) continue;
      if (VIDEO_EXTENSIONS.has(ending)) seen.videos.push(join(place, name));
      else if (ANIMATION_EXTENSIONS.has(ending)) {
        // One a folder: they are of different classes.
        if (first) seen.animations.push(join(place, name));
        first = false;
      } else if (PICTURE_EXTENSIONS.has(ending)) seen.pictures++;
    }
    if (depth < DEEPEST) for (const name of folders) await lookIn(join(place, name), depth + 1);
  };
  await lookIn('', 0);
  const { pictures, videos, animations } = seen;
  if (videos.length > 0 && videos.length >= pictures) return `${videos[0]} is a video file`;
  if (animations.length > 0 && pictures === 0) {
    const opened = animations.slice(0, MOST_OPENED);
    const frames = await Promise.all(opened.map((name) => pagesOf(join(path, name))));
    return frames.every((count) => count > 1) ? `${opened[0]} has ${frames[0]} frames` : undefined;
  }
  return pictures > 0 ? undefined : await listOfVideos(path);
}

/** Whether a folder has lists whose first lines name videos. */
async function listOfVideos(folder: string): Promise<string | undefined> {
  for (const { file } of (await findLists(folder))?.lists ?? []) {
    if (await isFolder(file)) continue;
    const list = await open(file);
    try {
      const { buffer, bytesRead } = await list.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
      const lines = buffer.toString('utf8', 0, bytesRead).split(/\r?\n/).slice(0, 3);
      if (lines.some((line) => line.split(',').some((cell) => isClipName(cell.trim().replace(/"/g, '')))))
        return `${file} is a list of videos`;
    } finally {
      await list.close();
    }
  }
  return undefined;
}
