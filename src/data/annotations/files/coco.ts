import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RescaledError, UsageError } from '../../../errors.js';
import { plural } from '../../../suggest.js';
import type { PartName } from '../../parts.js';
import { partOf } from '../../sources/part-names.js';
import type { FoundFile } from '../../sources/walk.js';
import { partOfPath } from '../names.js';
import { Claims } from '../pictures.js';
import type { Problem } from '../problems.js';
import { type ReadAnnotations, type ReadBox, type ReadPicture, wrongBox } from '../read.js';
import { areaOfPolygons, areaOfRuns, boxOfPolygons, boxOfRuns, checkRuns, decodeCounts } from './rle.js';
import type { Shape } from './shapes.js';

/** A longer one does not fit into a text of JavaScript. */
const MOST_BYTES = 500 * 2 ** 20;

type Entry = Readonly<Record<string, unknown>>;

/** A file of COCO's form. */
export interface CocoFile {
  readonly images: readonly Entry[];
  readonly annotations: readonly Entry[];
  readonly categories: readonly Entry[];
}

const isEntry = (value: unknown): value is Entry =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * The content of a JSON file, where it has COCO's form: lists of images, annotations and categories.
 * @returns undefined for JSON of another form; why it cannot be read
 */
export async function readCoco(path: string, size: number): Promise<CocoFile | string | undefined> {
  if (size > MOST_BYTES) return `its ${size} bytes are more than the ${MOST_BYTES} that can be read`;
  let json: unknown;
  try {
    json = JSON.parse((await readFile(path, 'utf8')).replace(/^\uFEFF/, ''));
  } catch (error) {
    return `it is no JSON: ${(error as Error).message.slice(0, 120)}`;
  }
  if (!isEntry(json)) return undefined;
  const { images, annotations, categories } = json;
  if (!Array.isArray(images) || !Array.isArray(annotations) || !Array.isArray(categories)) return undefined;
  return { images, annotations, categories };
}

/**
 * The files of COCO's form that have things of categories (captions, say, have none).
 * @returns also why others cannot be read
 */
export async function readCocoContents(
  root: string,
  files: readonly FoundFile[],
): Promise<{ contents: { path: string; content: CocoFile }[]; problems: Problem[] }> {
  const contents: { path: string; content: CocoFile }[] = [];
  const problems: Problem[] = [];
  for (const { path, size } of files.filter((file) => /\.json$/i.test(file.path))) {
    const content = await readCoco(join(root, path), size);
    if (typeof content === 'string') problems.push({ place: path, reason: content, of: 'picture' });
    else if (content !== undefined && isOfThings(content)) contents.push({ path, content });
  }
  return { contents, problems };
}

const isOfThings = ({ annotations, categories }: CocoFile): boolean =>
  categories.length > 0 &&
  (annotations.length === 0 || annotations.some((one) => isEntry(one) && 'category_id' in one));

/** The part that a file is of: by its folder, or a word of its name, as in `instances_val2017.json`. */
export function partOfJson(path: string): PartName | undefined {
  const words = path.slice(path.lastIndexOf('/') + 1).split(/[._-]/);
  for (const word of words) {
    const part = partOf(word.replace(/(?:19|20)\d\d$/, ''));
    if (part !== undefined) return part;
  }
  return partOfPath(path);
}

/** Reads files of COCO's form, one a part. @param options `shapes`: keep what things cover, which takes room */
export function readCocoFiles(
  root: string,
  files: readonly { readonly path: string; readonly content: CocoFile }[],
  pictures: readonly FoundFile[],
  { shapes = false }: { shapes?: boolean } = {},
): ReadAnnotations {
  const chosen = oneAPart(root, files);
  const places = new Places(pictures);
  const problems: Problem[] = [];
  const read: ReadPicture[] = [];
  const classes: string[] = [];
  const notes: string[] = [];
  const claims = new Claims();
  const categories = new Map<string, number>();
  let agreed = true;
  for (const { path, part, content } of chosen) {
    const names = namesOf(path, content, notes);
    for (const [id, name] of names) {
      if (!classes.includes(name)) classes.push(name);
      if (typeof id !== 'number' || (categories.get(name) ?? id) !== id) agreed = false;
      else categories.set(name, id);
    }
    const byImage = new Map<unknown, ReadBox[]>();
    for (const image of content.images) if (isEntry(image)) byImage.set(image['id'], []);
    for (const [i, annotation] of content.annotations.entries()) {
      const place = `${path}: annotation ${isEntry(annotation) ? String(annotation['id'] ?? i) : `number ${i + 1}`}`;
      const boxes = isEntry(annotation) ? byImage.get(annotation['image_id']) : undefined;
      if (boxes === undefined)
        problems.push({
          place,
          reason: !isEntry(annotation)
            ? 'it is no object with image_id, category_id and bbox'
            : annotation['image_id'] === undefined
              ? 'it has no image_id'
              : `its image ${String(annotation['image_id'])} is none of the file`,
          of: 'box',
        });
      else {
        const { shape, ...box } = boxOf(annotation, names, place);
        boxes.push(shapes && shape !== undefined ? { ...box, shape } : box);
      }
    }
    for (const image of content.images) {
      if (!isEntry(image)) continue;
      const { id, file_name: name, width, height } = image;
      const place = `${path}: image ${String(id)}`;
      const named = typeof name === 'string' && name !== '' ? places.of(name, path, part) : 'it has no file_name';
      const picture = claims.take(named, place);
      if (typeof picture === 'string') problems.push({ place, reason: picture, of: 'picture' });
      else {
        const sides = { width: typeof width === 'number' ? width : 0, height: typeof height === 'number' ? height : 0 };
        read.push({
          file: picture,
          source: place,
          ...(part && { part }),
          ...sides,
          ...(typeof id === 'number' && { id }),
          boxes: byImage.get(id)!,
        });
      }
    }
  }
  return {
    pictures: read,
    problems,
    notes,
    classes,
    ...(agreed && { categories }),
    classesFrom: `the categories of ${chosen.map(({ path }) => path).join(', ')}`,
  };
}

/** Of several files of one part the one of things, not of people's joints. */
function oneAPart(root: string, files: readonly { readonly path: string; readonly content: CocoFile }[]) {
  const chosen = new Map<PartName | undefined, { path: string; content: CocoFile }>();
  for (const file of files) {
    const part = partOfJson(file.path);
    const before = chosen.get(part);
    const things = ({ path }: { path: string }): boolean => /instances/i.test(path.slice(path.lastIndexOf('/') + 1));
    if (before === undefined || (things(file) && !things(before))) chosen.set(part, file);
    else if (things(before) === things(file))
      throw new UsageError(
        `Expected one file of COCO's form a part in ${root} but ${before.path} and ${file.path} are both of ${part ?? 'no part'}. ` +
          'Name their parts (train.json, val.json), or take one of them out.',
      );
  }
  return [...chosen].map(([part, file]) => ({ part, ...file }));
}

/** Names of the categories by id, in the order of the ids. */
function namesOf(path: string, { categories, annotations }: CocoFile, notes: string[]): Map<unknown, string> {
  const listed = categories
    .filter(isEntry)
    .map(({ id, name, supercategory }) => ({ id, name: typeof name === 'string' ? name.trim() : '', supercategory }))
    .sort((a, b) => Number(a.id) - Number(b.id));
  const seen = new Set<string>();
  for (const { id, name } of listed) {
    if (name === '')
      throw new RescaledError(
        `Expected a name for each category of ${path} but ${String(id)} has none. Mend the file.`,
      );
    if (seen.has(name))
      throw new RescaledError(
        `Expected each category once in ${path} but "${name}" stands there twice. Mend the file.`,
      );
    seen.add(name);
  }
  const used = new Set(annotations.map((annotation) => (isEntry(annotation) ? annotation['category_id'] : undefined)));
  // Some tools write the name of the whole set as a category of its own.
  const head = listed.find(
    ({ id, name }) =>
      !used.has(id) && listed.length > 1 && listed.every((other) => other.id === id || other.supercategory === name),
  );
  if (head !== undefined) {
    const note = `the category "${head.name}" of ${path} stands above the others and has no boxes: it is no class`;
    if (!notes.includes(note)) notes.push(note);
  }
  return new Map(listed.filter((one) => one !== head).map(({ id, name }) => [id, name]));
}

function boxOf(annotation: Entry, names: ReadonlyMap<unknown, string>, place: string): ReadBox {
  const { category_id: category, bbox, segmentation, iscrowd, area } = annotation;
  const name = names.get(category);
  const told = `${place} (${name ?? `category ${String(category)}`}${Array.isArray(bbox) ? ` ${bbox.join(',')}` : ''})`;
  const crowd = iscrowd === 1 || iscrowd === true;
  const common = { name: name ?? '', crowd, place: told };
  const none = [0, 0, 0, 0] as const;
  if (name === undefined) return { ...common, box: none, wrong: 'its category is none of the file' };
  let shape: Covered | undefined;
  try {
    shape = shapeOf(segmentation);
  } catch (error) {
    return { ...common, box: none, wrong: (error as Error).message };
  }
  let box: readonly [number, number, number, number];
  if (Array.isArray(bbox)) {
    if (bbox.length !== 4)
      return {
        ...common,
        box: none,
        wrong: `its bbox has ${plural(bbox.length, 'number')}; expected x, y, width, height`,
      };
    const [x, y, width, height] = bbox.map((value) => (typeof value === 'number' ? value : Number.NaN)) as [
      number,
      number,
      number,
      number,
    ];
    box = [x, y, x + width, y + height];
  } else if (shape !== undefined) box = shape.box;
  else return { ...common, box: none, wrong: 'it has neither bbox nor segmentation' };
  const wrong = wrongBox(...box);
  const covered = typeof area === 'number' && Number.isFinite(area) && area > 0 ? area : shape?.area;
  return {
    ...common,
    box,
    ...(shape && { shape: shape.shape }),
    ...(covered !== undefined && { area: covered }),
    ...(wrong !== undefined && { wrong }),
  };
}

interface Covered {
  readonly shape: Shape;
  readonly box: readonly [number, number, number, number];
  readonly area: number;
}

/** Polygons or runs. @throws Error that says what is wrong with them */
function shapeOf(segmentation: unknown): Covered | undefined {
  if (Array.isArray(segmentation)) {
    if (segmentation.length === 0) return undefined;
    for (const points of segmentation) {
      if (
        !Array.isArray(points) ||
        points.length < 6 ||
        points.length % 2 === 1 ||
        !points.every((value) => Number.isFinite(value))
      )
        throw new Error('its polygon is damaged; expected x, y of three points or more');
    }
    const polygons = segmentation as number[][];
    return { shape: polygons, box: boxOfPolygons(polygons), area: areaOfPolygons(polygons) };
  }
  if (!isEntry(segmentation)) return undefined;
  const { size, counts } = segmentation;
  if (
    !Array.isArray(size) ||
    size.length !== 2 ||
    !size.every((side) => Number.isInteger(side) && side > 0 && side < 2 ** 16)
  )
    throw new Error('its run lengths have no size');
  const runs = {
    size: size as [number, number],
    counts: typeof counts === 'string' ? decodeCounts(counts) : Array.isArray(counts) ? (counts as number[]) : [],
  };
  checkRuns(runs);
  const box = boxOfRuns(runs);
  if (box === undefined) throw new Error('its mask is empty');
  return { shape: runs, box, area: areaOfRuns(runs) };
}

/** Finds pictures by the names that files give them. */
class Places {
  readonly #byName = new Map<string, FoundFile[]>();

  constructor(pictures: readonly FoundFile[]) {
    for (const picture of pictures) {
      const name = picture.path.slice(picture.path.lastIndexOf('/') + 1);
      const found = this.#byName.get(name);
      if (found === undefined) this.#byName.set(name, [picture]);
      else found.push(picture);
    }
  }

  /** @returns why there is none, or no single one */
  of(given: string, from: string, part: PartName | undefined): FoundFile | string {
    const name = given.replaceAll('\\', '/').replace(/^(?:\.\/)+/, '');
    const found = this.#byName.get(name.slice(name.lastIndexOf('/') + 1)) ?? [];
    const folder = from.includes('/') ? from.slice(0, from.lastIndexOf('/') + 1) : '';
    const exact = found.find(({ path }) => path === folder + name || path === name);
    if (exact !== undefined) return exact;
    const ours = found.filter(({ path }) => {
      const own = partOfPath(path);
      return part === undefined || own === undefined || own === part;
    });
    const ends = ours.filter(({ path }) => path.endsWith(`/${name}`));
    const left = ends.length > 0 ? ends : ours;
    if (left.length === 1) return left[0]!;
    return left.length === 0
      ? `its picture ${name} is not there`
      : `${left[0]!.path} and ${left[1]!.path} could both be its picture ${name}`;
  }
}
