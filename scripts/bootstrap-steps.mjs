// Brings a fresh checkout to the point where everything runs: system packages, npm packages, TypeScript, the engine.
// Each step says in one line what it did, or that there was nothing to do. Safe to run again; then it takes seconds.
//   RESCALED_NO_APT=1    never run apt-get; say what to type instead
//   RESCALED_LIBTORCH    a libtorch folder to use in place of Debian's
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { compile } from './compile-steps.mjs';
import { capture, cli, root, StepError, say, since } from './lib.mjs';

/** Runs all steps. @throws {StepError} with a message that says what to do. */
export async function bootstrap() {
  say('node', process.versions.node);
  await systemPackages();
  await npmPackages();
  await typescript();
  await engine();
}

/** Installed along with others, but never asked for alone: without libjpeg-turbo's header photographs are decoded more slowly. */
const welcome = ['libjpeg-dev'];

/** @returns {Promise<string[]>} the Debian packages that are needed here and not installed */
async function missingPackages() {
  const wanted = ['dataset-fashion-mnist'];
  const compiler = (process.env.CXX ?? '').trim().split(/\s+/)[0] || 'g++';
  if ((await capture(compiler, ['--version'])).code !== 0) wanted.push('g++');
  // A libtorch of one's own has its BLAS inside; Debian's uses the system's, whose default is many times slower.
  if (!process.env.RESCALED_LIBTORCH && !(await pythonHasTorch())) wanted.push('libtorch-dev', 'libopenblas0-openmp');
  const query = await capture('dpkg-query', ['-W', '-f', '${db:Status-Abbrev} ${Package}\\n', ...wanted, ...welcome]);
  if (query.missing) {
    // Not Debian. `rescaled setup` names what is missing of libtorch; the compiler is checked here.
    if (wanted.includes('g++'))
      throw new StepError(
        'Expected a C++ compiler (g++ 9 or newer, or CXX=...), but found none. Install one and run this again.',
      );
    return [];
  }
  const installed = new Set([...query.stdout.matchAll(/^ii\s+(\S+)$/gm)].map((match) => match[1]));
  const missing = wanted.filter((name) => !installed.has(name));
  return missing.length === 0 ? missing : [...missing, ...welcome.filter((name) => !installed.has(name))];
}

async function pythonHasTorch() {
  const script =
    "import importlib.util, os; s = importlib.util.find_spec('torch'); " +
    "print(os.path.dirname(s.origin) if s and s.origin else '')";
  const { code, stdout } = await capture('python3', ['-c', script], { cwd: '/' });
  return code === 0 && stdout.trim() !== '' && existsSync(join(stdout.trim(), 'include', 'ATen', 'ATen.h'));
}

async function systemPackages() {
  const started = Date.now();
  const missing = await missingPackages();
  if (missing.length === 0) return say('system packages', 'already there');
  const prefix = await rootPrefix();
  if (prefix === undefined) {
    const sudo = process.getuid?.() === 0 ? '' : 'sudo ';
    throw new StepError(
      `These system packages are missing: ${missing.join(' ')}\nInstall them, then run the same command again:\n` +
        `  ${sudo}apt-get update\n  ${sudo}apt-get install -y --no-install-recommends ${missing.join(' ')}`,
    );
  }
  say('system packages', `installing ${missing.join(' ')}`);
  const apt = (/** @type {string[]} */ ...args) => {
    const command = [
      ...prefix,
      'env',
      'DEBIAN_FRONTEND=noninteractive',
      'apt-get',
      '-q',
      '-o',
      'DPkg::Lock::Timeout=300',
      ...args,
    ];
    return capture(command[0], command.slice(1));
  };
  const install = () => apt('install', '-y', '--no-install-recommends', ...missing);
  let result = hasPackageLists() ? await install() : undefined;
  if (result?.code !== 0) {
    // Lists that are absent or too old to name files that still exist.
    const update = await apt('update');
    if (update.code !== 0) throw new StepError(`apt-get update failed:\n${update.output}`);
    result = await install();
  }
  if (result.code !== 0) throw new StepError(`apt-get install ${missing.join(' ')} failed:\n${result.output}`);
  say('system packages', `installed in ${since(started)}`);
}

/**
 * What to put before apt-get so that it runs as root: nothing, or sudo without a password; undefined if neither will
 * do.
 */
async function rootPrefix() {
  if (process.env.RESCALED_NO_APT === '1') return undefined;
  if ((await capture('apt-get', ['--version'])).code !== 0) return undefined;
  if (process.getuid?.() === 0) return [];
  return (await capture('sudo', ['-n', 'true'])).code === 0 ? ['sudo', '-n'] : undefined;
}

function hasPackageLists() {
  try {
    return readdirSync('/var/lib/apt/lists').some((name) => /_Packages(\.\w+)?$/.test(name));
  } catch {
    return false;
  }
}

async function npmPackages() {
  const started = Date.now();
  if (!npmPackagesDiffer(root)) return say('npm packages', 'already there');
  say('npm packages', 'installing');
  // Under `npm test` the running npm names itself; it may not be the first one on the PATH.
  const own = process.env.npm_execpath ?? '';
  const [program, ...first] = basename(own) === 'npm-cli.js' ? [process.execPath, own] : ['npm'];
  const result = await capture(program, [...first, 'ci', '--include=dev', '--no-audit', '--no-fund']);
  if (result.missing) throw new StepError('Expected npm, but it is not installed. On Debian: apt-get install npm');
  if (result.code !== 0) throw new StepError(`npm ci failed:\n${result.output}`);
  say('npm packages', `installed in ${since(started)}`);
}

/**
 * Whether node_modules lacks something that package-lock.json asks for. Contents are compared and not file times, which
 * a checkout or a copy changes.
 * @param {string} folder
 */
export function npmPackagesDiffer(folder) {
  const read = (/** @type {string} */ path) => JSON.parse(readFileSync(join(folder, path), 'utf8')).packages ?? {};
  let here;
  try {
    here = read('node_modules/.package-lock.json');
  } catch {
    return true;
  }
  return Object.entries(read('package-lock.json')).some(([path, wanted]) => {
    if (path === '') return false;
    // Left out for another platform, as npm does.
    if (here[path] === undefined) return wanted.optional !== true && wanted.peer !== true;
    return (
      here[path].version !== wanted.version ||
      here[path].integrity !== wanted.integrity ||
      !existsSync(join(folder, path))
    );
  });
}

async function typescript() {
  const started = Date.now();
  await compile();
  say('typescript', `compiled in ${since(started)}`);
}

async function engine() {
  const { code, output } = await capture(process.execPath, [cli, 'setup'], { onLine: (line) => say('engine', line) });
  if (code !== 0) throw new StepError(`The engine was not built:\n${output}`);
}

/**
 * Runs bootstrap for a script; on failure prints why and sets the exit code.
 * @returns {Promise<boolean>} whether all steps went well
 */
export async function bootstrapOrExplain() {
  try {
    await bootstrap();
    return true;
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    console.error(`\n${error.message}`);
    process.exitCode = 1;
    return false;
  }
}
