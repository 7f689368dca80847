import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism, freemem } from 'node:os';
import { basename, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RescaledError } from '../../errors.js';
import { writeFileAtomic } from '../../files.js';
import { withLock } from '../../lock.js';
import { packageRoot } from '../../package-root.js';
import { describeFailure } from './build-errors.js';
import { type CompilePlan, compilePlan, type Unit } from './compile-plan.js';
import { blasEnvironment } from './cpu.js';
import { addonName, type EngineStamp, lockName, sourceHash, stampName, statusOf } from './engine-file.js';
import { ownEngineFolder, platformName, writableEngineFolder } from './engine-places.js';
import type { Libtorch } from './libtorch-folder.js';
import { compilerInstall } from './mend.js';
import { capture, parallel } from './process.js';

export interface BuildOptions {
  /** Build even what is up to date. */
  readonly force?: boolean;
  readonly root?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Told in short lines what is going on. */
  readonly log?: (line: string) => void;
}

export interface BuildResult {
  readonly addon: string;
  readonly stamp: EngineStamp;
  /** Files compiled in this call; 0 when all objects were there already. */
  readonly compiled: number;
  readonly seconds: number;
}

/**
 * Compiles native/*.cpp against `libtorch` and links the addon. Only files whose own text, headers or flags have
 * changed are compiled. The addon replaces the old one by a rename once it has been loaded in a trial process, so a
 * failed or interrupted build leaves the old state.
 * @throws RescaledError with the first compiler errors; the whole output is in build.log beside the addon.
 */
export async function buildEngine(libtorch: Libtorch, options: BuildOptions = {}): Promise<BuildResult> {
  const root = options.root ?? packageRoot;
  const env = options.env ?? process.env;
  const log = options.log ?? (() => {});
  const folder = writableEngineFolder(root, libtorch, sourceHash(root), env);
  const waiting = (pid: number): void => log(`waiting for another build (process ${pid})`);
  return withLock(join(folder, lockName), () => build(root, folder, libtorch, env, options.force === true, log), {
    waiting,
  });
}

async function build(
  root: string,
  folder: string,
  libtorch: Libtorch,
  env: NodeJS.ProcessEnv,
  force: boolean,
  log: (line: string) => void,
): Promise<BuildResult> {
  const started = Date.now();
  const seconds = (): number => (Date.now() - started) / 1000;
  const { compiler, version } = await findCompiler(env);
  const objects = join(folder, 'objects');
  removeLeftovers(folder, objects);

  const plan = compilePlan(root, libtorch, compiler, version, objects);
  // Another process may have built just this while we waited for the lock.
  const before = statusOf(folder, root, env);
  const addon = join(folder, addonName);
  const todo = force ? plan.units : plan.units.filter(({ object }) => !existsSync(object));
  const sameLink = JSON.stringify(before.stamp?.linkFlags) === JSON.stringify(plan.linkFlags);
  // In the user's cache the folder says what is in it, and no objects are kept.
  const sameObjects = todo.length === 0 || folder !== ownEngineFolder(root);
  if (!force && before.state === 'ok' && before.stamp !== undefined && sameObjects && sameLink) {
    return { addon, stamp: before.stamp, compiled: 0, seconds: seconds() };
  }

  mkdirSync(objects, { recursive: true });
  const buildLog = join(folder, 'build.log');
  writeFileSync(buildLog, `${new Date().toISOString()} ${version}\nlibtorch ${libtorch.version} in ${libtorch.root}\n`);
  const hash = sourceHash(root);
  if (todo.length > 0) {
    const jobs = jobCount(env);
    log(
      `compiling ${todo.length} C++ file${todo.length === 1 ? '' : 's'} ` +
        `(${Math.min(jobs, todo.length)} at a time, about half a minute each)`,
    );
    await parallel(todo, jobs, (unit) => compile(unit, plan, buildLog, root, log));
  }
  log('linking');
  const temporary = join(folder, `${addonName}.${process.pid}.tmp`);
  await run(
    [...compiler, ...plan.units.map(({ object }) => object), ...plan.linkFlags, '-o', temporary],
    buildLog,
    'linking the engine',
  );
  await tryLoading(temporary, buildLog, env);

  const stamp: EngineStamp = {
    format: 1,
    libtorch,
    sourceHash: hash,
    addonSize: statSync(temporary).size,
    compiler: version,
    compileFlags: plan.compileFlags,
    linkFlags: plan.linkFlags,
    platform: platformName(),
    builtWithNode: process.version,
    date: new Date().toISOString(),
  };
  renameSync(temporary, addon);
  writeFileAtomic(join(folder, stampName), JSON.stringify(stamp, null, 2) + '\n');
  if (folder === ownEngineFolder(root)) removeOldObjects(objects, plan);
  else rmSync(objects, { recursive: true, force: true });
  return { addon, stamp, compiled: todo.length, seconds: seconds() };
}

async function findCompiler(env: NodeJS.ProcessEnv): Promise<{ compiler: string[]; version: string }> {
  const chosen = env['CXX']?.trim();
  const fallback = process.platform === 'darwin' ? 'clang++' : 'g++';
  const compiler = chosen === undefined || chosen === '' ? [fallback] : chosen.split(/\s+/);
  const [program = fallback, ...rest] = compiler;
  const answer = await capture(program, [...rest, '--version'], { timeoutMs: 20_000 });
  if (answer.code !== 0) {
    throw new RescaledError(
      `Expected a C++ compiler, but "${compiler.join(' ')}" ` +
        `${answer.missing ? 'is not installed' : 'does not run'}. To install one:\n  ${compilerInstall()}`,
    );
  }
  return { compiler, version: answer.stdout.split('\n')[0]?.trim() ?? '' };
}

/**
 * The compiler that `setup` would use and its version, for `rescaled doctor`.
 * @throws RescaledError when there is none.
 */
export async function compilerVersion(env: NodeJS.ProcessEnv = process.env): Promise<string> {
  return (await findCompiler(env)).version;
}

/** One compiler per core, but each needs up to 2 GB: RESCALED_BUILD_JOBS overrides. */
function jobCount(env: NodeJS.ProcessEnv): number {
  const asked = Number(env['RESCALED_BUILD_JOBS']);
  if (Number.isInteger(asked) && asked > 0) return asked;
  return Math.max(1, Math.min(availableParallelism(), Math.floor(freemem() / 2 ** 31)));
}

async function compile(
  unit: Unit,
  plan: CompilePlan,
  buildLog: string,
  root: string,
  log: (line: string) => void,
): Promise<void> {
  const started = Date.now();
  const temporary = `${unit.object}.${process.pid}.tmp`;
  const name = relative(root, unit.source);
  await run(
    [...plan.compiler, ...plan.compileFlags, '-c', unit.source, '-o', temporary],
    buildLog,
    `compiling ${name}`,
  );
  renameSync(temporary, unit.object);
  log(`compiled ${name} in ${((Date.now() - started) / 1000).toFixed(0)} s`);
}

async function run(command: readonly string[], buildLog: string, what: string): Promise<void> {
  const [program, ...args] = command as [string, ...string[]];
  const result = await capture(program, args);
  const output = result.stdout + result.stderr;
  appendFileSync(buildLog, `\n$ ${command.join(' ')}\n${output}`);
  if (result.code !== 0) throw new RescaledError(describeFailure(what, output, result.signal, buildLog));
}

async function tryLoading(addon: string, buildLog: string, env: NodeJS.ProcessEnv): Promise<void> {
  const script = fileURLToPath(new URL('check-load.js', import.meta.url));
  const result = await capture(process.execPath, [script, addon], {
    env: { ...env, ...blasEnvironment(env) },
    timeoutMs: 120_000,
  });
  appendFileSync(buildLog, `\nloading ${addon}\n${result.stdout}${result.stderr}`);
  if (result.code === 0) return;
  rmSync(addon, { force: true });
  const said = /Error: (.*)/.exec(result.stderr)?.[1] ?? `it ended with ${result.signal ?? `code ${result.code}`}`;
  throw new RescaledError(
    `The engine was compiled but does not load: ${said}\nThe whole output is in ${buildLog}. ` +
      'Check the libtorch with: npx rescaled doctor',
  );
}

/** Temporary files of builds that were killed. The lock is held, so none of them is in use. */
function removeLeftovers(...folders: string[]): void {
  for (const folder of folders) {
    if (!existsSync(folder)) continue;
    for (const name of readdirSync(folder)) if (name.endsWith('.tmp')) rmSync(join(folder, name), { force: true });
  }
}

function removeOldObjects(folder: string, plan: CompilePlan): void {
  const wanted = new Set(plan.units.map(({ object }) => basename(object)));
  for (const name of readdirSync(folder)) if (!wanted.has(name)) rmSync(join(folder, name), { force: true });
}
