import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, extname, join, parse } from 'node:path';
import { Option } from 'commander';
import { csvRow } from '../../csv.js';
import type { BoxPrediction, FoundAndAsked } from '../../deploy/found.js';
import { RescaledError, UsageError } from '../../errors.js';
import { makeFolder, systemReason, writeFileAtomic } from '../../files.js';
import { plural } from '../../suggest.js';
import { checkOutput } from '../output.js';

/** Files of boxes that other programs read. */
export const BOX_FORMATS = ['coco', 'yolo', 'csv'] as const;
export type BoxFormat = (typeof BOX_FORMATS)[number];

/** What was found in a picture. */
export interface PictureOfBoxes {
  readonly path: string;
  readonly width: number;
  readonly height: number;
  readonly boxes: readonly BoxPrediction[];
  /** Its number in COCO's file; by default those of the pictures in turn, from 1. */
  readonly id?: number;
}

/** What `--results` and `--format` ask for. */
export interface BoxFlags {
  results?: string;
  format?: BoxFormat;
  force?: boolean;
}

/**
 * The form of a file of results: as said, or by its ending; a name without one is a folder of YOLO's texts.
 * @throws UsageError for an ending that says nothing, and for what is there already
 */
export function checkResults({ results, format, force = false }: BoxFlags): BoxFormat | undefined {
  if (results === undefined) {
    if (format !== undefined) throw new UsageError(`Expected --results with --format ${format}: the file to write.`);
    return undefined;
  }
  const ending = extname(results).toLowerCase();
  const folder = existsSync(results) && statSync(results).isDirectory();
  const form =
    format ?? (folder || ending === '' ? 'yolo' : ending === '.json' ? 'coco' : ending === '.csv' ? 'csv' : undefined);
  if (form === undefined)
    throw new UsageError(
      `Expected --results with a file that ends in .json (COCO's results) or .csv, or a folder (YOLO's text), but received "${results}". ` +
        'Name it so, or say --format coco, yolo or csv.',
    );
  if (form !== 'yolo') checkOutput(results, { force });
  else if (existsSync(results) && !folder)
    throw new UsageError(`Expected a folder for YOLO's texts in --results but ${results} is a file.`);
  else if (folder && !force && readdirSync(results).length > 0)
    throw new UsageError(
      `Expected a new or empty folder for --results but ${results} has files. Name another, or --force writes among them.`,
    );
  return form;
}

/** Takes the boxes of pictures one by one. */
export interface BoxWriter {
  readonly pictures: number;
  add(picture: PictureOfBoxes): void;
  /** @returns what is to be known of what was written */
  end(): string;
  /** Leaves nothing unfinished. */
  drop(): void;
}

export function boxWriter(path: string, format: BoxFormat, labels: readonly string[], ids?: CocoIds): BoxWriter {
  if (format === 'yolo') return new YoloFolder(path, labels);
  return format === 'csv' ? new CsvFile(path) : new CocoFile(path, labels, ids);
}

/** Numbers that a COCO file has for pictures and classes. */
export interface CocoIds {
  /** The file. */
  readonly from: string;
  /** Of a picture; undefined where the file does not know it. */
  picture(path: string): number | undefined;
  /** By index of the class; undefined where the file does not know it. */
  readonly classes: readonly (number | undefined)[];
}

/** A file that is there when it is whole. */
class Whole {
  readonly #temporary: string;
  #file: number | undefined;

  constructor(readonly path: string) {
    this.#temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
    this.#told(() => (this.#file = openSync(this.#temporary, 'w')));
  }

  write(text: string): void {
    const bytes = Buffer.from(text);
    this.#told(() => {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#file!, bytes, at);
    });
  }

  end(): void {
    closeSync(this.#file!);
    this.#file = undefined;
    this.#told(() => renameSync(this.#temporary, this.path));
  }

  drop(): void {
    if (this.#file === undefined) return;
    closeSync(this.#file);
    this.#file = undefined;
    rmSync(this.#temporary, { force: true });
  }

  #told(act: () => unknown): void {
    try {
      act();
    } catch (error) {
      this.drop();
      throw new RescaledError(`Expected to write ${this.path} but it cannot be written: ${systemReason(error)}.`, {
        cause: error,
      });
    }
  }
}

/** So fine that whoever measures the file again finds the same AP; all of a single-precision score. */
const pixel = (edge: number): number => Number(edge.toFixed(4));
const figure = (score: number): number => Number(score.toPrecision(9));

class CsvFile implements BoxWriter {
  pictures = 0;
  #boxes = 0;
  readonly #file: Whole;

  constructor(path: string) {
    this.#file = new Whole(path);
    this.#file.write(`${csvRow(['path', 'width', 'height', 'label', 'score', 'x0', 'y0', 'x1', 'y1'])}\n`);
  }

  add({ path, width, height, boxes }: PictureOfBoxes): void {
    this.pictures++;
    this.#boxes += boxes.length;
    for (const { label, score, box } of boxes)
      this.#file.write(`${csvRow([path, width, height, label, figure(score), ...box.map(pixel)])}\n`);
  }

  end(): string {
    this.#file.end();
    return `${plural(this.#boxes, 'box', 'boxes')} of ${plural(this.pictures, 'picture')}`;
  }

  drop(): void {
    this.#file.drop();
  }
}

/** COCO's results: an array of image_id, category_id, bbox (x, y, width, height) and score. */
class CocoFile implements BoxWriter {
  pictures = 0;
  #boxes = 0;
  #unknown = 0;
  readonly #foreign = new Set<string>();
  readonly #file: Whole;

  constructor(
    path: string,
    readonly labels: readonly string[],
    readonly ids?: CocoIds,
  ) {
    this.#file = new Whole(path);
  }

  add({ path, boxes, id }: PictureOfBoxes): void {
    this.pictures++;
    const image = id ?? (this.ids === undefined ? this.pictures : this.ids.picture(path));
    if (image === undefined) {
      this.#unknown++;
      return;
    }
    for (const { index, score, box } of boxes) {
      const category = this.ids === undefined ? index + 1 : this.ids.classes[index];
      if (category === undefined) {
        this.#foreign.add(this.labels[index]!);
        continue;
      }
      const [x0, y0, x1, y1] = box.map(pixel) as typeof box;
      const entry = {
        image_id: image,
        file_name: path,
        category_id: category,
        bbox: [x0, y0, pixel(x1 - x0), pixel(y1 - y0)],
        score: figure(score),
      };
      this.#file.write(`${this.#boxes++ === 0 ? '[' : ','}\n${JSON.stringify(entry)}`);
    }
  }

  end(): string {
    this.#file.write(this.#boxes === 0 ? '[]\n' : '\n]\n');
    this.#file.end();
    const numbered =
      this.ids === undefined
        ? `; pictures are numbered from 1 in their order, classes too (${this.labels.map((label, i) => `${i + 1} ${label}`).join(', ')})`
        : `, numbered as in ${this.ids.from}`;
    const unknown = this.#unknown === 0 ? '' : `; ${plural(this.#unknown, 'picture')} that it does not know left out`;
    const foreign =
      this.#foreign.size === 0 ? '' : `; boxes of ${[...this.#foreign].join(', ')} left out, which it does not know`;
    return `${plural(this.#boxes, 'box', 'boxes')} of ${plural(this.pictures - this.#unknown, 'picture')}${numbered}${unknown}${foreign}`;
  }

  drop(): void {
    this.#file.drop();
  }
}

/** A text a picture, a box a line: class, centre, width and height as shares of the picture's sides, score. */
class YoloFolder implements BoxWriter {
  pictures = 0;
  #boxes = 0;
  readonly #names = new Set<string>();

  constructor(
    readonly folder: string,
    readonly labels: readonly string[],
  ) {
    makeFolder(folder);
    this.#write('classes.txt', `${labels.join('\n')}\n`);
  }

  add({ path, width, height, boxes }: PictureOfBoxes): void {
    this.pictures++;
    this.#boxes += boxes.length;
    const share = (value: number): number => Number(value.toFixed(6));
    const lines = boxes.map(({ index, score, box: [x0, y0, x1, y1] }) => {
      const middle = [(x0 + x1) / 2 / width, (y0 + y1) / 2 / height];
      return [index, ...[...middle, (x1 - x0) / width, (y1 - y0) / height].map(share), figure(score)].join(' ');
    });
    this.#write(this.#nameOf(path), lines.map((line) => `${line}\n`).join(''));
  }

  /** `rose.txt`, and `rose-2.txt` of a namesake from another folder. `classes.txt` has another use. */
  #nameOf(path: string): string {
    const { name } = parse(basename(path));
    let own = `${name}.txt`;
    for (let i = 2; this.#names.has(own) || own === 'classes.txt'; i++) own = `${name}-${i}.txt`;
    this.#names.add(own);
    return own;
  }

  #write(name: string, text: string): void {
    const file = new Whole(join(this.folder, name));
    file.write(text);
    file.end();
  }

  end(): string {
    return `${plural(this.#boxes, 'box', 'boxes')} of ${plural(this.pictures, 'picture')}, class numbers in classes.txt`;
  }

  drop(): void {}
}

/**
 * The numbers of a COCO file: of pictures by the end of their path, of classes by name.
 * @throws UsageError for a file of another form
 */
export function readCocoIds(path: string, labels: readonly string[]): CocoIds {
  const refuse = (why: string): UsageError =>
    new UsageError(`Expected a JSON file with COCO's lists of images and categories for --ids but ${path} ${why}.`);
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, 'utf8').replace(/^\uFEFF/, ''));
  } catch (error) {
    throw refuse(error instanceof SyntaxError ? 'is no JSON' : `cannot be read: ${systemReason(error)}`);
  }
  const { images, categories } = (json ?? {}) as { images?: unknown; categories?: unknown };
  if (!Array.isArray(images) || !Array.isArray(categories)) throw refuse('has none');
  const byName = new Map<string, { file: string; id: number }[]>();
  for (const one of images as { id?: unknown; file_name?: unknown }[]) {
    if (typeof one?.id !== 'number' || typeof one.file_name !== 'string')
      throw refuse('has an image without id or file_name');
    const file = one.file_name.replaceAll('\\', '/');
    const name = file.slice(file.lastIndexOf('/') + 1);
    byName.set(name, [...(byName.get(name) ?? []), { file, id: one.id }]);
  }
  const ids = new Map(
    (categories as { id?: unknown; name?: unknown }[]).flatMap(({ id, name }) =>
      typeof id === 'number' && typeof name === 'string' ? [[name.trim(), id]] : [],
    ),
  );
  const classes = labels.map((label) => ids.get(label));
  if (classes.every((id) => id === undefined))
    throw new UsageError(
      `Expected categories in ${path} that the model knows (${labels.join(', ')}) but it has ${[...ids.keys()].join(', ') || 'none'}.`,
    );
  return {
    from: path,
    classes,
    picture(given) {
      const whole = given.replaceAll('\\', '/');
      const found = byName.get(whole.slice(whole.lastIndexOf('/') + 1)) ?? [];
      if (found.length < 2) return found[0]?.id;
      const ends = found.filter(({ file }) => `/${whole}`.endsWith(`/${file}`));
      return ends.length === 1 ? ends[0]!.id : undefined;
    },
  };
}

/**
 * Writes what an evaluation found. Of COCO's form pictures and classes have the numbers of the data's own file; where it has none, what was
 * to be found is written beside it: `found.json` has `found.truth.json`.
 * @param pathOf of a picture by its place in the source
 * @returns what was written, for people
 */
export function writeResults(
  path: string,
  format: BoxFormat,
  { labels, pictures, categories }: FoundAndAsked,
  pathOf: (index: number) => string,
  data: string,
): string {
  const ids = categories && { from: `the JSON of ${data}`, picture: () => undefined, classes: categories };
  const writer = boxWriter(path, format, labels, ids);
  try {
    for (const { index, ...picture } of pictures) writer.add({ ...picture, path: pathOf(index) });
    const said = `${path}: ${writer.end()}`;
    if (format !== 'coco' || ids !== undefined) return said;
    const { dir, name, ext } = parse(path);
    const beside = join(dir, `${name}.truth${ext}`);
    writeFileAtomic(beside, `${JSON.stringify(truthOf(labels, pictures, pathOf))}\n`);
    return `${said}\n${beside}: what was to be found, in the same numbers`;
  } finally {
    writer.drop();
  }
}

/** A file of COCO's form; ids begin at 1, since pycocotools takes 0 for "not matched". */
function truthOf(
  labels: readonly string[],
  pictures: FoundAndAsked['pictures'],
  pathOf: (index: number) => string,
): object {
  let id = 0;
  return {
    images: pictures.map(({ index, width, height }, i) => ({ id: i + 1, file_name: pathOf(index), width, height })),
    annotations: pictures.flatMap(({ asked }, i) =>
      asked.map(({ index, box: [x0, y0, x1, y1], crowd, area }) => ({
        id: ++id,
        image_id: i + 1,
        category_id: index + 1,
        bbox: [x0, y0, x1 - x0, y1 - y0],
        area,
        iscrowd: crowd ? 1 : 0,
      })),
    ),
    categories: labels.map((name, i) => ({ id: i + 1, name })),
  };
}

export const resultsOption = (): Option =>
  new Option(
    '--results <path>',
    "of a model of boxes: write all that it finds as COCO's results (.json), .csv, or YOLO's text (a folder)",
  );
export const formatOption = (): Option =>
  new Option('--format <form>', 'form of --results, where its name does not say it').choices([...BOX_FORMATS]);
