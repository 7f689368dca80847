import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { augmentPlan } from '../../../src/augment/policies/plan.js';
import { preprocessOptions } from '../../../src/augment/preprocess.js';
import { Random } from '../../../src/augment/random.js';
import { evalView, trainView } from '../../../src/augment/view.js';
import { openDataset } from '../../../src/data/dataset.js';
import { LABELS, type Labels } from '../../../src/data/loading/labels.js';
import { type Batch, BatchLoader, type LoaderOptions } from '../../../src/data/loading/loader.js';
import { packShards } from '../../../src/data/pack.js';
import { windowedOrder } from '../../../src/data/sources/shard-source.js';
import { readPixels, type Source } from '../../../src/data/sources/source.js';
import { idxPart, temporaryFolder, writeClasses, writeTree } from '../helpers.js';

const root = temporaryFolder();
const idx = await openDataset(
  writeTree(join(root, 'idx'), { ...idxPart('train', 90, 3, 8), ...idxPart('t10k', 23, 3, 8) }),
);
const files = await openDataset(
  await writeClasses(join(root, 'files'), { 'train/a': 12, 'train/b': 11, 'val/a': 3, 'val/b': 4 }, 40),
);

const shards = await (async () => {
  const out = join(root, 'shards');
  for await (const _ of packShards([join(root, 'files')], { out, size: 3000 }));
  return openDataset(out);
})();

const preprocess = preprocessOptions({ size: 8 });
const options = (over: Partial<LoaderOptions<Labels>> = {}): LoaderOptions<Labels> => ({
  source: idx.train!,
  targets: LABELS,
  batch: 16,
  mode: 'train',
  preprocess,
  seed: 7,
  workers: 0,
  ...(over.mode === 'eval' ? {} : { rest: 'drop' as const }),
  ...over,
});
const digest = ({ images, targets: { labels }, indices, n }: Batch<Labels>) =>
  `${n} ${labels.join(',')} ${indices.join(',')} ${createHash('sha256').update(images).digest('hex')}`;

async function pass(over: Partial<LoaderOptions<Labels>>, epoch = 0, start = 0): Promise<string[]> {
  await using loader = new BatchLoader(options(over));
  const digests: string[] = [];
  for await (const batch of loader.batches(epoch, start)) digests.push(digest(batch));
  return digests;
}

const augmented = preprocessOptions({
  size: 8,
  augment: augmentPlan({ policy: 'randaugment', layers: 2, magnitude: 15, erasing: 0.5 }),
});
for (const [name, source, views] of [
  ['IDX', idx.train!, preprocess],
  ['files', files.train!, preprocess],
  ['files, augmented', files.train!, augmented],
  ['shards', shards.train!, preprocess],
] as [string, Source, typeof preprocess][]) {
  test(`${name}: the same bytes with 0, 1 and 3 workers, and from any start`, async () => {
    const over = { source, batch: 5, preprocess: views };
    const whole = await pass(over, 2);
    assert.equal(whole.length, Math.floor(source.length / 5));
    for (const workers of [1, 3]) {
      for (const prefetch of [0, 9]) assert.deepEqual(await pass({ ...over, workers, prefetch }, 2), whole);
      assert.deepEqual(await pass({ ...over, workers }, 2, 2), whole.slice(2));
    }
    assert.deepEqual(await pass(over, 2, 3), whole.slice(3));
    assert.deepEqual(await pass(over, 2, whole.length), []);
    assert.notDeepEqual(await pass(over, 3), whole);
    assert.notDeepEqual(await pass({ ...over, seed: 8 }, 2), whole);
  });
}

test('repeats: the epoch keeps its length and shows the first pictures of its order several times in a row, each time another view', async () => {
  for (const source of [idx.train!, files.train!]) {
    const views = preprocessOptions({ size: 8, padding: 2, cropMode: 'pad' });
    const repeated: Partial<LoaderOptions<Labels>> = { source, batch: 5, repeats: 3, preprocess: views };
    const order = [...new Random(7, 2).permutation(source.length)];
    // DeiT's RASampler: each element three times, cut to the length of the data.
    const expected = order.flatMap((index) => [index, index, index]).slice(0, source.length);
    await using loader = new BatchLoader(options(repeated));
    assert.equal(loader.batchesPerEpoch, Math.floor(source.length / 5));
    let place = 0;
    for await (const {
      images,
      targets: { labels },
      indices,
      n,
    } of loader.batches(2)) {
      assert.deepEqual([...indices], expected.slice(place, place + 5));
      for (let k = 0; k < n; k++, place++) {
        const index = indices[k]!;
        assert.equal(labels[k], source.labels[index]);
        const random = place % 3 === 0 ? new Random(7, 2, index) : new Random(7, 2, index, place % 3);
        const view = trainView(await readPixels(source, index, 8), views, random);
        assert.deepEqual(images.slice(k * 192, (k + 1) * 192), view, `place ${place}`);
      }
    }
    const whole = await pass(repeated, 2);
    for (const workers of [1, 3]) {
      assert.deepEqual(await pass({ ...repeated, workers }, 2), whole);
      assert.deepEqual(
        await pass({ ...repeated, workers }, 2, 2),
        whole.slice(2),
        'from within the copies of a picture',
      );
    }
    assert.notDeepEqual(await pass({ ...repeated, repeats: 2 }, 2), whole);
  }
});

test('repeats: a broken picture is named once and all its copies are left out', async () => {
  const folder = await writeClasses(join(root, 'repeated'), { 'train/a': 3, 'train/b': 3, 'val/a': 1 }, 10);
  const set = await openDataset(folder);
  writeFileSync(join(folder, 'train', 'a', '0.png'), '');
  const named: number[] = [];
  await using loader = new BatchLoader(options({ source: set.train!, batch: 6, repeats: 2 }));
  loader.onBroken = (index) => named.push(index);
  const sizes: number[] = [];
  for (let epoch = 0; epoch < 4; epoch++)
    for await (const { n, indices } of loader.batches(epoch)) sizes.push(indices.length === n ? n : NaN);
  assert.deepEqual(named, [0]);
  assert.ok(sizes.includes(4) && sizes.every((n) => n === 6 || n === 4), `sizes ${sizes.join(', ')}`);
});

test('a training batch: order from (seed, epoch), views from (seed, epoch, index), labels of the source', async () => {
  const order = new Random(7, 4).permutation(90);
  const loader = new BatchLoader(options());
  let b = 0;
  for await (const {
    images,
    targets: { labels },
    indices,
    n,
  } of loader.batches(4)) {
    assert.equal(n, 16);
    assert.deepEqual([...indices], [...order.subarray(b * 16, b * 16 + 16)]);
    for (const k of [0, 15]) {
      const index = indices[k]!;
      assert.equal(labels[k], idx.train!.labels[index]);
      const view = trainView(await readPixels(idx.train!, index, 8), preprocess, new Random(7, 4, index));
      assert.deepEqual(images.subarray(k * 192, k * 192 + 192), view);
    }
    b++;
  }
  assert.equal(b, 5);
  assert.equal(loader.batchesPerEpoch, 5);
});

test('evaluation: in order, centre views, the last batch part full', async () => {
  const loader = new BatchLoader(options({ source: files.val, mode: 'eval', batch: 4, workers: 1 }));
  const batches: Batch<Labels>[] = [];
  for await (const batch of loader.batches(0)) batches.push(batch);
  assert.deepEqual(
    batches.map(({ n }) => n),
    [4, 3],
  );
  assert.deepEqual(
    batches.flatMap(({ indices }) => [...indices]),
    [0, 1, 2, 3, 4, 5, 6],
  );
  assert.deepEqual(
    batches.flatMap(({ targets }) => [...targets.labels]),
    [0, 0, 0, 1, 1, 1, 1],
  );
  assert.deepEqual(batches[1]!.images.subarray(0, 192), evalView(await readPixels(files.val, 4, 8), preprocess));
  assert.equal(batches[1]!.images.length, 3 * 192);
  assert.ok(loader.waitedMs > 0);
  await loader.close();
});

test('broken pictures are left out, named once, and a batch may be empty', async () => {
  const folder = await writeClasses(join(root, 'broken'), { 'train/a': 4, 'train/b': 4, 'val/a': 4 }, 20);
  const set = await openDataset(folder);
  writeFileSync(join(folder, 'val/a/0.png'), '');
  writeFileSync(join(folder, 'val/a/1.png'), 'words');
  rmSync(join(folder, 'val/a/3.png'));
  for (const workers of [0, 2]) {
    const loader = new BatchLoader(options({ source: set.val, mode: 'eval', batch: 2, workers }));
    const named: string[] = [];
    loader.onBroken = (index, path, reason) => named.push(`${index} ${path.slice(folder.length + 1)} ${reason}`);
    for (const epoch of [0, 1]) {
      const batches: Batch<Labels>[] = [];
      for await (const batch of loader.batches(epoch)) batches.push(batch);
      assert.deepEqual(
        batches.map(({ n }) => n),
        [0, 1],
      );
      assert.deepEqual([batches[0]!.images.length, batches[0]!.targets.labels.length], [0, 0]);
      assert.deepEqual([...batches[1]!.indices], [2]);
      assert.deepEqual(batches[1]!.images, evalView(await readPixels(set.val, 2, 8), preprocess));
    }
    assert.deepEqual(named, [
      '0 val/a/0.png the file is empty (0 bytes)',
      '1 val/a/1.png it is a text file, not a picture: put the picture itself here',
      '3 val/a/3.png no such file',
    ]);
    assert.deepEqual([...loader.broken.keys()], [0, 1, 3]);
    await loader.close();
  }
});

test('a consumer may stop early, by break or by throw, and start again', async () => {
  const whole = await pass({}, 1);
  await using loader = new BatchLoader(options({ workers: 2, prefetch: 4 }));
  for await (const batch of loader.batches(1)) {
    assert.equal(digest(batch), whole[0]);
    break;
  }
  await assert.rejects(async () => {
    for await (const _ of loader.batches(0)) throw new Error('consumer');
  }, /consumer/);
  const again: string[] = [];
  for await (const batch of loader.batches(1)) again.push(digest(batch));
  assert.deepEqual(again, whole);
});

test('a new pass ends an unfinished one', async () => {
  await using loader = new BatchLoader(options({ workers: 1 }));
  const old = loader.batches(0);
  await old.next();
  const fresh = loader.batches(1);
  await fresh.next();
  await assert.rejects(old.next(), /This pass ended because/);
  assert.equal((await fresh.next()).value?.n, 16, 'ending the old pass leaves the new one running');
  await fresh.return();
});

test('memory is bounded: no more batches are made than asked ahead', async () => {
  // Source pictures vanish after the first batch: whatever was made before is whole, the rest is broken.
  const folder = await writeClasses(join(root, 'bounded'), { 'train/a': 20, 'train/b': 20, 'val/a': 1 }, 10);
  const set = await openDataset(folder);
  await using loader = new BatchLoader(options({ source: set.train!, batch: 4, workers: 1, prefetch: 3 }));
  const sizes: number[] = [];
  for await (const { n } of loader.batches(0)) {
    sizes.push(n);
    if (sizes.length === 1) {
      await sleep(400);
      rmSync(join(folder, 'train'), { recursive: true });
    }
  }
  assert.deepEqual(sizes, [4, 4, 4, 4, 0, 0, 0, 0, 0, 0]);
});

test('close ends a pass in progress and refuses new ones; twice is fine', async () => {
  const loader = new BatchLoader(options({ workers: 2 }));
  const batches = loader.batches(0);
  await batches.next();
  await loader.close();
  await loader.close();
  await assert.rejects(batches.next(), /was closed/);
  await assert.rejects(loader.batches(0).next(), /is closed/);
});

test('a worker that dies makes the pass reject, and the loader recovers', async () => {
  // A spec that the worker cannot use: its positions are missing, so that reading throws something no picture can
  // cause.
  const source = { ...idx.train!, spec: { ...idx.train!.spec, positions: undefined } } as unknown as Source;
  await using loader = new BatchLoader(options({ source, workers: 1 }));
  await assert.rejects(loader.batches(0).next(), /A loader thread could not make a batch: TypeError/);
  const unopenable = { ...idx.train!, spec: undefined } as unknown as Source;
  await using dead = new BatchLoader(options({ source: unopenable, workers: 1 }));
  for (let i = 0; i < 2; i++)
    await assert.rejects(
      dead.batches(0).next(),
      /A loader thread stopped \(exit code 1\): Cannot destructure|undefined/,
    );
});

test('in training the rest is spread: every picture comes once an epoch, in batches that differ by one at most', async () => {
  await using loader = new BatchLoader({ ...options({ batch: 64, workers: 2 }), rest: undefined });
  assert.equal(loader.batchesPerEpoch, 2);
  const seen: number[] = [];
  for await (const { n, indices } of loader.batches(3)) {
    assert.equal(n, 45);
    seen.push(...indices);
  }
  assert.deepEqual(
    seen.sort((a, b) => a - b),
    Array.from({ length: 90 }, (_, i) => i),
  );
  // The same views as in whole batches: they depend on the picture and not on its batch.
  const whole = await pass({ batch: 45, rest: 'drop' }, 3);
  assert.deepEqual(await pass({ batch: 64, rest: 'spread' }, 3), whole);
});

test('wrong options are named', () => {
  const wrong: [Partial<LoaderOptions<Labels>>, RegExp][] = [
    [
      { batch: 91, rest: 'drop' },
      /at least one full batch of 91 from idx\/train but it has 90 pictures. Use a batch of at most 90/,
    ],
    [{ batch: 0 }, /at least 1, for batch but received 0/],
    [{ batch: 1.5 }, /for batch but received 1.5/],
    [{ workers: -1 }, /for workers but received -1/],
    [{ prefetch: NaN }, /for prefetch but received NaN/],
    [{ repeats: 0 }, /at least 1, for repeats but received 0/],
    [{ preprocess: { ...preprocess, flip: 3 } }, /for flip but received 3/],
  ];
  for (const [over, pattern] of wrong) {
    assert.throws(
      () => new BatchLoader(options(over)),
      (error: Error & { exitCode?: number }) => error.exitCode === 2 && pattern.test(error.message),
    );
  }
  const loader = new BatchLoader(options({ rest: 'keep', batch: 200 }));
  assert.equal(loader.batchesPerEpoch, 1);
  assert.throws(() => loader.batches(-1), /for epoch but received -1/);
  assert.throws(() => loader.batches(0, 2), /startBatch up to 1, .* but received 2/);
});

test('a loader that is never closed does not keep the process alive', () => {
  const script = `
    import { openDataset } from ${JSON.stringify(new URL('../../../src/data/dataset.js', import.meta.url).href)};
    import { LABELS } from ${JSON.stringify(new URL('../../../src/data/loading/labels.js', import.meta.url).href)};
    import { BatchLoader } from ${JSON.stringify(new URL('../../../src/data/loading/loader.js', import.meta.url).href)};
    for (const folder of ${JSON.stringify([join(root, 'idx'), join(root, 'files')])}) {
      const { train } = await openDataset(folder);
      const preprocess = ${JSON.stringify(preprocess)};
      const options = { source: train, targets: LABELS, batch: 4, mode: 'train', preprocess, seed: 1, workers: 2 };
      const loader = new BatchLoader(options);
      const batches = loader.batches(0);
      await batches.next();
    }
    process.stdout.write('end of script');
  `;
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
    timeout: 20000,
    encoding: 'utf8',
  });
  assert.equal(out, 'end of script');
});

test('shards kind to a disk: windows of whole shards in any order, in each its pictures in any order', () => {
  const perShard = 50;
  const [count, gigabyte] = [40, 2 ** 30];
  const of = {
    bytes: new Array<number>(count).fill(gigabyte),
    shardOf: (i: number) => Math.floor(i / perShard),
    length: count * perShard,
  };
  const order = windowedOrder(of, new Random(1, 2));
  assert.deepEqual(
    [...order].sort((a, b) => a - b),
    [...Array(count * perShard).keys()],
    'each picture once',
  );
  // 8 shards of 1 GiB a window.
  const windows = Array.from({ length: 5 }, (_, w) => order.subarray(w * 8 * perShard, (w + 1) * 8 * perShard));
  const inWindow = windows.map((window) => new Set([...window].map(of.shardOf)));
  for (const shardsIn of inWindow) assert.equal(shardsIn.size, 8);
  assert.equal(new Set(inWindow.flatMap((one) => [...one])).size, count);
  const runs = [...windows[0]!].filter((i, k, all) => k > 0 && of.shardOf(i) === of.shardOf(all[k - 1]!)).length;
  assert.ok(runs < 100, `${runs} of 400 neighbours are of one shard; mixed they are about 50`);
  assert.deepEqual(windowedOrder(of, new Random(1, 2)), order);
  assert.notDeepEqual(windowedOrder(of, new Random(1, 3)), order);
  // Some pictures of some shards alone, as a split leaves them.
  const some = Array.from({ length: 300 }, (_, k) => 5 * k);
  const part = windowedOrder(
    { ...of, shardOf: (i) => Math.floor(some[i]! / perShard), length: some.length },
    new Random(1, 2),
  );
  assert.deepEqual(
    [...part].sort((a, b) => a - b),
    [...some.keys()],
  );
});
