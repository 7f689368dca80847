import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheFolder, folderProblem, listCaches, megabytes } from '../../data/cache/folder.js';
import { RUNTIME_INSTALL } from '../../deploy/session.js';
import { plural } from '../../suggest.js';
import { compilerVersion } from '../../torch/build/build.js';
import { blasEnvironment } from '../../torch/build/cpu.js';
import { discover, sameFolder } from '../../torch/build/discover.js';
import { listEngines } from '../../torch/build/engine-cache.js';
import { engineStatus } from '../../torch/build/engine-file.js';
import { enginesFolder } from '../../torch/build/engine-places.js';
import { aptInstall, compilerInstall, isDebian, libtorchInstall, setupCommand } from '../../torch/build/mend.js';
import { capture } from '../../torch/build/process.js';
import { nodeServes, OLDEST_NODE } from '../node-version.js';
import { type Check, machineChecks, precisionDetail, threadsDetail } from './machine.js';

export type { Check } from './machine.js';

export interface EngineProbe {
  readonly libtorch: string;
  readonly cuda: boolean;
  readonly mps: boolean;
  readonly devices: string[];
  readonly capabilities: Readonly<Record<string, string>>;
  readonly threads: number;
  readonly parallelInfo: string;
  readonly mallocTuned: boolean;
  readonly cpuCapability: string;
  readonly blasLibraries: string[];
  readonly openblasCoreType: string;
  /** Whether it was built with libjpeg-turbo. */
  readonly jpeg: boolean;
}

export interface PackageProbe {
  readonly version: string;
  readonly detail: string;
}

type Probed<T> = { readonly value: T } | { readonly error: string };

/** Everything `rescaled doctor` looks at, in the order it is printed. */
export async function allChecks(): Promise<Check[]> {
  const status = engineStatus();
  const [found, engine, sharp, onnx, compiler] = await Promise.all([
    findLibtorch(),
    status.state === 'missing' ? undefined : probe<EngineProbe>('engine'),
    probe<PackageProbe>('sharp'),
    probe<PackageProbe>('onnxruntime-node'),
    compilerCheck(),
  ]);
  return [
    nodeCheck(process.versions.node),
    found.check,
    compiler,
    engineCheck(engine, found.libDir),
    ...engineFacts(engine),
    ...blasChecks(engine),
    packageCheck('sharp', sharp),
    runtimeCheck(onnx),
    datasetCheck(),
    enginesCheck(),
    cacheCheck(),
    ...machineChecks(),
  ];
}

export function nodeCheck(version: string): Check {
  const fits = nodeServes(version);
  return {
    name: 'node',
    verdict: fits ? 'ok' : 'bad',
    detail: version,
    ...(fits ? {} : { mend: `install Node ${OLDEST_NODE} or newer: https://nodejs.org` }),
  };
}

async function findLibtorch(): Promise<{ check: Check; libDir?: string }> {
  const name = 'libtorch';
  try {
    const { libtorch, attempts } = await discover();
    if (libtorch === undefined) {
      const detail = `not found (${attempts.map(({ origin, problem }) => `${origin}: ${problem}`).join('; ')})`;
      return { check: { name, verdict: 'bad', detail, mend: libtorchInstall() } };
    }
    const cuda = libtorch.cuda === undefined ? 'CPU only' : `CUDA ${libtorch.cuda}`;
    const detail = `${libtorch.version}, ${cuda}, from ${libtorch.origin} (${libtorch.root})`;
    return { check: { name, verdict: 'ok', detail }, libDir: libtorch.libDir };
  } catch (error) {
    return { check: { name, verdict: 'bad', detail: messageOf(error), mend: 'unset RESCALED_LIBTORCH' } };
  }
}

async function compilerCheck(): Promise<Check> {
  try {
    return { name: 'compiler', verdict: 'ok', detail: await compilerVersion() };
  } catch {
    return { name: 'compiler', verdict: 'bad', detail: 'no C++ compiler', mend: compilerInstall() };
  }
}

function engineCheck(engine: Probed<EngineProbe> | undefined, libDir: string | undefined): Check {
  const name = 'engine';
  const { state, reason, addon, stamp } = engineStatus();
  if (state !== 'ok') return { name, verdict: 'bad', detail: `${state}: ${reason ?? ''}`, mend: setupCommand };
  if (engine !== undefined && 'error' in engine) {
    return {
      name,
      verdict: 'bad',
      detail: `built, but does not load: ${engine.error}`,
      mend: `${setupCommand} --force`,
    };
  }
  const built = `built ${stamp?.date.slice(0, 10)} against libtorch ${stamp?.libtorch.version} (${addon})`;
  if (libDir !== undefined && stamp !== undefined && !sameFolder(libDir, stamp.libtorch.libDir)) {
    return { name, verdict: 'warn', detail: `${built}, but another libtorch is preferred now`, mend: setupCommand };
  }
  return { name, verdict: 'ok', detail: built };
}

function engineFacts(engine: Probed<EngineProbe> | undefined): Check[] {
  if (engine === undefined || 'error' in engine) return [];
  const { devices, capabilities, mallocTuned, cpuCapability, jpeg } = engine.value;
  const malloc: Check = mallocTuned
    ? { name: 'malloc', verdict: 'ok', detail: 'tuned: memory is kept between steps' }
    : process.platform === 'linux'
      ? {
          name: 'malloc',
          verdict: 'warn',
          detail: 'not tuned: training on CPU is about a third slower',
          mend: `${setupCommand} --force   (and use a Node built for glibc)`,
        }
      : { name: 'malloc', verdict: 'ok', detail: "the system's own" };
  return [
    { name: 'devices', verdict: 'ok', detail: devices.join(', ') },
    { name: 'threads', verdict: 'ok', detail: threadsDetail(cpuCapability) },
    { name: 'precision', verdict: 'ok', detail: precisionDetail(devices, capabilities) },
    malloc,
    photographsCheck(jpeg),
  ];
}

/** Whether trainings decode photographs in parts; see native/jpeg.cpp. */
function photographsCheck(jpeg: boolean): Check {
  const name = 'photographs';
  if (jpeg) return { name, verdict: 'ok', detail: 'decoded in parts, by libjpeg-turbo' };
  const detail = 'decoded whole, by sharp: trainings load them at half the speed';
  if (process.platform !== 'linux') return { name, verdict: 'ok', detail };
  const header = isDebian() ? aptInstall('libjpeg-dev') : "install libjpeg-turbo's header (jpeglib.h)";
  return { name, verdict: 'warn', detail, mend: `${header}, then ${setupCommand} --force` };
}

function blasChecks(engine: Probed<EngineProbe> | undefined): Check[] {
  if (process.platform !== 'linux') return [];
  const loaded = engine !== undefined && 'value' in engine ? engine.value : undefined;
  const blas = blasVerdict(loaded?.blasLibraries ?? systemBlas(), loaded !== undefined);
  if (!/openblas/i.test(blas.detail)) return [blas];
  const chosen = loaded?.openblasCoreType ?? { ...process.env, ...blasEnvironment() }['OPENBLAS_CORETYPE'] ?? '';
  const byUser = process.env['OPENBLAS_CORETYPE'] !== undefined && process.env['OPENBLAS_CORETYPE'] !== '';
  const detail =
    chosen === ''
      ? 'left to OpenBLAS'
      : `OPENBLAS_CORETYPE=${chosen} (${byUser ? 'set by you' : 'from the CPU flags'})`;
  return [blas, { name: 'blas cpu', verdict: 'ok', detail }];
}

/**
 * What to think of the BLAS in use. Debian's default libblas3 is the reference implementation, 5 to 20 times slower.
 * @param libraries paths, links resolved. @param loaded whether they are mapped by the engine, or only installed.
 */
export function blasVerdict(libraries: readonly string[], loaded: boolean): Check {
  const name = 'blas';
  const mend = isDebian()
    ? aptInstall('libopenblas0-openmp')
    : "install OpenBLAS (the OpenMP build) as the system's libblas.so.3";
  const first = libraries.find((path) => /openblas|mkl|blis|atlas/i.test(path)) ?? libraries[0];
  if (first === undefined) {
    return {
      name,
      verdict: 'ok',
      detail: loaded ? 'inside libtorch' : 'none installed; a libtorch wheel brings its own',
    };
  }
  if (/openblas-pthread/.test(first)) {
    return { name, verdict: 'warn', detail: `${first}: its threads compete with libtorch's OpenMP threads`, mend };
  }
  if (/openblas-serial/.test(first)) return { name, verdict: 'warn', detail: `${first}: uses one thread only`, mend };
  if (/openblas|mkl|blis|atlas/i.test(first)) return { name, verdict: 'ok', detail: first };
  return { name, verdict: 'bad', detail: `${first} is the reference BLAS, many times slower`, mend };
}

/** What the system's libblas.so.3 resolves to, for when no engine is there to ask. */
function systemBlas(): string[] {
  try {
    const folders = readdirSync('/usr/lib').filter((entry) => /-linux-gnu/.test(entry));
    const links = ['', 'lib64', ...folders].map((folder) => join('/usr/lib', folder, 'libblas.so.3'));
    return links.filter((link) => existsSync(link)).map((link) => realpathSync(link));
  } catch {
    return [];
  }
}

function packageCheck(name: string, probed: Probed<PackageProbe>): Check {
  if ('value' in probed) return { name, verdict: 'ok', detail: `${probed.value.version}, ${probed.value.detail}` };
  return { name, verdict: 'bad', detail: `does not load: ${probed.error}`, mend: 'npm install' };
}

/** Without it training works, and what runs exported models does not. */
function runtimeCheck(probed: Probed<PackageProbe>): Check {
  const check = packageCheck('onnxruntime-node', probed);
  if (check.verdict === 'ok') return check;
  const detail = `${check.detail} (training works without it; predict and export do not)`;
  return { ...check, verdict: 'warn', detail, mend: RUNTIME_INSTALL };
}

function datasetCheck(): Check {
  const folder = '/usr/share/datasets/fashion-mnist';
  if (existsSync(join(folder, 'train-images-idx3-ubyte.gz')))
    return { name: 'fashion-mnist', verdict: 'ok', detail: folder };
  const detail = 'not installed (only the quickstart and benchmarks use it)';
  return {
    name: 'fashion-mnist',
    verdict: 'warn',
    detail,
    mend: isDebian()
      ? aptInstall('dataset-fashion-mnist')
      : 'download it from https://github.com/zalandoresearch/fashion-mnist',
  };
}

/** Engines in the user's cache. */
export function enginesCheck(root?: string, env: NodeJS.ProcessEnv = process.env): Check {
  const all = listEngines(root, env);
  const old = all.filter(({ unused }) => unused !== undefined).length;
  const bytes = all.reduce((sum, engine) => sum + engine.bytes, 0);
  const removable =
    old === 0 ? '' : `, ${old} of no use here: "${setupCommand} --clean" removes ${old === 1 ? 'it' : 'them'}`;
  const detail = `${enginesFolder(env)}, ${megabytes(bytes)} in ${plural(all.length, 'engine')}${removable}`;
  return { name: 'engine cache', verdict: 'ok', detail };
}

/** Decoded pictures that trainings share. */
export function cacheCheck(env: NodeJS.ProcessEnv = process.env): Check {
  const name = 'picture cache';
  const folder = cacheFolder(env);
  if (folder === undefined) return { name, verdict: 'ok', detail: 'switched off (RESCALED_CACHE=off)' };
  const problem = folderProblem(folder);
  if (problem !== undefined)
    return {
      name,
      verdict: 'warn',
      detail: `${problem}: pictures are decoded anew in each epoch`,
      mend: 'set RESCALED_CACHE to a folder that can be written to',
    };
  const caches = listCaches(folder);
  return {
    name,
    verdict: 'ok',
    detail:
      `${folder}, ${megabytes(caches.reduce((sum, { bytes }) => sum + bytes, 0))} in ${caches.length} ` +
      `file${caches.length === 1 ? '' : 's'}`,
  };
}

async function probe<T>(what: string): Promise<Probed<T>> {
  const script = fileURLToPath(new URL('probe.js', import.meta.url));
  const result = await capture(process.execPath, [script, what], { timeoutMs: 60_000 });
  const line = result.stdout.trimEnd().split('\n').at(-1) ?? '';
  try {
    return JSON.parse(line) as Probed<T>;
  } catch {
    if (result.timedOut) return { error: 'no answer within 60 s' };
    const said = /^\w*Error.*: (.*)$/m.exec(result.stderr)?.[1] ?? result.stderr.trim().split('\n').at(-1) ?? '';
    return {
      error: `its process ended with ${result.signal ?? `code ${result.code}`}${said === '' ? '' : `: ${said}`}`,
    };
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
