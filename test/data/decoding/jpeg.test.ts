import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import sharp, { type Sharp } from 'sharp';
import { usePictureKernels } from '../../../src/augment/kernels.js';
import { augmentPlan } from '../../../src/augment/policies/plan.js';
import { preprocessOptions } from '../../../src/augment/preprocess.js';
import { Random } from '../../../src/augment/random.js';
import { decodeBytes } from '../../../src/data/decoding/decode.js';
import { NoPart, openJpeg } from '../../../src/data/decoding/jpeg.js';
import { useJpegDecoder } from '../../../src/data/decoding/jpeg-decoder.js';
import { makeBatch } from '../../../src/data/loading/batch.js';
import { useEngineKernels } from '../../../src/data/loading/kernels.js';
import { PathTable } from '../../../src/data/sources/path-table.js';
import { openSource, sharedInts } from '../../../src/data/sources/source.js';
import { packageRoot } from '../../../src/package-root.js';
import { addon } from '../../../src/torch/addon.js';
import { gradientSharp, temporaryFolder, writeTree } from '../helpers.js';

const { jpegPart } = addon();
const skip = jpegPart === undefined && 'this engine was built without libjpeg-turbo';
useEngineKernels();
after(() => {
  useJpegDecoder(undefined);
  usePictureKernels(undefined);
});

const fixture = JSON.parse(readFileSync(join(packageRoot, 'test/fixtures/jpeg-samplings.json'), 'utf8')) as Record<
  string,
  { jpeg: string; sha256: string }
>;
const files = new Map(Object.entries(fixture).map(([name, { jpeg }]) => [name, Buffer.from(jpeg, 'base64')]));
const [photograph] = [files.get('4:2:0')!];

/** The file with EXIF data before all else that says how the picture is turned. */
function turned(jpeg: Uint8Array, orientation: number): Uint8Array {
  const tiff = [0x4d, 0x4d, 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0];
  const segment = [...Buffer.from('Exif\0\0'), ...tiff];
  return Uint8Array.of(0xff, 0xd8, 0xff, 0xe1, 0, segment.length + 2, ...segment, ...jpeg.subarray(2));
}

test("any part of a file has the bytes of the whole, and these are Pillow's", { skip }, async () => {
  const random = new Random(5);
  for (const [name, bytes] of files) {
    const opened = openJpeg(bytes, name)!;
    const { width, height } = opened;
    const native = await opened.whole();
    useJpegDecoder(undefined);
    const whole = await decodeBytes(bytes, name);
    useEngineKernels();
    assert.equal(Buffer.compare(native.data, whole.data), 0, `${name}, whole`);
    const digest = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');
    assert.deepEqual([whole.width, whole.height], [width, height], name);
    assert.equal(digest(whole.data), fixture[name]!.sha256, `${name}, decoded by sharp`);
    assert.equal(digest(opened.cut({ x: 0, y: 0, width, height }).data), fixture[name]!.sha256, name);
    for (let i = 0; i < 150; i++) {
      const [w, h] = [1 + random.int(width), 1 + random.int(height)];
      const [x, y] = [random.int(width - w + 1), random.int(height - h + 1)];
      const part = opened.cut({ x, y, width: w, height: h });
      for (let row = 0; row < h; row++)
        assert.equal(
          Buffer.compare(
            part.data.subarray(3 * w * row, 3 * w * (row + 1)),
            whole.data.subarray(3 * (width * (y + row) + x), 3 * (width * (y + row) + x + w)),
          ),
          0,
          `${name}: row ${row} of ${w} x ${h} at ${x}, ${y}`,
        );
    }
  }
});

test('files to which more has to be done are left to sharp', { skip }, async () => {
  const picture = (): Sharp => gradientSharp(40, 30);
  const plain = await picture().jpeg().toBuffer();
  assert.deepEqual([openJpeg(plain, 'plain')?.width, openJpeg(plain, 'plain')?.height], [40, 30]);
  assert.notEqual(openJpeg(turned(plain, 1), 'upright'), undefined);
  const exif = await picture()
    .withExif({ IFD0: { Software: 'a test' } })
    .jpeg()
    .toBuffer();
  assert.notEqual(openJpeg(exif, 'exif'), undefined);
  for (const [name, bytes] of Object.entries({
    turned: turned(plain, 6),
    profile: await picture().withIccProfile('p3').jpeg().toBuffer(),
    strange: turned(plain, 9),
    twice: turned(turned(plain, 1), 1),
    cmyk: await picture().toColourspace('cmyk').jpeg().toBuffer(),
    png: await picture().png().toBuffer(),
    cut: plain.subarray(0, 100),
    nothing: new Uint8Array(0),
    shared: new Uint8Array(new SharedArrayBuffer(plain.length)),
  }))
    assert.equal(openJpeg(bytes, name), undefined, name);
  assert.equal(openJpeg(plain, 'reduced', { targetSize: 7 }), undefined);
  assert.notEqual(openJpeg(plain, 'whole', { targetSize: 8 }), undefined);
  assert.equal(openJpeg(plain, 'large', { limits: { pixels: 1199 } }), undefined);
  assert.equal(openJpeg(plain, 'long', { limits: { bytes: plain.length - 1 } }), undefined);
});

test('damage is found where nothing is looked at', { skip }, () => {
  const opened = openJpeg(photograph.subarray(0, photograph.length - 300), 'cut off')!;
  assert.throws(() => opened.cut({ x: 0, y: 0, width: 4, height: 4 }), NoPart);
  assert.throws(
    () => openJpeg(photograph, 'a')!.cut({ x: 0, y: 0, width: 62, height: 4 }),
    /a part within the picture/,
  );
  assert.throws(() => jpegPart!(photograph, 0, 0, 4, 4, new Uint8Array(47)), /room for it/);
  assert.throws(() => jpegPart!(photograph, -1, 0, 4, 4, new Uint8Array(48)), /a part of a picture/);
});

test('batches are the same with the decoder and without it, broken pictures too', { skip }, async () => {
  const folder = temporaryFolder();
  const noise = await sharp({
    create: {
      width: 90,
      height: 70,
      channels: 3,
      background: '#808080',
      noise: { type: 'gaussian', mean: 128, sigma: 60 },
    },
  })
    .jpeg()
    .toBuffer();
  const content: Record<string, Uint8Array> = {
    ...Object.fromEntries([...files.values()].map((bytes, i) => [`${i}.jpg`, bytes])),
    'noise.jpg': noise,
    'turned.jpg': turned(noise, 6),
    'cut-off.jpg': noise.subarray(0, noise.length >> 1),
    'no-end.jpg': noise.subarray(0, noise.length - 2),
    'flipped.jpg': Uint8Array.from(noise, (byte, i) => (i === noise.length >> 1 ? 0xff : byte)),
    'empty.jpg': new Uint8Array(0),
    'png.jpg': await gradientSharp(33, 40).png().toBuffer(),
  };
  writeTree(folder, content);
  const names = [...Object.keys(content), 'missing.jpg'];
  const labels = sharedInts(names.map(() => 0));
  const ids = sharedInts(names.map((_, i) => i));
  const paths = PathTable.from(names);
  const source = openSource({ kind: 'files', name: 'all', classes: ['a'], labels, root: folder, paths, ids });
  const reader = { writer: () => ({ add: () => undefined, finish: () => ({}) }) };
  const augment = augmentPlan({ policy: 'randaugment', magnitude: 9 });
  const made = (mode: 'train' | 'eval', epoch: number) => {
    const plan = { mode, preprocess: preprocessOptions({ size: 24, augment }), seed: 3, repeats: 1 };
    return makeBatch(source, reader, { epoch, first: 0, batch: 0, indices: Int32Array.from(ids) }, plan);
  };
  for (const [mode, epoch] of [
    ['eval', 0],
    ['train', 0],
    ['train', 1],
    ['train', 2],
  ] as const) {
    useEngineKernels();
    const fast = await made(mode, epoch);
    useJpegDecoder(undefined);
    usePictureKernels(undefined);
    const plain = await made(mode, epoch);
    // What libvips says of a file may come with a line about another that it reads meanwhile.
    const told = ({ indices, broken, n }: NonNullable<typeof fast>) => ({
      indices: [...indices],
      broken: broken.map(([i, reason]) => [i, reason.slice(0, 20)]),
      n,
    });
    assert.deepEqual(told(fast!), told(plain!), `${mode}, epoch ${epoch}`);
    assert.equal(Buffer.compare(fast!.images, plain!.images), 0, `${mode}, epoch ${epoch}`);
    assert.ok(plain!.broken.length >= 3 && plain!.n >= 12, `${plain!.broken.length} broken, ${plain!.n} not`);
  }
});
