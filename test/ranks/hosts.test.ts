import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

// Two hosts: network namespaces joined by a cable. That takes rights which few have.
const [A, B] = [`rescaled-a-${process.pid}`, `rescaled-b-${process.pid}`];
const ip = (...words: string[]): boolean => spawnSync('ip', words, { stdio: 'ignore' }).status === 0;

function twoHosts(): boolean {
  if (!ip('netns', 'add', A)) return false;
  return (
    ip('netns', 'add', B) &&
    ip('link', 'add', 'rsa', 'netns', A, 'type', 'veth', 'peer', 'name', 'rsb', 'netns', B) &&
    [
      [A, 'rsa', '10.77.0.1/24'],
      [B, 'rsb', '10.77.0.2/24'],
    ].every(
      ([host, link, address]) =>
        ip('-n', host!, 'address', 'add', address!, 'dev', link!) &&
        ip('-n', host!, 'link', 'set', link!, 'up') &&
        ip('-n', host!, 'link', 'set', 'lo', 'up'),
    )
  );
}

const there = process.platform === 'linux' && twoHosts();
const started: ChildProcess[] = [];
after(() => {
  for (const child of started) child.kill('SIGKILL');
  for (const host of [A, B]) ip('netns', 'delete', host);
});

const member = fileURLToPath(new URL('./member.js', import.meta.url));

function ranks(
  mode: string,
  port: number,
  seconds: number,
): { ready: Promise<unknown>; said: Promise<Record<string, unknown>[]> } {
  const children = [A, B].map((host, rank) => {
    const words = ['netns', 'exec', host, process.execPath, member, String(rank), '2', String(port), mode, '10.77.0.1'];
    const child = spawn('ip', words, {
      env: { ...process.env, RESCALED_RANKS_TIMEOUT: String(seconds) },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    started.push(child);
    return child;
  });
  return {
    ready: Promise.all(
      children.map(
        (child) =>
          new Promise<void>((resolve) => {
            child.stderr.on('data', (more: Buffer) => more.includes('ready') && resolve());
          }),
      ),
    ),
    said: Promise.all(
      children.map(async (child) => {
        let text = '';
        child.stdout.on('data', (more: Buffer) => {
          text += more.toString();
        });
        await new Promise((resolve) => child.once('close', resolve));
        return JSON.parse(text) as Record<string, unknown>;
      }),
    ),
  };
}

describe('two hosts', { skip: there ? false : 'network namespaces take rights that this user has not' }, () => {
  test('find each other by the address on the way to rank 0, with nothing else set', async () => {
    const all = await ranks('plain', 29511, 20).said;
    for (const said of all) assert.deepEqual([said['error'], said['sum'], said['tail']], [undefined, [1, 2], [3, 14]]);
  });

  test('a cable that is cut is missed by both after the timeout', async () => {
    const { ready, said } = ranks('link', 29512, 6);
    await ready;
    assert.ok(ip('-n', A, 'link', 'set', 'rsa', 'down'));
    for (const { error } of await said) {
      const { message, exitCode } = error as { message: string; exitCode: number };
      assert.match(message, /another rank (?:did not answer in time|has gone) at step 12/);
      assert.equal(exitCode, 75);
    }
  });
});
