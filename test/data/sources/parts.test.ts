import assert from 'node:assert/strict';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import { openDataset } from '../../../src/data/dataset.js';
import { partOf } from '../../../src/data/sources/part-names.js';
import type { Source } from '../../../src/data/sources/source.js';
import { rejectsWith, temporaryFolder, writeClasses, writeTree } from '../helpers.js';

const root = temporaryFolder();
let made = 0;
const fresh = () => join(root, `set${made++}`);
const paths = (folder: string, source: Source) =>
  Array.from({ length: source.length }, (_, i) => relative(folder, source.describe(i)));

test('folders of parts in any spelling', () => {
  for (const name of [
    'train',
    'Train',
    'TRAINING',
    'training_set',
    'train-set',
    'trainset',
    'Training Data',
    'train_images',
  ])
    assert.equal(partOf(name), 'train', name);
  for (const name of ['val', 'Valid', 'validation', 'validation_set', 'dev', 'hold-out', 'holdout', 'Val.Images'])
    assert.equal(partOf(name), 'val', name);
  for (const name of ['test', 'Testing', 'TEST', 'test_set', 'test-images']) assert.equal(partOf(name), 'test', name);
  for (const name of ['trainer', 'valley', 'contest', 'testament', 'set', 'devil', 'red'])
    assert.equal(partOf(name), undefined, name);
});

test('Training/ and Testing/ are parts, and no classes', async () => {
  const folder = await writeClasses(fresh(), { 'Training/a': 2, 'Training/b': 2, 'Testing/a': 1, 'Testing/b': 1 });
  const set = await openDataset(folder);
  assert.deepEqual([set.classes, set.measured, set.test], [['a', 'b'], 'test', undefined]);
  assert.deepEqual(paths(folder, set.val), ['Testing/a/0.png', 'Testing/b/0.png']);
});

test('of three parts each is its own, and the fingerprint is that of the first two', async () => {
  const two = { 'train/a': 2, 'train/b': 2, 'valid/a': 1, 'valid/b': 1 };
  const folder = await writeClasses(fresh(), { ...two, 'test_set/a': 3, 'test_set/b': 1 });
  const set = await openDataset(folder, { limitVal: 1 });
  assert.deepEqual([set.train!.length, set.val.length, set.test!.length, set.measured], [4, 1, 4, 'val']);
  const without = await writeClasses(fresh(), two);
  assert.equal(set.fingerprint, (await openDataset(without)).fingerprint);
});

test('a class may be called train, and two folders of one part are refused', async () => {
  const classes = await writeClasses(fresh(), { bus: 3, car: 3, train: 3 });
  assert.deepEqual((await openDataset(classes)).classes, ['bus', 'car', 'train']);
  const twice = await writeClasses(fresh(), { 'train/a': 1, 'train/b': 1, 'val/a': 1, 'validation/a': 1 });
  await rejectsWith(openDataset(twice), 2, /one validation part in .* but val\/ and validation\/ could both be it/);
  const more = await writeClasses(fresh(), { 'train/a': 2, 'train/b': 2, 'val/a': 1, annotations: 1 });
  assert.deepEqual((await openDataset(more)).notes, ['annotations/ beside train/ is not used']);
});

test('test/ without class folders has no labels: the training part is split', async () => {
  const folder = await writeClasses(fresh(), { 'train/a': 5, 'train/b': 5, test: 4 });
  const set = await openDataset(folder);
  assert.deepEqual([set.measured, set.train!.length, set.val.length], ['val', 8, 2]);
  assert.match(
    set.notes[0]!,
    /^test\/ has no class folders: its 4 pictures have no labels.*20 % of train\/ is set aside/,
  );
  const nested = await writeClasses(fresh(), { 'train/a': 5, 'train/b': 5, 'val/a': 1, 'test/unknown': 4 });
  const three = await openDataset(nested);
  assert.deepEqual([three.measured, three.test], ['val', undefined]);
  assert.match(three.notes[0]!, /only unknown\/\): its 4 pictures have no labels/);
  await rejectsWith(openDataset(folder, { need: 'val', take: 'test' }), 2, /lie directly in .*test/);
});

test('a folder around a data set and a folder of data sets name the folder to give', async () => {
  const outer = await writeClasses(fresh(), { 'data/red': 2, 'data/blue': 2 });
  writeTree(outer, { '__MACOSX/data/x': '' });
  await rejectsWith(openDataset(outer), 2, /holds data\/ alone, and the data set lies in .*data\. Give .*data\.$/);
  const deeper = await writeClasses(fresh(), { 'x/y/train/a': 2, 'x/y/train/b': 2, 'x/y/val/a': 1 });
  await rejectsWith(openDataset(deeper), 2, /Give .*x\/y\.$/);
  const sets = await writeClasses(fresh(), { 'one/train/a': 1, 'one/train/b': 1, 'one/test/a': 1, other: 2 });
  await rejectsWith(openDataset(sets), 2, /one\/ is a data set with parts of its own\. Give one: .*one/);
  const twice = await writeClasses(fresh(), { 'train/train/a': 1, 'train/train/b': 1, 'val/a': 1 });
  await rejectsWith(openDataset(twice), 2, /Move them up, out of .*train\/train/);
});

test('to measure: all of a folder, a part of others, classes that are empty', async () => {
  const folder = await writeClasses(fresh(), { a: 3, c: 2, b: 0 });
  const all = await openDataset(folder, { need: 'val', take: 'all' });
  assert.deepEqual([all.classes, all.val.length, all.measured, all.split], [['a', 'c'], 5, 'all', undefined]);
  await rejectsWith(openDataset(folder, { need: 'val', take: 'test' }), 2, /Without --split all of it is measured/);
  const parts = await writeClasses(fresh(), { 'train/a': 4, 'train/b': 4, 'val/a': 3, 'test/b': 2 });
  const taken = async (take: 'all' | 'every' | 'train' | 'val' | 'test') => {
    const { val, measured } = await openDataset(parts, { need: 'val', take });
    return [val.length, measured];
  };
  assert.deepEqual(await taken('all'), [2, 'test']);
  assert.deepEqual(await taken('train'), [8, 'train']);
  assert.deepEqual(await taken('val'), [3, 'val']);
  assert.deepEqual(await taken('every'), [13, 'all']);
});

test('what is passed over is counted by ending', async () => {
  const folder = await writeClasses(fresh(), { a: 3, b: 3 });
  writeTree(folder, { 'a/x.heic': '', 'a/y.HEIC': '', 'b/notes.txt': '', readme: '' });
  const set = await openDataset(folder);
  assert.deepEqual(set.ignoredEndings, { '.heic': 2, '.txt': 1, '': 1 });
  assert.equal(set.ignoredFiles, 4);
});
