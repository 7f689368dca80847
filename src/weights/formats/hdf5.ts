import { resolve } from 'node:path';
import { RescaledError } from '../../errors.js';

export type Hdf5 = typeof import('h5wasm/node');
export type Hdf5File = import('h5wasm/node').File;
export type Hdf5Metadata = import('h5wasm/node').Metadata;

/** Absolute paths that the library may open now, with how often they are open. */
const allowed = new Map<string, number>();
/** Whether the library wanted another file since this was last set. */
let refused = false;
let library: Promise<Hdf5> | undefined;

/**
 * The HDF5 library (compiled to WebAssembly), loaded when the first HDF5 file is. Its errors become exceptions in place
 * of lines on stderr. A dataset may say that its bytes lie in any other file of the machine: the library is kept from
 * opening any file but those that were asked for, and its own temporary ones.
 */
async function load(): Promise<Hdf5> {
  const h5 = await import('h5wasm/node');
  const module = await h5.ready;
  module.activate_throwing_error_handler();
  const { FS } = module;
  const open = FS.open;
  FS.open = (path, ...rest) => {
    if (allowed.has(path) || path.startsWith('/tmp/tmpfile_')) return open(path, ...rest);
    refused = true;
    return open('/dev/null/none', ...rest); // fails as the library expects it: no such file
  };
  return h5;
}

/** @throws RescaledError when the library refuses the file */
export async function openHdf5(path: string): Promise<{ h5: Hdf5; file: Hdf5File }> {
  const h5 = await (library ??= load());
  const absolute = resolve(path);
  allowed.set(absolute, (allowed.get(absolute) ?? 0) + 1);
  try {
    return { h5, file: guarded(path, () => new h5.File(absolute, 'r')) };
  } catch (error) {
    forget(absolute);
    throw error;
  }
}

export function closeHdf5(file: Hdf5File): void {
  file.close();
  forget(file.filename);
}

function forget(path: string): void {
  const count = allowed.get(path) ?? 0;
  if (count > 1) allowed.set(path, count - 1);
  else allowed.delete(path);
}

/** The library's errors name neither the file nor what to do. */
export function guarded<T>(path: string, work: () => T): T {
  refused = false;
  try {
    return work();
  } catch (error) {
    if (error instanceof RescaledError) throw error;
    if (refused)
      throw new RescaledError(
        `${path} cannot be read as weights: part of its data lies in another file, which is never opened.`,
        { cause: error },
      );
    const lines = String((error as Error).message).split('\n');
    // The first line of the library's own messages is only a title.
    const reason =
      (lines[0]!.startsWith('HDF5-DIAG') ? /\(\): (.*)/.exec(lines[1] ?? '')?.[1] : undefined) ?? lines[0]!;
    throw new RescaledError(`${path} cannot be read as HDF5 weights: ${reason.trim()}. Is the file whole?`, {
      cause: error,
    });
  }
}
