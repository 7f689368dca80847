import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openDataset } from '../../../src/data/dataset.js';
import { openPool } from '../../../src/data/pool.js';
import { pathsOf, readPixels, type Source, subset } from '../../../src/data/sources/source.js';
import { gradientSharp, photos, rejectsWith, temporaryFolder, writeTree } from '../helpers.js';
import { archiveOf, packed, replace } from './helpers.js';

process.env['RESCALED_CACHE'] = join(temporaryFolder(), 'cache');
const root = temporaryFolder();
const jpeg = await gradientSharp(20, 16).jpeg().toBuffer();
const counts = { 'train/cat': 7, 'train/dog': 6, 'val/cat': 3, 'val/dog': 2, 'test/cat': 2, 'test/dog': 2 };
const folder = await photos(join(root, 'folder'), counts);
await packed([folder], { out: join(root, 'shards'), size: 12_000 });

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Class and sha256 of the bytes of each picture, sorted. */
async function contents(source: Source): Promise<string[]> {
  const all = [];
  for (let i = 0; i < source.length; i++)
    all.push(`${source.classes[source.labels[i]!]} ${digest(await source.encoded!.read(i))}`);
  return all.sort();
}

test('shards are the data set that their folder is', async () => {
  const [one, other] = [await openDataset(folder), await openDataset(join(root, 'shards'))];
  assert.equal(other.kind, 'shards');
  assert.equal(other.name, 'shards');
  assert.deepEqual(other.classes, one.classes);
  assert.deepEqual([other.measured, other.split, other.notes], ['val', undefined, []]);
  for (const part of ['train', 'val', 'test'] as const)
    assert.deepEqual(await contents(other[part]!), await contents(one[part]!), part);
  assert.ok(readdirSync(join(root, 'shards')).filter((name) => /^train-\d{6}\.tar$/.test(name)).length > 1);
  assert.deepEqual(other.ignoredEndings, {});
});

test('pictures are named by shard and entry, and decode as files do', async () => {
  const { train, test: tested } = await openDataset(join(root, 'shards'));
  assert.equal(train!.describe(0), join(root, 'shards', 'train-000000.tar#000000.jpg'));
  const names = pathsOf(train!)!;
  assert.deepEqual([...new Set(names)].length, 13);
  for (const [i, name] of names.entries()) assert.ok(train!.describe(i).endsWith(name));
  // Another reader: what tar gives under that name, decoded by sharp.
  const [shard, name] = pathsOf(tested!)![3]!.split('#') as [string, string];
  const bytes = execFileSync('tar', ['-xOf', join(root, 'shards', shard), name]);
  const { data } = await import('sharp').then(({ default: sharp }) =>
    sharp(bytes).raw().toBuffer({ resolveWithObject: true }),
  );
  const pixels = await readPixels(tested!, 3, 64);
  assert.equal(digest(pixels.data), digest(data));
});

test('parts: folders, words in names, patterns, a manifest; without any, a split', async () => {
  const cat = archiveOf({ '0.jpg': jpeg, '0.cls': '0', '1.jpg': jpeg, '1.cls': '1' });
  const three = archiveOf({ '0.jpg': jpeg, '0.cls': '1', '1.jpg': jpeg, '1.cls': '0', '2.jpg': jpeg, '2.cls': '0' });
  const layouts = writeTree(root, {
    'folders/train/0.tar': three,
    'folders/validation/0.tar': cat,
    'names/imagenet1k-train-0000.tar': three,
    'names/imagenet1k-train-0001.tar': three,
    'names/imagenet1k-validation-00.tar': cat,
    'plain/0.tar': three,
    'plain/1.tar': three,
  });
  const size = async (path: string) => {
    const { train, val, measured, split } = await openDataset(join(layouts, path));
    return [train?.length, val.length, measured, split?.valSplit];
  };
  assert.deepEqual(await size('folders'), [3, 2, 'val', undefined]);
  assert.deepEqual(await size('names'), [6, 2, 'val', undefined]);
  await assert.rejects(size('names/imagenet1k-{train-{0..1},validation-00}.tar'), /none within another/);
  assert.deepEqual(await size('names/*.tar'), [6, 2, 'val', undefined]);
  assert.deepEqual(await size('names/*-train-*.tar'), [4, 2, 'val', 0.2]);
  assert.deepEqual(await size('plain'), [4, 2, 'val', 0.2]);
  assert.deepEqual(await size('plain/{0..1}.tar'), [4, 2, 'val', 0.2]);
  assert.deepEqual(await size('folders/train'), [2, 1, 'val', 0.2]);
  const all = await openDataset(join(layouts, 'names'), { take: 'every' });
  assert.equal(all.val.length, 8);
  const { val } = await openDataset(join(layouts, 'names'), { take: 'train' });
  assert.deepEqual([...val.labels], [1, 0, 0, 1, 0, 0]);
  assert.deepEqual(await openDataset(join(layouts, 'names'), { take: 'all' }).then(({ measured }) => measured), 'val');
});

test('a split is the same wherever the shards lie, and a part of a source keeps its pictures', async () => {
  const { train, val, split } = await openDataset(join(root, 'shards', 'train-*.tar'), { seed: 3 });
  assert.deepEqual(split, { valSplit: 0.2, seed: 3 });
  const all = await openDataset(join(root, 'shards'));
  assert.deepEqual([...(await contents(train!)), ...(await contents(val))].sort(), await contents(all.train!));
  const part = subset(all.train!, [5, 2]);
  assert.deepEqual([part.describe(0), part.describe(1)], [all.train!.describe(5), all.train!.describe(2)]);
  assert.deepEqual([...part.labels], [all.train!.labels[5], all.train!.labels[2]]);
  assert.equal(digest(await part.encoded!.read(1)), digest(await all.train!.encoded!.read(2)));
});

test('classes: numbers with and without names, names, and what does not fit', async () => {
  const of = (name: string, files: Record<string, string | Uint8Array>, more: Record<string, string> = {}) =>
    openDataset(
      writeTree(join(root, name), { 'train-0.tar': archiveOf(files), 'val-0.tar': archiveOf(files), ...more }),
    );
  const numbers = { 'a.jpg': jpeg, 'a.cls': '0', 'b.jpg': jpeg, 'b.cls': '2' };
  const names = { 'a.jpg': jpeg, 'a.cls': 'dog', 'b.jpg': jpeg, 'b.json': '{"label": "cat"}' };
  assert.deepEqual((await of('numbers', numbers)).classes, ['0', '1', '2']);
  assert.deepEqual((await of('listed', numbers, { 'classes.txt': 'x\ny\nz\n' })).classes, ['x', 'y', 'z']);
  const named = await of('named', names);
  assert.deepEqual(
    [named.classes, [...named.train!.labels]],
    [
      ['cat', 'dog'],
      [1, 0],
    ],
  );
  assert.deepEqual([...(await of('ordered', names, { 'classes.txt': 'dog\ncat' })).train!.labels], [0, 1]);
  await rejectsWith(
    of('few', numbers, { 'classes.txt': 'x\ny' }),
    2,
    /class numbers 0 to 1, as .* names 2 classes, but .*train-0\.tar has 2/,
  );
  await rejectsWith(
    of('strange', names, { 'classes.txt': 'dog\nhat' }),
    2,
    /Expected the classes of .*classes\.txt but .* has a picture of "cat"/,
  );
  await rejectsWith(
    of('mixed', { ...numbers, 'c.jpg': jpeg, 'c.cls': 'cat' }),
    2,
    /the number 0 and .* the name "cat"/,
  );
  await rejectsWith(
    of('none', { ...numbers, 'c.jpg': jpeg }),
    2,
    /but 1 of the 3 pictures of .*train-0\.tar have none/,
  );
  await rejectsWith(
    of('huge', { 'a.jpg': jpeg, 'a.cls': '999999999' }),
    2,
    /Expected class numbers 0 to 199999 but .* has 999999999/,
  );
});

test('what is no data set of shards is told', async () => {
  const shard = archiveOf({ '0.jpg': jpeg, '0.cls': '0', '1.jpg': jpeg, '1.cls': '1' });
  writeTree(root, {
    'packed/0.tar.gz': 'x',
    'half/train-0.tar': shard,
    'half/other.tar': shard,
    'empty/0.tar': archiveOf({ 'a.txt': 'x' }),
    'tests/test-0.tar': shard,
    'same/0.tar': archiveOf({ '0.jpg': jpeg, '0.cls': '0' }),
    'bad/shards.json':
      '{"format": "rescaled shards 1", "shards": [{"name": "../0.tar", "count": 1, "bytes": 1, "sha256": ""}]}',
  });
  const open = (path: string) => openDataset(join(root, path));
  await rejectsWith(open('packed'), 2, /Expected plain tar archives but .* is packed/);
  await rejectsWith(open('half'), 2, /the part of each shard .* but other\.tar does not say it/);
  await rejectsWith(open('empty'), 1, /0\.tar: it has no pictures \(endings \.txt\)/);
  await rejectsWith(open('tests'), 2, /Expected shards to train on .* none beside those of the test part/);
  await rejectsWith(open('same'), 2, /at least two classes in .* but all are of "0"/);
  await rejectsWith(open('bad'), 2, /shards\.0\.name: expected a name such as train-000000\.tar/);
  await rejectsWith(open('nothing.tar'), 2, /Expected a shard at .*nothing\.tar but there is nothing/);
  await rejectsWith(open('half/{0..2}.tar'), 2, /Expected all 3 shards of .*0\.tar is missing, and 2 more/);
  await rejectsWith(open('half/no-*.tar'), 2, /Expected shards for the pattern/);
});

test('class folders beside an archive stay class folders', async () => {
  const mixed = await photos(join(root, 'mixed'), { cat: 3, dog: 3 });
  writeFileSync(join(mixed, 'original.tar'), archiveOf({ '0.jpg': jpeg }));
  assert.equal((await openDataset(mixed)).kind, 'image-folder');
});

/** An index that says something else of its labels, under a checksum that fits. */
function withFacts(index: Buffer, text: string): Buffer {
  const [head, facts] = [Buffer.from(index.subarray(0, 128)), Buffer.from(text)];
  const rest = index.subarray(128 + head.readUInt32LE(20));
  head.writeUInt32LE(facts.length, 20);
  const labels = rest.subarray(0, 4 * head.readUInt32LE(16));
  createHash('sha256').update(head.subarray(0, 96)).update(facts).update(labels).digest().copy(head, 96);
  return Buffer.concat([head, facts, rest]);
}

test('an index is kept beside its shard, and made anew for another one in the place', async () => {
  const path = join(root, 'index');
  const shard = archiveOf({ '0.jpg': jpeg, '0.cls': '0', '1.jpg': jpeg, '1.cls': '1' });
  writeTree(path, { 'train-0.tar': shard, 'val-0.tar': shard });
  const index = join(path, 'train-0.tar.index');
  const first = await openDataset(path);
  const { ino } = statSync(index);
  await openDataset(path);
  assert.equal(statSync(index).ino, ino, 'it is not written again');
  const bytes = readFileSync(index);
  for (const damage of [
    bytes.subarray(0, 100),
    bytes.subarray(0, -1),
    Buffer.concat([bytes, bytes]),
    Buffer.alloc(0),
  ]) {
    writeFileSync(index, damage);
    assert.equal((await openDataset(path)).fingerprint, first.fingerprint);
    assert.deepEqual(readFileSync(index), bytes);
  }
  // Whoever writes an index can write its checksum too.
  for (const said of ['null', '{', '{"known": 7, "ignored": {}}', '{"known": [[]], "ignored": {}}']) {
    writeFileSync(index, withFacts(bytes, said));
    assert.equal((await openDataset(path)).fingerprint, first.fingerprint, said);
  }
  const flipped = Buffer.from(bytes);
  flipped[140]! ^= 1;
  writeFileSync(index, flipped);
  assert.equal((await openDataset(path)).fingerprint, first.fingerprint);

  replace(join(path, 'train-0.tar'), archiveOf({ '0.jpg': jpeg, '0.cls': '1', '1.jpg': jpeg, '1.cls': '0' }));
  const changed = await openDataset(path);
  assert.notEqual(changed.fingerprint, first.fingerprint);
  assert.notEqual(changed.onDisk!.key, first.onDisk!.key);
  assert.deepEqual([...changed.train!.labels], [1, 0]);
});

test('where an index cannot be kept beside its shard, it is kept in the cache, or else in memory', async () => {
  const path = join(root, 'unkept');
  writeTree(path, { 'a.tar': archiveOf({ '0.jpg': jpeg, '0.cls': '0', '1.jpg': jpeg, '1.cls': '1' }) });
  mkdirSync(join(path, 'a.tar.index'));
  const open = async () => {
    const { val } = await openDataset(join(path, 'a.tar'), { take: 'all' });
    return [val.length, val.describe(1), digest(await val.encoded!.read(1))];
  };
  const expected = [2, join(path, 'a.tar#1.jpg'), digest(jpeg)];
  assert.deepEqual(await open(), expected);
  const kept = join(process.env['RESCALED_CACHE']!, 'shards');
  assert.equal(readdirSync(kept).length, 1);
  // One that nobody used for long goes, and this one stays however old it is.
  const [mine] = readdirSync(kept) as [string];
  writeFileSync(join(kept, 'old.index'), 'x');
  for (const name of [mine, 'old.index']) utimesSync(join(kept, name), 1e9, 1e9);
  assert.deepEqual(await open(), expected);
  assert.deepEqual(readdirSync(kept), [mine]);
  const before = process.env['RESCALED_CACHE'];
  process.env['RESCALED_CACHE'] = 'off';
  rmSync(kept, { recursive: true });
  assert.deepEqual(await open(), expected);
  assert.ok(!existsSync(kept));
  process.env['RESCALED_CACHE'] = before;
});

test('a shard that changes under a source is noticed, not read past', async () => {
  const path = join(root, 'under');
  const larger = await gradientSharp(90, 80).jpeg().toBuffer();
  writeTree(path, { 'a.tar': archiveOf({ '0.jpg': jpeg, '0.cls': '0', '1.jpg': jpeg, '1.cls': '1' }) });
  const { val } = await openDataset(join(path, 'a.tar'), { take: 'all' });
  writeFileSync(join(path, 'a.tar'), archiveOf({ '0.jpg': larger, '0.cls': '0', '1.jpg': jpeg, '1.cls': '1' }));
  await rejectsWith(
    val.encoded!.read(1),
    1,
    /"1\.jpg" is no longer where its index says, at byte \d+: the shard has changed/,
  );
});

test('the fingerprint is of what is in the shards, and not of where they lie or when they were written', async () => {
  const before = await openDataset(join(root, 'shards'));
  const copy = join(root, 'copy');
  execFileSync('cp', ['-r', join(root, 'shards'), copy]);
  const after = await openDataset(copy);
  assert.equal(after.fingerprint, before.fingerprint);
  assert.notEqual(after.onDisk!.key, before.onDisk!.key);
});

test('a pool takes shards: a part each, whatever the labels', async () => {
  const pool = await openPool([join(root, 'shards', 'val-*.tar'), join(root, 'folder', 'test')]);
  assert.equal(pool.source.length, 9);
  assert.equal(pool.key(0), 'val-000000.tar#000000.jpg');
  assert.equal(pool.parts[0]!.name, 'val-000000');
  assert.match(pool.identity(pool.parts[0]!), /^[0-9a-f]{64}$/);
  const unlabelled = writeTree(join(root, 'unlabelled'), { '0.tar': archiveOf({ 'x/0.jpg': jpeg, 'y.png': jpeg }) });
  const { source, parts, key } = await openPool([unlabelled]);
  assert.deepEqual([source.length, parts, key(1)], [2, [{ name: '0', begin: 0, end: 2 }], '0.tar#y.png']);
});
