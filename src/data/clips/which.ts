import { extname, join } from 'node:path';
import { foldersIn, isFolder, listFolder } from '../sources/walk.js';
import { VIDEO_EXTENSIONS } from '../video/kinds.js';

/** Folders that are looked into before none of them says anything. */
const MOST_LOOKED = 24;
/** Part, class, and what may lie between class and file. */
const DEEPEST = 3;

/**
 * A video file in the folders of a data set, told by its name: pictures and videos are not mixed. Animations and folders of frames could be
 * pictures too, and say nothing.
 * @returns its path from the folder; undefined where there is none
 */
export async function whichVideo(folder: string): Promise<string | undefined> {
  let looked = 0;
  const lookIn = async (place: string, depth: number): Promise<string | undefined> => {
    if (looked++ >= MOST_LOOKED) return undefined;
    const entries = await listFolder(join(folder, place));
    for (const { name } of entries)
      if (
        depth > 0 &&
        VIDEO_EXTENSIONS.has(extname(name).toLowerCase()) &&
        !(await isFolder(join(folder, place, name)))
      )
        return join(place, name);
    if (depth === DEEPEST) return undefined;
    for (const name of await foldersIn(join(folder, place))) {
      const found = await lookIn(join(place, name), depth + 1);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return lookIn('', 0);
}
