import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { UsageError } from '../../errors.js';
import { isAddress } from '../../files.js';
import type { PartName } from '../parts.js';
import { partOf } from '../sources/part-names.js';
import { follow, listFolder } from '../sources/walk.js';
import type { FoundClip } from './found.js';

/** A list is read whole. */
const MOST_BYTES = 256 * 2 ** 20;
const NAMES = {
  path: ['path', 'file', 'filename', 'video', 'video_path', 'clip', 'name'],
  label: ['label', 'class', 'category', 'action', 'target'],
  start: ['start', 'begin', 'time_start', 'start_time'],
  end: ['end', 'stop', 'time_end', 'end_time'],
} as const;

/** The lists of a folder: `train.csv`, `val.csv`, `test.csv` in any spelling; of a file that file. None: undefined. */
export async function findLists(
  path: string,
): Promise<{ root: string; lists: { file: string; part?: PartName }[] } | undefined> {
  const found = await follow(path);
  if (found === 'missing') return undefined;
  if (found.isFile()) {
    if (extname(path).toLowerCase() !== '.csv') return undefined;
    return { root: dirname(path), lists: [{ file: path }] };
  }
  const lists: { file: string; part: PartName }[] = [];
  for (const { name } of await listFolder(path)) {
    const part = extname(name).toLowerCase() === '.csv' ? partOf(basename(name, extname(name))) : undefined;
    if (part === undefined) continue;
    const other = lists.find((list) => list.part === part);
    if (other !== undefined)
      throw new UsageError(
        `Expected one list a part in ${path} but ${basename(other.file)} and ${name} are both of ${part}.`,
      );
    lists.push({ file: join(path, name), part });
  }
  return lists.length === 0 ? undefined : { root: path, lists };
}

/**
 * Reads a list: a line a clip, `path,label` and where wanted `start,end` in seconds; paths begin at the list's folder. The columns may be named
 * in a first line, in any order. Cells may stand in quotes (RFC 4180).
 * @throws UsageError that names the line
 */
export async function readList(root: string, { file, part }: { file: string; part?: PartName }): Promise<FoundClip[]> {
  const { size } = await stat(file);
  if (size > MOST_BYTES)
    throw new UsageError(`Expected a list of at most ${MOST_BYTES} bytes but ${file} has ${size}.`);
  const rows = parseCsv((await readFile(file, 'utf8')).replace(/^\uFEFF/, ''));
  const first = rows[0]?.cells.map((cell) => cell.trim().toLowerCase());
  const named = first !== undefined && NAMES.path.some((name) => first.includes(name));
  const column = (key: keyof typeof NAMES, place: number): number =>
    named ? first.findIndex((name) => (NAMES[key] as readonly string[]).includes(name)) : place;
  const columns = {
    path: column('path', 0),
    label: column('label', 1),
    start: column('start', 2),
    end: column('end', 3),
  };
  if (named && columns.label < 0)
    throw new UsageError(`Expected a column "label" in ${file} but its first line names ${first.join(', ')}.`);
  const clips: FoundClip[] = [];
  for (const { cells, line } of named ? rows.slice(1) : rows) {
    const cell = (key: keyof typeof NAMES): string => cells[columns[key]]?.trim() ?? '';
    const where = `line ${line} of ${file}`;
    const [path, label] = [cell('path'), cell('label')];
    if (path === '' || label === '')
      throw new UsageError(`Expected path,label in ${where} but received "${cells.join(',')}".`);
    if (isAddress(path) || /^[a-z][a-z0-9+.-]+:\/\//i.test(path))
      throw new UsageError(
        `Expected the path of a file in ${where} but received the address ${path}. Download it first.`,
      );
    const [start, end] = (['start', 'end'] as const).map((key) => seconds(cell(key), key, where));
    if (start !== undefined && end !== undefined && !(end > start))
      throw new UsageError(`Expected an end after the start ${start} in ${where} but received ${end}.`);
    const facts = await follow(join(root, path));
    clips.push({
      label,
      ...(part && { part }),
      file: {
        path,
        size: facts === 'missing' ? -1 : facts.size,
        modified: facts === 'missing' ? 0 : facts.mtimeMs,
        changed: facts === 'missing' ? 0 : facts.ctimeMs,
        inode: facts === 'missing' ? 0 : facts.ino,
      },
      folder: facts !== 'missing' && facts.isDirectory(),
      ...(start !== undefined && { start }),
      ...(end !== undefined && { end }),
    });
  }
  if (clips.length === 0) throw new UsageError(`Expected lines "path,label" in ${file} but it has none.`);
  return clips;
}

function seconds(text: string, key: string, where: string): number | undefined {
  if (text === '') return undefined;
  const value = Number(text);
  if (!(value >= 0 && value < 1e7))
    throw new UsageError(`Expected seconds as ${key} in ${where} but received "${text}".`);
  return value;
}

/** Rows of a CSV text (RFC 4180), without empty lines. @returns with the number of the line that each begins on */
export function parseCsv(text: string): { cells: string[]; line: number }[] {
  const rows: { cells: string[]; line: number }[] = [];
  let [cells, cell, quoted, line, begun]: [string[], string, boolean, number, number] = [[], '', false, 1, 1];
  const finish = (): void => {
    if (cells.length > 0 || cell.trim() !== '') rows.push({ cells: [...cells, cell], line: begun });
    [cells, cell] = [[], ''];
  };
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    if (char === '\n') line++;
    if (quoted) {
      if (char !== '"') cell += char;
      else if (text[i + 1] === '"') cell += text[++i]!;
      else quoted = false;
    } else if (char === '"' && cell === '') quoted = true;
    else if (char === ',') [cells, cell] = [[...cells, cell], ''];
    else if (char === '\n') {
      finish();
      begun = line;
    } else if (char !== '\r') cell += char;
  }
  finish();
  return rows;
}
