import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Queue } from '../../src/deploy/queue.js';

test('a full queue holds its writer until the reader takes something', async () => {
  const queue = new Queue<number>(2);
  const pushed: number[] = [];
  const writing = (async () => {
    for (let i = 0; i < 5; i++) {
      assert.equal(await queue.push(i), true);
      pushed.push(i);
    }
    queue.end();
  })();
  await turn();
  assert.deepEqual(pushed, [0, 1]);
  assert.equal(await queue.shift(), 0);
  await turn();
  assert.deepEqual(pushed, [0, 1, 2]);
  for (const expected of [1, 2, 3, 4, undefined, undefined]) assert.equal(await queue.shift(), expected);
  await writing;
});

test('an error comes after the items before it', async () => {
  const queue = new Queue<string>(4);
  await queue.push('a');
  queue.end({ thrown: new Error('torn') });
  assert.equal(await queue.shift(), 'a');
  await assert.rejects(queue.shift(), /torn/);
});

test('a reader that leaves frees the writer', async () => {
  const queue = new Queue<number>(1);
  await queue.push(1);
  const waiting = queue.push(2);
  queue.drop();
  assert.equal(await waiting, false);
  assert.equal(await queue.shift(), undefined);
});
