import { existsSync, statSync } from 'node:fs';
import { open, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { textsOf } from '../../data/annotations/files/png-write.js';
import { RescaledError, UsageError } from '../../errors.js';
import { makeFolder, systemReason } from '../../files.js';

/** How files of ours are known: the text `Software` of a PNG. */
export const SOFTWARE = { Software: 'rescaled predict' } as const;

/** Texts stand before the pixels; a palette has 768 bytes. */
const HEAD_BYTES = 4096;

/** @throws UsageError when the folder is a file */
export function checkFolder(option: string, folder: string): void {
  if (existsSync(folder) && !statSync(folder).isDirectory())
    throw new UsageError(`Expected a folder for ${option} but ${folder} is a file.`);
}

/**
 * Writes a PNG a picture into a folder, below it in the folders in which the picture lies in the one that was given. A file appears as a whole. One of
 * an earlier run is replaced; what is not ours is never written over.
 */
export class OutFolder {
  written = 0;
  /** A file that is not whole yet. */
  unfinished: string | undefined;
  readonly #names = new Set<string>();
  readonly #made = new Set<string>();

  /** @param option by which it was given, for messages */
  constructor(
    readonly folder: string,
    readonly option: '--out' | '--draw',
  ) {
    checkFolder(option, folder);
  }

  /**
   * @param name of the picture without its ending, with `/`: `a/rose`. Another one of this name gets a number: `a/rose-2`.
   * @returns where the file lies
   */
  async put(name: string, ending: string, png: Uint8Array): Promise<string> {
    let own = name;
    for (let i = 2; this.#names.has(own); i++) own = `${name}-${i}`;
    this.#names.add(own);
    const path = join(this.folder, `${own}${ending}`);
    try {
      this.makeFor(path);
      if (!(await mayReplace(path)))
        throw new UsageError(
          `Expected to write over nothing but files of "rescaled predict" but ${path} is another one. Choose another ${this.option}.`,
        );
      await this.#write(path, png);
    } catch (error) {
      throw refused(path, error);
    }
    this.written++;
    return path;
  }

  /** Makes the folder that a file lies in. */
  makeFor(path: string): void {
    const folder = dirname(path);
    if (this.#made.has(folder)) return;
    makeFolder(folder);
    this.#made.add(folder);
  }

  async #write(path: string, png: Uint8Array): Promise<void> {
    const temporary = join(dirname(path), `.rescaled-${process.pid}.tmp`);
    this.unfinished = temporary;
    try {
      await writeFile(temporary, png);
      await rename(temporary, path);
    } finally {
      await rm(temporary, { force: true });
      this.unfinished = undefined;
    }
  }
}

/** Whether nothing is there, or a file of ours. */
async function mayReplace(path: string): Promise<boolean> {
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true;
    throw error;
  }
  try {
    if (!(await file.stat()).isFile()) return false;
    const { buffer, bytesRead } = await file.read(new Uint8Array(HEAD_BYTES), 0, HEAD_BYTES, 0);
    return textsOf(buffer.subarray(0, bytesRead))['Software'] === SOFTWARE.Software;
  } finally {
    await file.close();
  }
}

function refused(path: string, error: unknown): unknown {
  if (error instanceof RescaledError || (error as NodeJS.ErrnoException).code === undefined) return error;
  return new RescaledError(
    `Expected to write ${path} but the system refused: ${systemReason(error)}. What is written so far stays.`,
    { cause: error },
  );
}
