import { constants } from 'node:fs';
import { copyFile, link, mkdir, open, rename, rm, stat, utimes } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { RescaledError, UsageError } from '../../errors.js';
import { makeFolder, systemReason } from '../../files.js';

/** Names are remembered up to here, so that many pictures of one name are numbered quickly. */
const REMEMBERED = 10_000;

const DEVICES = /^(con|prn|aux|nul|com\d|lpt\d)(\..*)?$/i;

/** The name of a class as that of a folder on any system: `T-shirt/top` becomes `T-shirt-top`. */
export function folderName(label: string): string {
  const name = label
    .normalize('NFC')
    .replace(/[/\\:*?"<>|\u0000-\u001f\u007f]+/g, '-')
    .replace(/^[. ]+|[. ]+$/g, '')
    .slice(0, 100);
  return name === '' || DEVICES.test(name) ? `class ${name}`.trim() : name;
}

/** A folder name for each label, all different. */
export function folderNames(labels: readonly string[]): Map<string, string> {
  const taken = new Set<string>();
  const names = new Map<string, string>();
  for (const label of labels) {
    if (names.has(label)) continue;
    const name = folderName(label);
    let free = name;
    for (let i = 2; taken.has(free); i++) free = `${name}-${i}`;
    taken.add(free);
    names.set(label, free);
  }
  return names;
}

/**
 * Copies pictures into a folder a class. Nothing is moved and nothing written over: a name that another picture has gets a number
 * (`a-2.jpg`), and what is there with the same content is left alone. A copy appears as a whole, with the date of its picture.
 */
export class Sorter {
  /** Copies made, and pictures whose copy was there. */
  copied = 0;
  there = 0;
  /** A copy that is not whole yet. */
  unfinished: string | undefined;
  readonly #made = new Set<string>();
  /** How many of a name this run has found or put there, without a gap. */
  readonly #upTo = new Map<string, number>();

  /** @param folders of each label */
  constructor(
    readonly root: string,
    readonly folders: ReadonlyMap<string, string>,
  ) {}

  /** @returns where the copy lies */
  async put(path: string, label: string): Promise<string> {
    const folder = join(this.root, this.folders.get(label)!);
    try {
      if (!this.#made.has(folder)) {
        makeFolder(this.root);
        await mkdir(folder, { recursive: true });
        this.#made.add(folder);
      }
      return await this.#place(path, folder);
    } catch (error) {
      if (error instanceof RescaledError || (error as NodeJS.ErrnoException).code === undefined) throw error;
      throw new RescaledError(
        `Expected to copy ${path} into ${folder} but the system refused: ${systemReason(error)}. ` +
          'What is copied so far stays, and is left alone when you run it again.',
        { cause: error },
      );
    }
  }

  async #place(path: string, folder: string): Promise<string> {
    const name = basename(path);
    const key = join(folder, name);
    const slot = (i: number): string =>
      i === 1 ? key : join(folder, `${basename(name, extname(name))}-${i}${extname(name)}`);
    const next = this.#upTo.get(key) ?? 1;
    for (const i of tries(next)) {
      const target = slot(i);
      const state = await compare(path, target);
      if (state === 'other') continue;
      if (state === 'none' && !(await this.#copy(path, target))) return this.#place(path, folder); // another process was faster
      if (state === 'none') this.copied++;
      else this.there++;
      if (i === next) this.#remember(key, i + 1);
      return target;
    }
    throw new RescaledError(`Expected a free name for ${path} in ${folder} but there is none.`);
  }

  /** @returns false where a file of this name has come meanwhile */
  async #copy(path: string, target: string): Promise<boolean> {
    const temporary = join(dirname(target), `.rescaled-${process.pid}.tmp`);
    this.unfinished = temporary;
    try {
      await copyFile(path, temporary, constants.COPYFILE_FICLONE);
      const { atime, mtime } = await stat(path);
      await utimes(temporary, atime, mtime).catch(() => undefined); // not every file system keeps dates
      try {
        // Unlike a rename, a link writes over nothing.
        await link(temporary, target);
        return true;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
        // A file system without links.
        if ((await compare(path, target)) !== 'none') return false;
        await rename(temporary, target);
        return true;
      }
    } finally {
      await rm(temporary, { force: true });
      this.unfinished = undefined;
    }
  }

  #remember(key: string, next: number): void {
    this.#upTo.delete(key);
    this.#upTo.set(key, next);
    if (this.#upTo.size > REMEMBERED) this.#upTo.delete(this.#upTo.keys().next().value!);
  }
}

/** The number that is likely, then all. */
function* tries(likely: number): Generator<number> {
  yield likely;
  for (let i = 1; Number.isSafeInteger(i); i++) if (i !== likely) yield i;
}

/** What lies at the target: nothing, the same content, or something else. */
async function compare(path: string, target: string): Promise<'none' | 'same' | 'other'> {
  let there: Awaited<ReturnType<typeof stat>>;
  try {
    there = await stat(target);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'none';
    throw error;
  }
  const source = await stat(path);
  if (!there.isFile() || there.size !== source.size) return 'other';
  if (there.ino === source.ino && there.dev === source.dev) return 'same';
  const [a, b] = [await open(path, 'r'), await open(target, 'r')];
  try {
    const [one, two] = [Buffer.alloc(1 << 16), Buffer.alloc(1 << 16)];
    for (;;) {
      const [{ bytesRead: n }, { bytesRead: m }] = [await a.read(one, 0, one.length), await b.read(two, 0, two.length)];
      if (n !== m || one.compare(two, 0, n, 0, n) !== 0) return 'other';
      if (n === 0) return 'same';
    }
  } finally {
    await a.close();
    await b.close();
  }
}

/** @throws UsageError when the folder is a file */
export async function checkSortFolder(folder: string): Promise<void> {
  const found = await stat(folder).catch(() => undefined);
  if (found !== undefined && !found.isDirectory())
    throw new UsageError(`Expected a folder for --sort-into but ${folder} is a file.`);
}
