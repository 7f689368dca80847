import { join, resolve } from 'node:path';
import { RescaledError, UsageError } from '../../errors.js';
import { plural } from '../../suggest.js';
import type { Dataset, DatasetOptions } from '../dataset.js';
import { quoted } from '../sources/class-folders.js';
import type { Source } from '../sources/source.js';
import { type BoxTable, boxesOf, type PictureBoxes } from '../sources/truth.js';
import { byName, ENDINGS, type FoundFile, findFiles, isPictureName, othersText } from '../sources/walk.js';
import { type CheckedBoxes, checkBoxes } from './boxes.js';
import { buildDataset, chooseParts, pictureList } from './dataset.js';
import { readCocoContents, readCocoFiles } from './files/coco.js';
import { readLists } from './files/lists.js';
import { readVoc, type VocPixels } from './files/voc.js';
import { readYolo } from './files/yolo.js';
import { keyOf } from './names.js';
import { type Problem, problemNotes, refuseProblems } from './problems.js';
import type { ReadAnnotations } from './read.js';
import { type FoundAnnotations, formOfBoxes, isAnnotated } from './which.js';

export interface DetectionOptions extends DatasetOptions {
  /** Pascal VOC: what the numbers of a box mean. Default `inclusive`. */
  boxPixels?: VocPixels;
  /** Names of the classes, in their order; boxes of others are left out. Default: those of the annotations. */
  classes?: readonly string[];
}

/** Pictures with boxes. */
export interface DetectionData extends Dataset {
  /** What was left out. */
  readonly problems: readonly Problem[];
}

/** What is on picture i of a source of `openDetection`. */
export function truthOf({ spec }: Source, i: number): PictureBoxes {
  if (spec.kind !== 'files' || spec.truth?.kind !== 'boxes')
    throw new RescaledError(`Expected pictures with boxes in ${spec.name} but there are none.`);
  return boxesOf(spec.truth, spec.ids[i]!);
}

/**
 * Opens pictures with boxes. Parts are those of the lists in `ImageSets/Main`, else of the folders' names (`train/`, `images/val/`); without
 * parts a share of the pictures (`valSplit`) is set aside. As of class folders, a test part is measured on where there is no validation part.
 * @throws UsageError where there are none, or for a wrong option; RescaledError when more is wrong than `maxBroken` allows
 */
export async function openDetection(path: string, options: DetectionOptions = {}): Promise<DetectionData> {
  const root = resolve(path);
  const { files, ignored } = await findFiles(root, isAnnotated);
  const pictures = files.filter((file) => isPictureName(file.path));
  const found = await formOfBoxes(root, files);
  if (found === undefined)
    throw new UsageError(
      `Expected pictures with boxes in ${root} but found no annotations${othersText(ignored)}: XML of Pascal VOC, JSON of COCO, or text of YOLO, ` +
        'such as labels/1.txt beside images/1.jpg. Check the path.',
    );
  if (pictures.length === 0)
    throw new UsageError(`Expected pictures in ${root} but found none${othersText(ignored)}. ${ENDINGS}`);
  const read = await readForm(root, found, files, pictures, options);
  return assemble(root, { ...read, notes: [...read.notes, ...bareNotes(read, pictures.length)] }, options, ignored);
}

/** Pictures that nothing says anything of. */
function bareNotes({ pictures, problems, all = false }: ReadAnnotations, there: number): string[] {
  if (all) return [];
  const bare =
    there - new Set(pictures.map(({ file }) => file.path)).size - problems.filter(({ of }) => of === 'picture').length;
  return bare > 0
    ? [`${plural(bare, 'picture has', 'pictures have')} no annotation and ${bare === 1 ? 'is' : 'are'} not used`]
    : [];
}

async function readForm(
  root: string,
  { form, file }: FoundAnnotations,
  files: readonly FoundFile[],
  pictures: readonly FoundFile[],
  { boxPixels }: DetectionOptions,
): Promise<ReadAnnotations> {
  const paths = files.map(({ path }) => path);
  const ending = (pattern: RegExp): FoundFile[] => files.filter(({ path }) => pattern.test(path));
  if (form === 'voc') {
    const lists = await readLists(root, paths);
    const read = await readVoc(root, ending(/\.xml$/i), pictures, {
      ...(boxPixels && { pixels: boxPixels }),
      ...(lists && { lists }),
    });
    return { ...read, all: lists !== undefined };
  }
  if (boxPixels !== undefined)
    throw new UsageError(
      `Expected boxPixels with Pascal VOC's XML alone but ${file} is of another form. Leave it out.`,
    );
  if (form === 'yolo') {
    const keys = new Set(pictures.map(({ path }) => keyOf(path)));
    const labels = ending(/\.txt$/i).filter(({ path }) => keys.has(keyOf(path)) || /(?:^|\/)labels\//.test(path));
    return readYolo(root, labels, pictures, paths);
  }
  const { contents, problems } = await readCocoContents(root, files);
  if (contents.length === 0)
    throw new UsageError(
      `Expected lists of images, annotations and categories in ${join(root, file)} but ` +
        `${problems[0] === undefined ? 'there are no annotations of categories' : problems[0].reason}. Mend it.`,
    );
  const read = readCocoFiles(root, contents, pictures);
  return { ...read, problems: [...problems, ...read.problems] };
}

async function assemble(
  root: string,
  read: ReadAnnotations,
  options: DetectionOptions,
  ignored: Readonly<Record<string, number>>,
): Promise<DetectionData> {
  const chosen = chooseParts(root, read.pictures, options);
  const given = pictureList(chosen);
  const found = new Set(given.flatMap(({ boxes }) => boxes.map((box) => box.name)));
  found.delete('');
  const classes = options.classes ?? read.classes ?? [...found].sort(byName);
  if (classes.length === 0)
    throw new UsageError(`Expected boxes in ${root} but its annotations have none. Draw some first.`);
  const from = options.classes === undefined ? (read.classesFrom ?? 'its classes') : 'the classes of the weights';
  const checked = await checkBoxes(root, given, classes, from);
  const problems = [...read.problems, ...checked.problems];
  const before = (of: Problem['of']): number => read.problems.filter((problem) => problem.of === of).length;
  const counts = { boxes: checked.boxes + before('box'), pictures: given.length + before('picture') };
  refuseProblems(problems, counts, options.maxBroken ?? 0.01, root);
  const { pictures } = checked;
  const table = withIds(checked, classes, read.categories);
  const dataset = buildDataset(root, chosen, pictures, {
    classes,
    truth: table,
    options,
    ignored,
    hash: (hash, id) => {
      const { boxes, classes: own, crowd, difficult, area } = boxesOf(table, id);
      for (const array of [boxes, own, crowd, difficult, area]) hash.update(array);
    },
  });
  const notes = [...dataset.notes, ...read.notes, ...checked.notes, ...problemNotes(problems)];
  return { ...dataset, notes: [...notes, ...alikeNotes(classes), ...absentNotes(dataset)], problems };
}

/** The boxes with the numbers that COCO's files have for pictures and classes, where each has one. */
function withIds(
  { table, pictures }: Pick<CheckedBoxes, 'table' | 'pictures'>,
  classes: readonly string[],
  categories: ReadAnnotations['categories'],
): BoxTable {
  const ids = pictures.flatMap(({ id }) => (id === undefined ? [] : [id]));
  if (categories === undefined || ids.length < pictures.length) return table;
  return { ...table, coco: { pictures: Float64Array.from(ids), classes: classes.map((name) => categories.get(name)) } };
}

/** Classes whose names are one name, it seems, written in several ways. */
function alikeNotes(classes: readonly string[]): string[] {
  const written = new Map<string, string[]>();
  for (const name of classes) {
    const plain = name.toLowerCase().replace(/[\s_-]+/g, '');
    written.set(plain, [...(written.get(plain) ?? []), name]);
  }
  return [...written.values()]
    .filter((names) => names.length > 1)
    .map(
      (names) =>
        `the classes ${quoted(names)} are taken for different ones, though their names differ in case or signs alone`,
    );
}

/** Classes that are asked for and cannot be learned. */
function absentNotes({ classes, train }: Dataset): string[] {
  if (train === undefined) return [];
  const seen = new Set<number>();
  for (let i = 0; i < train.length && seen.size < classes.length; i++)
    for (const label of truthOf(train, i).classes) seen.add(label);
  const absent = classes.filter((_, i) => !seen.has(i));
  return absent.length === 0 ? [] : [`no training picture has a box of ${quoted(absent)}`];
}
