import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { Random } from '../../src/augment/random.js';
import { readBoard } from '../fixtures/event-reader.js';
import { cli, exited, FASHION, start, temporaryFolder } from './helpers.js';

const task = (out: string, ...more: string[]): string[] => [
  'train',
  FASHION,
  '--model',
  'resnet-rs-14',
  '--width',
  '0.125',
  '--recipe',
  'quick',
  '--epochs',
  '6',
  '--batch',
  '32',
  '--limit-train',
  '640',
  '--limit-val',
  '200',
  '--set',
  'dropout=0.2',
  '--set',
  'stochasticDepth=0.2',
  '--set',
  'augment=randaugment',
  '--set',
  'randomErasing=0.3',
  '--set',
  'mixup=0.2',
  '--set',
  'cutmix=1',
  '--set',
  'repeats=3',
  '--threads',
  '1',
  '--seed',
  '5',
  '--checkpoint-seconds',
  '0.05',
  '--out',
  out,
  '--json',
  ...more,
];

/** Resolves at the first checkpoint that the process tells of, or when it ends. */
function firstCheckpoint(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    createInterface({ input: child.stdout! })
      .on('line', (line) => line.includes('"type":"checkpoint"') && resolve())
      .on('close', resolve);
  });
}

const folder = temporaryFolder();
const calm = join(folder, 'calm');

test('a run killed again and again and resumed ends with the bytes of one that was not', async (context) => {
  const done = await cli(...task(calm, '--workers', '1'));
  assert.equal(done.status, 0, done.stderr);
  const weights = readFileSync(join(calm, 'weights.safetensors'));
  const log = readFileSync(join(calm, 'metrics.csv'), 'utf8')
    .split('\n')
    .map((line) => line.split(',').slice(0, -1).join(','));

  const shaken = join(folder, 'shaken');
  const random = new Random(2026);
  let kills = 0;
  // Another number of loader workers each time must make no difference.
  for (let attempt = 0; !existsSync(join(shaken, 'report.json')); attempt++) {
    assert.ok(attempt < 60, 'the run does not end');
    const resume = existsSync(join(shaken, 'checkpoints', 'last.safetensors'));
    const child = resume ? start('train', '--resume', shaken, '--json') : start(...task(shaken, '--workers', '2'));
    let errors = '';
    child.stderr!.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    if (kills < 3) {
      await firstCheckpoint(child);
      await new Promise((resolve) => setTimeout(resolve, random.uniform() * 150));
      if (child.exitCode === null && !existsSync(join(shaken, 'report.json'))) {
        process.kill(-child.pid!, 'SIGKILL');
        kills++;
      }
      await exited(child);
    } else {
      child.stdout!.resume();
      assert.equal(await exited(child), 0, errors);
    }
  }
  context.diagnostic(`${kills} kills`);
  assert.ok(kills >= 3, `only ${kills} kills`);
  assert.ok(weights.equals(readFileSync(join(shaken, 'weights.safetensors'))), 'the weights differ');
  const resumed = readFileSync(join(shaken, 'metrics.csv'), 'utf8')
    .split('\n')
    .map((line) => line.split(',').slice(0, -1).join(','));
  assert.deepEqual(resumed, log);
  const board = (run: string): unknown[] =>
    readBoard(run)
      .filter(({ tag }) => tag !== 'images_per_second')
      .map(({ tag, step, value }) => [tag, step, value]);
  assert.deepEqual(board(shaken), board(calm), 'TensorBoard: no step twice, none missing');
});

test('Ctrl-C saves, says how to go on, and the resumed run ends with the same bytes', async () => {
  const stopped = join(folder, 'stopped');
  const child = start(...task(stopped, '--workers', '0'));
  let errors = '';
  child.stderr!.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  await firstCheckpoint(child);
  process.kill(-child.pid!, 'SIGINT');
  assert.equal(await exited(child), 130);
  assert.match(errors, new RegExp(`Go on with: rescaled train --resume ${stopped}`));
  const resumed = await cli('train', '--resume', stopped, '--json');
  assert.equal(resumed.status, 0, resumed.stderr);
  assert.ok(readFileSync(join(calm, 'weights.safetensors')).equals(readFileSync(join(stopped, 'weights.safetensors'))));
});
