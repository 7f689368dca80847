// TypeScript to dist/. Files are replaced in place, so that a program that runs from there meanwhile finds all of them.
import { existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { capture, root, StepError } from './lib.mjs';

/** What the compiler makes of one source. */
const MADE = /(\.d\.ts|\.js)(\.map)?$/;

/**
 * Removes what no source makes any more, and folders that are empty then: it would be packed, and may be imported.
 * @param {string} made a folder of the compiler's output
 * @param {string} sources the folder that it comes from
 */
function removeLeftovers(made, sources) {
  if (!existsSync(made)) return;
  for (const entry of readdirSync(made, { withFileTypes: true })) {
    const path = join(made, entry.name);
    if (entry.isDirectory()) {
      removeLeftovers(path, join(sources, entry.name));
      if (readdirSync(path).length === 0) rmdirSync(path);
    } else if (!MADE.test(entry.name) || !existsSync(join(sources, entry.name.replace(MADE, '.ts')))) rmSync(path);
  }
}

/** @param {{ anew?: boolean }} [options] @throws {StepError} with what the compiler says */
export async function compile({ anew = false } = {}) {
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  if (!existsSync(compiler))
    throw new StepError('Expected the npm packages of this checkout but TypeScript is not there. Install them: npm ci');
  removeLeftovers(join(root, 'dist', 'src'), join(root, 'src'));
  // Without its notes the compiler writes every file.
  if (anew) rmSync(join(root, 'dist', '.tsbuildinfo'), { force: true });
  const { code, output } = await capture(process.execPath, [compiler, '-p', '.']);
  if (code !== 0) throw new StepError(`TypeScript does not compile:\n${output}`);
}

/** On failure prints why and sets the exit code, with which npm packs nothing. @param {{ anew?: boolean }} options */
export async function compileOrExplain(options) {
  try {
    await compile(options);
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
