import { join } from 'node:path';
import { plural } from '../../suggest.js';
import { BrokenPicture, sidesOf } from '../decoding/decode.js';
import { type BoxTable, CROWD, DIFFICULT, shared } from '../sources/truth.js';
import type { Problem } from './problems.js';
import type { ReadPicture } from './read.js';

/** Of more pictures than this the headers are read of so many, evenly taken; the loader compares the others as it decodes them. */
const MOST_HEADERS = 5000;
/** Headers read at a time. */
const AT_ONCE = 12;

/** Boxes that have come through. */
export interface CheckedBoxes {
  /** Of `table`, in its order. */
  readonly pictures: readonly ReadPicture[];
  readonly table: BoxTable;
  readonly problems: readonly Problem[];
  readonly notes: readonly string[];
  /** Boxes that were looked at. */
  readonly boxes: number;
}

type Sides = readonly [width: number, height: number];

/**
 * Looks at what was read: leaves out boxes that are none and pictures whose boxes are of another picture, cuts boxes where the picture ends.
 * @param given by part, in the order of their numbers
 * @param classes names; a box of another class is left out
 * @param classesFrom what says them
 */
export async function checkBoxes(
  root: string,
  given: readonly ReadPicture[],
  classes: readonly string[],
  classesFrom: string,
): Promise<CheckedBoxes> {
  const labels = new Map(classes.map((name, i) => [name, i]));
  const seen = await headers(root, given);
  const problems: Problem[] = [];
  const pictures: ReadPicture[] = [];
  const starts = [0];
  const [boxes, kinds, flags, areas, sides]: number[][] = [[], [], [], [], []];
  let [all, cut] = [0, 0];
  for (const [k, picture] of given.entries()) {
    const own = sidesIn(picture, seen[k]);
    if (typeof own === 'string') {
      problems.push({ place: picture.source, reason: own, of: 'picture' });
      continue;
    }
    const { width, height, by } = own;
    all += picture.boxes.length;
    for (const { box, name, crowd, difficult, area, place, wrong } of picture.boxes) {
      const fail = (reason: string): void => void problems.push({ place, reason, of: 'box' });
      const label = labels.get(name);
      if (wrong !== undefined) fail(wrong);
      else if (label === undefined) fail(`its class is none of ${classesFrom}`);
      else {
        const [x0, y0, x1, y1] = box.map((edge, i) => edge * by[i % 2]!) as [number, number, number, number];
        const inside = [Math.max(0, x0), Math.max(0, y0), Math.min(width, x1), Math.min(height, y1)] as const;
        if (inside[2] <= inside[0] || inside[3] <= inside[1])
          fail(`it lies outside the picture of ${width} x ${height}`);
        else {
          // Rounding is no reach.
          if (Math.min(x0, y0, width - x1, height - y1) < -1) cut++;
          boxes!.push(...inside);
          kinds!.push(label);
          flags!.push((crowd === true ? CROWD : 0) | (difficult === true ? DIFFICULT : 0));
          const own = (inside[2] - inside[0]) * (inside[3] - inside[1]);
          areas!.push(area === undefined ? own : area * by[0] * by[1]);
        }
      }
    }
    pictures.push(picture);
    starts.push(kinds!.length);
    sides!.push(width, height);
  }
  return {
    pictures,
    table: {
      kind: 'boxes',
      starts: shared(Int32Array, starts),
      boxes: shared(Float32Array, boxes!),
      classes: shared(Int32Array, kinds!),
      flags: shared(Uint8Array, flags!),
      areas: shared(Float32Array, areas!),
      sides: shared(Int32Array, sides!),
    },
    problems,
    notes:
      cut === 0
        ? []
        : [`${plural(cut, 'box reaches', 'boxes reach')} beyond the picture by more than a pixel: cut at its edge`],
    boxes: all,
  };
}

/**
 * Sides of a picture, and by what numbers of its annotation become pixels of it.
 * @param seen what its header says, where it was read
 * @returns why its boxes are not of it
 */
function sidesIn(
  { file, width = 0, height = 0, relative = false }: ReadPicture,
  seen: Sides | undefined,
): { width: number; height: number; by: readonly [number, number] } | string {
  const said = width > 0 && height > 0;
  if (seen === undefined)
    return said
      ? { width, height, by: [1, 1] }
      : `it says no width and height, and the header of ${file.path} cannot be read`;
  const [w, h] = seen;
  if (relative) return { width: w, height: h, by: [w, h] };
  if (!said || (w === width && h === height)) return { width: w, height: h, by: [1, 1] };
  // The same picture in another size, of which each side was rounded.
  if (Math.abs(w * height - h * width) <= Math.max(width, height, w, h))
    return { width: w, height: h, by: [w / width, h / height] };
  const turned = w === height && h === width ? ', turned as its EXIF data say' : '';
  return `its boxes are of a picture of ${width} x ${height} but ${file.path} has ${w} x ${h}${turned}`;
}

/** What headers say; undefined of pictures that cannot be read, which whoever decodes them is told of. */
export async function headers(root: string, pictures: readonly ReadPicture[]): Promise<(Sides | undefined)[]> {
  const found = new Array<Sides | undefined>(pictures.length);
  const step = Math.ceil(pictures.length / MOST_HEADERS);
  const wanted = [...pictures.keys()].filter(
    (k) => k % step === 0 || !((pictures[k]!.width ?? 0) > 0 && (pictures[k]!.height ?? 0) > 0),
  );
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < wanted.length) {
      const k = wanted[next++]!;
      try {
        const { width, height } = await sidesOf(join(root, pictures[k]!.file.path));
        found[k] = [width, height];
      } catch (error) {
        if (!(error instanceof BrokenPicture)) throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return found;
}
