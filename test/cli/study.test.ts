import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import type { TrialResult } from '../../src/study/trials/result.js';
import { cli, exited, FASHION, start, temporaryFolder } from './helpers.js';

const folder = temporaryFolder();
const file = join(folder, 'tiny.json');
const grid = { family: 'resnet-rs', depths: [14], widths: [0.125, 0.25], sizes: [20] };
const tiny = {
  data: FASHION,
  limitTrain: 320,
  limitTest: 100,
  models: [grid],
  epochs: [1, 2],
  seeds: 1,
  settings: { batch: 32 },
};
writeFileSync(file, JSON.stringify(tiny));
const written = (name: string, study: object): string => {
  writeFileSync(join(folder, name), JSON.stringify(study));
  return join(folder, name);
};

/** What the trials found, without what depends on the clock. */
function found(study: string): unknown[] {
  const trials = join(study, 'trials');
  return readdirSync(trials)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => {
      const { top1, loss, trainTop1, seed, id, steps, status } = JSON.parse(
        readFileSync(join(trials, name), 'utf8'),
      ) as Record<string, unknown>;
      return { top1, loss, trainTop1, seed, id, steps, status };
    });
}

const calm = join(folder, 'calm');

test('a study is planned, run, timed and looked at; a second run finds it done', async () => {
  const planned = await cli('study', 'plan', file, '--json');
  assert.equal(planned.status, 0, planned.stderr);
  const plan = JSON.parse(planned.stdout) as {
    configurations: { name: string; trainFlops: number; multiplyAdds: number }[];
    trials: number;
    trainFlops: number;
  };
  assert.deepEqual(
    plan.configurations.map(({ name }) => name),
    [1, 2].flatMap((epochs) =>
      [0.125, 0.25].map((width) => `resnet-rs-14 x${width} @20 for ${epochs} epoch${epochs === 1 ? '' : 's'}`),
    ),
  );
  assert.equal(plan.trials, 4);
  // 3 passes of 2 FLOPs a multiply-add for each of 320 pictures.
  assert.equal(plan.configurations[0]!.trainFlops, 6 * 320 * plan.configurations[0]!.multiplyAdds);
  assert.ok(!existsSync(join(folder, 'runs')), 'a plan writes nothing');

  const first = await cli('study', 'run', file, '-o', calm, '--threads', '1');
  assert.equal(first.status, 0, first.stderr);
  assert.match(first.stderr, /4 configurations, 4 trials, 1 at a time on 1 threads/);
  assert.match(first.stderr, /\[4\/4\] resnet-rs-14 x[\d.]+ @20 for 2 epochs, seed 1: top-1 [\d.]+ %/);
  assert.match(first.stderr, /timed resnet-rs-14-x0\.25-20px-batch32: [\d.]+ ms a training step/);
  assert.equal(found(calm).length, 4);
  assert.deepEqual(readdirSync(join(calm, 'measured')).sort(), [
    'resnet-rs-14-x0.125-20px-batch32.json',
    'resnet-rs-14-x0.25-20px-batch32.json',
  ]);

  const status = JSON.parse((await cli('study', 'status', calm, '--json')).stdout) as Record<string, unknown>;
  assert.deepEqual([status['trials'], status['done'], status['failed'], status['measured']], [4, 4, 0, 2]);
  const results = found(calm);
  const again = await cli('study', 'run', calm);
  assert.equal(again.status, 0, again.stderr);
  assert.match(again.stderr, /4 of 4 trials are done already/);
  assert.deepEqual(found(calm), results);
});

test('another study, another kind of folder and broken files are refused, and nothing is overwritten', async () => {
  const before = readFileSync(join(calm, 'plan.json'), 'utf8');
  const isRefused = async (message: RegExp, ...args: string[]): Promise<void> => {
    const { status, stderr } = await cli('study', ...args);
    assert.ok(status === 1 || status === 2, `${status}: ${stderr}`);
    assert.match(stderr, message);
    assert.doesNotMatch(stderr, /\n\s+at /);
  };
  await isRefused(
    /holds another one: resnet-rs-14 x0\.125 @20 for 1 epoch has other settings there/,
    'run',
    written('faster.json', { ...tiny, settings: { batch: 32, learningRate: 0.5 } }),
    '-o',
    calm,
  );
  await isRefused(
    /it has resnet-rs-14 x0\.125 @20 for 1 epoch, this one has not/,
    'run',
    written('longer.json', { ...tiny, epochs: [2] }),
    '-o',
    calm,
  );
  assert.equal(readFileSync(join(calm, 'plan.json'), 'utf8'), before);
  const other = join(folder, 'other');
  mkdirSync(other);
  writeFileSync(join(other, 'notes.txt'), 'mine');
  await isRefused(/holds other files/, 'run', file, '-o', other);
  assert.deepEqual(readdirSync(other), ['notes.txt']);
  await isRefused(/has no plan\.json/, 'status', other);
  await isRefused(/has no plan\.json/, 'run', other);
  writeFileSync(join(other, 'plan.json'), JSON.stringify({ format: 1, kind: 'additive', rows: [] }));
  await isRefused(/holds the study of "rescaled ablate"/, 'status', other);
  writeFileSync(join(other, 'plan.json'), '{"format":1,"kind":"scaling"}');
  await isRefused(/Expected the plan of a study of this version/, 'status', other);
  await isRefused(
    /every configuration is left out/,
    'run',
    written('minute.json', { ...tiny, models: [{ ...grid, sizes: [8] }] }),
    '-o',
    join(folder, 'never'),
  );
  assert.ok(!existsSync(join(folder, 'never')));
  await isRefused(/has not begun|has no plan\.json/, 'status', file, '-o', join(folder, 'never'));
  await isRefused(/Expected the folder of the pictures/, 'run', 'paper');
  await isRefused(/--index/, 'run', file, '--index', '2', '--of', '2');
});

test('a larger study goes on with a smaller one in its folder', async () => {
  const grown = await cli(
    'study',
    'run',
    written('grown.json', { ...tiny, epochs: [1, 2, 3] }),
    '-o',
    calm,
    '--no-measure',
  );
  assert.equal(grown.status, 0, grown.stderr);
  assert.match(grown.stderr, /4 of 6 trials are done already/);
});

test('shares of many machines on one folder: no trial runs twice, a killed one is taken up again, the results are the same', async () => {
  const shared = join(folder, 'shared');
  const run = (index: number): ChildProcess =>
    start(
      'study',
      'run',
      file,
      '-o',
      shared,
      '--threads',
      '1',
      '--index',
      String(index),
      '--of',
      '2',
      '--no-measure',
      '--json',
      '--checkpoint-seconds',
      '0.05',
    );
  const doomed = run(0);
  await new Promise<void>((resolve) => {
    createInterface({ input: doomed.stdout! })
      .on('line', (line) => /"type":"progress","step":[4-9]/.test(line) && resolve())
      .on('close', resolve);
  });
  process.kill(-doomed.pid!, 'SIGKILL');
  await exited(doomed);
  const pair = [run(0), run(1)];
  const trained: string[] = [];
  for (const child of pair)
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const event = JSON.parse(line) as { type: string; trial: { id: string } };
      if (event.type === 'progress' && !trained.includes(`${event.trial.id} ${child.pid}`))
        trained.push(`${event.trial.id} ${child.pid}`);
    });
  assert.deepEqual(await Promise.all(pair.map(exited)), [0, 0]);
  const ids = trained.map((key) => key.split(' ')[0]);
  assert.equal(new Set(ids).size, ids.length, `a trial was trained by both: ${trained.join(', ')}`);
  assert.deepEqual(
    found(shared),
    found(calm).filter((result) =>
      found(shared).some((other) => (other as TrialResult).id === (result as TrialResult).id),
    ),
  );
  assert.equal(found(shared).length, 4);
});

test('a trial that another machine has is shown as running', async () => {
  const away = join(folder, 'away');
  mkdirSync(join(away, 'trials'), { recursive: true });
  const plan = readFileSync(join(calm, 'plan.json'), 'utf8');
  writeFileSync(join(away, 'plan.json'), plan);
  const { id } = (JSON.parse(plan) as { configurations: { trials: { id: string }[] }[] }).configurations[0]!.trials[0]!;
  writeFileSync(join(away, 'trials', `${id}.lock`), JSON.stringify({ pid: 1, host: `not-${hostname()}` }));
  const status = JSON.parse((await cli('study', 'status', away, '--json')).stdout) as Record<string, unknown>;
  assert.deepEqual([status['running'], status['waiting']], [1, 5]);
});
