import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import type { PartName } from '../../parts.js';
import { byName, type FoundFile } from '../../sources/walk.js';
import { bareStem, partOfPath } from '../names.js';
import { Claims, PictureNames } from '../pictures.js';
import type { Problem } from '../problems.js';
import { type ReadAnnotations, type ReadBox, type ReadPicture, wrongBox } from '../read.js';

/**
 * What the numbers of a Pascal VOC file mean. `inclusive`, as in the challenge itself: pixels counted from 1, the last one inside, so that the
 * edges are xmin - 1, ymin - 1, xmax, ymax. `edges`: the numbers are the edges, as some tools write them.
 */
export type VocPixels = 'inclusive' | 'edges';

/** No file of boxes is longer. */
const MOST_BYTES = 16 * 2 ** 20;
/** Files read at a time. */
const AT_ONCE = 32;

/** Texts alone, and no entities: a file cannot grow as it is read, or name another. */
const parser = new XMLParser({ ignoreAttributes: true, parseTagValue: false, processEntities: false });

type Node = Record<string, unknown>;

/** A file of Pascal VOC's form, as it stands there. */
interface VocFile {
  filename?: string;
  width: number;
  height: number;
  objects: readonly Node[];
}

/** @throws Error whose message says what is wrong */
export function parseVoc(text: string): VocFile {
  const valid = XMLValidator.validate(text);
  if (valid !== true) throw new Error(`it is no XML: ${xmlProblem(valid.err)}`);
  const root = (parser.parse(text) as Node)['annotation'];
  if (root === undefined) throw new Error('it has no <annotation>, as files of Pascal VOC have');
  const node = isNode(root) ? root : {};
  const size = isNode(node['size']) ? node['size'] : {};
  const filename = textOf(node['filename']);
  const { object } = node;
  const objects = object === undefined ? [] : Array.isArray(object) ? object : [object];
  return {
    ...(filename !== '' && { filename }),
    width: numberOf(size['width']),
    height: numberOf(size['height']),
    objects: objects.map((one) => (isNode(one) ? one : {})),
  };
}

/** The validator lists all open tags where the file ends before them. */
function xmlProblem({ line, msg }: { line: number; msg: string }): string {
  return msg.startsWith("Invalid '[")
    ? 'it ends before its tags are closed'
    : `line ${line}: ${msg.replace(/\.$/, '')}`;
}

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && !Array.isArray(value);

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** The text of an element; of several, the first. */
function textOf(value: unknown): string {
  const one: unknown = Array.isArray(value) ? value[0] : value;
  return typeof one === 'string'
    ? one.trim().replace(/&(amp|lt|gt|quot|apos);/g, (_, name: string) => ENTITIES[name]!)
    : '';
}

function numberOf(value: unknown): number {
  const text = textOf(value);
  return text === '' ? Number.NaN : Number(text);
}

const EDGES = ['xmin', 'ymin', 'xmax', 'ymax'] as const;

/** Box k of a file, counted from 1. */
function boxOf(node: Node, place: string, k: number, pixels: VocPixels): ReadBox {
  const name = textOf(node['name']);
  const edges = isNode(node['bndbox']) ? node['bndbox'] : undefined;
  const told = EDGES.map((edge) => textOf(edges?.[edge]));
  const [x0, y0, x1, y1] = EDGES.map((edge) => numberOf(edges?.[edge])) as [number, number, number, number];
  const wrong =
    name === ''
      ? 'it has no name'
      : edges === undefined
        ? 'it has no <bndbox>'
        : told.includes('')
          ? `it has no <${EDGES[told.indexOf('')]}>`
          : wrongBox(x0, y0, x1, y1);
  const before = pixels === 'inclusive' ? 1 : 0;
  return {
    box: [x0 - before, y0 - before, x1, y1],
    name,
    difficult: textOf(node['difficult']) === '1',
    place: `${place}: box ${k} (${[name, told.join(',')].filter(Boolean).join(' ')})`,
    ...(wrong !== undefined && { wrong }),
  };
}

/** Which pictures are of which part by the lists in ImageSets/Main; undefined where there are none. */
export interface VocLists {
  /** By the name without ending. */
  readonly parts: ReadonlyMap<string, readonly PartName[]>;
  readonly folder: string;
}

/**
 * Reads files of Pascal VOC's form.
 * @param root folder that paths start from
 * @param files the XML files
 */
export async function readVoc(
  root: string,
  files: readonly FoundFile[],
  pictures: readonly FoundFile[],
  { pixels = 'inclusive', lists }: { pixels?: VocPixels; lists?: VocLists },
): Promise<ReadAnnotations> {
  const names = new PictureNames(pictures);
  const problems: Problem[] = [];
  const read: ReadPicture[] = [];
  const claims = new Claims();
  let [zeros, boxes] = [0, 0];
  const left = new Set(lists?.parts.keys());
  for (let start = 0; start < files.length; start += AT_ONCE) {
    const some = files.slice(start, start + AT_ONCE);
    const texts = await Promise.all(some.map((file) => textOfFile(root, file)));
    for (const [k, { path }] of some.entries()) {
      const fail = (reason: string): void => void problems.push({ place: path, reason, of: 'picture' });
      const stem = bareStem(path);
      left.delete(stem);
      const parts = lists === undefined ? [partOfPath(path)] : (lists.parts.get(stem) ?? []);
      // What stands in no list is of no part.
      if (parts.length === 0) continue;
      const text = texts[k]!;
      if (typeof text !== 'string') {
        fail(text.message);
        continue;
      }
      let file: VocFile;
      try {
        file = parseVoc(text);
      } catch (error) {
        fail((error as Error).message);
        continue;
      }
      const picture = claims.take(names.of(path, file.filename), path);
      if (typeof picture === 'string') {
        fail(picture);
        continue;
      }
      const own = file.objects.map((node, i) => boxOf(node, path, i + 1, pixels));
      boxes += own.length;
      for (const { box, wrong } of own)
        if (wrong === undefined && pixels === 'inclusive' && Math.min(...box) < 0) zeros++;
      const { width, height } = file;
      for (const part of parts)
        read.push({ file: picture, source: path, ...(part && { part }), width, height, boxes: own });
    }
  }
  for (const stem of [...left].sort(byName))
    problems.push({ place: `${lists!.folder}: ${stem}`, reason: `${stem}.xml is not there`, of: 'picture' });
  const notes =
    zeros === 0
      ? []
      : [
          `${zeros} of ${boxes} boxes begin at pixel 0, and Pascal VOC counts from 1: where the numbers are edges, say so (boxPixels: edges)`,
        ];
  return { pictures: read, problems, notes };
}

async function textOfFile(root: string, { path, size }: FoundFile): Promise<string | Error> {
  if (size > MOST_BYTES) return new Error(`its ${size} bytes are more than the ${MOST_BYTES} of a file of boxes`);
  try {
    return (await readFile(join(root, path), 'utf8')).replace(/^\uFEFF/, '');
  } catch (error) {
    return new Error(`it cannot be read: ${(error as Error).message}`);
  }
}
