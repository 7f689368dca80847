import assert from 'node:assert/strict';
import { test } from 'node:test';
import { forgetInterrupt, interruptCode, untilInterrupted } from '../../src/child/interrupt.js';

function aborted(signal: AbortSignal): Promise<void> {
  // Waiting for a signal alone does not keep a process alive.
  const alive = setInterval(() => {}, 1000);
  return new Promise((resolve) =>
    signal.addEventListener('abort', () => {
      clearInterval(alive);
      resolve();
    }),
  );
}

for (const name of ['SIGINT', 'SIGTERM'] as const)
  test(`the first ${name} stops, the second kills, and afterwards none is held back`, async () => {
    const before = process.listenerCount(name);
    const said: string[] = [];
    const done = await untilInterrupted(
      async (stop, kill) => {
        process.kill(process.pid, name);
        await aborted(stop);
        assert.equal(kill.aborted, false);
        process.kill(process.pid, name);
        await aborted(kill);
        return 'done';
      },
      (text) => said.push(text),
    );
    assert.equal(done, 'done');
    assert.deepEqual(said, ['saving and stopping (once more to stop at once) ...']);
    assert.equal(process.listenerCount(name), before);
    assert.equal(interruptCode(), name === 'SIGINT' ? 130 : 143);
    forgetInterrupt();
    assert.equal(interruptCode(), undefined);
  });

test('what the work throws comes out, and the signals are let go', async () => {
  const before = process.listenerCount('SIGINT');
  await assert.rejects(
    untilInterrupted(() => Promise.reject(new Error('broken'))),
    /broken/,
  );
  assert.equal(process.listenerCount('SIGINT'), before);
});
