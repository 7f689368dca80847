// `npm test`: sets everything up, then runs dist/test/**/*.test.js and counts the tests itself.
//   node scripts/test.mjs [--no-setup] [--concurrency N] [--timeout SECONDS_A_FILE] [part of a file path]...
// The last line is `N passed, M failed` (and `, K skipped`). Exit code 0 only if tests ran and none failed.
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { run } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { bootstrapOrExplain } from './bootstrap.mjs';
import { root } from './lib.mjs';
import { summarize, Tally } from './test-tally.mjs';

const minutesPerFile = 10;

/**
 * The compiled test files under `folder`, sorted. One whose TypeScript source is gone is a leftover and is not run.
 * @param {string} folder dist/test
 * @param {string} sources test
 */
export function testFiles(folder, sources) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.js'))
    .filter((name) => !existsSync(sources) || existsSync(join(sources, name.replace(/\.js$/, '.ts'))))
    .sort()
    .map((name) => join(folder, name));
}

/**
 * Runs the files, each in a process of its own, and prints what came of each when it has ended.
 * @param {string[]} files
 * @param {{ concurrency?: number, timeoutMs?: number, print?: (line: string) => void }} [options]
 * @returns {Promise<Tally[]>} in the order of `files`
 */
export async function runFiles(files, options = {}) {
  const print = options.print ?? console.log;
  const timeoutMs = options.timeoutMs ?? minutesPerFile * 60_000;
  /** @type {Tally[]} */
  const tallies = [];
  let next = 0;
  const lane = async () => {
    while (next < files.length) {
      const index = next++;
      tallies[index] = await runFile(files[index], timeoutMs);
      for (const line of tallies[index].lines) print(line);
    }
  };
  await Promise.all(Array.from({ length: options.concurrency ?? 1 }, lane));
  return tallies;
}

/**
 * One call of run() a file: what its `timeout` means (a file or a test in it) differs between Node versions, and so the
 * clock is kept here.
 */
async function runFile(file, timeoutMs) {
  const tally = new Tally(file, root);
  const abort = new AbortController();
  let timer;
  const tooLong = new Promise((resolve) => {
    timer = setTimeout(() => resolve('too long'), timeoutMs);
  });
  let open = true;
  const reading = (async () => {
    for await (const { type, data } of run({ files: [file], signal: abort.signal })) if (open) tally.see(type, data);
  })();
  const outcome = await Promise.race([reading, tooLong]);
  clearTimeout(timer);
  if (outcome === 'too long') {
    open = false;
    tally.fileFailed(`it did not end within ${timeoutMs / 1000} s (a test that hangs, or a handle left open)`);
    reading.catch(() => {});
    abort.abort();
  }
  return tally;
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { 'no-setup': { type: 'boolean' }, concurrency: { type: 'string' }, timeout: { type: 'string' } },
  });
  if (values['no-setup'] !== true && !(await bootstrapOrExplain())) return;
  const all = testFiles(join(root, 'dist', 'test'), join(root, 'test'));
  const chosen = all.filter(
    (file) => positionals.length === 0 || positionals.some((part) => relative(root, file).includes(part)),
  );
  const concurrency = Number(values.concurrency ?? Math.min(2, availableParallelism()));
  // The files share the cores. OpenMP threads that outnumber them wait for each other in busy loops: 15 times slower
  // was seen.
  process.env.OMP_NUM_THREADS ??= String(Math.max(1, Math.floor(availableParallelism() / concurrency)));
  // Commands colour what they print where CI is set; the tests read words.
  process.env.NO_COLOR = '1';
  delete process.env.FORCE_COLOR;
  // Pictures of tests have no business in the user's cache.
  const ownCache = process.env.RESCALED_CACHE === undefined;
  process.env.RESCALED_CACHE ??= mkdtempSync(join(tmpdir(), 'rescaled-cache-'));
  const { text, good } = summarize(
    await runFiles(chosen, {
      concurrency,
      timeoutMs: values.timeout === undefined ? undefined : Number(values.timeout) * 1000,
    }),
  );
  if (ownCache) rmSync(process.env.RESCALED_CACHE, { recursive: true, force: true });
  // A file that hung may not obey the signal that ends it; waiting for it would hang this process too. The exit waits
  // only for what has been printed to reach a pipe.
  process.stdout.write(`\n${text}\n`, () => process.exit(good ? 0 : 1));
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) await main();
