import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { writeFileAtomic } from '../files.js';

/** The pictures that a run trains on and is measured on: paths from the folder of the data. */
export interface RunPictures {
  train: readonly string[];
  val: readonly string[];
  test: readonly string[];
}

const PARTS = ['train', 'val', 'test'] as const;

/** A line a picture, `part<TAB>path`: by it they are found again when the folder has changed. */
export const picturesFile = (run: string): string => join(run, 'pictures.tsv.gz');

export function savePictures(run: string, pictures: RunPictures): void {
  const lines = PARTS.flatMap((part) =>
    pictures[part].map((path) => `${part}\t${JSON.stringify(path).slice(1, -1)}\n`),
  );
  writeFileAtomic(picturesFile(run), gzipSync(lines.join('')));
}

/** Pictures to measure on that stand in training too, and how alike the copies are. */
export interface RunCopies {
  val: readonly RunCopy[];
  test: readonly RunCopy[];
}

export interface RunCopy {
  path: string;
  /** Every byte, every pixel, or nearly the same. */
  match: 'file' | 'pixels' | 'near';
}

const copiesFile = (run: string): string => join(run, 'copies.json');

export function saveCopies(run: string, copies: RunCopies): void {
  writeFileAtomic(copiesFile(run), `${JSON.stringify(copies, null, 2)}\n`);
}

/** Undefined where nobody looked for them. */
export const loadCopies = (run: string): RunCopies | undefined =>
  existsSync(copiesFile(run)) ? (JSON.parse(readFileSync(copiesFile(run), 'utf8')) as RunCopies) : undefined;

/** Undefined for runs of earlier versions, and of data that are no picture files. */
export function loadPictures(run: string): RunPictures | undefined {
  if (!existsSync(picturesFile(run))) return undefined;
  const found = { train: [] as string[], val: [] as string[], test: [] as string[] };
  for (const line of gunzipSync(readFileSync(picturesFile(run)))
    .toString('utf8')
    .split('\n')) {
    const [part, path] = line.split('\t');
    if (path !== undefined && (part === 'train' || part === 'val' || part === 'test'))
      found[part].push(JSON.parse(`"${path}"`) as string);
  }
  return found;
}
