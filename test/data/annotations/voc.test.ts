import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openDetection, truthOf } from '../../../src/data/annotations/detection.js';
import { parseVoc } from '../../../src/data/annotations/files/voc.js';
import { pathsOf } from '../../../src/data/sources/source.js';
import { rejectsWith, temporaryFolder, writeTree } from '../helpers.js';
import { jpeg, vocSet, vocXml } from './sets.js';

describe('Pascal VOC', () => {
  it('lists say the parts; pixels are counted from 1, the last one inside', async () => {
    const folder = await vocSet(temporaryFolder(), { train: 3, val: 2, test: 2, trainval: 0 });
    const data = await openDetection(folder);
    const { train, val, test, classes, measured } = data;
    assert.deepEqual(classes, ['cat', 'dog']);
    assert.equal(measured, 'val');
    assert.deepEqual(pathsOf(train!), ['JPEGImages/a0.jpg', 'JPEGImages/a1.jpg', 'JPEGImages/a2.jpg']);
    assert.deepEqual(pathsOf(val), ['JPEGImages/a3.jpg', 'JPEGImages/a4.jpg']);
    assert.deepEqual(pathsOf(test!), ['JPEGImages/a5.jpg', 'JPEGImages/a6.jpg']);
    const found = truthOf(val, 0);
    assert.deepEqual([...found.boxes], [3, 1, 14, 22]);
    assert.deepEqual([...found.classes], [1]);
    assert.deepEqual([...found.area], [11 * 21]);
    assert.deepEqual([found.width, found.height], [40, 30]);
    assert.deepEqual([...truthOf(test!, 1).boxes], [6, 1, 17, 22]);
    assert.deepEqual(data.problems, []);
    assert.deepEqual(data.notes, []);
    const edges = await openDetection(folder, { boxPixels: 'edges' });
    assert.deepEqual([...truthOf(edges.val, 0).boxes], [4, 2, 14, 22]);
    assert.notEqual(edges.fingerprint, data.fingerprint);
  });

  it('the fingerprint is of pictures, classes and boxes', async () => {
    const folder = await vocSet(temporaryFolder(), { train: 3, val: 2, test: 2 });
    const { fingerprint } = await openDetection(folder);
    assert.equal((await openDetection(folder)).fingerprint, fingerprint);
    const file = join(folder, 'Annotations/a1.xml');
    writeFileSync(file, vocXml('a1.jpg', 40, 30, [{ name: 'dog', box: [2, 2, 12, 23] }]));
    assert.notEqual((await openDetection(folder)).fingerprint, fingerprint);
  });

  it('the same in folders of parts, beside the pictures or apart, or in one folder that is split', async () => {
    const box = [{ name: 'cat', box: [1, 1, 5, 5] }];
    const xml = (name: string): string => vocXml(name, 20, 10, box);
    const picture = await jpeg(20, 10);
    const beside = writeTree(temporaryFolder(), {
      'train/1.jpg': picture,
      'train/1.xml': xml('1.jpg'),
      'valid/1.jpg': picture,
      'valid/1.xml': xml('1.jpg'),
    });
    const apart = writeTree(temporaryFolder(), {
      'images/train/1.jpg': picture,
      'annotations/train/1.xml': xml('1.jpg'),
      'images/valid/1.jpg': picture,
      'annotations/valid/1.xml': xml('1.jpg'),
    });
    for (const [folder, paths] of [
      [beside, ['train/1.jpg', 'valid/1.jpg']],
      [apart, ['images/train/1.jpg', 'images/valid/1.jpg']],
    ] as const) {
      const { train, val, split } = await openDetection(folder);
      assert.deepEqual([pathsOf(train!), pathsOf(val)].flat(), paths);
      assert.equal(split, undefined);
    }
    const names = Array.from({ length: 10 }, (_, i) => `p${i}`);
    const flat = writeTree(
      temporaryFolder(),
      Object.fromEntries(
        names.flatMap((name) => [
          [`${name}.jpg`, picture],
          [`${name}.xml`, xml(`${name}.jpg`)],
        ]),
      ),
    );
    const { train, val, split } = await openDetection(flat, { valSplit: 0.3, seed: 4 });
    assert.deepEqual([train!.length, val.length], [7, 3]);
    assert.deepEqual(split, { valSplit: 0.3, seed: 4 });
    assert.equal((await openDetection(flat, { limitTrain: 2, limitVal: 1 })).train!.length, 2);
    const all = await openDetection(flat, { take: 'all' });
    assert.deepEqual([all.val.length, all.measured, all.train], [10, 'all', undefined]);
  });

  it('what is broken is named once and left out, up to a share', async () => {
    const folder = await vocSet(temporaryFolder(), { train: 8, val: 2 });
    const boxes = [
      { name: 'cat', box: [5, 5, 5, 9] },
      { name: 'cat', box: [9, 5, 5, 9] },
      { name: 'cat', box: ['nan', 5, 9, 9] },
      { name: 'cat', box: [41, 5, 60, 9] },
      { name: 'cat', box: [30, 5, 60, 9] },
      { name: '', box: [1, 2, 3, 4] },
      { name: 'dog', box: [1, '', 3, 4] },
    ];
    const write = (name: string, content: string) => writeFileSync(join(folder, 'Annotations', name), content);
    write('a0.xml', vocXml('a0.jpg', 40, 30, boxes));
    write('a1.xml', '<annotation><object>');
    write('a2.xml', '<other/>');
    write('a3.xml', vocXml('a3.jpg', 30, 40, []));
    rmSync(join(folder, 'JPEGImages/a4.jpg'));
    rmSync(join(folder, 'Annotations/a5.xml'));
    await rejectsFirst(folder);
    const { train, problems, notes } = await openDetection(folder, { maxBroken: 0.9 });
    assert.deepEqual(pathsOf(train!), ['JPEGImages/a0.jpg', 'JPEGImages/a6.jpg', 'JPEGImages/a7.jpg']);
    // Cut at the picture's edge.
    assert.deepEqual([...truthOf(train!, 0).boxes], [29, 4, 40, 9]);
    assert.deepEqual(
      problems.map(({ place, reason }) => `${place}: ${reason}`),
      [
        'Annotations/a1.xml: it is no XML: it ends before its tags are closed',
        'Annotations/a2.xml: it has no <annotation>, as files of Pascal VOC have',
        'Annotations/a4.xml: its picture a4.jpg is not there',
        'ImageSets/Main: a5: a5.xml is not there',
        'Annotations/a0.xml: box 1 (cat 5,5,5,9): it is empty',
        'Annotations/a0.xml: box 2 (cat 9,5,5,9): it is reversed: an end comes before its beginning',
        'Annotations/a0.xml: box 3 (cat nan,5,9,9): its numbers are not finite',
        'Annotations/a0.xml: box 4 (cat 41,5,60,9): it lies outside the picture of 40 x 30',
        'Annotations/a0.xml: box 6 (1,2,3,4): it has no name',
        'Annotations/a0.xml: box 7 (dog 1,,3,4): it has no <ymin>',
        'Annotations/a3.xml: its boxes are of a picture of 30 x 40 but JPEGImages/a3.jpg has 40 x 30, turned as its EXIF data say',
      ],
    );
    assert.match(notes.join('\n'), /1 box reaches beyond the picture/);
    assert.match(notes.join('\n'), /6 boxes and 5 pictures left out: Annotations\/a1.xml: /);
  });

  it('a class that a list does not name, and lists that share a picture', async () => {
    const folder = await vocSet(temporaryFolder(), { train: 4, val: 2 });
    const { problems, classes } = await openDetection(folder, { classes: ['dog'], maxBroken: 1 });
    assert.deepEqual(classes, ['dog']);
    assert.equal(problems.length, 3);
    assert.equal(problems[0]!.reason, 'its class is none of the classes of the weights');
    writeTree(folder, { 'ImageSets/Main/val.txt': 'a0\na5\n' });
    await rejectsWith(
      openDetection(folder),
      2,
      /each picture in one part but a0 stands in .*train.txt and in .*val.txt/,
    );
  });

  it('a folder without annotations, or without a training part', async () => {
    await rejectsWith(openDetection(temporaryFolder()), 2, /Expected pictures with boxes/);
    const folder = await vocSet(temporaryFolder(), { val: 2 });
    await rejectsWith(openDetection(folder), 2, /Expected a training part in .* next to val/);
    assert.equal((await openDetection(folder, { need: 'val' })).val.length, 2);
  });

  it('entities are not expanded, and those of XML itself are', () => {
    const bomb = '<!DOCTYPE a [<!ENTITY b "xxxxxxxxxx">]><annotation><filename>&b;&amp;&lt;</filename></annotation>';
    assert.equal(parseVoc(bomb).filename, '&b;&<');
  });
});

async function rejectsFirst(folder: string): Promise<void> {
  await assert.rejects(openDetection(folder), (error: Error & { exitCode?: number }) => {
    assert.match(error.message, /6 of 11 boxes of .* cannot be used, more than the allowed 1 %/);
    assert.match(error.message, /\n {2}Annotations\/a0.xml: box 1 \(cat 5,5,5,9\): it is empty\n/);
    assert.equal(error.exitCode, 1);
    return true;
  });
}
