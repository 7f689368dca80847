import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { packageRoot } from '../../src/package-root.js';

const bootstrap = join(packageRoot, 'scripts', 'bootstrap.mjs');
const skip = process.platform === 'linux' ? false : 'Linux only';

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'rescaled-bootstrap-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Runs bootstrap with these shell scripts first on the PATH. */
function run(
  t: TestContext,
  programs: Record<string, string>,
  env: NodeJS.ProcessEnv = {},
): { code: number | null; text: string } {
  const folder = temporaryFolder(t);
  for (const [name, body] of Object.entries(programs)) {
    writeFileSync(join(folder, name), `#!/bin/sh\n${body}\n`);
    chmodSync(join(folder, name), 0o755);
  }
  const result = spawnSync(process.execPath, [bootstrap], {
    encoding: 'utf8',
    env: { ...process.env, RESCALED_LIBTORCH: '', CXX: '', PATH: `${folder}:${process.env['PATH']}`, ...env },
  });
  return { code: result.status, text: result.stdout + result.stderr };
}

// Reports libtorch-dev as removed but configured, knows nothing of the data set, and has the rest.
const dpkgQuery = `for name in "$@"; do case "$name" in
  libopenblas0-openmp|g++|libjpeg-dev) echo "ii  $name" ;;
  libtorch-dev) echo "rc  $name" ;;
esac; done
exit 1`;

test('without apt-get, missing packages are named with the commands to type', { skip }, (t) => {
  const { code, text } = run(t, { 'dpkg-query': dpkgQuery, python3: 'exit 1' }, { RESCALED_NO_APT: '1' });
  assert.equal(code, 1);
  assert.match(text, /missing: dataset-fashion-mnist libtorch-dev\n/);
  assert.match(text, /^ {2}(sudo )?apt-get update$/m);
  assert.match(text, /^ {2}(sudo )?apt-get install -y --no-install-recommends dataset-fashion-mnist libtorch-dev$/m);
  assert.doesNotMatch(text, /at .*bootstrap\.mjs/, 'no stack trace');
});

test("a libtorch of one's own spares the Debian one", { skip }, (t) => {
  const { code, text } = run(
    t,
    { 'dpkg-query': dpkgQuery, python3: 'exit 1' },
    { RESCALED_NO_APT: '1', RESCALED_LIBTORCH: '/opt/libtorch' },
  );
  assert.equal(code, 1);
  assert.match(text, /missing: dataset-fashion-mnist\n/);
});

test('so does a PyTorch in python3 that has headers, but not one without', { skip }, (t) => {
  const folder = temporaryFolder(t);
  const python = { 'dpkg-query': dpkgQuery, python3: `echo ${folder}/torch` };
  assert.match(run(t, python, { RESCALED_NO_APT: '1' }).text, /missing: dataset-fashion-mnist libtorch-dev\n/);
  mkdirSync(join(folder, 'torch', 'include', 'ATen'), { recursive: true });
  writeFileSync(join(folder, 'torch', 'include', 'ATen', 'ATen.h'), '');
  assert.match(run(t, python, { RESCALED_NO_APT: '1' }).text, /missing: dataset-fashion-mnist\n/);
});

test('a missing compiler is asked for', { skip }, (t) => {
  const { text } = run(t, { 'dpkg-query': 'exit 1', 'g++': 'exit 127', python3: 'exit 1' }, { RESCALED_NO_APT: '1' });
  assert.match(text, /missing: dataset-fashion-mnist g\+\+ libtorch-dev libopenblas0-openmp libjpeg-dev\n/);
});

test('apt-get that fails is shown with its output', { skip }, (t) => {
  const programs = {
    'dpkg-query': dpkgQuery,
    python3: 'exit 1',
    sudo: '[ "$2" = true ] && exit 0; shift; exec "$@"',
    'apt-get': '[ "$1" = --version ] && exit 0; echo "E: mirror is down ($DEBIAN_FRONTEND)" >&2; exit 100',
  };
  const { code, text } = run(t, programs, { RESCALED_NO_APT: '' });
  assert.equal(code, 1);
  assert.match(text, /apt-get update failed:\nE: mirror is down \(noninteractive\)/);
});

test('node_modules is compared with the lock file by content', async (t) => {
  const { npmPackagesDiffer } = (await import(join(packageRoot, 'scripts', 'bootstrap-steps.mjs'))) as {
    npmPackagesDiffer(folder: string): boolean;
  };
  const folder = temporaryFolder(t);
  const write = (path: string, packages: object): void =>
    writeFileSync(join(folder, path), JSON.stringify({ packages }));
  const lock = {
    '': { name: 'x' },
    'node_modules/a': { version: '1.0.0', integrity: 'sha512-a' },
    'node_modules/other-platform': { version: '1.0.0', optional: true },
  };
  write('package-lock.json', lock);
  assert.equal(npmPackagesDiffer(folder), true, 'no node_modules');
  mkdirSync(join(folder, 'node_modules', 'a'), { recursive: true });
  write('node_modules/.package-lock.json', { 'node_modules/a': lock['node_modules/a'] });
  assert.equal(npmPackagesDiffer(folder), false);
  write('node_modules/.package-lock.json', { 'node_modules/a': { version: '0.9.0', integrity: 'sha512-a' } });
  assert.equal(npmPackagesDiffer(folder), true, 'another version');
  write('node_modules/.package-lock.json', {});
  assert.equal(npmPackagesDiffer(folder), true, 'not installed');
});
