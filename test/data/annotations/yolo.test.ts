import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openDetection, truthOf } from '../../../src/data/annotations/detection.js';
import { whichAnnotations } from '../../../src/data/annotations/which.js';
import { pathsOf } from '../../../src/data/sources/source.js';
import { rejectsWith, temporaryFolder, writeClasses, writeTree } from '../helpers.js';
import { jpeg, pngOf, vocSet } from './sets.js';

async function yoloSet(labels: Record<string, string>, more: Record<string, string> = {}): Promise<string> {
  const files: Record<string, string | Uint8Array> = {};
  for (const [name, text] of Object.entries(labels)) {
    files[`images/${name}.jpg`] = await jpeg(40, 20);
    files[`labels/${name}.txt`] = text;
  }
  return writeTree(temporaryFolder(), { ...files, ...more });
}

describe('YOLO', () => {
  it('shares of the picture become pixels; polygons their box; classes of data.yaml', async () => {
    const folder = await yoloSet(
      { 'train/1': '1 0.5 0.5 0.25 0.5\n0 0.1 0.1 0.5 0.1 0.5 0.9\n', 'train/2': '', 'val/3': '0 .25 .25 .5 .5\r\n' },
      { 'data.yaml': 'train: images/train\nval: images/val\nnames:\n  0: cat\n  1: dog\n' },
    );
    const { train, val, classes, problems, notes } = await openDetection(folder);
    assert.deepEqual([classes, problems, notes], [['cat', 'dog'], [], []]);
    assert.deepEqual(
      [pathsOf(train!), pathsOf(val)],
      [['images/train/1.jpg', 'images/train/2.jpg'], ['images/val/3.jpg']],
    );
    const one = truthOf(train!, 0);
    assert.deepEqual(
      [...one.boxes].map((v) => +v.toFixed(4)),
      [15, 5, 25, 15, 4, 2, 20, 18],
    );
    assert.deepEqual(
      [[...one.classes], [...one.area].map(Math.round)],
      [
        [1, 0],
        [100, 256],
      ],
    );
    assert.equal(truthOf(train!, 1).classes.length, 0, 'an empty file is a picture without boxes');
    assert.deepEqual([...truthOf(val, 0).boxes], [0, 0, 20, 10]);
  });

  it('names of a list, or numbers; parts by data.yaml alone', async () => {
    const line = '0 0.5 0.5 0.2 0.2\n';
    const listed = await openDetection(await yoloSet({ a: line, b: line }, { 'classes.txt': 'ball\nbat\n' }));
    assert.deepEqual([listed.classes, listed.split?.valSplit], [['ball', 'bat'], 0.2]);
    assert.deepEqual(listed.notes, ['no training picture has a box of "bat"']);
    const numbered = await openDetection(await yoloSet({ a: line, b: `1 0.5 0.5 0.2 0.2\n${line}` }));
    assert.deepEqual(numbered.classes, ['class 0', 'class 1']);
    const yaml = { 'data.yaml': "names: ['x']\ntrain: ../images/first\nval: ../images/second\n" };
    const { train, val } = await openDetection(await yoloSet({ 'first/1': line, 'second/1': line }, yaml));
    assert.deepEqual([pathsOf(train!), pathsOf(val)], [['images/first/1.jpg'], ['images/second/1.jpg']]);
  });

  it('what is broken is named with its line', async () => {
    const text =
      '0 0.5 0.5 0.2\n0 0.5 0.5 0 0.2\n0 0.5 0.5 x 0.2\n5 0.5 0.5 0.2 0.2\n0 2 2 0.2 0.2\n0 0.5 0.5 0.2 0.2\n';
    const ok = '0 0.5 0.5 0.2 0.2\n';
    const more = { 'classes.txt': 'ball\n', 'labels/c.txt': ok };
    const { problems } = await openDetection(await yoloSet({ a: text, b: ok, d: ok }, more), { maxBroken: 1 });
    assert.deepEqual(
      problems.map(({ place, reason }) => `${place}: ${reason}`),
      [
        'labels/c.txt: its picture c is not there',
        'labels/a.txt: line 1 (0 0.5 0.5 0.2): expected a class and four numbers, or a class and the points of a polygon',
        'labels/a.txt: line 2 (0 0.5 0.5 0 0.2): it is empty',
        'labels/a.txt: line 3 (0 0.5 0.5 x 0.2): its numbers are not finite',
        'labels/a.txt: line 4 (5 0.5 0.5 0.2 0.2): its class is none of classes.txt',
        'labels/a.txt: line 5 (0 2 2 0.2 0.2): it lies outside the picture of 40 x 20',
      ],
    );
  });
});

describe('the kind of annotations', () => {
  it('is told by content', async () => {
    const line = '0 0.5 0.5 0.2 0.2\n';
    assert.deepEqual(await whichAnnotations(await yoloSet({ a: line })), {
      kind: 'boxes',
      form: 'yolo',
      file: 'labels/a.txt',
    });
    assert.deepEqual(await whichAnnotations(await vocSet(temporaryFolder(), { train: 1 })), {
      ...{ kind: 'boxes', form: 'voc' },
      file: 'Annotations/a0.xml',
    });
    const picture = await jpeg(2, 2);
    const masks = writeTree(temporaryFolder(), { 'train/1.jpg': picture, 'trainannot/1.png': pngOf(2, [0, 1, 1, 0]) });
    assert.deepEqual(await whichAnnotations(masks), { kind: 'masks', form: 'masks', file: 'trainannot/1.png' });
    const depth = writeTree(temporaryFolder(), {
      'images/1.jpg': picture,
      'depth/1.png': pngOf(2, [0, 1, 1, 0], { bits: 16 }),
    });
    assert.deepEqual(await whichAnnotations(depth), { kind: 'depth', form: 'depth', file: 'depth/1.png' });
    const coco = JSON.stringify({ images: [{ id: 1, file_name: 'a.jpg' }], annotations: [], categories: [] });
    const json = writeTree(temporaryFolder(), { 'a.jpg': picture, 'a.json': coco, 'b.json': '{}' });
    assert.deepEqual(await whichAnnotations(json), { kind: 'boxes', form: 'coco', file: 'a.json' });
    assert.equal(
      await whichAnnotations(await writeClasses(temporaryFolder(), { 'train/with_mask': 2, 'train/no': 2 })),
      undefined,
    );
  });

  it('a folder that mixes kinds is refused, with a file of each', async () => {
    const line = '0 0.5 0.5 0.2 0.2\n';
    const folder = await vocSet(temporaryFolder(), { train: 2, val: 1 });
    writeTree(folder, { 'SegmentationClass/a0.png': pngOf(40, new Array<number>(1200).fill(0)) });
    const both =
      /Annotations\/a0.xml has boxes in Pascal VOC's XML and SegmentationClass\/a0.png has masks as PNG. Say which with --task detect or segment/;
    await rejectsWith(whichAnnotations(folder), 2, both);
    assert.equal((await openDetection(folder)).train!.length, 2);
    writeTree(folder, { 'labels/a0.txt': line });
    await rejectsWith(
      openDetection(folder),
      2,
      /a0.xml has boxes in Pascal VOC's XML and labels\/a0.txt has boxes in YOLO's text. Give a folder/,
    );
  });
});
