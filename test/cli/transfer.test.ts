import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { photos } from '../data/helpers.js';
import { cli, temporaryFolder } from './helpers.js';

const root = temporaryFolder();
process.env['RESCALED_CACHE'] = join(root, 'cache');
const data = await photos(join(root, 'photos'), { 'train/a': 5, 'train/b': 5, 'test/a': 3, 'test/b': 3 });

test('what cannot be done is refused before a folder is made', async () => {
  const out = join(root, 'none');
  for (const [words, expected] of [
    [['scratch:resnet-rs-14', '--to', join(root, 'nowhere')], /nowhere/],
    [['scratch:resnet-rs-14', '--to', data, '--labels', '1,many'], /numbers with commas between for --labels/],
    [['scratch:resnet-rs-14', '--to', data, '--methods', 'tune'], /--methods but received "tune"/],
    [['scratch', '--to', data], /write scratch:MODEL/],
    [['runs/nothing', '--to', data], /nothing at runs\/nothing/],
    [['scratch:resnet-rs-14'], /required option '--to <data...>'/],
  ] as const) {
    const { status, stderr } = await cli('transfer', ...words, '-o', out);
    assert.equal(status, 2, words.join(' '));
    assert.match(stderr, expected);
  }
  assert.ok(!existsSync(out));
});

test('features of a random network, told as JSON: targets, results and the table', async () => {
  const out = join(root, 'out');
  const words = [
    'transfer',
    'floor=scratch:resnet-rs-14x0.125',
    '--to',
    data,
    '--methods',
    'linear,knn',
    '--labels',
    '100',
  ];
  const { status, stdout } = await cli(...words, '--seeds', '1', '--size', '16', '--threads', '1', '--json', '-o', out);
  assert.equal(status, 0);
  const events = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { type: string; table?: { cells: unknown[] } });
  assert.deepEqual(
    events.map(({ type }) => type),
    ['start', 'result', 'result', 'end'],
  );
  assert.equal(events.at(-1)!.table!.cells.length, 2);
  assert.match(readFileSync(join(out, 'report.html'), 'utf8'), /floor=scratch:resnet-rs-14x0\.125/);
});
