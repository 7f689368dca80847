import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RescaledError } from '../../../errors.js';
import { byName } from '../../sources/walk.js';

/** A class of a file that lists them. */
export interface ListedClass {
  readonly name: string;
  /** The number that stands for it. */
  readonly value: number;
  /** The colour that stands for it, 0xRRGGBB. */
  readonly colour?: number;
}

/** Names that say that nothing is asked for there. */
const VOID = /^(?:void|unlabel+ed|ignored?(?:[ _-]region)?|don'?t[ _-]?care|undefined|unknown|255)$/i;

export const isVoid = (name: string): boolean => VOID.test(name);

/** Files that list classes, in the order in which they are looked for. */
const NAMES = /^(?:classes|class_names|labels|label_colou?rs|labelmap|names|obj|_classes)(?:\.(?:txt|names|csv))?$/i;

/** The file of a data set that lists its classes: the one nearest to its folder. @param paths from the folder */
export function classFile(paths: readonly string[]): string | undefined {
  const depth = (path: string): number => path.split('/').length;
  return paths
    .filter((path) => NAMES.test(path.slice(path.lastIndexOf('/') + 1)))
    .sort((a, b) => depth(a) - depth(b) || byName(a, b))[0];
}

/**
 * Reads a list of classes: a name a line, the first of value 0; or `7: name`, `7 name`; or a colour with it, `name 128 0 64`,
 * `128 0 64 name`, or `name:128,0,64::` (CVAT). Lines that begin with # are passed over.
 * @throws RescaledError for two of one name or value
 */
export async function readClassList(root: string, path: string): Promise<ListedClass[]> {
  let text: string;
  try {
    text = await readFile(join(root, path), 'utf8');
  } catch (error) {
    throw new RescaledError(`Cannot read the list of classes ${join(root, path)}: ${(error as Error).message}`, {
      cause: error,
    });
  }
  const lines = text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  const listed = lines.map((line, i) => classOf(line, i));
  for (const [what, key] of [
    ['name', ({ name }: ListedClass) => name],
    ['value', ({ value }: ListedClass) => String(value)],
  ] as const) {
    const seen = new Set<string>();
    for (const one of listed) {
      if (seen.has(key(one)))
        throw new RescaledError(
          `Expected each ${what} once in ${join(root, path)} but "${key(one)}" stands there twice. Mend the list.`,
        );
      seen.add(key(one));
    }
  }
  return listed;
}

function classOf(line: string, i: number): ListedClass {
  const cvat = /^([^:]+):(\d+),(\d+),(\d+):/.exec(line);
  if (cvat !== null) return { name: cvat[1]!.trim(), value: i, ...coloured(cvat.slice(2)) };
  const parts = line.split(/[\s,;]+/);
  const number = (text: string | undefined): boolean =>
    text !== undefined && /^\d{1,3}$/.test(text) && Number(text) < 256;
  if (parts.length >= 4 && parts.slice(-3).every(number))
    return { name: parts.slice(0, -3).join(' '), value: i, ...coloured(parts.slice(-3)) };
  if (parts.length >= 4 && parts.slice(0, 3).every(number))
    return { name: parts.slice(3).join(' '), value: i, ...coloured(parts.slice(0, 3)) };
  const valued = /^(\d{1,5})\s*[:\s,;]\s*(\S.*)$/.exec(line);
  if (valued !== null) return { name: valued[2]!.trim(), value: Number(valued[1]) };
  return { name: line, value: i };
}

const coloured = (rgb: readonly string[]): { colour: number } => ({
  colour: rgb.reduce((sum, value) => sum * 256 + Number(value), 0),
});
