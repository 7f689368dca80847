import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { RescaledError } from '../../errors.js';
import { nodeApiPackages } from './engine-file.js';
import { commonFlags } from './flags.js';
import type { Libtorch } from './libtorch-folder.js';

/** One C++ file and the object it becomes. The object's name carries a hash of all that goes into it. */
export interface Unit {
  readonly source: string;
  readonly object: string;
}

export interface CompilePlan {
  readonly compiler: readonly string[];
  readonly compileFlags: readonly string[];
  readonly linkFlags: readonly string[];
  readonly units: readonly Unit[];
}

/**
 * Everything the compiler will be told. Pure apart from reading sources and headers.
 * @param compiler program and leading arguments (`['ccache', 'g++']`).
 * @param compilerVersion first line of its --version: another compiler makes other objects.
 */
export function compilePlan(
  root: string,
  libtorch: Libtorch,
  compiler: readonly string[],
  compilerVersion: string,
  objectFolder: string,
): CompilePlan {
  const native = join(root, 'native');
  const names = existsSync(native)
    ? readdirSync(native)
        .filter((name) => name.endsWith('.cpp'))
        .sort()
    : [];
  if (names.length === 0)
    throw new RescaledError(`Expected C++ sources in ${native}, but there are none. Reinstall rescaled.`);
  const packages = nodeApiPackages(root);
  const compileFlags = [
    ...flagsFor(libtorch),
    ...includes(
      libtorch,
      packages.map(({ include }) => include),
    ),
    // Gloo's own headers, where they are, come first (native/gloo_names/names.h).
    ...(libtorch.cuda === undefined ? [] : ['-DRESCALED_CUDA']),
    ...['-DUSE_C10D_GLOO', '-idirafter', join(native, 'gloo_names')],
  ];
  const common = JSON.stringify([
    compiler,
    compilerVersion,
    compileFlags,
    libtorch.version,
    libtorch.fingerprint,
    packages.map(({ name, version }) => `${name}@${version}`),
  ]);
  const units = names.map((name): Unit => {
    const source = join(native, name);
    const hash = createHash('sha256').update(common);
    for (const file of withLocalHeaders(source)) hash.update(`\0${basename(file)}\0`).update(readFileSync(file));
    return { source, object: join(objectFolder, `${name.slice(0, -4)}-${hash.digest('hex').slice(0, 16)}.o`) };
  });
  return { compiler, compileFlags, linkFlags: linkFlagsFor(libtorch), units };
}

function flagsFor(libtorch: Libtorch): string[] {
  const flags = [`-std=${libtorch.cppStandard}`, ...commonFlags];
  if (process.platform === 'linux') {
    flags.push(`-D_GLIBCXX_USE_CXX11_ABI=${libtorch.cxx11Abi ? 1 : 0}`);
    // at::parallel_for is a template: compiled without OpenMP it would run on one thread.
    flags.push('-fopenmp');
  }
  return flags;
}

/**
 * As system headers, so that warnings are about our own code. /usr/include is searched anyway, and must not come first.
 */
function includes(libtorch: Libtorch, nodeApi: readonly string[]): string[] {
  const folders = [...nodeApi, ...libtorch.includeDirs].filter((folder) => folder !== '/usr/include');
  return folders.flatMap((folder) => ['-isystem', folder]);
}

function linkFlagsFor(libtorch: Libtorch): string[] {
  const libraries = libtorch.libraries.map((name) => `-l${name}`);
  const search = [`-L${libtorch.libDir}`, `-Wl,-rpath,${libtorch.libDir}`];
  if (process.platform === 'darwin') return ['-bundle', '-undefined', 'dynamic_lookup', ...search, ...libraries];
  const flags = ['-shared', '-pthread', ...search];
  if (libtorch.openmp === undefined) flags.push('-fopenmp');
  else flags.push(libtorch.openmp, `-Wl,-rpath,${dirname(libtorch.openmp)}`);
  // CUDA operators register themselves when their library loads; no symbol of it is named, and the linker would drop
  // it.
  return [...flags, '-Wl,--no-as-needed', ...libraries, '-Wl,--as-needed'];
}

/** The file and every header beside it that it includes, directly or through others, in a fixed order. */
export function withLocalHeaders(source: string): string[] {
  const seen = new Set<string>();
  const visit = (file: string): void => {
    if (seen.has(file) || !existsSync(file)) return;
    seen.add(file);
    for (const match of readFileSync(file, 'utf8').matchAll(/^\s*#\s*include\s+"([^"]+)"/gm)) {
      visit(join(dirname(file), match[1] as string));
    }
  };
  visit(source);
  return [...seen];
}
