import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import type { TrialResult } from '../../src/study/trials/result.js';
import { cli, exited, FASHION, start, temporaryFolder } from './helpers.js';

const small = [
  'ablate',
  FASHION,
  '-m',
  'resnet-rs-14',
  '--width',
  '0.125',
  '--limit-train',
  '320',
  '--limit-val',
  '100',
  '--epochs',
  '3',
  '--set',
  'batch=32',
  '--seeds',
  '2',
  '--threads',
  '1',
  '--checkpoint-seconds',
  '0.05',
];
const task = (out: string, ...more: string[]): string[] => [...small, '--steps', 'label-smoothing', '-o', out, ...more];

/** Resolves when a trial has done some steps, or the process ends. */
function underway(child: ChildProcess, step: number): Promise<void> {
  return new Promise((resolve) => {
    createInterface({ input: child.stdout! })
      .on('line', (line) => Number(/"type":"progress","step":(\d+)/.exec(line)?.[1] ?? -1) >= step && resolve())
      .on('close', resolve);
  });
}

/** What the trials found, without what depends on the clock. */
function found(study: string): Partial<TrialResult>[] {
  const trials = join(study, 'trials');
  return readdirSync(trials)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => {
      const { top1, top1Raw, loss, trainTop1, trainLoss, seed, id, steps, status } = JSON.parse(
        readFileSync(join(trials, name), 'utf8'),
      ) as Record<string, never>;
      return { top1, top1Raw, loss, trainTop1, trainLoss, seed, id, steps, status };
    });
}

const folder = temporaryFolder();
const calm = join(folder, 'calm');
/** Of one seed, which is enough to be disturbed. */
const one = (out: string, ...more: string[]): string[] => task(out, '--seeds', '1', ...more);
const calmOne = (): Partial<TrialResult>[] => found(calm).filter(({ seed }) => seed === 1);

test('a study ends with a page, a table and a result a trial, and is not run twice', async () => {
  const first = await cli(...task(calm));
  assert.equal(first.status, 0, first.stderr);
  assert.match(
    first.stderr,
    /\[1\/4\] baseline ResNet, seed 1: top-1 [\d.]+ %, training pictures [\d.]+ %; .* ms a step; about .* left\n/,
  );
  assert.match(first.stderr, /\[4\/4\] \+ label smoothing, seed 2: .* ms a step\n/);
  const results = found(calm);
  assert.equal(results.length, 4);
  const csv = readFileSync(join(calm, 'ablation.csv'), 'utf8').trimEnd().split('\n');
  assert.equal(csv.length, 5);
  const study = JSON.parse(readFileSync(join(calm, 'ablation.json'), 'utf8')) as {
    rows: { name: string; top1: { n: number }; change?: { paired: boolean; n: number }; done: TrialResult[] }[];
  };
  assert.deepEqual(
    study.rows.map(({ name, top1 }) => [name, top1.n]),
    [
      ['baseline ResNet', 2],
      ['+ label smoothing', 2],
    ],
  );
  assert.equal(study.rows[1]!.change!.paired, true);
  assert.equal(study.rows[0]!.done[0]!.testPictures, 100);
  assert.equal(study.rows[0]!.done[0]!.trainPictures, 320);
  assert.match(readFileSync(join(calm, 'ablation.html'), 'utf8'), /What each step is worth on fashion-mnist/);
  const left = readdirSync(join(calm, 'trials'), { recursive: true, encoding: 'utf8' });
  assert.deepEqual(
    left.filter((name) => /safetensors|checkpoints|lock/.test(name)),
    [],
    'a trial that is done leaves no weights',
  );

  const again = await cli(...task(calm));
  assert.equal(again.status, 0, again.stderr);
  assert.match(again.stderr, /4 of 4 trials are done already/);
  assert.deepEqual(found(calm), results);

  const other = await cli(...task(calm, '--set', 'learningRate=0.05'));
  assert.equal(other.status, 2);
  assert.match(
    other.stderr,
    /holds another one: "baseline ResNet" was trained on other pictures or with other settings\. Choose another --out/,
  );
  assert.match(
    (await cli(...small, '--leave-one-out', '-o', calm)).stderr,
    /it is additive, this one is leave-one-out/,
  );

  const planned = await cli(...task(calm, '--seeds', '3', '--plan', '--json'));
  assert.equal(planned.status, 0, planned.stderr);
  const { trials, remaining, seconds } = JSON.parse(planned.stdout) as {
    trials: number;
    remaining: number;
    seconds: number;
  };
  assert.deepEqual([trials, remaining], [6, 2]);
  assert.ok(seconds > 1 && seconds < 600, String(seconds));
});

test('killed again and again, or without its command, a study ends with the same results', async (context) => {
  const shaken = join(folder, 'shaken');
  let kills = 0;
  for (let attempt = 0; ; attempt++) {
    assert.ok(attempt < 20, 'the study does not end');
    const child = start(...one(shaken, '--json', '--workers', attempt % 2 === 0 ? '1' : '2'));
    let errors = '';
    child.stderr!.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    if (kills < 2) {
      await underway(child, 12 + 3 * attempt);
      // The whole group; or the command alone, whose trials then save, leave, and are gone on with.
      if (child.exitCode === null) {
        process.kill(attempt % 2 === 0 ? -child.pid! : child.pid!, 'SIGKILL');
        kills++;
      }
      await exited(child);
    } else {
      child.stdout!.resume();
      assert.equal(await exited(child), 0, errors);
      break;
    }
  }
  context.diagnostic(`${kills} kills`);
  assert.deepEqual(found(shaken), calmOne());
});

test('two commands on one folder share the trials, and Ctrl-C says how to go on', async () => {
  const shared = join(folder, 'shared');
  const stopped = start(...one(shared));
  let errors = '';
  stopped.stderr!.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  stopped.stdout!.resume();
  while (!existsSync(join(shared, 'plan.json')) && stopped.exitCode === null)
    await new Promise((resolve) => setTimeout(resolve, 50));
  await new Promise((resolve) => setTimeout(resolve, 1000));
  process.kill(-stopped.pid!, 'SIGINT');
  assert.equal(await exited(stopped), 130, errors);
  assert.match(errors, new RegExp(`Go on with: rescaled ablate .* -o ${shared}`));

  const pair = [start(...one(shared, '--json')), start(...one(shared, '--json'))];
  const ran: string[] = [];
  for (const child of pair)
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const event = JSON.parse(line) as { type: string; trial: { id: string } };
      if (event.type === 'progress' && !ran.includes(`${event.trial.id} ${child.pid}`))
        ran.push(`${event.trial.id} ${child.pid}`);
    });
  assert.deepEqual(await Promise.all(pair.map(exited)), [0, 0]);
  const ids = ran.map((key) => key.split(' ')[0]);
  assert.equal(new Set(ids).size, ids.length, `a trial was trained by both: ${ran.join(', ')}`);
  assert.deepEqual(found(shared), calmOne());
});

test('a trial that fails is recorded, shown and tried again, and holds up no other', async () => {
  const order = join(folder, 'order.json');
  writeFileSync(
    order,
    JSON.stringify({
      steps: [
        { name: 'far too fast', settings: { learningRate: 1e30, epochs: 1 } },
        { name: 'slow', settings: { learningRate: 0.01, epochs: 1 } },
      ],
    }),
  );
  const out = join(folder, 'fails');
  for (let i = 0; i < 2; i++) {
    const failing = await cli(...small, '--seeds', '1', '--order', order, '-o', out);
    assert.equal(failing.status, 1, failing.stderr);
    assert.match(failing.stderr, /far too fast, seed 1: failed: .*finite/);
    assert.match(failing.stderr, /1 trial failed; see the page\. The same command tries them again/);
  }
  assert.deepEqual(
    found(out)
      .map((result) => result.status)
      .sort(),
    ['done', 'done', 'failed'],
  );
  assert.match(readFileSync(join(out, 'ablation.html'), 'utf8'), /far too fast, seed 1 failed: /);
});

test('misuse says what was expected', async () => {
  const wrong = async (...args: string[]): Promise<string> => {
    const { status, stderr } = await cli('ablate', ...args);
    assert.equal(status, 2, stderr);
    return stderr;
  };
  assert.match(
    await wrong(FASHION, '--steps', 'cosine,labelsmoothing'),
    /received "labelsmoothing"\. Did you mean "label-smoothing"\?/,
  );
  assert.match(await wrong(FASHION, '-m', 'efficientnet-b0'), /Expected a ResNet or ResNet-RS to study/);
  assert.match(await wrong(FASHION, '--seeds', '0'), /from 1 to 1000 for --seeds/);
  assert.match(await wrong(FASHION, '--set', 'epochs=5'), /Use --epochs and --long-epochs/);
  assert.match(await wrong(FASHION, '--set', 'bacth=5', '--plan'), /Did you mean "batch"/);
  assert.match(await wrong(FASHION, '--order', 'none.json'), /there is nothing at none\.json/);
  assert.match(await wrong(FASHION, '--steps', 'ema', '--weight-decay-table'), /--steps and --weight-decay-table/);
  assert.match(await wrong(join(folder, 'nowhere')), /nowhere/);
  writeFileSync(join(folder, 'file.txt'), 'x');
  assert.match(await wrong(FASHION, '-o', folder), /holds other files/);
});
