import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Ignored, look, picturesOfGiven } from '../../src/data/given.js';
import { findPictures } from '../../src/data/sources/walk.js';
import { UsageError } from '../../src/errors.js';
import { temporaryFolder } from '../cli/helpers.js';

const root = temporaryFolder();
for (const name of ['a', 'a/deep/er', 'b[1]', 'empty', '.hidden']) mkdirSync(join(root, name), { recursive: true });
for (const name of [
  ...['a/2.jpg', 'a/1.PNG', 'a/deep/er/3.jpg', 'a-b.jpg', 'a.jpg', 'z.webp', 'b[1]/c[2].jpg', '.hidden/4.jpg'],
  ...['a/notes.txt', 'a/deep/README', 'empty/x.pdf'],
])
  writeFileSync(join(root, name), name);
symlinkSync(join(root, 'a'), join(root, 'a', 'circle'));
symlinkSync(join(root, 'nowhere'), join(root, 'a', 'dead.jpg'));

async function found(path: string, ignored: Ignored = {}): Promise<string[]> {
  const paths: string[] = [];
  for await (const one of picturesOfGiven(await look(path), ignored)) {
    assert.equal(one.error, undefined);
    paths.push(one.path);
  }
  return paths;
}

test('a folder gives what its list gives, in the same order, and counts what it passes over', async () => {
  const list = await findPictures(root);
  const ignored: Ignored = {};
  assert.deepEqual(
    await found(root, ignored),
    list.files.map(({ path }) => join(root, path)),
  );
  assert.equal(list.files.length, 7);
  assert.deepEqual(ignored, list.ignored);
});

test('patterns take files, and folders whole', async () => {
  const names = async (pattern: string): Promise<string[]> =>
    (await found(`${root}/${pattern}`)).map((path) => path.slice(root.length + 1));
  assert.deepEqual(await names('*.jpg'), ['a-b.jpg', 'a.jpg']);
  assert.deepEqual(await names('**/*.jpg'), ['a-b.jpg', 'a.jpg', 'a/2.jpg', 'a/deep/er/3.jpg', 'b[1]/c[2].jpg']);
  assert.deepEqual(await names('a/*'), ['a/1.PNG', 'a/2.jpg', 'a/deep/er/3.jpg']);
  assert.deepEqual(await names('{a,z}.{jpg,webp}'), ['a.jpg', 'z.webp']);
  assert.deepEqual(await names('a/{deep/er,x}/?.jpg'), ['a/deep/er/3.jpg']);
  assert.deepEqual(await names('[!a].*'), ['z.webp']);
});

test('a name with special characters that is there is no pattern', async () => {
  assert.deepEqual(await found(join(root, 'b[1]')), [join(root, 'b[1]', 'c[2].jpg')]);
  assert.deepEqual(await found(join(root, 'b[1]', 'c[2].jpg')), [join(root, 'b[1]', 'c[2].jpg')]);
});

test('files that are named are taken whatever they are, folders and patterns without pictures refused', async () => {
  assert.deepEqual(await found(join(root, 'a', 'notes.txt')), [join(root, 'a', 'notes.txt')]);
  assert.equal((await look(join(root, 'gone.jpg'))).kind, 'missing');
  for (const [path, message] of [
    [join(root, 'empty'), /Expected pictures in .*empty but found none \(1 other file: 1 \.pdf\)/],
    [`${root}/empty/*`, /for the pattern .* but it takes none \(1 other file: 1 \.pdf\)/],
    [`${root}/gone/*.jpg`, /it takes none\. Pictures end in/],
  ] as const)
    await assert.rejects(found(path), (error) => error instanceof UsageError && message.test(error.message));
});
