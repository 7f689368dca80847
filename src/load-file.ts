import { existsSync, readFileSync } from 'node:fs';
import { extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { UsageError } from './errors.js';

const MODULES = ['.js', '.mjs', '.cjs', '.ts', '.mts'];

/** Whether a name ends like a file that `loadDataFile` reads, so that it can be told from the name of a preset. */
export const isDataFile = (name: string): boolean => ['.json', ...MODULES].includes(extname(name).toLowerCase());

/**
 * The object that a file holds: JSON, or the default export of a JavaScript or TypeScript module (TypeScript from Node
 * 22.18). A module is run, as any program that is imported. The caller checks what came.
 * @param what a noun with its article for the messages: `a recipe`
 * @param name the file as the user wrote it, for the messages
 * @throws UsageError that names the file
 */
export async function loadDataFile(path: string, what: string, name = path): Promise<unknown> {
  if (!isDataFile(path))
    throw new UsageError(`Expected a file ending in .json, .js, .mjs or .ts for ${what} but received ${name}.`);
  if (!existsSync(path)) throw new UsageError(`Expected a file with ${what} but there is nothing at ${name}.`);
  return extname(path).toLowerCase() === '.json' ? readJson(path, what, name) : importModule(path, what, name);
}

function readJson(path: string, what: string, name: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as unknown;
  } catch (error) {
    throw new UsageError(`Expected JSON with ${what} in ${name} but it cannot be read: ${(error as Error).message}.`, {
      cause: error,
    });
  }
}

async function importModule(path: string, what: string, name: string): Promise<unknown> {
  let module: { default?: unknown };
  try {
    module = (await import(pathToFileURL(resolve(path)).href)) as { default?: unknown };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_UNKNOWN_FILE_EXTENSION')
      throw new UsageError(
        `Expected ${what} that this Node (${process.version}) can run but ${name} is TypeScript, ` +
          'which needs Node 22.18 or newer. Write it as JavaScript or JSON.',
        { cause: error },
      );
    throw new UsageError(
      `Expected a module with ${what} but ${name} fails when it is run: ${(error as Error).message}`,
      { cause: error },
    );
  }
  if (module.default === undefined)
    throw new UsageError(`Expected a default export with ${what} in ${name}: export default { ... }.`);
  return module.default;
}
