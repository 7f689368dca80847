import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { deathText } from '../../src/child/death.js';
import { reasonOf } from '../../src/child/messages.js';
import { type ChildEnd, type ChildOptions, runChild } from '../../src/child/run.js';
import { RescaledError, UsageError } from '../../src/errors.js';
import type { TestJob } from './child.js';

const module = new URL('./child.js', import.meta.url);
const run = (
  what: TestJob['task']['do'],
  more: Partial<ChildOptions<TestJob>> & { text?: string } = {},
): Promise<ChildEnd<string | undefined>> => {
  const { text, ...options } = more;
  return runChild<TestJob>({ module, task: { do: what, text }, ...options });
};

async function failure(end: Promise<ChildEnd<unknown>>): Promise<Error> {
  const ended = await end;
  assert.equal(ended.type, 'failed');
  return (ended as { error: Error }).error;
}

const AT_ONCE = 'It was ended at once, as a second Ctrl-C or SIGTERM asks. All is kept.';
const words = { who: 'It', memory: 'a smaller one', kept: 'All is kept.' };
async function death(end: Promise<ChildEnd<unknown>>): Promise<string> {
  const ended = await end;
  assert.ok(ended.type === 'died', JSON.stringify(ended));
  assert.ok(ended.death.pid! > 0);
  return deathText(ended.death, words);
}

test('an answer, also none, and what is told before it, in its order', async () => {
  assert.deepEqual(await run('echo', { text: 'hello' }), { type: 'answer', answer: 'hello' });
  assert.deepEqual(await run('echo'), { type: 'answer', answer: undefined });
  const told: number[] = [];
  const end = await run('count', { onMessage: (message) => told.push(message) });
  assert.deepEqual([end, told], [{ type: 'answer', answer: 'counted' }, [0, 1, 2]]);
});

test('a mistake keeps its message and exit code, a fault its stack and cause', async () => {
  const mistake = await failure(run('mistake'));
  assert.ok(mistake instanceof RescaledError && mistake.exitCode === 1);
  assert.equal(mistake.message, 'Expected a mast but received a twig.');
  assert.equal(reasonOf(mistake), mistake.message);
  const misuse = await failure(run('misuse'));
  assert.ok(misuse instanceof UsageError && misuse.exitCode === 2);
  assert.equal(misuse.message, 'Expected --mast.');
  const fault = await failure(run('fault'));
  assert.ok(!(fault instanceof RescaledError));
  assert.equal(fault.message, 'what is wrong');
  assert.match(fault.stack!, /^TypeError: what is wrong\n +at handle .*child\.js[^]*what lies behind/);
  assert.equal(reasonOf(fault), fault.stack);
  assert.match((await failure(run('no error'))).message, /'a text'/);
  assert.match((await failure(run('fault in an event'))).stack!, /nobody waits for this\n +at .*child\.js/);
});

test('a module that does not exist or does no task is told with its name', async () => {
  const missing = await failure(run('echo', { module: new URL('./nowhere.js', import.meta.url) }));
  assert.match(missing.message, /Cannot find module .*nowhere\.js/);
  const empty = await failure(run('echo', { module: new URL('./empty.js', import.meta.url) }));
  assert.match(empty.message, /Expected .*empty\.js to export "handle"/);
});

test('a stop lets it save and answer, also one that came before it started', async () => {
  const stop = new AbortController();
  const told: number[] = [];
  const end = await run('save', { signal: stop.signal, onMessage: (message) => (told.push(message), stop.abort()) });
  assert.deepEqual([end, told], [{ type: 'answer', answer: 'saved' }, [0, 1]]);
  assert.deepEqual(await run('save', { signal: AbortSignal.abort() }), { type: 'answer', answer: 'saved' });
});

test('one that does not stop in time is ended; killSignal ends it at once', async () => {
  for (const [what, options, text] of [
    ['stay', { graceMs: 300 }, 'It was ended by SIGKILL, since it had not stopped after 0.3 s. All is kept.'],
    ['block', { graceMs: 300 }, 'It was ended by SIGKILL, since it had not stopped after 0.3 s. All is kept.'],
    ['block', {}, AT_ONCE],
  ] as const) {
    const stop = new AbortController();
    const signals = 'graceMs' in options ? { signal: stop.signal } : { killSignal: stop.signal };
    assert.equal(await death(run(what, { ...options, ...signals, onMessage: () => stop.abort() })), text);
  }
  assert.equal(await death(run('stay', { killSignal: AbortSignal.abort() })), AT_ONCE);
});

test('a stop and then a kill: the second ends it', async () => {
  const [stop, kill] = [new AbortController(), new AbortController()];
  const end = run('stay', {
    signal: stop.signal,
    killSignal: kill.signal,
    onMessage: () => {
      stop.abort();
      kill.abort();
    },
  });
  assert.equal(await death(end), AT_ONCE);
});

test('death without a last word', async () => {
  assert.equal(await death(run('leave')), 'It left with code 7. All is kept.');
  assert.equal(await death(run('kill')), 'It was ended by SIGKILL (out of memory? a smaller one). All is kept.');
});

test('a last word that is still on its way when the process has gone counts', async () => {
  const end = await run('answer and die', {
    // This thread sees neither the answer nor the death before both have happened.
    onMessage: () => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500),
  });
  assert.deepEqual(end, { type: 'answer', answer: 'x'.repeat(50_000) });
});

test('it ignores the Ctrl-C of its group, and handles that it leaves open do not hold it', async () => {
  assert.deepEqual(await run('interrupt'), { type: 'answer', answer: 'went on' });
  assert.deepEqual(await run('handle left open'), { type: 'answer', answer: 'done' });
});

test('what onMessage throws ends the child and comes out', async () => {
  const thrown = new Error('the disk is full');
  let pid = 0;
  await assert.rejects(
    run('block', {
      onMessage: (message) => {
        pid = message;
        throw thrown;
      },
    }),
    (error) => error === thrown,
  );
  assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
});

test('its environment is that of its parent, with what is given and without what is taken away', async () => {
  const seen = async (env: ChildOptions<TestJob>['env']): Promise<unknown> =>
    JSON.parse(((await run('environment', { env })) as { answer: string }).answer) as unknown;
  assert.deepEqual(await seen({ CHILD_GIVEN: 'yes' }), { given: 'yes', path: process.env['PATH'] });
  assert.deepEqual(await seen({ PATH: undefined }), {});
});

test('a child whose parent is killed saves', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'rescaled-test-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'saved');
  const parent = spawn(process.execPath, [fileURLToPath(new URL('./parent.js', import.meta.url)), file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(parent.stdout, 'data');
  parent.kill('SIGKILL');
  for (let i = 0; i < 300 && !existsSync(file); i++) await sleep(100);
  assert.ok(existsSync(file), 'it has not saved');
});
