import { readFileSync } from 'node:fs';

/** True on Debian and what descends from it (Ubuntu, Mint), where apt-get installs what Rescaled needs. */
export function isDebian(osRelease = '/etc/os-release'): boolean {
  try {
    return /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(readFileSync(osRelease, 'utf8'));
  } catch {
    return false;
  }
}

/** The command that installs Debian packages, with sudo unless this is root already. */
export function aptInstall(...packages: string[]): string {
  const sudo = process.getuid?.() === 0 ? '' : 'sudo ';
  return `${sudo}apt-get install --no-install-recommends ${packages.join(' ')}`;
}

/** The command that installs libtorch on this system. */
export function libtorchInstall(): string {
  if (isDebian()) return aptInstall('libtorch-dev', 'libopenblas0-openmp', 'g++');
  return 'python3 -m pip install torch   (or set RESCALED_LIBTORCH to an unpacked libtorch folder)';
}

/** The command that installs a C++ compiler on this system. */
export function compilerInstall(): string {
  if (process.platform === 'darwin') return 'xcode-select --install';
  if (isDebian()) return aptInstall('g++');
  return 'install g++ 9 or newer with your package manager, or set CXX to a C++ compiler';
}

/** How `rescaled` is called here: the same command line that a person would type. */
export const setupCommand = 'npx rescaled setup';
