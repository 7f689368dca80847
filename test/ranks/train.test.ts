import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { SafetensorsFile } from '../../src/weights/formats/safetensors.js';
import { cli, exited, FASHION, start, temporaryFolder } from '../cli/helpers.js';

const work = temporaryFolder();

/**
 * Dropout, mixing and random views: all that depends on place. Six parts a step, which 1, 2, 3 and 6 ranks share. Units are clipped.
 */
const training = (epochs: number): string[] => [
  ...[
    'train',
    FASHION,
    '-m',
    'resnet-rs-14',
    '--width',
    '0.125',
    '--size',
    '16',
    '-r',
    'quick',
    '-e',
    String(epochs),
    '-b',
    '48',
  ],
  ...[
    '--limit-train',
    '144',
    '--limit-val',
    '50',
    '--threads',
    '1',
    '--workers',
    '1',
    '--seed',
    '5',
    '--checkpoint-seconds',
    '0',
  ],
  ...[
    '--set',
    'accumulate=6',
    '--set',
    'dropout=0.2',
    '--set',
    'mixup=0.2',
    '--set',
    'augment=randaugment',
    '--set',
    'learningRate=0.01',
    '--set',
    'agc=0.001',
  ],
];

const launch = (ranks: number, ...words: string[]): ChildProcess => {
  const child = start('launch', '-n', String(ranks), '--', ...words);
  child.stdout!.resume();
  return child;
};

/** All that it says on standard error, when it has ended. */
async function told(child: ChildProcess): Promise<{ code: number | null; text: string }> {
  let text = '';
  child.stderr!.on('data', (more: Buffer) => {
    text += more.toString();
  });
  return { code: await exited(child), text };
}

/** Resolves when the run has made so many steps, or is over. */
async function steps(out: string, count: number, child: ChildProcess): Promise<void> {
  const log = join(out, 'events.jsonl');
  const done = (): boolean => existsSync(log) && readFileSync(log, 'utf8').split('"type":"step"').length > count;
  while (!done() && child.exitCode === null && child.signalCode === null) await sleep(20);
}

const weights = (out: string): Buffer => readFileSync(join(out, 'weights.safetensors'));

/** Processes that descend from one, oldest first, with their ranks. */
function descendants(of: number): { pid: number; rank: string | undefined }[] {
  const parents = new Map(
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap((name) => {
        try {
          return [
            [Number(name), Number(readFileSync(`/proc/${name}/stat`, 'utf8').split(') ')[1]!.split(' ')[1])] as const,
          ];
        } catch {
          return []; // it has gone
        }
      }),
  );
  const under = (pid: number | undefined): boolean =>
    pid !== undefined && pid > 1 && (pid === of || under(parents.get(pid)));
  return [...parents.keys()]
    .filter((pid) => pid !== of && under(pid))
    .map((pid) => ({ pid, rank: /(?:^|\0)RANK=(\d+)/.exec(readFileSync(`/proc/${pid}/environ`, 'utf8'))?.[1] }));
}

const linux = { skip: process.platform === 'linux' ? false : 'processes are found in /proc' };
const whole = join(work, 'whole');

test('two ranks train one run, which rank 0 writes and tells of; the log has each step once', async () => {
  const { code, text } = await told(launch(2, ...training(12), '-o', whole));
  assert.equal(code, 0, text);
  assert.match(text, /note: 2 ranks \(rescaled launch\)/);
  assert.doesNotMatch(text, /^\[1\]/m, 'rank 1 has nothing to say');
  const logged = readFileSync(join(whole, 'events.jsonl'), 'utf8')
    .split('\n')
    .filter((line) => line.includes('"type":"step"'));
  assert.equal(logged.length, 36);
  assert.equal((JSON.parse(readFileSync(join(whole, 'run.json'), 'utf8')) as { parts: number }).parts, 6);
  // Ranks clip too. Scales that begin at 0 count as 1e-3: 36 steps of at most 0.01 x 48/256 with momentum 0.9 move them by at most 0.001 x 1e-3 x 0.675.
  const file = SafetensorsFile.open(join(whole, 'weights.safetensors'));
  const scales = [...file.readFloat32('layer2.0.bn3.weight')].map(Math.abs);
  assert.ok(Math.max(...scales) > 0 && Math.max(...scales) < 6.8e-7, `${Math.max(...scales)}`);
  file.close();
});

test(
  'a rank that is killed ends the others, with the code for another start; resumed, the bytes are the same',
  linux,
  async () => {
    const out = join(work, 'killed');
    const child = launch(2, ...training(12), '-o', out);
    const end = told(child);
    await steps(out, 4, child);
    for (const { pid, rank } of descendants(child.pid!).reverse())
      if (rank === '1')
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // its child went first
        }
    const { code, text } = await end;
    assert.notEqual(code, 0);
    assert.match(text, /another rank has gone at (?:step \d+|the evaluation)|launch: rank 1 was ended by SIGKILL/);
    assert.ok(existsSync(join(out, 'checkpoints', 'last.safetensors')));
    // The launcher goes: its ranks save and end, and nothing is left of them.
    const second = launch(2, 'train', '--resume', out);
    const gone = told(second);
    await steps(out, 8, second);
    const pids = descendants(second.pid!).map(({ pid }) => pid);
    process.kill(second.pid!, 'SIGKILL');
    await gone;
    for (let waited = 0; pids.some((pid) => existsSync(`/proc/${pid}`)) && waited < 400; waited++) await sleep(50);
    assert.deepEqual(
      pids.filter((pid) => existsSync(`/proc/${pid}`)),
      [],
    );
    const third = await told(launch(2, ...training(12), '-o', out, '--resume-if-there'));
    assert.equal(third.code, 0, third.text);
    assert.ok(weights(out).equals(weights(whole)));
  },
);

test('three ranks, and one that goes on alone, learn the same but for the rounding of sums', async () => {
  const [three, alone] = [join(work, 'three'), join(work, 'alone')];
  const stopped = launch(3, ...training(12), '-o', three);
  const end = told(stopped);
  await steps(three, 5, stopped);
  process.kill(stopped.pid!, 'SIGINT'); // on all ranks: they save once and end
  assert.equal((await end).code, 130);
  const { status, stderr } = await cli('train', '--resume', three);
  assert.equal(status, 0, stderr);
  const [a, b] = [whole, three].map((out) => SafetensorsFile.open(join(out, 'weights.safetensors')));
  for (const key of a!.entries.keys()) {
    const [x, y] = [a!.readFloat32(key), b!.readFloat32(key)];
    const size = Math.max(0.1, ...x.map(Math.abs));
    const off = Math.max(...x.map((value, i) => Math.abs(value - y[i]!)));
    assert.ok(off < 5e-3 * size, `${key}: ${off} of ${size}`);
  }
  assert.ok(!existsSync(alone));
});

test('misuse is said before anything is written', async () => {
  const none = join(work, 'none');
  mkdirSync(none);
  const asked = async (...words: string[]): Promise<string> => {
    const { code, text } = await told(start(...words));
    assert.equal(code, 2, text);
    assert.doesNotMatch(text, /\n {4}at /);
    return text;
  };
  assert.match(await asked('launch', '-n', '2', '--', 'eval', 'x'), /Expected a training behind --/);
  assert.match(await asked('launch', '-n', '0', '--', 'train', 'x'), /--ranks/);
  assert.match(
    await asked('launch', '-n', '2', '--restarts', '1', '--', 'train', 'x'),
    /Expected --out RUN in the training with --restarts/,
  );
  assert.match(await asked('train', FASHION, '--resume-if-there'), /Expected --out with --resume-if-there/);
  const few = await asked(
    'launch',
    '-n',
    '2',
    '--',
    ...training(1),
    '-b',
    '3',
    '--set',
    'accumulate=1',
    '-o',
    join(none, 'run'),
  );
  assert.match(few, /Expected a batch of at least 4, two pictures for each of 2 parts, but it is 3/);
  const typed = await asked('launch', '-n', '2', '--', 'train', FASHION, '--epohs', '2', '-o', join(none, 'run'));
  assert.match(typed, /unknown option '--epohs'/);
  for (const text of [few, typed]) {
    assert.equal(text.match(/Expected a batch|unknown option/g)!.length, 1, text);
    assert.doesNotMatch(text, /^\[1\]/m, 'rank 0 has said it');
  }
  assert.deepEqual(readdirSync(none), []);
});
