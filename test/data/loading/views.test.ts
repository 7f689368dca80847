// Pictures in several views: they stand in a row in their batch, each drawn by itself.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { augmentPlan } from '../../../src/augment/policies/plan.js';
import { preprocessOptions } from '../../../src/augment/preprocess.js';
import { Random } from '../../../src/augment/random.js';
import { evalView, trainView } from '../../../src/augment/view.js';
import { openDataset } from '../../../src/data/dataset.js';
import { LABELS, type Labels } from '../../../src/data/loading/labels.js';
import { type Batch, BatchLoader, type LoaderOptions } from '../../../src/data/loading/loader.js';
import { readPixels } from '../../../src/data/sources/source.js';
import { photos, temporaryFolder } from '../helpers.js';

const root = temporaryFolder();
const folder = await photos(join(root, 'photos'), { 'train/a': 9, 'train/b': 8, 'val/a': 3, 'val/b': 3 });
const { train, val } = await openDataset(folder);
const size = 16;
const drawn = preprocessOptions({ size, augment: augmentPlan({ policy: 'simclr' }) });
const whole = { ...drawn, cropMode: 'none' as const, flip: 0, augment: augmentPlan() };
const common = { targets: LABELS, batch: 5, preprocess: drawn, seed: 4 };

async function batches(options: Partial<LoaderOptions<Labels>>, epoch = 0, start = 0): Promise<Batch<Labels>[]> {
  await using loader = new BatchLoader({
    ...{ ...common, source: train!, mode: 'train', views: [drawn, drawn], workers: 0 },
    ...options,
  });
  const all: Batch<Labels>[] = [];
  for await (const batch of loader.batches(epoch, start)) all.push(batch);
  return all;
}
const digest = ({ images, indices, targets: { labels } }: Batch<Labels>): string =>
  `${indices.join()} ${labels.join()} ${createHash('sha256').update(images).digest('hex')}`;
const row = ({ images }: Batch, k: number): Uint8Array =>
  images.subarray(3 * size * size * k, 3 * size * size * (k + 1));

test('both views of a picture stand in a row, differ, and are functions of seed, epoch, picture and view', async () => {
  const all = await batches({});
  assert.equal(
    all.reduce((sum, { n }) => sum + n, 0),
    2 * train!.length,
  );
  const seen = new Set<number>();
  for (const batch of all)
    for (let k = 0; k < batch.n; k += 2) {
      const index = batch.indices[k]!;
      assert.equal(batch.indices[k + 1], index);
      assert.equal(batch.targets.labels[k + 1], batch.targets.labels[k]);
      assert.notDeepEqual(row(batch, k), row(batch, k + 1));
      seen.add(index);
      const pixels = await readPixels(train!, index, size);
      assert.deepEqual(row(batch, k), trainView(pixels, drawn, new Random(4, 0, index)));
      assert.deepEqual(row(batch, k + 1), trainView(pixels, drawn, new Random(4, 0, index, 1)));
    }
  assert.equal(seen.size, train!.length);
});

test('workers and a start within the epoch change no byte; another epoch does', async () => {
  const digests = (await batches({})).map(digest);
  assert.deepEqual((await batches({ workers: 2 })).map(digest), digests);
  assert.deepEqual((await batches({}, 0, 2)).map(digest), digests.slice(2));
  assert.notDeepEqual((await batches({}, 1)).map(digest), digests);
});

test('in evaluation pictures come in order, whole and in views that are the same each time', async () => {
  const options = { source: val, mode: 'eval' as const, views: [whole, drawn, drawn] };
  const all = await batches(options);
  const indices = all.flatMap((batch) => [...batch.indices]);
  assert.deepEqual(
    indices,
    Array.from({ length: 3 * val.length }, (_, k) => Math.floor(k / 3)),
  );
  const [first] = all as [Batch<Labels>];
  assert.deepEqual(row(first, 0), evalView(await readPixels(val, 0, size), drawn));
  assert.notDeepEqual(row(first, 1), row(first, 0));
  assert.notDeepEqual(row(first, 1), row(first, 2));
  assert.deepEqual((await batches(options)).map(digest), all.map(digest));
});

test('a picture that cannot be read is left out in both views and told once', async () => {
  const broken = await photos(join(root, 'broken'), { 'train/a': 4, 'train/b': 4, 'val/a': 2, 'val/b': 2 });
  const { train: source } = await openDataset(broken);
  writeFileSync(source!.describe(3), 'no picture');
  await using loader = new BatchLoader({
    ...{ ...common, source: source!, mode: 'train', views: [drawn, drawn], workers: 0 },
  });
  const told: number[] = [];
  loader.onBroken = (index) => told.push(index);
  let rows = 0;
  for await (const batch of loader.batches(0)) rows += batch.n;
  assert.deepEqual(told, [3]);
  assert.equal(rows, 2 * 7);
});

test('with one sigma for a batch its pictures are blurred alike, view by view', async () => {
  const plan = { policy: 'simclr', colour: 0, grey: 0, blur: 1 } as const;
  // Below 20 pixels the kernel is a single one.
  const size = 40;
  const still = { size, cropMode: 'none', flip: 0 } as const;
  const blurred = (blurSigma: 'batch' | 'picture') =>
    preprocessOptions({ ...still, augment: augmentPlan({ ...plan, blurSigma }) });
  // The same bytes in all files: what differs is the blur alone.
  const same = await photos(join(root, 'same'), { 'train/a': 4, 'train/b': 4, 'val/a': 2, 'val/b': 2 });
  const { train: source } = await openDataset(same);
  const { readFileSync } = await import('node:fs');
  for (let i = 1; i < source!.length; i++) writeFileSync(source!.describe(i), readFileSync(source!.describe(0)));
  const kinds = async (blurSigma: 'batch' | 'picture'): Promise<number[]> => {
    const view = blurred(blurSigma);
    const all = await batches({ source: source!, batch: 8, preprocess: view, views: [view, view] });
    return [0, 1].map((view) => {
      const batch = all[0]!;
      const bytes = 3 * size * size;
      const at = (k: number): number => (2 * k + view) * bytes;
      const rows = Array.from({ length: batch.n / 2 }, (_, k) =>
        Buffer.from(batch.images.subarray(at(k), at(k) + bytes)).toString('hex'),
      );
      return new Set(rows).size;
    });
  };
  assert.deepEqual(await kinds('batch'), [1, 1]);
  assert.ok((await kinds('picture')).every((count) => count > 4));
});
