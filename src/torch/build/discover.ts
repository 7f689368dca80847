import { existsSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { RescaledError, UsageError } from '../../errors.js';
import { inspectLibtorch, type Libtorch, type LibtorchOrigin, libraryFile } from './libtorch-folder.js';
import { libtorchInstall } from './mend.js';
import { capture } from './process.js';

/** What was looked at, for the message when nothing is found and for `rescaled doctor`. */
export interface Attempt {
  readonly origin: LibtorchOrigin;
  /** Why this place was passed over. */
  readonly problem: string;
}

export interface Discovery {
  readonly libtorch?: Libtorch;
  readonly attempts: readonly Attempt[];
}

export interface DiscoverOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Prefixes of the system's own libtorch. */
  readonly systemPrefixes?: readonly string[];
  readonly python?: string;
  readonly timeoutMs?: number;
}

/**
 * Finds libtorch: the folder in RESCALED_LIBTORCH, then the PyTorch that `python3` can import, then the system's.
 * @throws UsageError when RESCALED_LIBTORCH is set to something that is not a libtorch: it is never passed over
 * silently.
 */
export async function discover(options: DiscoverOptions = {}): Promise<Discovery> {
  const env = options.env ?? process.env;
  const wanted = env['RESCALED_LIBTORCH'];
  if (wanted !== undefined && wanted !== '') return { libtorch: fromVariable(wanted), attempts: [] };

  const attempts: Attempt[] = [];
  const python = await fromPython(options.python ?? 'python3', env, options.timeoutMs ?? 20_000);
  if (typeof python !== 'string') return { libtorch: python, attempts };
  attempts.push({ origin: 'python3', problem: python });

  const system = fromSystem(options.systemPrefixes ?? ['/usr', '/usr/local', '/opt/homebrew']);
  if (typeof system !== 'string') return { libtorch: system, attempts };
  attempts.push({ origin: 'system', problem: system });
  return { attempts };
}

/**
 * As `discover`, but a libtorch that is nowhere is an error that says where it was looked for and how to install one.
 */
export async function requireLibtorch(options: DiscoverOptions = {}): Promise<Libtorch> {
  const { libtorch, attempts } = await discover(options);
  if (libtorch !== undefined) return libtorch;
  const looked = ['RESCALED_LIBTORCH: not set', ...attempts.map(({ origin, problem }) => `${origin}: ${problem}`)];
  throw new RescaledError(
    `Expected PyTorch's C++ library (libtorch) on this machine, but found none.\n  ` +
      `${looked.join('\n  ')}\nTo install it:\n  ${libtorchInstall()}`,
  );
}

function fromVariable(value: string): Libtorch {
  const root = resolve(value);
  const what =
    'RESCALED_LIBTORCH must name a libtorch folder (with include/ and lib/, ' +
    'as unpacked from libtorch-*.zip or as .../site-packages/torch)';
  if (!isAbsolute(value)) throw new UsageError(`${what} by its absolute path, but is "${value}".`);
  if (!existsSync(root) || !statSync(root).isDirectory())
    throw new UsageError(`${what}, but "${value}" is not a folder.`);
  const found = inspectPrefix('RESCALED_LIBTORCH', root);
  if (typeof found === 'string')
    throw new UsageError(`${what}, but in "${value}" there is ${found}. Mend the path or unset the variable.`);
  return found;
}

// Only the folder is asked for: importing torch takes seconds, and all else is in its files.
const askPython = `
import importlib.util, json, os
spec = importlib.util.find_spec('torch')
print(json.dumps({'folder': os.path.dirname(spec.origin) if spec and spec.origin else None}))
`;

async function fromPython(python: string, env: NodeJS.ProcessEnv, timeoutMs: number): Promise<Libtorch | string> {
  // With -c Python puts the working folder on its path, and a folder there may happen to be called torch.
  const answer = await capture(python, ['-c', askPython], { cwd: '/', env, timeoutMs });
  if (answer.missing) return `${python} is not installed`;
  if (answer.timedOut) return `${python} did not answer within ${timeoutMs / 1000} s`;
  if (answer.code !== 0)
    return `${python} failed: ${lastLine(answer.stderr) || `exit code ${answer.code ?? answer.signal}`}`;
  let folder: unknown;
  try {
    folder = (JSON.parse(lastLine(answer.stdout)) as { folder?: unknown }).folder;
  } catch {
    return `${python} gave an answer that is not JSON: ${lastLine(answer.stdout)}`;
  }
  if (typeof folder !== 'string') return `${python} has no module named torch`;
  const found = inspectLibtorch('python3', folder, join(folder, 'include'), join(folder, 'lib'));
  return typeof found === 'string' ? `torch in ${folder} has ${found}` : found;
}

function fromSystem(prefixes: readonly string[]): Libtorch | string {
  const problems: string[] = [];
  for (const prefix of prefixes) {
    if (!existsSync(join(prefix, 'include', 'ATen', 'ATen.h'))) continue;
    const found = inspectPrefix('system', prefix);
    if (typeof found !== 'string') return found;
    problems.push(found);
  }
  return (
    problems[0] ?? `no headers (ATen/ATen.h) under ${prefixes.map((prefix) => join(prefix, 'include')).join(', ')}`
  );
}

/** A prefix with include/ and its libraries in lib/, lib64/ or a multiarch folder such as lib/x86_64-linux-gnu. */
function inspectPrefix(origin: LibtorchOrigin, prefix: string): Libtorch | string {
  const machine = { x64: 'x86_64', arm64: 'aarch64', ia32: 'i386', arm: 'arm' }[process.arch as string] ?? process.arch;
  const lib = join(prefix, 'lib');
  const multiarch = existsSync(lib) ? readdirSync(lib).filter((name) => name.startsWith(`${machine}-linux-`)) : [];
  const folders = [...multiarch.map((name) => join(lib, name)), lib, join(prefix, 'lib64')];
  const libDir = folders.find((folder) => existsSync(join(folder, libraryFile('c10')))) ?? lib;
  return inspectLibtorch(origin, prefix, join(prefix, 'include'), libDir);
}

/** Whether two paths are the same folder, links resolved. */
export function sameFolder(a: string, b: string): boolean {
  try {
    return realpathSync(a) === realpathSync(b);
  } catch {
    return resolve(a) === resolve(b);
  }
}

function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1) ?? '';
}
