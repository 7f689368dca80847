import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, renameSync, symlinkSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { test } from 'node:test';
import { openDataset } from '../../../src/data/dataset.js';
import { readPixels, type Source } from '../../../src/data/sources/source.js';
import { rejectsWith, temporaryFolder, writeClasses, writeTree } from '../helpers.js';

const root = temporaryFolder();
let made = 0;
const fresh = () => join(root, `set${made++}`);
const paths = (folder: string, source: Source) =>
  Array.from({ length: source.length }, (_, i) => relative(folder, source.describe(i)));

test('train/ and val/: classes by name, labels, paths, ignored and hidden files', async () => {
  const folder = await writeClasses(fresh(), { 'train/dog': 3, 'train/cat': 2, 'val/dog': 1, 'val/cat': 2 });
  writeTree(folder, {
    'train/cat/notes.txt': 'x',
    'train/readme.md': 'x',
    'train/cat/.hidden.png': 'x',
    'train/.cache/a.png': 'x',
    'val/dog/Thumbs.db': 'x',
  });
  const set = await openDataset(folder);
  assert.equal(set.kind, 'image-folder');
  assert.equal(set.name, basename(folder));
  assert.deepEqual(set.classes, ['cat', 'dog']);
  assert.deepEqual(paths(folder, set.train!), [
    'train/cat/0.png',
    'train/cat/1.png',
    'train/dog/0.png',
    'train/dog/1.png',
    'train/dog/2.png',
  ]);
  assert.deepEqual([...set.train!.labels], [0, 0, 1, 1, 1]);
  assert.deepEqual([...set.val.labels], [0, 0, 1]);
  assert.equal(set.ignoredFiles, 3);
  assert.equal(set.split, undefined);
  assert.equal((await readPixels(set.train!, 2, 32)).width, 12);
});

test('test/ stands in for val/, and val/ is preferred', async () => {
  const folder = await writeClasses(fresh(), { 'train/a': 2, 'train/b': 2, 'test/a': 1, 'test/b': 1 });
  assert.deepEqual(paths(folder, (await openDataset(folder)).val), ['test/a/0.png', 'test/b/0.png']);
  await writeClasses(folder, { 'val/a': 1 });
  assert.deepEqual(paths(folder, (await openDataset(folder)).val), ['val/a/0.png']);
});

test('pictures in sub-folders of a class, capital endings and links count', async () => {
  const folder = await writeClasses(fresh(), { 'train/a/deep/er': 1, 'train/b': 1, 'val/a': 1, outside: 1 });
  renameSync(join(folder, 'train/b/0.png'), join(folder, 'train/b/0.PNG'));
  symlinkSync(join(folder, 'outside/0.png'), join(folder, 'train/b/link.png'));
  symlinkSync(join(folder, 'outside'), join(folder, 'train/c'));
  symlinkSync(join(folder, 'train/a'), join(folder, 'train/a/deep/round')); // a circle
  symlinkSync(join(folder, 'nowhere.png'), join(folder, 'train/b/dead.png'));
  const set = await openDataset(folder);
  assert.deepEqual(paths(folder, set.train!), [
    'train/a/deep/er/0.png',
    'train/b/0.PNG',
    'train/b/link.png',
    'train/c/0.png',
  ]);
  assert.equal(set.ignoredFiles, 1);
  assert.equal((await readPixels(set.train!, 2, 32)).width, 12);
});

test('one folder of class folders is split per class, by seed, not by order or place', async () => {
  const counts = { rose: 10, tulip: 5, daisy: 2, lone: 1 };
  const folder = await writeClasses(fresh(), counts);
  const set = await openDataset(folder, { valSplit: 0.3, seed: 1 });
  const valCounts = set.classes.map((_, label) => set.val.labels.filter((l) => l === label).length);
  // daisy 2 -> 1 (at least one), lone 1 -> 0, rose 10 -> 3, tulip 5 x 0.3 = 1.5 -> 2
  assert.deepEqual(set.classes, ['daisy', 'lone', 'rose', 'tulip']);
  assert.deepEqual(valCounts, [1, 0, 3, 2]);
  assert.deepEqual([...paths(folder, set.train!), ...paths(folder, set.val)].sort().length, 18);
  assert.equal(new Set([...paths(folder, set.train!), ...paths(folder, set.val)]).size, 18);
  const elsewhere = await writeClasses(fresh(), counts);
  assert.deepEqual(
    paths(elsewhere, (await openDataset(elsewhere, { valSplit: 0.3, seed: 1 })).val),
    paths(folder, set.val),
  );
  assert.notDeepEqual(
    paths(folder, (await openDataset(folder, { valSplit: 0.3, seed: 2 })).val),
    paths(folder, set.val),
  );
  assert.deepEqual(
    paths(folder, (await openDataset(folder, { valSplit: 0.3, seed: 1, need: 'val' })).val),
    paths(folder, set.val),
  );
  const parted = fresh();
  for (const part of ['train', 'val']) await writeClasses(join(parted, part), { a: 2, b: 2 });
  for (const path of [folder, parted])
    for (const valSplit of [0, 1, -1, 2, NaN])
      await rejectsWith(
        openDataset(path, { valSplit }),
        2,
        /between 0 and 1 .* for valSplit \(--val-split\) but received/,
      );
});

test('the fingerprint follows names and sizes, not place, limits or split', async () => {
  const counts = { a: 4, b: 4 };
  const folder = await writeClasses(fresh(), counts);
  const { fingerprint } = await openDataset(folder);
  assert.equal((await openDataset(await writeClasses(fresh(), counts))).fingerprint, fingerprint);
  assert.equal((await openDataset(folder, { limitTrain: 2, seed: 9, valSplit: 0.5 })).fingerprint, fingerprint);
  writeTree(folder, { 'a/new.png': 'x' });
  assert.notEqual((await openDataset(folder)).fingerprint, fingerprint);
});

test('limits', async () => {
  const folder = await writeClasses(fresh(), { 'train/a': 5, 'train/b': 1, 'train/c': 3, 'val/a': 3, 'val/b': 3 });
  const set = await openDataset(folder, { limitTrain: 6, limitVal: 3 });
  assert.deepEqual([...set.train!.labels], [0, 0, 0, 1, 2, 2]);
  assert.equal(set.val.length, 3);
  assert.equal((await openDataset(folder, { limitTrain: 600 })).train!.length, 9);
  await rejectsWith(openDataset(folder, { limitTrain: 2 }), 2, /each of the 3 classes but received 2. Use at least 3/);
  await rejectsWith(openDataset(folder, { limitVal: 0 }), 2, /at least 1, for limitVal \(--limit-val\) but received 0/);
  await rejectsWith(openDataset(folder, { limitTrain: 2.5 }), 2, /for limitTrain \(--limit-train\) but received 2.5/);
});

test('val/ alone serves where only validation is needed', async () => {
  const folder = await writeClasses(fresh(), { 'val/b': 1, 'val/a': 1 });
  const set = await openDataset(folder, { need: 'val' });
  assert.deepEqual([set.train, set.classes, set.val.length], [undefined, ['a', 'b'], 2]);
  await rejectsWith(openDataset(folder), 2, /to hold train\/ next to val\/ but there is no train\//);
  await writeClasses(folder, { 'test/a': 1 });
  await rejectsWith(openDataset(folder), 2, /there is no train\//);
});

test('every wrong layout is one line of exit code 2', async () => {
  await rejectsWith(openDataset(fresh()), 2, /Expected a folder at .* but there is none. Check the path/);
  const file = writeTree(fresh(), { 'a.png': 'x' });
  await rejectsWith(openDataset(join(file, 'a.png')), 2, /Expected a folder at .*a.png but it is a file/);
  await rejectsWith(openDataset(file), 2, /one folder per class.*but 1 picture lies directly in/);
  const empty = fresh();
  mkdirSync(empty);
  await rejectsWith(openDataset(empty), 2, /has no pictures. Pictures end in/);
  await rejectsWith(
    openDataset(writeTree(fresh(), { 'a/x.txt': '', 'b/y.pdf': '' })),
    2,
    /has no pictures \(2 other files: 1 \.pdf, 1 \.txt\)/,
  );
  await rejectsWith(
    openDataset(await writeClasses(fresh(), { cat: 3 })),
    2,
    /at least two class folders in .* but found one, "cat"/,
  );
  await rejectsWith(openDataset(await writeClasses(fresh(), { 'train/cat': 3, 'val/cat': 1 })), 2, /found one, "cat"/);
  await rejectsWith(
    openDataset(await writeClasses(fresh(), { a: 1, b: 0, c: 1 })),
    2,
    /every class folder of .* but "b" has none/,
  );
  await rejectsWith(
    openDataset(await writeClasses(fresh(), { 'train/a': 1, 'train/b': 1, 'val/a': 1, 'val/x': 1, 'val/y': 1 })),
    2,
    /Expected the classes of .*val among the 2 of .*train but "x", "y" are not there/,
  );
  await rejectsWith(
    openDataset(await writeClasses(fresh(), { 'train/a': 1, 'train/b': 1, val: 0 })),
    2,
    /val has no pictures/,
  );
  await rejectsWith(openDataset(await writeClasses(fresh(), { a: 1, b: 1 })), 2, /at least two pictures in some class/);
});

test('an unreadable folder is exit code 1', {
  skip: process.getuid?.() === 0 ? 'root may read everything' : false,
}, async () => {
  const folder = await writeClasses(fresh(), { a: 1, b: 1 });
  chmodSync(join(folder, 'a'), 0);
  await rejectsWith(openDataset(folder), 1, /permission denied. Make it readable/);
  chmodSync(join(folder, 'a'), 0o755);
});
