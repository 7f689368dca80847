import { UsageError } from '../../errors.js';
import { plural } from '../../suggest.js';
import type { Dataset, DatasetOptions } from '../dataset.js';
import { quoted } from '../sources/class-folders.js';
import { PathTable } from '../sources/path-table.js';
import { type ShapeTable, shared } from '../sources/truth.js';
import { type FoundFile, isPictureName } from '../sources/walk.js';
import { headers } from './boxes.js';
import { buildDataset, chooseParts, pictureList } from './dataset.js';
import { isVoid } from './files/class-list.js';
import { readCocoContents, readCocoFiles } from './files/coco.js';
import { IGNORED, MOST_CLASSES } from './files/map-file.js';
import { packed } from './files/shapes.js';
import { type Problem, problemNotes, refuseProblems } from './problems.js';
import type { ReadPicture } from './read.js';

/** The class of pixels that nothing covers. */
const BACKGROUND = 'background';

/**
 * Opens COCO's polygons and run lengths as masks: things are drawn in the order of the file, a later one over an earlier one, crowds too; what
 * no thing covers is the class `background`, which stands first unless a category has that name.
 * @param files of the folder @param ignored those that play no part, by ending
 * @returns undefined where there is no such file, or none with shapes
 */
export async function openCocoMasks(
  root: string,
  { files, ignored }: { files: readonly FoundFile[]; ignored: Readonly<Record<string, number>> },
  options: DatasetOptions,
): Promise<(Dataset & { readonly problems: readonly Problem[] }) | undefined> {
  const { contents, problems } = await readCocoContents(root, files);
  if (!contents.some(({ content }) => content.annotations.some((one) => one?.['segmentation'] !== undefined)))
    return undefined;
  const all = files.filter(({ path }) => isPictureName(path));
  const read = readCocoFiles(root, contents, all, { shapes: true });
  problems.push(...read.problems);
  const names = read.classes!.filter((name) => !isVoid(name));
  const own = names.findIndex((name) => name.toLowerCase() === BACKGROUND);
  const classes = own < 0 ? [BACKGROUND, ...names] : names;
  if (classes.length > MOST_CLASSES)
    throw new UsageError(
      `Expected at most ${MOST_CLASSES} classes in ${root} but its categories are ${classes.length}.`,
    );
  const chosen = chooseParts(root, read.pictures, options);
  const given = pictureList(chosen);
  const seen = await headers(root, given);
  const kept: ReadPicture[] = [];
  const sides: number[] = [];
  const things: { class: number; numbers: number[] }[] = [];
  const starts = [0];
  let shapes = 0;
  for (const [k, picture] of given.entries()) {
    const { file, source, width = 0, height = 0 } = picture;
    const [w, h] = seen[k] ?? [width, height];
    const said = width > 0 && height > 0;
    if ((said && (w !== width || h !== height)) || w === 0) {
      const reason = said
        ? `its shapes are of a picture of ${width} x ${height} but ${file.path} has ${w} x ${h}`
        : `it says no width and height, and the header of ${file.path} cannot be read`;
      problems.push({ place: source, reason, of: 'picture' });
      continue;
    }
    for (const { name, shape, place, wrong } of picture.boxes) {
      shapes++;
      const fail = (reason: string): void => void problems.push({ place, reason, of: 'box' });
      if (shape === undefined) fail(wrong ?? 'it has no segmentation');
      else if (!Array.isArray(shape) && 'size' in shape && (shape.size[0] !== h || shape.size[1] !== w))
        fail(`its run lengths are of ${shape.size[1]} x ${shape.size[0]} pixels but the picture has ${w} x ${h}`);
      else things.push({ class: isVoid(name) ? IGNORED : classes.indexOf(name), numbers: packed(shape) });
    }
    kept.push(picture);
    sides.push(w, h);
    starts.push(things.length);
  }
  const before = (of: Problem['of']): number => read.problems.filter((problem) => problem.of === of).length;
  const counts = { boxes: shapes + before('box'), pictures: given.length + before('picture') };
  refuseProblems(problems, counts, options.maxBroken ?? 0.01, root, 'shapes');
  const at = [0];
  for (const { numbers } of things) at.push(at.at(-1)! + numbers.length);
  const numbers = new Float64Array(new SharedArrayBuffer(8 * at.at(-1)!));
  for (const [i, thing] of things.entries()) numbers.set(thing.numbers, at[i]!);
  const table: ShapeTable = {
    sides: shared(Int32Array, sides),
    starts: shared(Int32Array, starts),
    classes: shared(
      Uint8Array,
      things.map((thing) => thing.class),
    ),
    at: shared(Float64Array, at),
    numbers,
    background: Math.max(0, own),
  };
  const dataset = buildDataset(root, chosen, kept, {
    classes,
    truth: {
      kind: 'masks',
      paths: PathTable.from(kept.map(({ file }) => file.path)),
      table: Uint8Array.from({ length: 256 }, (_, i) => i),
      shapes: table,
    },
    options,
    ignored,
    hash(hash, id) {
      const [from, to] = [table.starts[id]!, table.starts[id + 1]!];
      hash.update(table.classes.slice(from, to));
      hash.update(Float64Array.from(table.numbers.subarray(table.at[from]!, table.at[to]!)));
    },
  });
  const voids = read.classes!.filter(isVoid);
  const notes = [
    ...dataset.notes,
    ...read.notes,
    `masks are drawn of the ${plural(things.length, 'shape')} of ${contents.map(({ path }) => path).join(', ')}, later ones over earlier ones` +
      (own < 0 ? `; the rest is the class ${BACKGROUND}` : ''),
    ...(voids.length > 0 ? [`${quoted(voids)} is not asked for`] : []),
    ...problemNotes(problems, 'shape'),
  ];
  return { ...dataset, notes, problems };
}
