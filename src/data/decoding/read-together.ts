import { type DecodeOptions, mostBytes, readFileLimited } from './decode.js';

/** The engine's reader of many small files. */
export interface FileReader {
  /** null for what is empty, longer than `most` bytes or cannot be read. */
  readFiles(paths: readonly string[], most: number): Promise<(Uint8Array | null)[]>;
}

let reader: FileReader | undefined;

/** From now on in this thread; undefined for none. */
export function useFileReader(given: FileReader | undefined): void {
  reader = given;
}

/** Whether there is a reader. */
export const readsTogether = (): boolean => reader !== undefined;

interface Asked {
  path: string;
  resolve(bytes: Uint8Array | null): void;
  reject(error: unknown): void;
}
let asked: Asked[] = [];

/**
 * The bytes of a picture file. Those that are asked for in the same turn are read together, where the engine is: a file of its own takes
 * six turns of Node's threads, which cost more than reading it.
 * @throws BrokenPicture
 */
export async function readTogether(path: string, options: DecodeOptions = {}): Promise<Uint8Array> {
  const now = reader;
  if (now === undefined) return readFileLimited(path, options);
  const most = mostBytes(options);
  const bytes = await new Promise<Uint8Array | null>((resolve, reject) => {
    asked.push({ path, resolve, reject });
    if (asked.length === 1) queueMicrotask(() => flush(now, most));
  });
  return bytes !== null && bytes.length <= most ? bytes : readFileLimited(path, options);
}

function flush({ readFiles }: FileReader, most: number): void {
  const these = asked;
  asked = [];
  readFiles(
    these.map(({ path }) => path),
    most,
  ).then(
    (found) => these.forEach(({ resolve }, i) => resolve(found[i]!)),
    (error: unknown) => these.forEach(({ reject }) => reject(error)),
  );
}
