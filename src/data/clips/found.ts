import { dirname, join } from 'node:path';
import { UsageError } from '../../errors.js';
import { plural } from '../../suggest.js';
import { PICTURE_EXTENSIONS } from '../decoding/decode.js';
import type { PartName } from '../parts.js';
import { layoutOf } from '../sources/layout.js';
import { addEndings, type FoundFile, findFiles, foldersIn, isFolder, listFolder, othersText } from '../sources/walk.js';
import { CLIP_KINDS, isClipName } from '../video/kinds.js';

/** A clip on disk. */
export interface FoundClip {
  /** The name of its class. */
  label: string;
  part?: PartName;
  /** Path from the root; of a folder of frames the sizes of all together, and the newest times. */
  file: FoundFile;
  folder: boolean;
  /** What is meant of it, in seconds. */
  start?: number;
  end?: number;
}

export interface FoundClips {
  root: string;
  clips: FoundClip[];
  ignored: Record<string, number>;
  notes: string[];
}

const EXAMPLE = 'Expected one folder a class with clips in it, such as wave/001.mp4 and jump/001.mp4';
const endingOf = (name: string): string => /\.[^./]*$/.exec(name)?.[0].toLowerCase() ?? '';

/**
 * Clips in class folders, in parts or not: each video file and animation is one, and each folder below a class that holds pictures.
 * @throws UsageError where there are none
 */
export async function findClips(root: string): Promise<FoundClips> {
  const layout = await layoutOf(root);
  const found: FoundClips = { root, clips: [], ignored: {}, notes: [...layout.notes] };
  const parts = layout.parted
    ? (Object.entries(layout.parts) as [PartName, string][]).map(([part, folder]) => ({ part, prefix: folder }))
    : [{ part: undefined, prefix: '' }];
  let loose = 0;
  for (const { part, prefix } of parts) {
    const classes = await foldersIn(join(root, prefix));
    for (const { name } of await listFolder(join(root, prefix)))
      if (!classes.includes(name) && !(await isFolder(join(root, prefix, name)))) {
        if (isClipName(name)) loose++;
        found.ignored[endingOf(name)] = (found.ignored[endingOf(name)] ?? 0) + 1;
      }
    for (const label of classes) loose += await addClass(found, label, prefix, part);
  }
  if (found.clips.length === 0) {
    const outside = plural(loose, 'picture or video', 'pictures or videos');
    const what =
      loose > 0 ? `: ${outside} lie${loose === 1 ? 's' : ''} outside of a clip's place` : othersText(found.ignored);
    throw new UsageError(`${EXAMPLE}, but ${root} has no clips in class folders${what}. ${CLIP_KINDS}`);
  }
  return found;
}

/** @returns pictures that lie in the class folder itself, which are no clips */
async function addClass(found: FoundClips, label: string, prefix: string, part: PartName | undefined): Promise<number> {
  const place = prefix === '' ? label : `${prefix}/${label}`;
  const { files, ignored } = await findFiles(
    join(found.root, place),
    (name) => isClipName(name) || PICTURE_EXTENSIONS.has(endingOf(name)),
  );
  addEndings(found.ignored, ignored);
  const frames = new Map<string, FoundFile[]>();
  let loose = 0;
  for (const file of files) {
    const folder = dirname(file.path);
    if (isClipName(file.path))
      found.clips.push({
        label,
        ...(part && { part }),
        file: { ...file, path: `${place}/${file.path}` },
        folder: false,
      });
    else if (folder === '.') loose++;
    else frames.set(folder, [...(frames.get(folder) ?? []), file]);
  }
  for (const [folder, own] of frames)
    found.clips.push({
      label,
      ...(part && { part }),
      file: {
        path: `${place}/${folder}`,
        size: own.reduce((sum, { size }) => sum + size, 0),
        modified: Math.max(...own.map(({ modified }) => modified)),
        changed: Math.max(...own.map(({ changed }) => changed)),
        inode: own.length,
      },
      folder: true,
    });
  if (loose > 0)
    found.notes.push(
      `${plural(loose, 'picture')} directly in ${place}/ ${loose === 1 ? 'is' : 'are'} not used: the frames of a clip lie in a folder of their own`,
    );
  return loose;
}
