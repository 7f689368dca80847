import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { libraryFile } from '../../../src/torch/build/libtorch-folder.js';

/** A temporary folder that goes away with the test. */
export function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'rescaled-build-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function put(path: string, text: string, executable = false): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  if (executable) chmodSync(path, 0o755);
}

// Mangled names as they stand in the real libc10 of each kind: an error class that is made from a std::string.
export const newAbiSymbol = '_ZN3c105ErrorC1ENS_14SourceLocationENSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE';
export const oldAbiSymbol = '_ZN3c105ErrorC1ENS_14SourceLocationESs';

/** Files that look like a libtorch in folder `root`; the libraries hold only the symbol that tells their ABI. */
export function fakeLibtorch(
  root: string,
  options: { version?: [number, number, number]; lib?: string; symbol?: string; cplusplus?: string } = {},
): void {
  const [major, minor, patch] = options.version ?? [2, 6, 0];
  const include = join(root, 'include');
  put(
    join(include, 'ATen', 'ATen.h'),
    `#if !defined(_MSC_VER) && __cplusplus < ${options.cplusplus ?? '201703L'}\n#error\n#endif\n`,
  );
  put(
    join(include, 'torch', 'csrc', 'api', 'include', 'torch', 'version.h'),
    `#define TORCH_VERSION_MAJOR ${major}\n#define TORCH_VERSION_MINOR ${minor}\n#define TORCH_VERSION_PATCH ${patch}\n`,
  );
  const lib = join(root, options.lib ?? 'lib');
  put(join(lib, libraryFile('c10')), `\0${options.symbol ?? newAbiSymbol}\0`);
  for (const name of ['torch', 'torch_cpu']) put(join(lib, libraryFile(name)), 'library');
}
