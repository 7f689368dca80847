import assert from 'node:assert/strict';
import { execFileSync, fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, test } from 'node:test';
import { preprocessOptions } from '../../../src/augment/preprocess.js';
import { cacheFolder, listCaches, makeRoom } from '../../../src/data/cache/folder.js';
import { PixelFile } from '../../../src/data/cache/pixel-file.js';
import { cachedDataset } from '../../../src/data/cached.js';
import { type Dataset, type DatasetOptions, openDataset } from '../../../src/data/dataset.js';
import { LABELS } from '../../../src/data/loading/labels.js';
import { BatchLoader } from '../../../src/data/loading/loader.js';
import { readPixels, type Source } from '../../../src/data/sources/source.js';
import { engineInfo } from '../../../src/torch/index.js';
import { idxPart, photos, temporaryFolder, writeClasses, writeTree } from '../helpers.js';

const root = temporaryFolder();
const SIZE = 16;
let made = 0;
let cache = '';
/** Each test has a cache of its own. */
beforeEach(() => {
  cache = join(root, `cache${made++}`);
  process.env['RESCALED_CACHE'] = cache;
});
/** The caches of decoded pictures alone. */
const pixelFiles = (folder: string) => listCaches(folder).filter(({ path }) => path.endsWith('.pixels'));
const caches = (): string[] =>
  existsSync(cache)
    ? readdirSync(cache)
        .filter((name) => !name.endsWith('.facts'))
        .sort()
    : [];
const fresh = (): string => join(root, `set${made++}`);

const pictures = async (source: Source, size = SIZE): Promise<string[]> =>
  Promise.all(
    Array.from({ length: source.length }, async (_, i) => {
      try {
        const { data, width, height } = await readPixels(source, i, size);
        return `${source.labels[i]} ${source.describe(i)} ${width}x${height} ${createHash('sha256').update(data).digest('hex')}`;
      } catch (error) {
        return (error as Error).message;
      }
    }),
  );
const ready = (source: Source, size = SIZE): number =>
  Array.from({ length: source.length }, (_, i) => source.ready(i, size)).filter((pixels) => pixels !== undefined)
    .length;

/** The data set without and with the cache, which is filled first. */
async function both(
  folder: string,
  options: DatasetOptions = {},
  size = SIZE,
): Promise<{ plain: Dataset; cached: Dataset }> {
  const plain = await openDataset(folder, options);
  await cachedDataset(await openDataset(folder, options), size);
  return { plain, cached: await cachedDataset(await openDataset(folder, options), size) };
}

async function batches(source: Source, workers: number, mode: 'train' | 'eval' = 'train'): Promise<string[]> {
  await using loader = new BatchLoader({
    source,
    targets: LABELS,
    batch: 4,
    mode,
    preprocess: preprocessOptions({ size: SIZE }),
    seed: 3,
    workers,
  });
  const out: string[] = [];
  for await (const {
    images,
    targets: { labels },
    indices,
    n,
  } of loader.batches(1))
    out.push(`${n} ${labels.join()} ${indices.join()} ${createHash('sha256').update(images).digest('hex')}`);
  return [...out, ...[...loader.broken].map(([i, reason]) => `${i} ${reason}`)];
}

describe('an image folder', () => {
  test('gives the same pixels and batches with and without the cache, for any number of workers, and keeps two files', async () => {
    const { plain, cached } = await both(await photos(fresh(), { 'train/a': 9, 'train/b': 8, 'val/a': 5, 'val/b': 3 }));
    assert.equal(caches().length, 2, caches().join());
    assert.equal(cached.fingerprint, plain.fingerprint);
    for (const part of ['train', 'val'] as const) {
      assert.deepEqual(await pictures(cached[part]!), await pictures(plain[part]!));
      assert.equal(ready(cached[part]!), plain[part]!.length);
      assert.equal(ready(plain[part]!), 0);
      for (const workers of [0, 1, 3])
        assert.deepEqual(await batches(cached[part]!, workers), await batches(plain[part]!, 0));
    }
  });

  test('the engine maps the file; a write to the memory does not reach it', async () => {
    engineInfo();
    const { plain, cached } = await both(await photos(fresh(), { 'train/a': 4, 'train/b': 4, 'val/a': 1, 'val/b': 1 }));
    const file = PixelFile.open(
      caches()
        .map((name) => join(cache, name))
        .find((path) => !path.includes(`-${SIZE}`))!,
    )!;
    const first = file.pixels(0)!;
    assert.equal(first.data.buffer, file.pixels(3)!.data.buffer, 'one memory for all pictures');
    const before = readFileSync(file.path);
    first.data.fill(7);
    assert.ok(readFileSync(file.path).equals(before));
    for (const workers of [0, 2])
      assert.deepEqual(await batches(cached.train!, workers), await batches(plain.train!, 0));
  });

  test('larger pictures are kept for one size alone, small ones for all', async () => {
    const folder = await photos(fresh(), { 'train/a': 8, 'train/b': 8, 'val/a': 4, 'val/b': 4 });
    const { plain, cached } = await both(folder);
    assert.deepEqual(
      caches().map((name) => name.slice(32)),
      ['-16.pixels', '.pixels'],
    );
    // One of four is 90 x 120: it is read anew at 20 pixels (shortest side 80), and whole at 23.
    assert.equal(ready(cached.train!, 20), 8);
    for (const size of [20, 23, 8]) {
      const other = await both(folder, {}, size);
      assert.deepEqual(await pictures(other.cached.train!, size), await pictures(plain.train!, size), `size ${size}`);
      assert.equal(ready(other.cached.train!, size), 16);
    }
    assert.deepEqual(
      await pictures(cached.train!, 8),
      await pictures(plain.train!, 8),
      'a cache for 16 pixels does not serve 8',
    );
  });

  test('only the pictures that are needed are kept; others join them', async () => {
    const folder = await photos(fresh(), { 'train/a': 12, 'train/b': 12, 'val/a': 6, 'val/b': 6 });
    const few = await both(folder, { limitTrain: 6, limitVal: 2, seed: 1 });
    assert.equal(ready(few.cached.train!), 6);
    const size = statSync(pixelFiles(cache).at(-1)!.path).size;
    const old = few.cached.train!;
    const more = await both(folder, { limitTrain: 10, seed: 2 });
    assert.deepEqual(await pictures(more.cached.train!), await pictures(more.plain.train!));
    assert.deepEqual(await pictures(more.cached.val), await pictures(more.plain.val));
    assert.equal(ready(more.cached.val), 12);
    assert.ok(statSync(pixelFiles(cache).at(-1)!.path).size > size);
    assert.equal(ready(old), 6, 'who had the smaller file open still reads from it');
    assert.deepEqual(await pictures(old), await pictures(few.plain.train!));
  });

  test('a part of the cached pictures, and the split of one folder, read the right ones', async () => {
    const folder = await photos(fresh(), { a: 10, b: 10 });
    for (const seed of [1, 2]) {
      const { plain, cached } = await both(folder, { valSplit: 0.3, seed });
      assert.deepEqual(await pictures(cached.train!), await pictures(plain.train!));
      assert.deepEqual(await pictures(cached.val), await pictures(plain.val));
    }
    assert.equal(caches().filter((name) => !name.includes('-')).length, 1, 'one file for all splits');
  });

  test('another content under the same name and size is noticed', async () => {
    const folder = await writeClasses(fresh(), { 'train/a': 3, 'train/b': 3, 'val/a': 1, 'val/b': 1 });
    const first = await both(folder);
    const path = join(folder, 'train/a/1.png');
    const { size, mtime, atime } = statSync(path);
    const other = readFileSync(join(folder, 'train/b/1.png'));
    // The same number of bytes, and even the old time.
    writeFileSync(path, Buffer.concat([other, Buffer.alloc(Math.max(0, size - other.length))]).subarray(0, size));
    utimesSync(path, atime, mtime);
    const second = await both(folder);
    assert.equal(second.plain.fingerprint, first.plain.fingerprint, 'the fingerprint does not see it');
    assert.notDeepEqual(await pictures(second.plain.train!), await pictures(first.cached.train!));
    assert.deepEqual(await pictures(second.cached.train!), await pictures(second.plain.train!));
  });

  test('broken pictures keep their number and their reason, and are not tried for the cache twice', async () => {
    const folder = await photos(fresh(), { 'train/a': 4, 'train/b': 4, 'val/a': 2, 'val/b': 2 });
    writeFileSync(join(folder, 'train/a/1.jpg'), '');
    writeFileSync(join(folder, 'train/b/2.jpg'), 'words');
    const { plain, cached } = await both(folder);
    assert.deepEqual(await pictures(cached.train!), await pictures(plain.train!));
    assert.equal((await pictures(cached.train!)).filter((text) => text.startsWith('Cannot read')).length, 2);
    for (const workers of [0, 2])
      assert.deepEqual(await batches(cached.train!, workers, 'eval'), await batches(plain.train!, 0, 'eval'));
    const before = pixelFiles(cache).map(({ path }) => statSync(path).ino);
    await both(folder);
    assert.deepEqual(
      pixelFiles(cache)
        .map(({ path }) => statSync(path).ino)
        .sort(),
      before.sort(),
    );
  });

  test('two processes at once make one cache', async () => {
    const folder = await photos(fresh(), { 'train/a': 40, 'train/b': 40, 'val/a': 4, 'val/b': 4 });
    const script = join(root, 'filler.mjs');
    const url = (path: string): string => JSON.stringify(new URL(`../../../src/data/${path}`, import.meta.url).href);
    writeFileSync(
      script,
      `import { openDataset } from ${url('dataset.js')}; import { cachedDataset } from ${url('cached.js')};
      const { train, note } = await cachedDataset(await openDataset(process.argv[2]), ${SIZE});
      let n = 0; for (let i = 0; i < train.length; i++) if (train.ready(i, ${SIZE})) n++;
      process.send({ n, note });`,
    );
    const ask = (): Promise<{ n: number; note?: string }> =>
      new Promise((resolve, reject) =>
        fork(script, [folder])
          .once('message', (message) => resolve(message as { n: number }))
          .once('error', reject),
      );
    assert.deepEqual(await Promise.all([ask(), ask(), ask()]), [{ n: 80 }, { n: 80 }, { n: 80 }]);
    assert.equal(caches().length, 2, caches().join());
  });

  test('stopped while it is made, nothing is left of it', async () => {
    const folder = await photos(fresh(), { 'train/a': 4, 'train/b': 4, 'val/a': 2, 'val/b': 2 });
    const set = await openDataset(folder);
    const stopped = await cachedDataset(set, SIZE, AbortSignal.abort());
    assert.equal(ready(stopped.train!), 0);
    assert.deepEqual(caches(), []);
  });
});

describe('a damaged or impossible cache', () => {
  const damages: Record<string, (path: string) => void> = {
    'cut off': (path) => truncateSync(path, statSync(path).size - 5),
    'cut off in its header': (path) => truncateSync(path, 20),
    empty: (path) => truncateSync(path, 0),
    'too long': (path) => writeFileSync(path, 'more', { flag: 'a' }),
    'of another format': (path) => writeFileSync(path, Buffer.alloc(2000)),
    'with a wrong index': (path) => {
      const bytes = readFileSync(path);
      bytes[70]! ^= 1;
      writeFileSync(path, bytes);
    },
  };
  for (const [name, damage] of Object.entries(damages))
    test(`${name}: it is made anew`, async () => {
      const folder = await photos(fresh(), { 'train/a': 4, 'train/b': 4, 'val/a': 2, 'val/b': 2 });
      await both(folder);
      const paths = pixelFiles(cache).map(({ path }) => path);
      assert.equal(paths.length, 2);
      for (const path of paths) damage(path);
      for (const path of paths) assert.equal(PixelFile.open(path), undefined);
      const { plain, cached } = await both(folder);
      assert.equal(ready(cached.train!), 8);
      assert.deepEqual(await pictures(cached.train!), await pictures(plain.train!));
    });

  test('off, or in a folder that cannot be made or written to: work goes on without, with a note for the latter', async () => {
    const folder = await photos(fresh(), { 'train/a': 2, 'train/b': 2, 'val/a': 1, 'val/b': 1 });
    const idx = writeTree(fresh(), { ...idxPart('train', 20, 2), ...idxPart('t10k', 6, 2) });
    process.env['RESCALED_CACHE'] = 'off';
    assert.equal(cacheFolder(), undefined);
    const off = await both(folder);
    assert.deepEqual([ready(off.cached.train!), off.cached.note], [0, undefined]);
    assert.equal((await openDataset(idx, { cache: true })).note, undefined);

    const file = join(root, 'a-file');
    writeFileSync(file, '');
    process.env['RESCALED_CACHE'] = join(file, 'below');
    const { plain, cached } = await both(folder);
    assert.match(cached.note!, /below cannot be written to: a part of its path is a file, not a folder \(ENOTDIR\)$/);
    assert.deepEqual(await pictures(cached.train!), await pictures(plain.train!));
    const unpacked = await openDataset(idx, { cache: true });
    assert.match(unpacked.note!, /cannot be written to/);
    assert.deepEqual(await pictures(unpacked.train!), await pictures((await openDataset(idx)).train!));
  });

  test('in a folder without permission', { skip: process.getuid?.() === 0 && 'root may write anywhere' }, async () => {
    mkdirSync(cache);
    chmodSync(cache, 0o500);
    const { cached } = await both(await photos(fresh(), { 'train/a': 2, 'train/b': 2, 'val/a': 1, 'val/b': 1 }));
    assert.match(cached.note!, /EACCES/);
  });

  test('a disk that is full while it is written is a note', { skip: !existsSync('/dev/full') }, async () => {
    const folder = await photos(fresh(), { 'train/a': 2, 'train/b': 2, 'val/a': 1, 'val/b': 1 });
    const set = await openDataset(folder);
    mkdirSync(cache);
    // What is written to this device finds no space.
    execFileSync('ln', ['-s', '/dev/full', join(cache, `.${set.onDisk!.key}.pixels.${process.pid}.tmp`)]);
    const cached = await cachedDataset(set, SIZE);
    assert.match(cached.note!, /cannot be written to: no space is left on the disk \(ENOSPC\)$/);
    assert.deepEqual(await pictures(cached.train!), await pictures(set.train!));
    assert.deepEqual(
      caches().filter((name) => name.endsWith('.lock') || name.endsWith('.tmp')),
      [],
    );
  });
});

describe('IDX files', () => {
  const files = { ...idxPart('train', 40, 4, 6), ...idxPart('t10k', 12, 4, 6) };
  test('are unpacked once, and give the same pictures, shapes and batches', async () => {
    const folder = writeTree(fresh(), files);
    const plain = await openDataset(folder);
    for (let turn = 0; turn < 2; turn++) {
      const cached = await openDataset(folder, { cache: true });
      assert.equal(cached.fingerprint, plain.fingerprint);
      assert.deepEqual(await pictures(cached.train!), await pictures(plain.train!));
      for (const workers of [0, 2])
        assert.deepEqual(await batches(cached.train!, workers), await batches(plain.train!, 0));
      assert.equal(caches().length, 2);
      // The second turn reads nothing but the cache: what the file's names promise is no longer needed.
    }
    const other = await openDataset(folder, { cache: true, limitTrain: 8, limitVal: 4 });
    assert.deepEqual(
      await pictures(other.train!),
      await pictures((await openDataset(folder, { limitTrain: 8, limitVal: 4 })).train!),
    );
  });

  test('that change have another cache; a damaged one is made anew', async () => {
    const folder = writeTree(fresh(), files);
    await openDataset(folder, { cache: true });
    for (const { path } of pixelFiles(cache)) truncateSync(path, 100);
    const again = await openDataset(folder, { cache: true });
    assert.deepEqual(await pictures(again.val), await pictures((await openDataset(folder)).val));
    writeTree(folder, idxPart('t10k', 13, 4, 6));
    const changed = await openDataset(folder, { cache: true });
    assert.equal(changed.val.length, 13);
    assert.deepEqual(await pictures(changed.val), await pictures((await openDataset(folder)).val));
    assert.equal(caches().length, 4);
  });

  test('without pictures or with too few labels are refused as without a cache', async () => {
    for (const wrong of [
      idxPart('t10k', 0, 4, 6),
      {
        ...idxPart('t10k', 12, 4, 6),
        't10k-labels-idx1-ubyte.gz': idxPart('t10k', 11, 4, 6)['t10k-labels-idx1-ubyte.gz']!,
      },
    ]) {
      const folder = writeTree(fresh(), { ...idxPart('train', 40, 4, 6), ...wrong });
      const message = async (options: DatasetOptions): Promise<string> =>
        openDataset(folder, options).then(
          () => 'none',
          (error: Error) => error.message,
        );
      const expected = await message({});
      assert.match(expected, /Expected/);
      for (let turn = 0; turn < 2; turn++) assert.equal(await message({ cache: true }), expected);
    }
  });
});

test('old caches make room: those not used for a month, and beyond the bound those not used for longest, but none of the last hour', () => {
  mkdirSync(cache);
  const hours = (n: number): Date => new Date(Date.now() - n * 3_600_000);
  const put = (name: string, bytes: number, ago: number): void => {
    const path = join(cache, `${name}.pixels`);
    writeFileSync(path, '');
    truncateSync(path, bytes); // sparse: takes no room
    utimesSync(path, hours(ago), hours(ago));
  };
  const GB = 2 ** 30;
  put('month', 10, 24 * 31);
  put('old', 3 * GB, 50);
  put('older', 3 * GB, 60);
  put('fresh', 1.5 * GB, 0.5);
  writeFileSync(join(cache, '.x.pixels.1.tmp'), '');
  utimesSync(join(cache, '.x.pixels.1.tmp'), hours(2), hours(2));
  const path = join(cache, 'new.pixels');
  assert.equal(makeRoom(path, 2 ** 20), undefined);
  assert.deepEqual(caches(), ['fresh.pixels', 'old.pixels', 'older.pixels']);
  assert.equal(makeRoom(path, GB), undefined);
  assert.deepEqual(caches(), ['fresh.pixels', 'old.pixels']);
  for (const name of ['old', 'fresh']) renameSync(join(cache, `${name}.pixels`), join(cache, `${name}2.pixels`));
  put('old2', 7 * GB, 0.5);
  assert.match(makeRoom(path, GB)!, /take 9127 MB and all were used within the hour/);
  assert.match(makeRoom(path, 2 ** 60)!, /more than half of what is free/);
  assert.deepEqual(caches(), ['fresh2.pixels', 'old2.pixels']);
  rmSync(cache, { recursive: true });
});
