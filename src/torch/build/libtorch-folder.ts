import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Where a libtorch was found; also the order in which the places are tried. */
export type LibtorchOrigin = 'RESCALED_LIBTORCH' | 'python3' | 'system';

/** One libtorch, with all that the compiler and linker need to know about it. */
export interface Libtorch {
  readonly origin: LibtorchOrigin;
  /** The folder as a person would name it: /usr, .../site-packages/torch, an unpacked libtorch. */
  readonly root: string;
  /** `2.6.0+cu124`, or without the suffix where only the headers say it. */
  readonly version: string;
  readonly includeDirs: readonly string[];
  readonly libDir: string;
  /** Value of _GLIBCXX_USE_CXX11_ABI that the libraries were compiled with. */
  readonly cxx11Abi: boolean;
  readonly cppStandard: 'c++17' | 'c++20';
  /** Libraries to link, without `lib` and suffix. */
  readonly libraries: readonly string[];
  /** Path of the OpenMP runtime that this libtorch brings along; undefined means the compiler's own. */
  readonly openmp?: string;
  /** CUDA version (`12.4`), or `unknown`; undefined without CUDA. */
  readonly cuda?: string;
  /** Changes when the libraries are replaced (sizes and times of libc10 and libtorch_cpu). */
  readonly fingerprint: string;
}

const librarySuffix = process.platform === 'darwin' ? '.dylib' : '.so';

/** File name of a shared library on this platform. */
export function libraryFile(name: string): string {
  return `lib${name}${librarySuffix}`;
}

/**
 * Reads what there is to know about one libtorch from its files alone; nothing is loaded or run.
 * @returns the libtorch, or a sentence saying what is missing.
 */
export function inspectLibtorch(
  origin: LibtorchOrigin,
  root: string,
  includeDir: string,
  libDir: string,
): Libtorch | string {
  const torchHeader = join(includeDir, 'ATen', 'ATen.h');
  if (!existsSync(torchHeader)) return `no C++ headers: ${torchHeader} does not exist`;
  for (const name of ['c10', 'torch', 'torch_cpu']) {
    const path = join(libDir, libraryFile(name));
    if (!existsSync(path)) return `no library: ${path} does not exist`;
  }
  const api = join(includeDir, 'torch', 'csrc', 'api', 'include');
  const numbers = headerVersion(includeDir);
  if (numbers === undefined) return `no version found in ${join(api, 'torch', 'version.h')}`;
  const hasCuda = existsSync(join(libDir, libraryFile('torch_cuda')));
  const openmp = bundledOpenmp(root, libDir);
  return {
    origin,
    root,
    version: fullVersion(root) ?? numbers.join('.'),
    includeDirs: [includeDir, api, ...(hasCuda ? cudaIncludeDirs(root) : [])],
    libDir,
    cxx11Abi: usesCxx11Abi(join(libDir, libraryFile('c10'))),
    cppStandard: cppStandard(includeDir, numbers),
    libraries: hasCuda ? ['torch', 'torch_cpu', 'torch_cuda', 'c10', 'c10_cuda'] : ['torch', 'torch_cpu', 'c10'],
    ...(openmp === undefined ? {} : { openmp }),
    ...(hasCuda ? { cuda: cudaVersion(root) } : {}),
    fingerprint: libraryFingerprint(libDir),
  };
}

/** Headers of CUDA and NCCL: the wheels that a PyTorch wheel asks for, or the toolkit's. Only NCCL's bridge needs them. */
function cudaIncludeDirs(root: string): string[] {
  const wheels = join(dirname(root), 'nvidia');
  const own = existsSync(wheels)
    ? readdirSync(wheels)
        .sort()
        .map((name) => join(wheels, name, 'include'))
    : [];
  return [...own, '/usr/local/cuda/include'].filter((folder) => existsSync(folder));
}

/** Sizes and modification times of the libraries; an empty string when they are gone. */
export function libraryFingerprint(libDir: string): string {
  try {
    return ['c10', 'torch_cpu']
      .map((name) => {
        const { size, mtimeMs } = statSync(join(libDir, libraryFile(name)));
        return `${name}:${size}:${Math.round(mtimeMs)}`;
      })
      .join(' ');
  } catch {
    return '';
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** Major, minor and patch from the headers (newer releases moved the macros to torch/headeronly). */
function headerVersion(includeDir: string): [number, number, number] | undefined {
  for (const path of ['torch/csrc/api/include/torch/version.h', 'torch/headeronly/version.h']) {
    const text = read(join(includeDir, path));
    const parts = ['MAJOR', 'MINOR', 'PATCH'].map(
      (part) => new RegExp(`#define\\s+TORCH_VERSION_${part}\\s+(\\d+)`).exec(text)?.[1],
    );
    if (parts.every((part) => part !== undefined)) return parts.map(Number) as [number, number, number];
  }
  return undefined;
}

/** Version with its build suffix: a wheel has version.py, an unpacked libtorch has build-version. */
function fullVersion(root: string): string | undefined {
  const wheel = /^__version__\s*=\s*['"]([^'"]+)['"]/m.exec(read(join(root, 'version.py')))?.[1];
  const archive = read(join(root, 'build-version')).trim();
  return wheel ?? (/^\d+\.\d+/.test(archive) ? archive : undefined);
}

function cudaVersion(root: string): string {
  const wheel = /^cuda\b[^=\n]*=\s*['"]([\d.]+)['"]/m.exec(read(join(root, 'version.py')))?.[1];
  const suffix = /\+cu(\d+)(\d)$/.exec(fullVersion(root) ?? '');
  return wheel ?? (suffix === null ? 'unknown' : `${suffix[1]}.${suffix[2]}`);
}

/**
 * The C++ standard that the headers ask for. They refuse older ones by a test of __cplusplus; the version stands in
 * should that test go away (2.12 was the first release to need C++20).
 */
function cppStandard(includeDir: string, [major, minor]: [number, number, number]): 'c++17' | 'c++20' {
  const texts = ['ATen/ATen.h', 'torch/csrc/api/include/torch/all.h'].map((path) => read(join(includeDir, path)));
  const asked = texts.map((text) => Number(/__cplusplus\s*<\s*(\d{6})L/.exec(text)?.[1] ?? 0));
  if (Math.max(...asked) > 201703 || major > 2 || (major === 2 && minor >= 12)) return 'c++20';
  return 'c++17';
}

/**
 * Whether libc10 was compiled with the C++11 std::string, read off its mangled names: its error class takes a string.
 * (Wheels before 2.6 were not, and code compiled the other way does not link with them.)
 */
function usesCxx11Abi(libc10: string): boolean {
  // libc++ on macOS has one ABI only.
  if (process.platform !== 'linux') return true;
  const text = readFileSync(libc10).toString('latin1');
  if (/_ZN3c10\w*__cxx11/.test(text)) return true;
  return !/_ZN3c105ErrorC[12]E\w*Ss/.test(text);
}

/** A wheel brings its own libgomp; linking the system's as well would give two thread pools in one process. */
function bundledOpenmp(root: string, libDir: string): string | undefined {
  if (process.platform !== 'linux') return undefined;
  if (!existsSync(join(root, 'lib')) || isSystemFolder(libDir)) return undefined;
  for (const folder of [libDir, join(dirname(root), 'torch.libs')]) {
    if (!existsSync(folder)) continue;
    const name = readdirSync(folder).find((file) => /^libgomp.*\.so/.test(file));
    if (name !== undefined) return join(folder, name);
  }
  return undefined;
}

function isSystemFolder(folder: string): boolean {
  return /^\/(usr\/)?lib(64)?(\/|$)/.test(realpathSync(folder));
}
