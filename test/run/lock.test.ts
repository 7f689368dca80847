import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { lockRun } from '../../src/run/lock.js';

test('one process a run folder; the lock of a dead one is taken over', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'rescaled-lock-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const unlock = await lockRun(folder);
  await assert.rejects(lockRun(folder), /is training in/);
  unlock();
  assert.ok(!existsSync(join(folder, '.lock')));

  const other = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60000)'], { stdio: 'ignore' });
  t.after(() => other.kill('SIGKILL'));
  writeFileSync(join(folder, '.lock'), JSON.stringify({ pid: other.pid, host: hostname() }));
  await assert.rejects(lockRun(folder), new RegExp(`Process ${other.pid} is training`));
  other.kill('SIGKILL');
  (await lockRun(folder))();
  writeFileSync(join(folder, '.lock'), 'no number');
  utimesSync(join(folder, '.lock'), 1, 1); // a young one may be about to be written
  (await lockRun(folder))();
});

test('a run that may not be written to is told in one line', {
  skip: process.getuid?.() === 0 ? 'root may write everywhere' : false,
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'rescaled-lock-'));
  t.after(() => rmSync(folder, { recursive: true }));
  chmodSync(folder, 0o555);
  await assert.rejects(lockRun(folder), {
    name: 'RescaledError',
    exitCode: 1,
    message: /^Expected to write in .*permission denied/,
  });
  chmodSync(folder, 0o755);
});
