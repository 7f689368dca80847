import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { packageRoot } from '../src/package-root.js';

const biome = join(packageRoot, 'node_modules', '@biomejs', 'biome', 'bin', 'biome');

test('format, lint and the order of imports are as biome.json says', {
  skip: existsSync(biome) ? false : 'Biome is not installed',
}, () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [biome, 'ci', '--colors=off'], {
    cwd: packageRoot,
    encoding: 'utf8',
  });
  assert.equal(status, 0, `${stdout}${stderr}\nMend with: npm run format`);
});
