import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { cli, pictureFolder, temporaryFolder } from './helpers.js';

const folder = temporaryFolder();
process.env['RESCALED_CACHE'] = join(folder, 'cache');
const data = join(folder, 'data');
for (const part of ['train', 'test']) await pictureFolder(join(data, part), 2, 6);
const out = join(folder, 'shards');

test('pack, inspect and check say what is there, and what to do next', async () => {
  const packing = await cli('shards', 'pack', data, '-o', out, '--size', '20kB');
  assert.equal(packing.status, 0, packing.stderr);
  const count = readdirSync(out).filter((name) => name.endsWith('.tar')).length;
  assert.match(
    packing.stdout,
    new RegExp(`^24 pictures of 2 classes in ${count} shards of .*shards: 0\\.\\d+ MB in [\\d.]+ s\n$`),
  );
  assert.match(packing.stderr, /^next: rescaled train .*shards\n$/);

  const { status, stdout } = await cli('shards', 'inspect', out, '--verify');
  assert.equal(status, 0);
  assert.match(stdout, new RegExp(`^24 pictures in ${count} shards of ${out}, `));
  assert.match(stdout, /\nshard +part +pictures +labelled +size\ntrain-000000\.tar +train +\d+ +all +0\.\d\d MB\n/);
  assert.match(stdout, /\nclass +train +test\n/);
  assert.match(stdout, /\nall bytes are those that the manifest says\n$/);

  const list = (await cli('shards', 'inspect', join(out, 'test-*.tar'), '--list')).stdout.trimEnd().split('\n');
  assert.equal(list.length, 12);
  assert.match(list[0]!, /^test-000000\.tar#000000\.(?:png|jpg|webp)\t[^\t]+\t\d+$/);

  const checked = await cli('check', out, '--json');
  assert.equal(checked.status, 0, checked.stderr);
  const { kind, pictures, parts } = JSON.parse(checked.stdout);
  assert.deepEqual([kind, pictures, parts.length], ['shards', 24, 2]);
});

test('the page of a check shows pictures of shards', async () => {
  const page = join(folder, 'check.html');
  const copied = join(folder, 'copied');
  mkdirSync(copied);
  const packing = await cli(
    'shards',
    'pack',
    '--unlabelled',
    join(data, 'train'),
    join(data, 'train'),
    '-o',
    join(copied, 'pool'),
  );
  assert.equal(packing.status, 0, packing.stderr);
  assert.match(packing.stdout, /^24 pictures in 1 shard of /);
  const { stderr, status } = await cli('check', out, '-o', page);
  assert.equal(status, 0, stderr);
  assert.ok(existsSync(page));
});

test('wrong words are refused before any work', async () => {
  writeFileSync(join(folder, 'file'), '');
  const cases: [RegExp, string[]][] = [
    [/required option '-o, --out/, ['shards', 'pack', data]],
    [
      /Expected a size such as 512MB or 1GiB for --size but received "many"/,
      ['shards', 'pack', data, '-o', 'x', '--size', 'many'],
    ],
    [/has been packed already/, ['shards', 'pack', data, '-o', out]],
    [/Expected tar shards in .* but there are none/, ['shards', 'inspect', data]],
    [/Expected a shard at .*no\.tar but there is nothing/, ['shards', 'inspect', join(folder, 'no.tar')]],
    [
      /for --verify, whose manifest has their sha256, but .* has none/,
      ['shards', 'inspect', join(out, 'test-*.tar'), '--verify'],
    ],
  ];
  for (const [message, words] of cases) {
    const { status, stderr } = await cli(...words);
    assert.match(stderr, message);
    assert.equal(status, 2, words.join(' '));
  }
});
