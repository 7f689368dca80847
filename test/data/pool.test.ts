import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openPool } from '../../src/data/pool.js';
import { readPixels } from '../../src/data/sources/source.js';
import { UsageError } from '../../src/errors.js';
import { gradientSharp, idxBytes, temporaryFolder, writeTree } from './helpers.js';

const jpeg = (width: number, height: number): Promise<Buffer> => gradientSharp(width, height).jpeg().toBuffer();

test('a pool holds the pictures of all paths in order, whatever folders they lie in', async () => {
  const root = temporaryFolder();
  writeTree(root, {
    'heap/b.jpg': await jpeg(9, 8),
    'heap/deep/a.jpg': await jpeg(10, 8),
    'heap/notes.txt': 'no picture',
    'more/c.jpg': await jpeg(11, 8),
  });
  const pool = await openPool([`${root}/heap`, `${root}/more/*.jpg`]);
  assert.deepEqual(
    Array.from({ length: 3 }, (_, i) => pool.key(i)),
    ['b.jpg', 'deep/a.jpg', 'c.jpg'],
  );
  assert.deepEqual(pool.parts, [
    { name: 'heap-00000', begin: 0, end: 2 },
    { name: 'pictures-00000', begin: 2, end: 3 },
  ]);
  for (const [i, width] of [9, 10, 11].entries()) assert.equal((await readPixels(pool.source, i, 32)).width, width);
  assert.equal(pool.source.describe(2), `${root}/more/c.jpg`);
});

test('a part is known by its keys and sizes; two folders of one name make parts of two names', async () => {
  const root = temporaryFolder();
  const [one, other] = [await jpeg(9, 8), await jpeg(40, 30)];
  writeTree(root, { 'x/heap/a.jpg': one, 'y/heap/a.jpg': one, 'z/heap/a.jpg': other });
  const pool = await openPool([`${root}/x/heap`, `${root}/y/heap`, `${root}/z/heap`]);
  assert.deepEqual(
    pool.parts.map(({ name }) => name),
    ['heap-00000', 'heap-00000.2', 'heap-00000.3'],
  );
  const [x, y, z] = pool.parts.map((part) => pool.identity(part));
  assert.equal(x, y);
  assert.notEqual(x, z);
});

test('IDX files are a pool of their training pictures', async () => {
  const root = temporaryFolder();
  writeTree(root, {
    'train-images-idx3-ubyte': idxBytes(
      [5, 4, 4],
      Uint8Array.from({ length: 80 }, (_, i) => i >> 4),
    ),
    'train-labels-idx1-ubyte': idxBytes([5], Uint8Array.of(0, 1, 0, 1, 0)),
  });
  const pool = await openPool([root]);
  assert.equal(pool.source.length, 5);
  // Keys are places in the file, whatever the order of the data set.
  for (let i = 0; i < 5; i++)
    assert.equal((await readPixels(pool.source, i, 4)).data[0], Number(pool.key(i)), `picture ${i}`);
});

test('a path that leads to no picture is refused', async () => {
  await assert.rejects(openPool(['/nowhere']), (error) => error instanceof UsageError && /nothing/.test(error.message));
  await assert.rejects(openPool([temporaryFolder()]), /Expected pictures in/);
  await assert.rejects(openPool([]), /received no path/);
});
