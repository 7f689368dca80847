import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { RescaledError } from '../../errors.js';
import { userCache } from '../../files.js';
import { NODE_API } from './flags.js';
import type { Libtorch } from './libtorch-folder.js';

/** Operating system and processor that an addon is good for, `linux-x64`. */
export function platformName(): string {
  return `${process.platform}-${process.arch}`;
}

/** Whether `root` is a checkout, with the TypeScript that the package does not have. */
export const isCheckout = (root: string): boolean =>
  existsSync(join(root, 'tsconfig.json')) && existsSync(join(root, 'src'));

/** The package's own place for an engine: of a checkout, and where the user's cache cannot be written to. */
export const ownEngineFolder = (root: string): string => join(root, 'build', 'native');

/**
 * Where engines are kept for all projects of a user, so that `npm ci`, which deletes node_modules, costs none:
 * `RESCALED_ENGINES`, else beside the decoded pictures (`cacheFolder` of src/data), below `XDG_CACHE_HOME` or ~/.cache.
 */
export function enginesFolder(env: NodeJS.ProcessEnv = process.env): string {
  const own = env['RESCALED_ENGINES'];
  if (own !== undefined && own !== '') return resolve(own);
  return join(userCache(env), 'rescaled', 'engines');
}

/**
 * How the folders of this package's engines begin: `0.2.0-linux-x64-napi8-`. It names the Node-API version that the
 * addon is compiled for and not process.versions.modules: the addon uses Node-API alone, whose ABI all later Nodes
 * keep, so that one engine serves Node 20, 22 and 24.
 */
function prefix(root: string): string {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  return `${version}-${platformName()}-napi${NODE_API}-`;
}

/**
 * The folder of the engine for this libtorch, `0.2.0-linux-x64-napi8-libtorch2.6.0-1a2b3c4d`. The eight digits are of the
 * libraries' place, sizes and times, and of the C++ sources and Node-API headers: whatever differs has another folder.
 */
export function cachedEngineFolder(root: string, libtorch: Libtorch, sources: string, env: NodeJS.ProcessEnv): string {
  const fingerprint = createHash('sha256').update([libtorch.libDir, libtorch.fingerprint, sources].join('\0'));
  const version = libtorch.version.replace(/[^\w.+-]/g, '_');
  return join(enginesFolder(env), `${prefix(root)}libtorch${version}-${fingerprint.digest('hex').slice(0, 8)}`);
}

/** The folders in the user's cache that may hold an engine of this version of the package. */
export function cachedEngineFolders(root: string, env: NodeJS.ProcessEnv): string[] {
  const all = enginesFolder(env);
  const wanted = prefix(root);
  return subfolders(all)
    .filter((name) => name.startsWith(wanted))
    .map((name) => join(all, name));
}

/** Names of the folders in `folder`, none where it is not there. */
export function subfolders(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
      .sort();
  } catch {
    return [];
  }
}

/**
 * Creates and returns the folder to build the engine for this libtorch into. In a checkout it is the package's own,
 * where only what has changed is compiled; else the user's cache. The other of the two serves where that is read-only.
 * @throws RescaledError where neither can be written to
 */
export function writableEngineFolder(
  root: string,
  libtorch: Libtorch,
  sources: string,
  env: NodeJS.ProcessEnv = process.env,
): string {
  const folders = [cachedEngineFolder(root, libtorch, sources, env), ownEngineFolder(root)];
  if (isCheckout(root)) folders.reverse();
  for (const folder of folders) {
    try {
      mkdirSync(folder, { recursive: true });
      accessSync(folder, constants.W_OK);
      return folder;
    } catch {
      // Read-only: try the other.
    }
  }
  throw new RescaledError(
    `Expected to write the built engine to ${folders.join(' or ')}, but neither can be written to. ` +
      'Set RESCALED_ENGINES to a folder that can.',
  );
}
