import { existsSync, realpathSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { type Found, type Given, type Ignored, look, type Pattern, picturesOfGiven } from '../../data/given.js';
import { RescaledError, UsageError } from '../../errors.js';
import type { BoxFlags } from './box-files.js';

/** Where paths come from. */
export interface PathOptions {
  /** Paths on standard input end with a NUL character in place of a line end. */
  null?: boolean;
  input?: AsyncIterable<string | Uint8Array> & { isTTY?: boolean };
  /** Where files are written: nothing there is an input. */
  into?: readonly Into[];
}

export interface Into {
  /** By which it was given. */
  option: '--sort-into' | '--out' | '--draw';
  folder: string;
  /** In which files are written, in it: one a class of --sort-into, else itself. */
  folders: readonly string[];
}

/** Options of the command. */
export interface PredictFlags extends PathOptions, BoxFlags {
  window?: string;
  hop?: string;
  report?: string;
  ids?: string;
  top?: number;
  all?: boolean;
  threshold?: number;
  csv?: boolean;
  json?: boolean;
  sortInto?: string;
  out?: string;
  draw?: string;
  batch?: number;
  threads?: number;
}

/** Stands for standard input. */
export const STDIN = '-';

/**
 * Looks at the paths of the command line before any work is done.
 * @throws UsageError for one that leads to no picture
 */
export async function checkPaths(paths: readonly string[], options: PathOptions): Promise<void> {
  checkInput(paths, options);
  for (const path of paths) {
    if (path === STDIN) continue;
    const given = await look(path);
    if (given.kind === 'missing')
      throw new UsageError(
        `Expected a picture or a folder of pictures at ${path} but there is nothing. Check the path.`,
      );
    // Only the first one is waited for.
    for await (const _ of picturesOfGiven(given)) break;
  }
}

/** @throws UsageError for standard input twice, or --null without it */
export function checkInput(paths: readonly string[], options: PathOptions): void {
  const piped = paths.filter((path) => path === STDIN).length;
  if (piped > 1) throw new UsageError('Expected "-" (standard input) once but received it several times.');
  if (options.null === true && piped === 0)
    throw new UsageError(
      'Expected "-" beside --null, which is about paths on standard input: rescaled predict MODEL - --null.',
    );
}

/** @throws UsageError where a path of the command line takes what is written for inputs, on a second run say */
export async function checkInto(paths: readonly string[], into: readonly Into[]): Promise<void> {
  for (const path of paths) if (path !== STDIN) checkApart(await look(path), into);
}

/** The pictures of the command line one by one, and what was passed over by ending, counted while they come. */
export async function* picturesOfPaths(
  paths: readonly string[],
  options: PathOptions,
  ignored: Ignored,
): AsyncGenerator<Found> {
  for (const path of paths) {
    if (path !== STDIN) {
      yield* picturesOfGiven(await look(path), ignored);
      continue;
    }
    for await (const line of pathsOfInput(options)) {
      // Such a list names files: `a[1].jpg` is no pattern, and what has gone meanwhile is one picture that cannot be read.
      const found = await look(line);
      const given: Given = found.kind === 'folder' || found.kind === 'shards' ? found : { kind: 'file', path: line };
      if (options.into !== undefined) checkApart(given, options.into);
      try {
        yield* picturesOfGiven(given, ignored);
      } catch (error) {
        if (!(error instanceof RescaledError)) throw error;
        yield { path: line, error: error.message };
      }
    }
  }
}

/** The paths on standard input. */
export async function* pathsOfInput(options: PathOptions): AsyncGenerator<string> {
  const input = options.input ?? process.stdin;
  if (input.isTTY === true)
    console.error('reading paths from standard input, one a line; Ctrl-D ends them, Ctrl-C ends all');
  for await (const line of separated(input, options.null === true ? '\0' : '\n')) {
    if (line.includes('\0'))
      throw new UsageError(
        'Expected paths on standard input, one a line, but received NUL characters: paths that they part need --null, ' +
          'and a picture itself is given by its path.',
      );
    yield line;
  }
}

/** Non-empty pieces of a text that comes in parts. */
async function* separated(input: AsyncIterable<string | Uint8Array>, separator: string): AsyncGenerator<string> {
  const decoder = new TextDecoder(); // takes a byte order mark away
  let rest = '';
  const clean = (piece: string): string => (separator === '\n' ? piece.replace(/\r$/, '') : piece);
  for await (const part of input) {
    const pieces = (rest + (typeof part === 'string' ? part : decoder.decode(part, { stream: true }))).split(separator);
    rest = pieces.pop()!;
    for (const piece of pieces) if (clean(piece) !== '') yield clean(piece);
  }
  if (clean(rest) !== '') yield clean(rest);
}

/** The real path, of what is not there yet below the real path of the folder that is. */
function realOf(path: string): string {
  const full = resolve(path);
  if (existsSync(full)) return realpathSync(full);
  const above = dirname(full);
  return above === full ? full : join(realOf(above), basename(full));
}

/** The way from a folder to what lies in it, with `/`; undefined where it does not, '' for the folder itself. */
function within(folder: string, path: string): string | undefined {
  const way = relative(realOf(folder), realOf(path));
  return way === '..' || way.startsWith(`..${sep}`) || resolve(way) === way ? undefined : way.split(sep).join('/');
}

function checkApart(given: Given, all: readonly Into[]): void {
  for (const into of all) checkOne(given, into);
}

function checkOne(given: Given, { option, folder, folders }: Into): void {
  const sorting = option === '--sort-into';
  const [verb, files] = sorting ? ['sort', 'copies'] : ['write', 'files'];
  if (given.kind === 'shards') {
    if (!sorting) return;
    throw new UsageError(
      `Expected pictures that are files for --sort-into but ${given.path} holds shards. Unpack them first ("tar -xf").`,
    );
  }
  if (given.kind === 'file' || given.kind === 'missing') {
    const inside = folders.find((one) => within(one, given.path) !== undefined);
    if (inside !== undefined)
      throw new UsageError(
        `Expected pictures outside of the ${sorting ? 'folders' : 'folder'} to ${verb} into but ${given.path} lies in ${inside}. ` +
          `Leave that folder out of the paths, or choose another ${option}.`,
      );
    return;
  }
  const inside = [folder, ...folders].find((one) =>
    given.kind === 'folder'
      ? within(given.path, one) !== undefined
      : reaches(given.pattern, one, sorting && one === folder ? 2 : 1),
  );
  if (inside !== undefined)
    throw new UsageError(
      `Expected a folder to ${verb} into outside of the pictures but ${inside} lies in ${given.path}: ` +
        `its ${files} would be pictures of the next run. Choose another ${option}.`,
    );
}

/** Whether a pattern takes pictures so many names below a folder, or a folder on the way whole. */
function reaches({ base, depth, matches }: Pattern, folder: string, below: number): boolean {
  const way = within(base, folder);
  if (way === undefined) return false;
  const names = way === '' ? [] : way.split('/');
  return depth >= names.length + below || names.some((_, i) => matches(names.slice(0, i + 1).join('/')));
}
