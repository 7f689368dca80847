import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, utimesSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isLocked, withLock } from '../src/lock.js';
import { put, temporaryFolder } from './torch/build/fakes.js';

test('the work of two holders never overlaps, and the lock goes away', async (t) => {
  const path = join(temporaryFolder(t), '.lock');
  let inside = 0;
  const work = async (): Promise<void> => {
    assert.equal(++inside, 1);
    await sleep(30);
    inside -= 1;
  };
  await Promise.all([1, 2, 3].map(() => withLock(path, work, { pollMs: 5 })));
  assert.equal(existsSync(path), false);
});

test('work that fails gives the lock back', async (t) => {
  const path = join(temporaryFolder(t), '.lock');
  await assert.rejects(
    withLock(path, () => Promise.reject(new Error('no'))),
    /no/,
  );
  assert.equal(existsSync(path), false);
});

test('the lock of a living process is waited for, that of a dead one taken over', async (t) => {
  const path = join(temporaryFolder(t), '.lock');
  const other = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60000)'], { stdio: 'ignore' });
  t.after(() => other.kill('SIGKILL'));
  put(path, JSON.stringify({ pid: other.pid, host: hostname() }));
  const told: number[] = [];
  const options = { pollMs: 5, timeoutMs: 100, waiting: (pid: number) => told.push(pid) };
  await assert.rejects(
    withLock(path, () => Promise.resolve(), options),
    new RegExp(`process ${other.pid} still holds`),
  );
  assert.deepEqual(told, [other.pid]);
  const ended = new Promise((resolve) => other.once('exit', resolve));
  other.kill('SIGKILL');
  await ended;
  assert.equal(await withLock(path, () => Promise.resolve('done'), options), 'done');
});

test('an empty lock file counts as abandoned once it is old', async (t) => {
  const path = join(temporaryFolder(t), '.lock');
  put(path, '');
  await assert.rejects(
    withLock(path, () => Promise.resolve(), { pollMs: 5, timeoutMs: 50 }),
    /still holds/,
  );
  utimesSync(path, 1, 1);
  assert.equal(await withLock(path, () => Promise.resolve('done'), { pollMs: 5, timeoutMs: 50 }), 'done');
});

test('a holder on another machine counts as living as long as it renews its lock', async (t) => {
  const path = join(temporaryFolder(t), '.lock');
  const minutesAgo = (minutes: number): Date => new Date(Date.now() - 60_000 * minutes);
  put(path, JSON.stringify({ pid: 1, host: `not-${hostname()}` }));
  utimesSync(path, minutesAgo(4), minutesAgo(4));
  assert.equal(isLocked(path), true);
  await assert.rejects(
    withLock(path, () => Promise.resolve(), { pollMs: 5, timeoutMs: 50 }),
    /still holds/,
  );
  utimesSync(path, minutesAgo(6), minutesAgo(6));
  assert.equal(isLocked(path), false);
  assert.equal(await withLock(path, () => Promise.resolve('done'), { pollMs: 5, timeoutMs: 50 }), 'done');
});
