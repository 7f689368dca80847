import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The nearest folder with a package.json, from that of `file` upwards. */
export function packageOf(file: string): string {
  let folder = dirname(file);
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error(`Expected a package.json above ${file} but there is none.`);
    folder = parent;
  }
  return folder;
}

/** The folder that holds this package's package.json, `native/` and `build/`. */
export const packageRoot: string = packageOf(fileURLToPath(import.meta.url));

export const packageVersion: string = (
  JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string }
).version;
