import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openDataset } from '../../../src/data/dataset.js';
import { inspectShards } from '../../../src/data/inspect.js';
import { packShards } from '../../../src/data/pack.js';
import { readPixels } from '../../../src/data/sources/source.js';
import { idxPart, photos, rejectsWith, temporaryFolder, writeTree } from '../helpers.js';
import { packed } from './helpers.js';

process.env['RESCALED_CACHE'] = 'off';
const root = temporaryFolder();
const folder = await photos(join(root, 'folder'), { 'train/cat': 9, 'train/dog': 8, 'test/cat': 2, 'test/dog': 2 });
const digests = (path: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(path)
      .filter((name) => name.endsWith('.tar'))
      .map((name) => [
        name,
        createHash('sha256')
          .update(readFileSync(join(path, name)))
          .digest('hex'),
      ]),
  );
let made = 0;
const fresh = (): string => join(root, `out-${made++}`);

async function inspected(path: string, options = {}) {
  const looking = inspectShards(path, options);
  for (;;) {
    const turn = await looking.next();
    if (turn.done === true) return turn.value;
  }
}

test('the same pictures and options give the same bytes; another seed another order', async () => {
  const [a, b, c, d] = [fresh(), fresh(), fresh(), fresh()];
  const { result } = await packed([folder], { out: a, size: 10_000 });
  await packed([folder], { out: b, size: 10_000 });
  await packed([folder], { out: c, size: 10_000, seed: 1 });
  await packed([folder], { out: d, size: 10_000, shuffle: false });
  assert.deepEqual(digests(a), digests(b));
  assert.notDeepEqual(digests(a), digests(c));
  assert.notDeepEqual(digests(a), digests(d));
  const shards = result.shards.map(({ name, sha256, bytes }) => [name, sha256, bytes]);
  assert.deepEqual(Object.fromEntries(shards.map(([name, sha256]) => [name, sha256])), digests(a));
  for (const [name, , bytes] of shards) {
    assert.equal(statSync(join(a, String(name))).size, bytes);
    assert.ok(Number(bytes) <= 10_000, `${name} has ${bytes} bytes`);
  }
  assert.ok(shards.length > 3);
  assert.deepEqual([result.pictures, result.classes, result.leftOut], [21, ['cat', 'dog'], 0]);
});

test('mixed by default: a shard holds several classes; in order without', async () => {
  const [mixed, ordered] = [fresh(), fresh()];
  await packed([folder], { out: mixed, size: 1e6 });
  await packed([folder], { out: ordered, size: 1e6, shuffle: false });
  const labels = async (path: string) => [...(await openDataset(path)).train!.labels].join('');
  assert.equal(await labels(ordered), '00000000011111111');
  assert.notEqual(await labels(mixed), '00000000011111111');
});

test('a stopped packing leaves whole shards and goes on with the others', async () => {
  const [whole, out] = [fresh(), fresh()];
  await packed([folder], { out: whole, size: 10_000 });
  const stop = new AbortController();
  const packing = packShards([folder], { out, size: 10_000, signal: stop.signal });
  const keep: string[] = [];
  // Progress is told by time; shards are seen in the folder.
  const watched = (async () => {
    for await (const event of packing) keep.push(event.type);
  })();
  while (!existsSync(join(out, 'train-000001.tar.index'))) await new Promise((resolve) => setImmediate(resolve));
  stop.abort(new Error('enough'));
  await watched.catch((error: Error) => assert.equal(error.message, 'enough'));
  const names = readdirSync(out);
  if (names.includes('shards.json')) return; // it was faster than the signal
  assert.ok(
    names.every((name) => /^train-\d{6}\.tar(\.index)?$/.test(name)),
    names.join(),
  );
  writeFileSync(join(out, '.train-000002.tar.1.tmp'), 'left by a process that was killed');
  const { events } = await packed([folder], { out, size: 10_000 });
  assert.ok(events.filter(({ type }) => type === 'kept').length >= 2);
  assert.deepEqual(digests(out), digests(whole));
  assert.deepEqual(readFileSync(join(out, 'shards.json')), readFileSync(join(whole, 'shards.json')));
});

test('a folder that was packed, or holds other things, is refused', async () => {
  const out = fresh();
  await packed([folder], { out });
  await rejectsWith(packed([folder], { out }), 2, /has been packed already/);
  rmSync(join(out, 'shards.json'));
  writeFileSync(join(out, 'notes.txt'), 'mine');
  await rejectsWith(packed([folder], { out }), 2, /holds notes\.txt/);
  await rejectsWith(packed([folder], { out: join(folder, 'train/cat/0.jpg') }), 2, /is a file/);
  await rejectsWith(packed([folder], { out: fresh(), size: 10 }), 2, /at least 1024 bytes/);
  await rejectsWith(packed([folder, folder], { out: fresh() }), 2, /one data set but received 2 paths/);
  await rejectsWith(packed([join(folder, 'train/cat')], { out: fresh() }), 2, /packed with --unlabelled/);
});

test('pictures without labels: several paths, in order', async () => {
  const out = fresh();
  const { result } = await packed([join(folder, 'test'), join(folder, 'train/cat')], { out, unlabelled: true });
  assert.deepEqual([result.pictures, result.classes], [13, undefined]);
  const { list, counts } = await inspected(out, { list: true });
  assert.deepEqual(list![0], { name: '000000.tar#000000.jpg', bytes: statSync(join(folder, 'test/cat/0.jpg')).size });
  assert.deepEqual(counts, [{ part: 'all', pictures: 13, labelled: 0, byClass: [] }]);
});

test('IDX files become PNG with the same pixels', async () => {
  const idx = writeTree(join(root, 'idx'), { ...idxPart('train', 12, 3, 8), ...idxPart('t10k', 4, 3, 8) });
  const out = fresh();
  await packed([idx], { out, shuffle: false });
  const [one, other] = [await openDataset(idx), await openDataset(out)];
  assert.deepEqual(other.classes, one.classes);
  assert.deepEqual([...other.train!.labels], [...one.train!.labels]);
  for (const i of [0, 5, 11])
    assert.deepEqual((await readPixels(other.train!, i, 8)).data, (await readPixels(one.train!, i, 8)).data);
  assert.equal(other.val.length, 4);
});

test('shards can be packed anew, and what cannot be packed is told', async () => {
  const [first, second] = [fresh(), fresh()];
  const data = await photos(join(root, 'odd'), { cat: 4, dog: 4 });
  writeFileSync(join(data, 'cat/empty.jpg'), '');
  const { result, events } = await packed([data], { out: first });
  assert.equal(result.leftOut, 1);
  assert.deepEqual(
    events.filter(({ type }) => type === 'left out'),
    [{ type: 'left out', path: join(data, 'cat/empty.jpg'), reason: 'it is empty (0 bytes)' }],
  );
  assert.deepEqual(
    result.shards.map(({ name, part }) => [name, part]),
    [['000000.tar', undefined]],
  );
  await packed([first], { out: second, size: 5000 });
  assert.equal((await inspected(second)).pictures, 8);
});

test('--verify finds a shard that is not the manifest says', async () => {
  const out = fresh();
  await packed([folder], { out });
  assert.deepEqual((await inspected(out, { verify: true })).changed, []);
  const path = join(out, 'train-000000.tar');
  const bytes = readFileSync(path);
  bytes[600]! ^= 1;
  writeFileSync(path, bytes);
  assert.deepEqual((await inspected(out, { verify: true })).changed, ['train-000000.tar']);
  writeFileSync(path, bytes.subarray(0, -512));
  await rejectsWith(
    inspected(out),
    2,
    /Expected train-000000\.tar of \d+ bytes, as .*shards\.json says, but it has \d+/,
  );
  await rejectsWith(inspected(folder), 2, /Expected tar shards in .* but there are none/);
});
