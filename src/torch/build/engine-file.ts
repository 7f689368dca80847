import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve, sep } from 'node:path';
import { RescaledError } from '../../errors.js';
import { packageRoot } from '../../package-root.js';
import { sameFolder } from './discover.js';
import {
  cachedEngineFolder,
  cachedEngineFolders,
  ownEngineFolder,
  platformName,
  writableEngineFolder,
} from './engine-places.js';
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

/** Held while an engine is built into its folder. */
export const lockName = '.lock';

/**
 * Whether an addon is there and fits. Cheap (a few small files are read, no process started), so the loader may ask at
 * every start. Of several that fit, one whose libtorch is in the active Python environment is taken, else the one that
 * setup was last run for (see `preferEngine`).
 */
export function engineStatus(root: string = packageRoot, env: NodeJS.ProcessEnv = process.env): EngineStatus {
  const hash = once(() => sourceHash(root));
  const all = [ownEngineFolder(root), ...cachedEngineFolders(root, env)]
    .map((folder) => ({ status: statusOf(folder, root, env, hash), chosenMs: timeOf(join(folder, stampName)) }))
    .sort((a, b) => Number(isActive(b.status, env)) - Number(isActive(a.status, env)) || b.chosenMs - a.chosenMs)
    .map(({ status }) => status);
  const rank = (wanted: EngineStatus['state']): EngineStatus | undefined => all.find(({ state }) => state === wanted);
  return rank('ok') ?? rank('stale') ?? (all[0] as EngineStatus);
}

/** Status of the engine for this libtorch, or of the folder that it would be built into. */
export function engineStatusFor(
  libtorch: Libtorch,
  root: string = packageRoot,
  env: NodeJS.ProcessEnv = process.env,
): EngineStatus {
  const hash = sourceHash(root);
  const fitting = [ownEngineFolder(root), cachedEngineFolder(root, libtorch, hash, env)]
    .map((folder) => statusOf(folder, root, env, () => hash))
    .find(({ state, stamp }) => state === 'ok' && sameFolder(stamp!.libtorch.libDir, libtorch.libDir));
  return fitting ?? statusOf(writableEngineFolder(root, libtorch, hash, env), root, env, () => hash);
}

function isActive({ stamp }: EngineStatus, env: NodeJS.ProcessEnv): boolean {
  const active = env['VIRTUAL_ENV'] || env['CONDA_PREFIX'] || undefined;
  return active !== undefined && stamp?.libtorch.root.startsWith(join(active, sep)) === true;
}

const timeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

/** Status of the addon in one folder; see `engineStatus`. */
export function statusOf(
  folder: string,
  root: string = packageRoot,
  env: NodeJS.ProcessEnv = process.env,
  hash: () => string = () => sourceHash(root),
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
  if (stamp.sourceHash !== hash()) return stale('its C++ sources or flags have changed since');
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
