import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { packageRoot } from '../src/package-root.js';

test('the reference is made of the public interface without a broken link', {
  skip: existsSync(join(packageRoot, 'node_modules', 'typedoc')) ? false : 'TypeDoc is not installed',
}, () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(packageRoot, 'scripts', 'api-docs.mjs')], {
    cwd: packageRoot,
    encoding: 'utf8',
  });
  assert.equal(status, 0, stdout + stderr);
  assert.match(stdout, /^reference of the public interface: /);
  const page = readFileSync(join(packageRoot, 'build', 'api', 'classes', 'Run.html'), 'utf8');
  for (const name of ['evaluate', 'export', 'predictor', 'resume'])
    assert.match(page, new RegExp(`id="${name}"`), name);
});
