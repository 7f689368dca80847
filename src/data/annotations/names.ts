import type { PartName } from '../parts.js';
import { partOf } from '../sources/part-names.js';

/** Folders and ends of names that say what lies there, not which picture it is of. */
const ROLE = new RegExp(
  `(?:${[
    'images?|imgs?|jpegimages|pictures?|photos?|rgb|colou?rs?',
    'annotations?|annots?|anno|labels?|lbls?|boxes|bboxes|xmls?|jsons?',
    'masks?|segmentations?|segmentationclass|segs?|gts?|gtfine|groundtruths?|depths?|targets?',
  ].join('|')})$`,
);

/** A part of a path without what says of what kind it is; empty where it says nothing else. */
const plain = (segment: string): string =>
  segment
    .toLowerCase()
    .replace(/[\s_.-]+/g, '')
    .replace(ROLE, '');

/** The part that a path lies in by one of its folders: `images/train2017/1.jpg`, `trainannot/1.png`. */
export function partOfPath(path: string): PartName | undefined {
  for (const segment of path.split('/').slice(0, -1)) {
    const part = partOf(segment.replace(/[_-]?(?:19|20)\d\d$/, '')) ?? partOf(plain(segment));
    if (part !== undefined) return part;
  }
  return undefined;
}

/** A file's name without folders and ending. */
export function bareStem(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1).replace(/\.[^.]*$/, '');
}

/** The same without a second ending that says what it is: `frame-1.color.jpg` is `frame-1`. */
export function stemOf(path: string): string {
  const stem = bareStem(path);
  const cut = stem.replace(
    /[._-](?:images?|rgb|colou?r|depth|masks?|labels?|labelids|annot(?:ation)?s?|seg(?:mentation)?|gt)$/i,
    '',
  );
  return cut === '' ? stem : cut;
}

/** What a picture and its annotation have in common: `images/train/1.jpg`, `labels/train/1.txt` and `train/1.xml` give `train/1`. */
export function keyOf(path: string): string {
  const folders = path
    .split('/')
    .slice(0, -1)
    .map(plain)
    .filter((folder) => folder !== '');
  return [...folders, stemOf(path)].join('/');
}

/** What a PNG is by its folder or the end of its name: a mask, a depth map, or a picture. Objects told apart are neither. */
export function roleOf(path: string): 'picture' | 'mask' | 'depth' | 'other' {
  const segments = path.split('/');
  const name = bareStem(path);
  const end = /[._-]([a-z]+)$/i.exec(name)?.[1] ?? '';
  const words = [...segments.slice(0, -1), end].map((segment) => segment.toLowerCase().replace(/[\s_.-]+/g, ''));
  if (words.some((word) => /(?:segmentationobject|instances?|instanceids?)$/.test(word))) return 'other';
  if (words.some((word) => /depths?$/.test(word))) return 'depth';
  const mask =
    /(?:annotations?|annots?|masks?|labels?|labelids|gts?|gtfine|groundtruths?|segmentations?|segmentationclass|segs?)$/;
  return words.some((word) => mask.test(word)) ? 'mask' : 'picture';
}
