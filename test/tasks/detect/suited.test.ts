// Anchors that fit the boxes of the pictures.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import sharp from 'sharp';
import { openDetection } from '../../../src/data/annotations/detection.js';
import { suitedAnchors } from '../../../src/tasks/detect/suited.js';
import { resolveRun } from '../../../src/tasks/runs.js';
import { type Drawn, vocXml } from '../../data/annotations/sets.js';
import { temporaryFolder, writeTree } from '../../data/helpers.js';

const root = temporaryFolder();

/** Thirteen pictures of 320 x 240, on each a large box of 80 x 80 and a small one of `side` x `side`. */
async function drawn(name: string, side: number): Promise<string> {
  const picture = await sharp({ create: { width: 320, height: 240, channels: 3, background: 'grey' } })
    .png()
    .toBuffer();
  const files: Record<string, Uint8Array | string> = {};
  for (let i = 0; i < 13; i++) {
    const boxes: Drawn[] = [
      { name: 'large', box: [21, 31, 100, 110] },
      { name: 'small', box: [201, 101, 200 + side, 100 + side] },
    ];
    files[`JPEGImages/p${i}.png`] = picture;
    files[`Annotations/p${i}.xml`] = vocXml(`p${i}.png`, 320, 240, boxes);
  }
  const names = Array.from({ length: 12 }, (_, i) => `p${i}`).join('\n');
  files['ImageSets/Main/train.txt'] = `${names}\n`;
  files['ImageSets/Main/val.txt'] = 'p12\n';
  return writeTree(join(root, name), files);
}

test('the smallest anchor lies on the small boxes of the class whose boxes are smallest', async () => {
  // At 160 pixels the picture is halved: a box of 30 has 15 there, 1.3 x 15 / 8 = 2.4 strides. At 320: 4.9, and 4 is the most.
  const { train } = await openDetection(await drawn('thirty', 30));
  assert.deepEqual(suitedAnchors(train!, 160)?.values, { anchorSize: 2 });
  assert.match(suitedAnchors(train!, 160)!.source, /boxes of small is smaller than 15 pixels at 160 pixels/);
  assert.deepEqual(suitedAnchors(train!, 320)?.values, { anchorSize: 4 });
  // 7.5 pixels: 1.2 strides; 3.75 pixels: less than 1, which is the least.
  assert.deepEqual(suitedAnchors(train!, 80)?.values, { anchorSize: 1 });
  assert.equal(suitedAnchors(train!, 80)?.advice, undefined);
  const tiny = suitedAnchors(train!, 40)!;
  assert.deepEqual(tiny.values, { anchorSize: 1 });
  assert.match(tiny.advice!, /smaller than 3\.8 pixels at 40 pixels, which is hardly found: a larger --size/);
});

test('the default recipe takes it, what was set wins, and published recipes keep theirs', async () => {
  const data = join(root, 'thirty');
  const dataset = await openDetection(data);
  const of = async (more: object): Promise<[number, string]> => {
    const { recipe } = await resolveRun({ task: 'detect', data, size: 160, out: '', ...more }, dataset);
    return [recipe.values.anchorSize, recipe.sources.anchorSize];
  };
  assert.deepEqual((await of({}))[0], 2);
  assert.match((await of({}))[1], /chosen for these boxes/);
  assert.deepEqual(await of({ settings: { anchorSize: 3 } }), [3, 'set by the user']);
  assert.equal((await of({ recipe: 'retinanet' }))[0], 4);
});
