// A side of the comparison: a commit, or the working tree as it stands, in a folder of its own and built there.
import { cpSync, existsSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { npmPackagesDiffer } from '../bootstrap-steps.mjs';
import { capture, root, StepError, say, since } from '../lib.mjs';

/**
 * @typedef {{ name: 'old' | 'new', folder: string, runs: string, env: NodeJS.ProcessEnv }} Side
 * `folder` holds the built package, `runs` is where its commands are run.
 */

/**
 * @param {'old' | 'new'} name
 * @param {string | undefined} commit the working tree when left out
 * @param {string} work temporary folder
 * @param {string | undefined} cache folder of commits that are built already
 * @returns {Promise<Side>}
 */
export async function buildSide(name, commit, work, cache) {
  const started = Date.now();
  const runs = join(work, `${name}-runs`);
  mkdirSync(runs, { recursive: true });
  // Each side decodes its own pictures.
  const env = { ...process.env, RESCALED_CACHE: join(work, `${name}-cache`), NO_COLOR: '1' };
  const side = (/** @type {string} */ folder) => ({ name, folder, runs, env });

  if (commit === undefined) {
    const folder = join(work, name);
    await copyWorkingTree(folder);
    await build(folder);
    say(name, `the working tree, built in ${since(started)}`);
    return side(folder);
  }
  const found = await capture('git', ['rev-parse', '--verify', '--quiet', '--end-of-options', `${commit}^{commit}`]);
  if (found.code !== 0) throw new StepError(`Expected a commit but received "${commit}".`);
  const id = found.stdout.trim();
  const kept = cache === undefined ? undefined : join(cache, id);
  if (kept !== undefined && existsSync(kept)) {
    say(name, `${id.slice(0, 10)}, built before`);
    return side(kept);
  }
  // Moved to the cache only when it is whole.
  const folder = kept === undefined ? join(work, name) : `${kept}.${process.pid}.tmp`;
  try {
    await copyCommit(id, folder);
    await build(folder);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  if (kept !== undefined) renameSync(folder, kept);
  say(name, `${id.slice(0, 10)}, built in ${since(started)}`);
  return side(kept ?? folder);
}

/** @param {string} id @param {string} folder */
async function copyCommit(id, folder) {
  mkdirSync(folder, { recursive: true });
  const archive = join(folder, 'commit.tar');
  await must('git', ['archive', '--format=tar', `--output=${archive}`, id]);
  await must('tar', ['-xf', archive, '-C', folder]);
  rmSync(archive);
}

/** Tracked and new files with the changes that are not committed. @param {string} folder */
async function copyWorkingTree(folder) {
  const listed = await must('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard']);
  for (const path of new Set(listed.split('\0'))) {
    // Listed though deleted, until the deletion is staged.
    if (path === '' || !existsSync(join(root, path))) continue;
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    cpSync(join(root, path), join(folder, path));
  }
}

/** @param {string} folder */
async function build(folder) {
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'junction');
  if (npmPackagesDiffer(folder)) {
    rmSync(join(folder, 'node_modules'));
    await must('npm', ['ci', '--include=dev', '--no-audit', '--no-fund'], folder);
  }
  // With the objects of this checkout, `setup` compiles only what differs.
  if (existsSync(join(root, 'build'))) cpSync(join(root, 'build'), join(folder, 'build'), { recursive: true });
  await must(process.execPath, [join(folder, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', '.'], folder);
  await must(process.execPath, [join(folder, 'dist', 'src', 'cli', 'main.js'), 'setup'], folder);
  writeFileSync(join(folder, 'built'), `${new Date().toISOString()}\n`);
}

/**
 * @param {string} program
 * @param {string[]} args
 * @param {string} [cwd]
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {Promise<string>} standard output
 */
export async function must(program, args, cwd, env) {
  const result = await capture(program, args, { cwd, env });
  if (result.code !== 0)
    throw new StepError(
      `${[program, ...args].join(' ')}\nended with ${result.signal ?? result.code}:\n${result.output}`,
    );
  return result.stdout;
}

/** Runs the command line of a side. @param {Side} side @param {string[]} args */
export function rescaled({ folder, runs, env }, args) {
  return must(process.execPath, [join(folder, 'dist', 'src', 'cli', 'main.js'), ...args], runs, env);
}
