import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import sharp from 'sharp';
import { claimFolder } from '../../src/cli/output.js';
import { packageRoot } from '../../src/package-root.js';
import { cli, temporaryFolder } from './helpers.js';

test('what is read is never written over, and another file only with --force', async () => {
  const folder = temporaryFolder();
  const [picture, recipe] = [join(folder, 'me.png'), join(folder, 'mine.html.json')];
  writeFileSync(
    picture,
    await sharp({ create: { width: 40, height: 40, channels: 3, background: '#806040' } })
      .png()
      .toBuffer(),
  );
  writeFileSync(recipe, '{ "extends": "quick" }');
  const before = readFileSync(picture);
  for (const force of [[], ['--force']]) {
    const same = await cli('augment', picture, '-o', picture, ...force);
    assert.equal(same.status, 2);
    assert.match(same.stderr, /Expected another file to write than the one that is read/);
  }
  assert.deepEqual(readFileSync(picture), before);
  assert.match((await cli('recipe', 'plot', recipe, '-o', recipe)).stderr, /ends in \.html/);
  const page = join(folder, 'page.html');
  assert.equal((await cli('recipe', 'plot', recipe, '-o', page)).status, 0);
  assert.match((await cli('recipe', 'plot', recipe, '-o', page)).stderr, /exists already\. --force/);
  assert.equal((await cli('recipe', 'plot', recipe, '-o', page, '--force')).status, 0);
});

test('places that cannot be written to are one line', async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'dir.html'));
  for (const [out, message] of [
    [join(folder, 'nowhere', 'x.html'), /its folder does not exist/],
    [join(folder, 'dir.html'), /is a folder/],
    ['/proc/x.html', /cannot be written: .*\([A-Z]+\)/],
  ] as const) {
    const done = await cli('recipe', 'plot', 'quick', '-o', out);
    assert.match(done.stderr, message);
    assert.doesNotMatch(done.stderr, /fault of rescaled|\n\s+at /);
    assert.ok(done.status === 1 || done.status === 2);
  }
});

test('a pipe is no weights file, and is not waited for', async () => {
  const pipe = join(temporaryFolder(), 'pipe');
  assert.equal(spawnSync('mkfifo', [pipe]).status, 0);
  assert.match((await cli('weights', 'inspect', pipe)).stderr, /is not a file/);
});

test('profile: one pixel and one picture, more memory than there is, too many threads', async () => {
  for (const [args, status, message] of [
    [['resnet-50', '--size', '32', '--batch', '1'], 2, /Expected a batch of 2 or more/],
    [['resnet-50', '--batch', '10000000', '--measure'], 1, /more than the .* of this machine: it was not run/],
    [['resnet-50', '--measure', '--threads', '999999'], 2, /at most 1024 for --threads/],
  ] as const) {
    const done = await cli('profile', ...args);
    assert.equal(done.status, status, done.stderr);
    assert.match(done.stderr, message);
  }
});

test('the process that measures ends when its parent is killed', {
  skip: process.platform !== 'linux' && 'it looks into /proc',
}, async () => {
  const main = join(packageRoot, 'dist', 'src', 'cli', 'main.js');
  const parent = spawn(
    process.execPath,
    [main, 'profile', 'resnet-14', '--size', '32', '--batch', '2', '--runs', '1000000', '--measure', '--threads', '1'],
    { stdio: 'ignore' },
  );
  const child = async (): Promise<string> => {
    for (let i = 0; i < 200; i++) {
      const found = readFileSync(`/proc/${parent.pid}/task/${parent.pid}/children`, 'utf8').trim();
      if (found !== '') return found;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error('it started no process');
  };
  const pid = await child();
  await new Promise((resolve) => setTimeout(resolve, 3000)); // into the timed runs
  parent.kill('SIGKILL');
  for (let i = 0; i < 300; i++) {
    if (!existsSync(`/proc/${pid}/stat`) || / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  process.kill(Number(pid), 'SIGKILL');
  assert.fail('it still ran half a minute later');
});

test('default run folders: whoever comes second gets the next, and an empty one is given back', () => {
  const before = process.cwd();
  process.chdir(temporaryFolder());
  try {
    const [first, second] = [claimFolder('flowers'), claimFolder('flowers')];
    assert.deepEqual([first.folder, second.folder], [join('runs', 'flowers-1'), join('runs', 'flowers-2')]);
    writeFileSync(join(second.folder, 'run.json'), '{}');
    first.release();
    second.release();
    assert.deepEqual(readdirSync('runs'), ['flowers-2']);
    assert.equal(claimFolder('flowers').folder, join('runs', 'flowers-1'));
  } finally {
    process.chdir(before);
  }
});
