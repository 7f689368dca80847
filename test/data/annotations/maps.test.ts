import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { viewDepth, viewMask } from '../../../src/augment/targets.js';
import { evalViewOf } from '../../../src/augment/view.js';
import { byClassName } from '../../../src/data/annotations/by-name.js';
import { maskRule, readDepth, readMask } from '../../../src/data/annotations/files/map-file.js';
import {
  type DepthTargets,
  depthTargets,
  type SegmentTargets,
  segmentTargets,
} from '../../../src/data/annotations/map-targets.js';
import { openDepth, openSegmentation } from '../../../src/data/annotations/maps.js';
import type { Dataset } from '../../../src/data/dataset.js';
import { BatchLoader } from '../../../src/data/loading/loader.js';
import type { TargetSpec, Targets } from '../../../src/data/loading/targets.js';
import { pathsOf } from '../../../src/data/sources/source.js';
import { rejectsWith, temporaryFolder, writeTree } from '../helpers.js';
import { png, pngOf } from './sets.js';

const numbers = (count: number, value: (i: number) => number): number[] =>
  Array.from({ length: count }, (_, i) => value(i));
const rule = (classes: number, ignored: number[] = [255]) =>
  maskRule(
    numbers(classes, (value) => value).map((value) => ({ value })),
    ignored.map((value) => ({ value })),
  );

describe('a mask as a file', () => {
  const folder = temporaryFolder();
  const write = (name: string, bytes: Uint8Array): string => {
    writeFileSync(join(folder, name), bytes);
    return join(folder, name);
  };

  for (const bits of [1, 2, 4, 8] as const)
    it(`grey or of a palette in ${bits} bits: its numbers as they stand there`, async () => {
      const values = numbers(35, (i) => (i * i) % Math.min(2 ** bits, 200));
      const classes = Math.min(2 ** bits, 200);
      const grey = await readMask(write('g.png', pngOf(7, values, { bits })), rule(classes));
      assert.deepEqual([...grey.data], values);
      assert.deepEqual([grey.width, grey.height], [7, 5]);
      const palette = numbers(2 ** bits, (i) => i).map((i) => [(37 * i) % 256, (101 * i) % 256, i]);
      const coloured = await readMask(write('p.png', pngOf(7, values, { bits, palette })), rule(classes));
      assert.deepEqual([...coloured.data], values);
      const greys = numbers(2 ** bits, (i) => i).map((i) => [255 - i, 255 - i, 255 - i]);
      assert.deepEqual(
        [...(await readMask(write('q.png', pngOf(7, values, { bits, palette: greys })), rule(classes))).data],
        values,
      );
    });

  it('numbers of no class, of 16 bits and files that are none', async () => {
    const read = (name: string, bytes: Uint8Array): Promise<unknown> => readMask(write(name, bytes), rule(3));
    await assert.rejects(
      read('a.png', pngOf(2, [0, 1, 2, 9])),
      /the number 9 at column 1, row 1 is none of the classes/,
    );
    await assert.rejects(
      read('b.png', pngOf(2, [0, 1], { bits: 16 })),
      /its numbers have 16 bits; expected a class a pixel in 8 bits/,
    );
    await assert.rejects(read('c.png', Buffer.from('v/1\x01....')), /it is an OpenEXR; masks are PNG/);
    await assert.rejects(read('d.png', pngOf(2, [0, 1, 2, 0]).subarray(0, 45)), /damaged or cut off/);
    await assert.rejects(
      read('e.png', await png(4, 4)),
      /its pixels have colours, and no list of classes says what they mean/,
    );
  });

  it('depth: 16 bits grey alone', async () => {
    const values = [0, 1, 65535, 40000, 256, 255];
    assert.deepEqual([...(await readDepth(write('f.png', pngOf(3, values, { bits: 16 })))).data], values);
    await assert.rejects(
      readDepth(write('g.png', pngOf(3, [1, 2, 3]))),
      /it is a PNG of 8 bits grey; expected 16 bits grey/,
    );
    await assert.rejects(
      readDepth(write('h.exr', Buffer.from('v/1\x01....'))),
      /it is an OpenEXR, which is not read as depth: write PNG with 16 bits, millimetres for example/,
    );
  });
});

/** Pictures of 8 x 6 with a mask each, as CamVid has them. */
async function camvid(more: Record<string, Uint8Array | string> = {}): Promise<string> {
  const files: Record<string, Uint8Array | string> = {};
  for (const [part, count] of Object.entries({ train: 3, val: 2, test: 2 }))
    for (let k = 0; k < count; k++) {
      files[`${part}/${part}${k}.png`] = await png(8, 6, 20 * k);
      files[`${part}annot/${part}${k}.png`] = pngOf(
        8,
        numbers(48, (i) => (i + k) % 4),
      );
    }
  return writeTree(temporaryFolder(), { ...files, 'classes.txt': 'Sky\nRoad\nCar\nUnlabelled\n', ...more });
}

async function evaluated<T extends Targets>(
  { val }: Dataset,
  targets: TargetSpec<T>,
  mode: 'train' | 'eval' = 'eval',
  scale: object = {},
): Promise<T> {
  const options = {
    source: val,
    targets,
    batch: 4,
    mode,
    seed: 1,
    workers: 0,
    preprocess: { size: 8, fit: 'letterbox', ...scale },
  } as never;
  await using loader = new BatchLoader<T>(options);
  for await (const batch of loader.batches(0)) return batch.targets;
  throw new Error('no batch');
}

describe('pictures with masks', () => {
  it('as weights know their classes: by name, in their order, what they do not know not asked for', async () => {
    const { val } = await openSegmentation(await camvid());
    const names = { weights: 'w', data: 'streets' };
    const known = byClassName(val, ['Car', 'Tree', 'Sky'], names)!;
    assert.deepEqual(known.notes, [
      'the model does not know Road of streets: those pixels are not asked for',
      'the model knows 3 classes; there are no masks of Tree',
    ]);
    const own = (await evaluated({ val } as Dataset, segmentTargets())).truth;
    const truth = (await evaluated({ val: known.val } as Dataset, segmentTargets())).truth;
    // Sky, Road, Car and void.
    assert.deepEqual(
      truth,
      own.map((label) => ({ 0: 2, 1: 255, 2: 0 })[label] ?? 255),
    );
    assert.throws(
      () => byClassName(val, ['Tree'], names),
      /the classes that w knows \(Tree\) but streets has Sky, Road, Car/,
    );
    assert.equal(byClassName(val, ['Sky', 'Road', 'Car'], names)!.val, val);
  });

  it('parts by folders, classes by a list, and what is void', async () => {
    const data = await openSegmentation(await camvid());
    assert.deepEqual(data.classes, ['Sky', 'Road', 'Car']);
    assert.deepEqual(
      [pathsOf(data.train!)!.length, pathsOf(data.val), data.test!.length],
      [3, ['val/val0.png', 'val/val1.png'], 2],
    );
    assert.deepEqual(data.notes, ['"Unlabelled" of classes.txt is not asked for']);
    const targets: SegmentTargets = await evaluated(data, segmentTargets());
    const mask = (k: number) => Uint8Array.from({ length: 48 }, (_, i) => ((i + k) % 4 === 3 ? 255 : (i + k) % 4));
    const view = evalViewOf(8, 6, { size: 8, fit: 'letterbox' } as never);
    assert.deepEqual(
      targets.masks,
      Uint8Array.from([...viewMask(mask(0), view, 255), ...viewMask(mask(1), view, 255)]),
    );
    assert.deepEqual([...targets.masks.subarray(48, 64)], new Array(16).fill(255), 'what is filled is not asked for');
    assert.deepEqual(targets.truth, Uint8Array.from([...mask(0), ...mask(1)]));
    assert.deepEqual([...targets.sides], [8, 6, 8, 6]);
    assert.deepEqual([...targets.views.subarray(0, 8)], [0, 0, 8, 8, 0, 0, 0, 1]);
    assert.equal((await evaluated(data, segmentTargets(), 'train')).truth.length, 0);
  });

  it('classes without a list are numbers; colours of a list are classes', async () => {
    const folder = await camvid();
    rmSync(join(folder, 'classes.txt'));
    const plain = await openSegmentation(folder, { ignore: [3] });
    assert.deepEqual(plain.classes, ['class 0', 'class 1', 'class 2']);
    assert.match(plain.notes[0]!, /no list names the classes of the masks: 3 classes by their numbers/);
    const sharp = (await import('sharp')).default;
    const colours = Uint8Array.from([255, 0, 0, 0, 0, 255, 0, 255, 0, 0, 0, 255]);
    const mask = await sharp(colours, { raw: { width: 2, height: 2, channels: 3 } })
      .png()
      .toBuffer();
    const files = Object.fromEntries(
      numbers(4, (i) => i).flatMap((i) => [
        [`images/${i}.png`, mask],
        [`masks/${i}.png`, mask],
      ]),
    );
    const other = writeTree(temporaryFolder(), {
      ...files,
      'label_colors.txt': '0 0 255 sea\n255 0 0 fire\n0 255 0 void\n',
    });
    const data = await openSegmentation(other, { valSplit: 0.25 });
    assert.deepEqual(data.classes, ['sea', 'fire']);
    assert.deepEqual([...(await evaluated(data, segmentTargets())).truth], [1, 0, 255, 0]);
  });

  it('what is broken is named and left out, up to a share', async () => {
    const more = {
      'trainannot/train0.png': pngOf(
        6,
        numbers(48, () => 0),
      ),
      'trainannot/train9.png': pngOf(
        8,
        numbers(48, () => 0),
      ),
      'valannot/val0.png': pngOf(
        8,
        numbers(48, () => 7),
      ),
      'val/val2.png': await png(8, 6),
    };
    const folder = await camvid(more);
    await assert.rejects(openSegmentation(folder), /3 of 8 pictures of .* cannot be used, more than the allowed 1 %/);
    const data = await openSegmentation(folder, { maxBroken: 1 });
    assert.deepEqual(
      data.problems.map(({ place, reason }) => `${place}: ${reason}`),
      [
        'trainannot/train9.png: its picture train9 is not there',
        'trainannot/train0.png: it has 6 x 8 pixels but its picture 8 x 6',
        'valannot/val0.png: the number 7 at column 0, row 0 is none of the classes',
      ],
    );
    assert.deepEqual(pathsOf(data.train!), ['train/train1.png', 'train/train2.png']);
    assert.ok(data.notes.includes('1 picture has no mask and is not used'));
    await rejectsWith(
      openSegmentation(temporaryFolder()),
      2,
      /Expected pictures with masks in .* found 0 pictures and 0 masks/,
    );
  });

  it('one that breaks later is left out of its batch', async () => {
    const folder = await camvid();
    const data = await openSegmentation(folder);
    rmSync(join(folder, 'valannot/val1.png'));
    const targets: SegmentTargets = await evaluated(data, segmentTargets());
    assert.deepEqual([...targets.index], [0]);
    assert.equal(targets.truth.length, 48);
  });

  it("Pascal VOC's own folders and lists", async () => {
    const mask = pngOf(
      8,
      numbers(48, (i) => i % 3),
      {
        palette: [
          [0, 0, 0],
          [128, 0, 0],
          [0, 128, 0],
        ],
      },
    );
    const names = ['a', 'b', 'c'];
    const files = Object.fromEntries(
      (await Promise.all(names.map(() => png(8, 6)))).flatMap((picture, i) => [
        [`JPEGImages/${names[i]}.png`, picture],
        [`SegmentationClass/${names[i]}.png`, mask],
        [`SegmentationObject/${names[i]}.png`, mask],
      ]),
    );
    const lists = { 'ImageSets/Segmentation/train.txt': 'a\n', 'ImageSets/Segmentation/val.txt': 'c\n' };
    const { train, val, classes } = await openSegmentation(writeTree(temporaryFolder(), { ...files, ...lists }));
    assert.deepEqual([pathsOf(train!), pathsOf(val), classes.length], [['JPEGImages/a.png'], ['JPEGImages/c.png'], 3]);
  });
});

describe('pictures with depth', () => {
  it("7-Scenes' names; metres, and nothing where there is no reading", async () => {
    const values = numbers(48, (i) => (i === 5 ? 65535 : 100 * i));
    const files: Record<string, Uint8Array> = {};
    for (const [part, count] of Object.entries({ train: 2, test: 1 }))
      for (let k = 0; k < count; k++) {
        files[`${part}/frame-00${k}.color.png`] = await png(8, 6);
        files[`${part}/frame-00${k}.depth.png`] = pngOf(8, values, { bits: 16 });
      }
    const folder = writeTree(temporaryFolder(), files);
    const data = await openDepth(folder);
    assert.deepEqual([data.train!.length, data.val.length, data.measured], [2, 1, 'test']);
    const depth = Float32Array.from(values, (value) => (value === 65535 ? 0 : value / 1000));
    const targets: DepthTargets = await evaluated(data, depthTargets());
    assert.deepEqual(targets.truth, depth);
    const view = evalViewOf(8, 6, { size: 8, fit: 'letterbox' } as never);
    assert.deepEqual(targets.depths, viewDepth(depth, view, 0));
    // Twice as large as where the whole picture is shown: half as far away, where that is asked for, and in training alone.
    const twice = { cropMode: 'scale', scaleRange: [2, 2] };
    const two = { val: data.train! } as Dataset;
    const far = await evaluated(two, depthTargets(), 'train', twice);
    const near = await evaluated(two, depthTargets({ zoom: true }), 'train', twice);
    assert.ok(far.depths.some((metres) => metres > 0));
    for (const [i, metres] of near.depths.entries())
      assert.ok(Math.abs(metres - far.depths[i]! / 2) < 1e-6, `${metres}`);
    assert.deepEqual((await evaluated(data, depthTargets({ zoom: true }))).depths, targets.depths);
    const scaled = await openDepth(folder, { depthScale: 256, depthInvalid: [100] });
    assert.notEqual(scaled.fingerprint, data.fingerprint);
    const other: DepthTargets = await evaluated(scaled, depthTargets());
    assert.deepEqual(
      [...other.truth.subarray(0, 6)],
      [0, 0, ...[200, 300, 400, 65535].map((value) => Math.fround(value / 256))],
    );
  });

  it('folders of pictures and depth; OpenEXR is refused with a word', async () => {
    const files = {
      'images/1.png': await png(4, 4),
      'images/2.png': await png(4, 4),
      'depth/1.exr': 'v/1\x01....',
      'depth/2.exr': 'v/1\x01....',
    };
    await assert.rejects(
      openDepth(writeTree(temporaryFolder(), files)),
      /2 of 2 pictures .*\n {2}depth\/1.exr: it is an OpenEXR, which is not read as depth: write PNG with 16 bits/,
    );
  });
});
