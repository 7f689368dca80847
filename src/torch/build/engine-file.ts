import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { RescaledError } from '../../errors.js';
import { packageRoot } from '../../package-root.js';
import { sameFolder } from './discover.js';
import { commonFlags } from './flags.js';
import { type Libtorch, libraryFingerprint } from './libtorch-folder.js';

/** What is written beside a built addon, to tell whether it still fits its sources and its libtorch. */
export interface EngineStamp {
  readonly format: 1;
  readonly libtorch: Libtorch;
  /** Hash over native/*.cpp, native/*.h, the flags and the Node-API headers' versions. */
  readonly sourceHash: string;
  /** Size of the addon, so that a stamp never vouches for a file it was not written for. */
  readonly addonSize: number;
  readonly compiler: string;
  readonly compileFlags: readonly string[];
  readonly linkFlags: readonly string[];
  readonly platform: string;
  readonly builtWithNode: string;
  /** ISO 8601. */
  readonly date: string;
}

export interface EngineStatus {
  readonly state: 'ok' | 'stale' | 'missing';
  /** Full path of the addon (where it would be, when it is missing). */
  readonly addon: string;
  readonly folder: string;
  readonly stamp?: EngineStamp;
  /** Why it is stale or missing: a sentence without a full stop. */
  readonly reason?: string;
}

export const addonName = 'rescaled.node';
export const stampName = 'engine.json';

/** The folders that may hold the addon: the package's own, then the user's cache (for packages in read-only places). */
export function engineFolders(root: string = packageRoot, env: NodeJS.ProcessEnv = process.env): [string, string] {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const xdg = env['XDG_CACHE_HOME'];
  const cache = xdg !== undefined && isAbsolute(xdg) ? xdg : join(homedir(), '.cache');
  return [join(root, 'build', 'native'), join(cache, 'rescaled', version)];
}

/** Creates and returns the folder to build into: the first of `engineFolders` that can be written to. */
export function writableEngineFolder(root: string = packageRoot, env: NodeJS.ProcessEnv = process.env): string {
  const folders = engineFolders(root, env);
  for (const folder of folders) {
    try {
      mkdirSync(folder, { recursive: true });
      accessSync(folder, constants.W_OK);
      return folder;
    } catch {
      // A read-only install: try the cache.
    }
  }
  throw new RescaledError(
    `Expected to write the built engine to ${folders.join(' or ')}, but neither can be written to. ` +
      'Set XDG_CACHE_HOME to a folder that can.',
  );
}

/**
 * Whether the addon is there and fits. Cheap (a few small files are read, no process started), so the loader may ask
 * at every start. The first good one of `engineFolders` wins.
 */
export function engineStatus(root: string = packageRoot, env: NodeJS.ProcessEnv = process.env): EngineStatus {
  const all = engineFolders(root, env).map((folder) => statusOf(folder, root, env));
  const rank = (wanted: EngineStatus['state']): EngineStatus | undefined => all.find(({ state }) => state === wanted);
  return rank('ok') ?? rank('stale') ?? (all[0] as EngineStatus);
}

/** Status of the addon in one folder; see `engineStatus`. */
export function statusOf(
  folder: string,
  root: string = packageRoot,
  env: NodeJS.ProcessEnv = process.env,
): EngineStatus {
  const addon = join(folder, addonName);
  const at = { addon, folder };
  if (!existsSync(addon)) return { ...at, state: 'missing', reason: 'it has not been built' };
  const stamp = readStamp(join(folder, stampName));
  if (stamp === undefined)
    return { ...at, state: 'stale', reason: `${join(folder, stampName)} is missing or unreadable` };
  const stale = (reason: string): EngineStatus => ({ ...at, stamp, state: 'stale', reason });

  if (stamp.platform !== platformName()) return stale(`it was built for ${stamp.platform}, this is ${platformName()}`);
  if (statSync(addon).size !== stamp.addonSize) return stale('the addon is not the file that its stamp describes');
  if (stamp.sourceHash !== sourceHash(root)) return stale('its C++ sources or flags have changed since');
  const { libDir, root: torchRoot, fingerprint, version } = stamp.libtorch;
  const now = libraryFingerprint(libDir);
  if (now === '') return stale(`libtorch ${version} is no longer in ${libDir}`);
  if (now !== fingerprint) return stale(`the libtorch in ${libDir} has changed since`);
  const wanted = env['RESCALED_LIBTORCH'];
  if (wanted !== undefined && wanted !== '' && !sameFolder(wanted, torchRoot)) {
    return stale(`it was built with ${torchRoot}, but RESCALED_LIBTORCH is ${resolve(wanted)}`);
  }
  return { ...at, stamp, state: 'ok' };
}

/** Operating system and processor that an addon is good for, `linux-x64`. */
export function platformName(): string {
  return `${process.platform}-${process.arch}`;
}

/** Hash over all that the addon is compiled from, except libtorch. */
export function sourceHash(root: string = packageRoot): string {
  const native = join(root, 'native');
  const hash = createHash('sha256');
  const files = existsSync(native) ? readdirSync(native).filter((name) => /\.(cpp|h|hpp)$/.test(name)) : [];
  for (const name of files.sort()) {
    hash
      .update(`${name}\0`)
      .update(readFileSync(join(native, name)))
      .update('\0');
  }
  hash.update(commonFlags.join('\0'));
  for (const header of nodeApiPackages(root)) hash.update(`${header.name}@${header.version}\0`);
  return hash.digest('hex').slice(0, 32);
}

/** The two packages that hold the Node-API headers, wherever the package manager put them. */
export function nodeApiPackages(root: string = packageRoot): { name: string; version: string; include: string }[] {
  const require = createRequire(join(root, 'package.json'));
  return [
    { name: 'node-addon-api', below: '' },
    { name: 'node-api-headers', below: 'include' },
  ].map(({ name, below }) => {
    let manifest: string;
    try {
      manifest = require.resolve(`${name}/package.json`);
    } catch (cause) {
      throw new RescaledError(`Expected the npm package ${name}, but it is not installed. Run: npm install`, { cause });
    }
    const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
    return { name, version, include: join(dirname(manifest), below) };
  });
}

function readStamp(path: string): EngineStamp | undefined {
  try {
    const stamp = JSON.parse(readFileSync(path, 'utf8')) as EngineStamp;
    const complete =
      stamp.format === 1 &&
      typeof stamp.sourceHash === 'string' &&
      typeof stamp.addonSize === 'number' &&
      typeof stamp.libtorch?.libDir === 'string' &&
      typeof stamp.libtorch.fingerprint === 'string';
    return complete ? stamp : undefined;
  } catch {
    return undefined;
  }
}
