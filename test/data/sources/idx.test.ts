import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { openDataset } from '../../../src/data/dataset.js';
import { FASHION_CLASSES } from '../../../src/data/sources/idx.js';
import { readIdxFile } from '../../../src/data/sources/idx-file.js';
import { readPixels } from '../../../src/data/sources/source.js';
import { idxBytes, idxPart, rejectsWith, temporaryFolder, writeTree } from '../helpers.js';

const root = temporaryFolder();
let made = 0;
/** A new dataset folder with these files. */
const dataset = (files: Record<string, Uint8Array | string>, name = `set${made++}`) =>
  writeTree(join(root, name), files);
const both = (zip = true) => ({ ...idxPart('train', 40, 4, 4, zip), ...idxPart('t10k', 12, 4, 4, zip) });

test('gzipped and plain files give the same pictures and labels', async () => {
  for (const zip of [true, false]) {
    const set = await openDataset(dataset(both(zip)));
    assert.equal(set.kind, 'idx');
    assert.deepEqual([set.train!.length, set.val.length], [40, 12]);
    assert.deepEqual([...set.train!.labels.slice(0, 6)], [0, 1, 2, 3, 0, 1]);
    const { data, width, height } = await readPixels(set.val, 7, 224);
    assert.deepEqual([width, height, data.length], [4, 4, 48]);
    assert.ok(
      data.every((byte) => byte === 7),
      'grey in all three channels',
    );
    assert.equal(set.val.describe(7), `t10k-images-idx3-ubyte${zip ? '.gz' : ''}#7`);
    assert.equal(set.split, undefined);
  }
});

test('class names: numbers, Fashion-MNIST by the folder name, classes.txt before both', async () => {
  assert.deepEqual((await openDataset(dataset(both()))).classes, ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
  assert.deepEqual((await openDataset(dataset(both(), 'My-Fashion'))).classes, FASHION_CLASSES);
  const named = { ...both(), 'classes.txt': 'ant\r\nbee\n\ncow\ndog\n' };
  assert.deepEqual((await openDataset(dataset(named, 'fashion-2'))).classes, ['ant', 'bee', 'cow', 'dog']);
  await rejectsWith(openDataset(dataset({ ...both(), 'classes.txt': 'ant\nbee\nant\ndog' })), 2, /"ant" comes twice/);
  await rejectsWith(openDataset(dataset({ ...both(), 'classes.txt': 'ant' })), 2, /at least two classes/);
  await rejectsWith(
    openDataset(dataset({ ...both(), 'classes.txt': 'ant\nbee\ncow' })),
    1,
    /labels 0 to 2 \(3 classes\).*picture 3 has label 3/,
  );
});

test('without t10k files, training pictures are split class by class, the same way each time', async () => {
  const folder = dataset(idxPart('train', 40, 4));
  const first = await openDataset(folder, { valSplit: 0.3, seed: 3 });
  assert.deepEqual([first.train!.length, first.val.length, first.split], [28, 12, { valSplit: 0.3, seed: 3 }]);
  const names = (set: typeof first) => Array.from({ length: set.val.length }, (_, i) => set.val.describe(i));
  assert.deepEqual(names(await openDataset(folder, { valSplit: 0.3, seed: 3, need: 'val' })), names(first));
  assert.notDeepEqual(names(await openDataset(folder, { valSplit: 0.3, seed: 4 })), names(first));
  const training = new Set(Array.from({ length: 28 }, (_, i) => first.train!.describe(i)));
  assert.ok(names(first).every((name) => !training.has(name)));
  assert.equal(training.size + first.val.length, 40);
  assert.deepEqual(
    [0, 1, 2, 3].map((label) => first.val.labels.filter((l) => l === label).length),
    [3, 3, 3, 3],
  );
});

test('need: val leaves the training pictures alone and has the same fingerprint', async () => {
  const folder = dataset(both());
  const whole = await openDataset(folder);
  const val = await openDataset(folder, { need: 'val' });
  assert.equal(val.train, undefined);
  assert.equal(val.fingerprint, whole.fingerprint);
  assert.match(val.fingerprint, /^[0-9a-f]{64}$/);
  assert.notEqual(
    (await openDataset(dataset({ ...both(), ...idxPart('t10k', 13, 4) }))).fingerprint,
    whole.fingerprint,
  );
  const only = dataset(idxPart('t10k', 12, 4));
  assert.equal((await openDataset(only, { need: 'val' })).val.length, 12);
  await rejectsWith(openDataset(only), 2, /only the t10k files are there/);
});

test('limits choose a balanced, seeded subset', async () => {
  const set = await openDataset(dataset(both()), { limitTrain: 10, limitVal: 8, seed: 5 });
  const count = (labels: Int32Array) => [0, 1, 2, 3].map((label) => labels.filter((l) => l === label).length);
  assert.deepEqual(count(set.train!.labels), [3, 3, 2, 2]);
  assert.deepEqual(count(set.val.labels), [2, 2, 2, 2]);
  const { data } = await readPixels(set.train!, 4, 28);
  assert.equal(set.train!.describe(4), `train-images-idx3-ubyte.gz#${data[0]}`);
  assert.equal(data[0]! % 4, set.train!.labels[4]);
});

test('each broken file is one clear line of exit code 1', async () => {
  const images = Buffer.alloc(40 * 16);
  const good = idxBytes([40, 4, 4], images);
  const labels = idxBytes([40], new Uint8Array(40));
  const withTrain = (bytes: Uint8Array, labelBytes: Uint8Array = labels) =>
    openDataset(
      dataset({ ...idxPart('t10k', 12, 4), 'train-images-idx3-ubyte': bytes, 'train-labels-idx1-ubyte': labelBytes }),
    );
  await rejectsWith(
    withTrain(good.subarray(0, 600)),
    1,
    /the header says 40 x 4 x 4 = 640 bytes but the file has only 600: it is cut off/,
  );
  await rejectsWith(withTrain(good.subarray(0, 9)), 1, /IDX header of 16 bytes but the file has 9/);
  await rejectsWith(withTrain(Buffer.alloc(0)), 1, /IDX header of 16 bytes but the file has 0/);
  await rejectsWith(
    withTrain(Buffer.concat([good, Buffer.alloc(1)])),
    1,
    /expected 640 bytes after the header \(40 x 4 x 4\) but the file has more/,
  );
  await rejectsWith(
    withTrain(idxBytes([40, 4, 4], images, 0x0d03)),
    1,
    /expected the number 2051 .* but received 3331/,
  );
  await rejectsWith(withTrain(labels), 1, /expected the number 2051 .* but (received 2049|.*)/);
  await rejectsWith(
    withTrain(good, idxBytes([39], new Uint8Array(39))),
    1,
    /has 40 pictures and train-labels-idx1-ubyte 39 labels/,
  );
  await rejectsWith(
    withTrain(idxBytes([0, 4, 4], new Uint8Array(0)), idxBytes([0], new Uint8Array(0))),
    1,
    /holds 0 x 4 x 4/,
  );
  const withZip = (bytes: Uint8Array) =>
    openDataset(
      dataset({ ...idxPart('t10k', 12, 4), 'train-images-idx3-ubyte.gz': bytes, 'train-labels-idx1-ubyte': labels }),
    );
  const zipped = gzipSync(idxBytes([40, 4, 4], Buffer.from(images.map((_, i) => (i * i * 31) & 255))));
  await rejectsWith(
    withZip(zipped.subarray(0, zipped.length - 60)),
    1,
    /the gzip data ends too early: the file is cut off/,
  );
  await rejectsWith(
    withZip(gzipSync(good.subarray(0, 600))),
    1,
    /expected 640 bytes after the header .* but received 584: it is cut off/,
  );
  await rejectsWith(withZip(good), 1, /is not valid gzip data/);
  await rejectsWith(
    openDataset(dataset({ 'train-images-idx3-ubyte': good })),
    2,
    /Expected train-labels-idx1-ubyte or .*beside train-images-idx3-ubyte/,
  );
});

test('a header that promises too much is refused before memory is taken', async () => {
  const folder = dataset({
    'liar.gz': gzipSync(idxBytes([1e6, 28, 28], Buffer.alloc(64))),
    'huge.gz': gzipSync(idxBytes([4e9, 4e9, 4e9], Buffer.alloc(64))),
    small: idxBytes([10, 4, 4], Buffer.alloc(160)),
  });
  await rejectsWith(
    readIdxFile(join(folder, 'liar.gz'), 3),
    1,
    /header says 1000000 x 28 x 28 = 784000000 bytes but the file has only/,
  );
  await rejectsWith(readIdxFile(join(folder, 'huge.gz'), 3), 1, /expected at most 2147483648 bytes/);
  await rejectsWith(
    readIdxFile(join(folder, 'small'), 3, 159),
    1,
    /expected at most 159 bytes of data but the header says 10 x 4 x 4 = 160/,
  );
  assert.equal((await readIdxFile(join(folder, 'small'), 3, 160)).data.byteLength, 160);
  await rejectsWith(readIdxFile(join(folder, 'nothing'), 3), 1, /no such file/);
});

const FASHION = '/usr/share/datasets/fashion-mnist';
test('the real Fashion-MNIST', { skip: existsSync(FASHION) ? false : 'not installed' }, async () => {
  const set = await openDataset(FASHION);
  assert.deepEqual([set.train!.length, set.val.length, set.classes.length], [60000, 10000, 10]);
  assert.equal(set.classes[set.train!.labels[0]!], 'Ankle boot'); // the first training picture, as its authors show it
  for (const part of [set.train!, set.val]) {
    const counts = new Array<number>(10).fill(0);
    for (const label of part.labels) counts[label]!++;
    assert.ok(
      counts.every((n) => n === part.length / 10),
      'every class equally often, as documented',
    );
  }
});
