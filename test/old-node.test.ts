import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { nodeProblem, OLDEST_NODE } from '../src/cli/node-version.js';
import { packageRoot } from '../src/package-root.js';
import { temporaryFolder } from './cli/helpers.js';

test('which Node is too old, and what it is told', () => {
  assert.match(nodeProblem('18.20.4')!, /Expected Node 20\.19 or newer but this is 18\.20\.4/);
  assert.match(nodeProblem('20.18.9')!, /20\.19/);
  for (const version of ['20.19.0', '22.1.0']) assert.equal(nodeProblem(version), undefined);
  const { engines } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as {
    engines: { node: string };
  };
  assert.equal(engines.node, `>=${OLDEST_NODE}`, 'package.json, which the scripts go by');
});

/** What a module names in its static imports and re-exports, in order. */
const imported = (path: string): string[] =>
  [...readFileSync(path, 'utf8').matchAll(/^(?:import|export)\b[^;]*?from\s*'([^']+)';|^import\s*'([^']+)';/gm)].map(
    ([, from, plain]) => (from ?? plain)!,
  );

const ENTRIES = [
  'dist/src/cli/main.js',
  'scripts/bootstrap.mjs',
  'scripts/test.mjs',
  'scripts/quickstart.mjs',
  'scripts/compile.mjs',
];
const CHECKS = ['dist/src/cli/check-node.js', 'dist/src/cli/node-version.js', 'scripts/check-node.mjs'];

test('an old Node reads nothing but the check before the check has run', () => {
  for (const path of ENTRIES) assert.match(imported(join(packageRoot, path)).join(), /^\.\/check-node\.m?js$/, path);
  assert.deepEqual(imported(join(packageRoot, CHECKS[0]!)), ['./node-version.js']);
  assert.deepEqual(imported(join(packageRoot, CHECKS[1]!)), []);
  // Programs need the names of the package at once, so here an old Node reads all, but runs the check first.
  assert.equal(imported(join(packageRoot, 'dist/src/index.js'))[0], './cli/check-node.js');
  assert.equal(imported(join(packageRoot, 'scripts/compare-commits.mjs'))[0], './check-node.mjs');
});

test('what it reads is in words that Node 12 knows', () => {
  for (const path of [...ENTRIES, ...CHECKS]) {
    const code = readFileSync(join(packageRoot, path), 'utf8').replaceAll(/^\s*(\/\/|\/?\*).*$/gm, '');
    assert.doesNotMatch(code, /\?\?|\?\.|\|\|=|&&=|^await|^if \(await|^for await|\d_\d|\.at\(|replaceAll/m, path);
  }
});

test('each entry ends with one line and exit code 2', () => {
  // A module that runs before the entry and says that this is an older Node.
  const older = join(temporaryFolder(), 'older.mjs');
  writeFileSync(
    older,
    "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.18.1' } });\n",
  );
  for (const path of [...ENTRIES, 'dist/src/index.js', 'scripts/compare-commits.mjs']) {
    const args = ['--import', pathToFileURL(older).href, join(packageRoot, path), '--version'];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    assert.equal(status, 2, `${path}: ${stderr}`);
    assert.equal(stdout, '', path);
    assert.match(
      stderr,
      /^(rescaled: )?Expected Node 20\.19 or newer but this is 20\.18\.1\. Get a newer one from \S+\n$/,
      path,
    );
  }
});
