import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { RescaledError } from '../../../errors.js';
import type { PartName } from '../../parts.js';
import type { FoundFile } from '../../sources/walk.js';
import { partOfPath } from '../names.js';
import { Claims, PictureNames } from '../pictures.js';
import type { Problem } from '../problems.js';
import { type ReadAnnotations, type ReadBox, type ReadPicture, wrongBox } from '../read.js';
import { classFile, readClassList } from './class-list.js';

/** No file of boxes is longer. */
const MOST_BYTES = 16 * 2 ** 20;
/** Files read at a time. */
const AT_ONCE = 32;

/** A line of a label: class, then numbers. */
const LINE = /^\d{1,5}(?:\s+[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?){4,}$/i;

/** Whether a text is a YOLO label as far as its first lines say: a class and four numbers or more, from 0 to 1 or thereabouts. */
export function isYolo(text: string): boolean {
  const lines = text
    .split('\n', 5)
    .map((line) => line.trim())
    .filter((line) => line !== '');
  return (
    lines.length > 0 &&
    lines.every((line) => LINE.test(line)) &&
    lines.some((line) => Number(line.split(/\s+/)[1]) <= 1.5)
  );
}

/** What data.yaml or the like says. */
interface YoloSet {
  readonly from: string;
  readonly names: readonly string[];
  /** Begins of paths of pictures. */
  readonly parts: readonly (readonly [prefix: string, part: PartName])[];
}

/**
 * The classes of a data set, of `data.yaml` or a list of names.
 * @param paths of all files, from the root
 */
async function setOf(root: string, paths: readonly string[]): Promise<YoloSet | undefined> {
  const yaml = paths
    .filter((path) => /\.ya?ml$/i.test(path))
    .sort((a, b) => a.split('/').length - b.split('/').length || (a < b ? -1 : 1));
  for (const path of yaml) {
    const set = await readYaml(root, path);
    if (set !== undefined) return set;
  }
  const list = classFile(paths.filter((path) => !/\.ya?ml$/i.test(path)));
  if (list === undefined) return undefined;
  const names: string[] = [];
  for (const { name, value } of await readClassList(root, list)) names[value] = name;
  return { from: list, names: Array.from(names, (name, i) => name ?? `class ${i}`), parts: [] };
}

async function readYaml(root: string, path: string): Promise<YoloSet | undefined> {
  let content: unknown;
  try {
    // Aliases could make a short file large.
    content = parse(await readFile(join(root, path), 'utf8'), { maxAliasCount: 20 });
  } catch (error) {
    throw new RescaledError(
      `Expected YAML in ${join(root, path)} but it cannot be read: ${(error as Error).message.split('\n')[0]}. Mend it.`,
      {
        cause: error,
      },
    );
  }
  const { names: given, ...rest } = (typeof content === 'object' && content !== null ? content : {}) as Record<
    string,
    unknown
  >;
  if (typeof given !== 'object' || given === null) return undefined;
  const names: string[] = [];
  for (const [value, name] of Object.entries(given)) {
    if (!/^\d{1,5}$/.test(value) || Number(value) >= 100_000)
      throw new RescaledError(`Expected numbers for the names of ${join(root, path)} but found "${value}". Mend it.`);
    names[Number(value)] = String(name);
  }
  const folder = path.includes('/') ? path.slice(0, path.lastIndexOf('/') + 1) : '';
  const parts = (['train', 'val', 'test'] as const).flatMap((part) => {
    const places = [rest[part] ?? (part === 'val' ? rest['valid'] : undefined)].flat();
    return places.flatMap((place) => {
      if (typeof place !== 'string') return [];
      const plain = place
        .replaceAll('\\', '/')
        .replace(/^(?:\.{1,2}\/)+/, '')
        .replace(/\/+$/, '');
      return plain === '' || plain.startsWith('/') ? [] : [[`${folder}${plain}/`, part] as const];
    });
  });
  return { from: path, names: Array.from(names, (name, i) => name ?? `class ${i}`), parts };
}

/**
 * Reads labels of YOLO's form: a line a box, its class and then centre, width and height as shares of the picture; or class and polygon.
 * @param labels the label files @param paths of all files, which may name the classes
 */
export async function readYolo(
  root: string,
  labels: readonly FoundFile[],
  pictures: readonly FoundFile[],
  paths: readonly string[],
): Promise<ReadAnnotations> {
  const set = await setOf(root, paths);
  const names = new PictureNames(pictures);
  const problems: Problem[] = [];
  const read: (Omit<ReadPicture, 'boxes'> & { lines: string[] })[] = [];
  const claims = new Claims();
  let most = -1;
  for (let start = 0; start < labels.length; start += AT_ONCE) {
    const some = labels.slice(start, start + AT_ONCE);
    const texts = await Promise.all(
      some.map(({ path, size }) => (size > MOST_BYTES ? undefined : readFile(join(root, path), 'utf8'))),
    );
    for (const [k, { path, size }] of some.entries()) {
      const text = texts[k];
      const fail = (reason: string): void => void problems.push({ place: path, reason, of: 'picture' });
      if (text === undefined) {
        fail(`its ${size} bytes are more than the ${MOST_BYTES} of a file of boxes`);
        continue;
      }
      const picture = claims.take(names.of(path), path);
      if (typeof picture === 'string') fail(picture);
      else {
        const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
        for (const line of lines) {
          const value = /^\s*(\d{1,5})\s/.exec(line)?.[1];
          if (value !== undefined) most = Math.max(most, Number(value));
        }
        const part =
          set?.parts.find(([prefix]) => picture.path.startsWith(prefix))?.[1] ??
          partOfPath(picture.path) ??
          partOfPath(path);
        read.push({ file: picture, source: path, ...(part && { part }), lines });
      }
    }
  }
  const classes = set?.names ?? Array.from({ length: most + 1 }, (_, i) => `class ${i}`);
  return {
    pictures: read.map(({ lines, ...picture }) => ({
      ...picture,
      relative: true,
      boxes: boxesIn(lines, picture.source, classes, set?.from),
    })),
    classes,
    classesFrom: set?.from ?? 'its classes',
    problems,
    notes: set === undefined ? ['no data.yaml or classes.txt names the classes: they are called by their numbers'] : [],
  };
}

/** No box reaches so many pictures past its own. */
const MOST_SHARE = 4;

function boxesIn(
  lines: readonly string[],
  path: string,
  classes: readonly string[],
  from: string | undefined,
): ReadBox[] {
  return lines.flatMap((line, i) => {
    const fields = line.trim().split(/\s+/);
    if (fields[0] === '') return [];
    const values = fields.map(Number);
    const name = classes[values[0]!];
    const place = `${path}: line ${i + 1} (${fields.slice(0, 5).join(' ')}${fields.length > 5 ? ' ...' : ''})`;
    const wrong = (reason: string): ReadBox[] => [{ box: [0, 0, 0, 0], name: name ?? '', place, wrong: reason }];
    if (fields.length < 5 || (fields.length > 5 && fields.length % 2 === 0))
      return wrong('expected a class and four numbers, or a class and the points of a polygon');
    if (!values.every(Number.isFinite)) return wrong('its numbers are not finite');
    if (name === undefined) return wrong(`its class is none of ${from ?? 'the classes'}`);
    if (values.slice(1).some((value) => Math.abs(value) > MOST_SHARE))
      return wrong('its numbers are pixels, it seems; expected shares of the width and the height, 0 to 1');
    const box = fields.length === 5 ? around(values) : outline(values);
    const reason = wrongBox(...box);
    return [{ box, name, place, ...(reason !== undefined && { wrong: reason }) }];
  });
}

type Edges = [x0: number, y0: number, x1: number, y1: number];

const around = ([, x, y, width, height]: readonly number[]): Edges => [
  x! - width! / 2,
  y! - height! / 2,
  x! + width! / 2,
  y! + height! / 2,
];

function outline(values: readonly number[]): Edges {
  const xs = values.filter((_, i) => i % 2 === 1);
  const ys = values.filter((_, i) => i > 0 && i % 2 === 0);
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}
