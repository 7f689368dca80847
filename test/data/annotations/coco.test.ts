import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openDetection, truthOf } from '../../../src/data/annotations/detection.js';
import {
  areaOfPolygons,
  areaOfRuns,
  boxOfRuns,
  checkRuns,
  decodeCounts,
} from '../../../src/data/annotations/files/rle.js';
import { maskOf } from '../../../src/data/annotations/files/shapes.js';
import { openSegmentation } from '../../../src/data/annotations/maps.js';
import { pathsOf } from '../../../src/data/sources/source.js';
import { packageRoot } from '../../../src/package-root.js';
import { rejectsWith, temporaryFolder, writeTree } from '../helpers.js';
import { jpeg, png } from './sets.js';

it("run lengths, areas and boxes are pycocotools'", () => {
  const cases = JSON.parse(readFileSync(join(packageRoot, 'test/fixtures/coco_runs.json'), 'utf8')) as {
    size: [number, number];
    text: string;
    counts: number[];
    area: number;
    box: number[];
  }[];
  for (const { size, text, counts, area, box } of cases) {
    const runs = { size, counts: decodeCounts(text) };
    assert.deepEqual(runs.counts, counts);
    checkRuns(runs);
    assert.equal(areaOfRuns(runs), area);
    const [x0, y0, x1, y1] = boxOfRuns(runs) ?? [0, 0, 0, 0];
    assert.deepEqual([x0, y0, x1 - x0, y1 - y0], box);
  }
  assert.throws(() => decodeCounts('P'), /damaged/);
  assert.throws(() => checkRuns({ size: [2, 2], counts: [1, 2] }), /of 3 pixels but its size is 2 x 2/);
  assert.equal(
    areaOfPolygons([
      [0, 0, 4, 0, 4, 3],
      [10, 10, 12, 10, 12, 12, 10, 12],
    ]),
    10,
  );
});

it('polygons and run lengths are drawn as pycocotools draws them', async () => {
  const cases = JSON.parse(readFileSync(join(packageRoot, 'test/fixtures/coco_masks.json'), 'utf8')) as {
    width: number;
    height: number;
    shapes: unknown[];
    values: number[];
    counts: number[];
  }[];
  const files: Record<string, Uint8Array | string> = {};
  for (const [i, { width, height }] of cases.entries()) files[`${i}.png`] = await png(width, height);
  const names = ['void', 'one', 'two', 'three', 'four'];
  const root = await writeTree(temporaryFolder(), {
    ...files,
    'train.json': JSON.stringify({
      images: cases.map(({ width, height }, i) => ({ id: i, file_name: `${i}.png`, width, height })),
      annotations: cases.flatMap(({ shapes }, i) =>
        shapes.map((segmentation, k) => ({
          id: 10 * i + k,
          image_id: i,
          category_id: k + 1,
          segmentation,
          iscrowd: k % 2,
        })),
      ),
      categories: names.map((name, id) => ({ id, name })),
    }),
  });
  const { val, classes, notes } = await openSegmentation(root, { need: 'val', take: 'all', maxBroken: 0.1 });
  assert.deepEqual(classes, ['background', ...names.slice(1)]);
  assert.match(notes.join(), /later ones over earlier ones; the rest is the class background/);
  const { spec } = val;
  assert.ok(spec.kind === 'files' && spec.truth?.kind === 'masks');
  let drawn = 0;
  for (const [k, id] of spec.ids.entries()) {
    const i = Number(/(\d+)\.png$/.exec(val.describe(k))![1]);
    const { width, height, values, counts } = cases[i]!;
    const map = await maskOf(spec.truth, id, '');
    assert.deepEqual([map.width, map.height], [width, height]);
    assert.deepEqual(
      [...map.data],
      values.flatMap((value, at) => new Array<number>(counts[at]!).fill(value)),
      `${i}`,
    );
    drawn++;
  }
  assert.ok(drawn >= 36, `${drawn} pictures`);
});

const categories = [
  { id: 7, name: 'dog' },
  { id: 3, name: 'cat' },
];
const image = (id: number, name: string) => ({ id, file_name: name, width: 40, height: 30 });

async function cocoSet(
  annotations: readonly unknown[],
  more: Record<string, string | Uint8Array> = {},
): Promise<string> {
  const picture = await jpeg(40, 30);
  return writeTree(temporaryFolder(), {
    'annotations/instances_train2017.json': JSON.stringify({
      images: [image(1, 'a.jpg'), image(2, 'b.jpg')],
      annotations,
      categories,
    }),
    'annotations/instances_val2017.json': JSON.stringify({ images: [image(1, 'c.jpg')], annotations: [], categories }),
    'annotations/captions_train2017.json': JSON.stringify({
      images: [image(1, 'a.jpg')],
      annotations: [{ id: 1, caption: 'x' }],
      categories: [],
    }),
    'train2017/a.jpg': picture,
    'train2017/b.jpg': picture,
    'val2017/c.jpg': picture,
    ...more,
  });
}

describe('COCO', () => {
  it('categories are numbered from 0 by their ids; crowds and areas are kept', async () => {
    const folder = await cocoSet([
      { id: 1, image_id: 2, category_id: 7, bbox: [1.5, 2, 10, 20.25], area: 77.5, iscrowd: 0, segmentation: [] },
      {
        id: 2,
        image_id: 2,
        category_id: 3,
        bbox: [0, 0, 40, 30],
        iscrowd: 1,
        segmentation: { size: [30, 40], counts: [30, 60, 1110] },
      },
      { id: 3, image_id: 1, category_id: 3, segmentation: [[1, 1, 5, 1, 5, 4]] },
    ]);
    const { train, val, classes, problems, notes } = await openDetection(folder);
    assert.deepEqual(classes, ['cat', 'dog']);
    assert.deepEqual([pathsOf(train!), pathsOf(val)], [['train2017/a.jpg', 'train2017/b.jpg'], ['val2017/c.jpg']]);
    assert.deepEqual([problems, notes], [[], []]);
    const b = truthOf(train!, 1);
    assert.deepEqual([...b.boxes], [1.5, 2, 11.5, 22.25, 0, 0, 40, 30]);
    assert.deepEqual(
      [[...b.classes], [...b.crowd], [...b.area]],
      [
        [1, 0],
        [0, 1],
        [77.5, 60],
      ],
    );
    const a = truthOf(train!, 0);
    assert.deepEqual([[...a.boxes], [...a.area]], [[1, 1, 5, 4], [6]]);
    assert.equal(truthOf(val, 0).classes.length, 0);
  });

  it('what is broken is named', async () => {
    const folder = await cocoSet([
      { id: 1, image_id: 2, category_id: 9, bbox: [1, 2, 10, 20] },
      { id: 2, image_id: 8, category_id: 3, bbox: [1, 2, 10, 20] },
      { id: 3, image_id: 1, category_id: 3, bbox: [1, 2, 0, 20] },
      { id: 4, image_id: 1, category_id: 3, bbox: [1, 2, -3, 20] },
      { id: 5, image_id: 1, category_id: 3, bbox: [1, 2, null, 20] },
      { id: 6, image_id: 1, category_id: 3, bbox: [1, 2, 3] },
      { id: 7, image_id: 1, category_id: 3, bbox: [50, 2, 3, 4] },
      { id: 8, image_id: 1, category_id: 3, bbox: [1, 2, 3, 4], segmentation: { size: [30, 40], counts: '12' } },
      { id: 9, image_id: 1, category_id: 3 },
      'x',
    ]);
    const { problems } = await openDetection(folder, { maxBroken: 1 });
    const file = 'annotations/instances_train2017.json: annotation';
    assert.deepEqual(
      problems.map(({ place, reason }) => `${place}: ${reason}`),
      [
        `${file} 2: its image 8 is none of the file`,
        `${file} number 10: it is no object with image_id, category_id and bbox`,
        `${file} 3 (cat 1,2,0,20): it is empty`,
        `${file} 4 (cat 1,2,-3,20): it is reversed: an end comes before its beginning`,
        `${file} 5 (cat 1,2,,20): its numbers are not finite`,
        `${file} 6 (cat 1,2,3): its bbox has 3 numbers; expected x, y, width, height`,
        `${file} 7 (cat 50,2,3,4): it lies outside the picture of 40 x 30`,
        `${file} 8 (cat 1,2,3,4): its run lengths are of 3 pixels but its size is 30 x 40`,
        `${file} 9 (cat): it has neither bbox nor segmentation`,
        `${file} 1 (category 9 1,2,10,20): its category is none of the file`,
      ],
    );
  });

  it('files beside their pictures, with a category above the others', async () => {
    const heads = [
      { id: 0, name: 'pets', supercategory: 'none' },
      { id: 1, name: 'cat', supercategory: 'pets' },
    ];
    const file = (name: string) =>
      JSON.stringify({
        images: [image(0, name)],
        annotations: [{ id: 0, image_id: 0, category_id: 1, bbox: [0, 0, 9, 9] }],
        categories: heads,
      });
    const picture = await jpeg(40, 30);
    const folder = writeTree(temporaryFolder(), {
      'train/_annotations.coco.json': file('1.jpg'),
      'train/1.jpg': picture,
      'valid/_annotations.coco.json': file('1.jpg'),
      'valid/1.jpg': picture,
    });
    const { classes, train, val, notes } = await openDetection(folder);
    assert.deepEqual([classes, pathsOf(train!), pathsOf(val)], [['cat'], ['train/1.jpg'], ['valid/1.jpg']]);
    assert.match(notes[0]!, /the category "pets" .* is no class/);
  });

  it('broken JSON, pictures that are not there, two files of one part', async () => {
    const folder = await cocoSet([], { 'annotations/instances_val2017.json': '{"images": [' });
    await assert.rejects(
      openDetection(folder),
      /1 of 3 pictures .*\n {2}annotations\/instances_val2017.json: it is no JSON/,
    );
    const box = { id: 1, image_id: 1, category_id: 3, bbox: [1, 2, 3, 4] };
    const broken = await cocoSet([box], {
      'annotations/instances_val2017.json': '{"images": [{"file_name":',
      'annotations/instances_test2017.json': JSON.stringify({
        images: [image(1, 'no.jpg'), image(2, 'a.jpg')],
        annotations: [{ ...box, image_id: 2 }],
        categories,
      }),
    });
    const { problems } = await openDetection(broken, { maxBroken: 1 });
    assert.match(
      problems[0]!.place + problems[0]!.reason,
      /instances_val2017.json: ?it is no JSON|instances_val2017.jsonit is no JSON/,
    );
    assert.ok(
      problems.some(
        ({ place, reason }) =>
          /instances_test2017.json: image 1/.test(place) && reason === 'its picture no.jpg is not there',
      ),
    );
    const twice = await cocoSet([box], {
      'annotations/instances_train2014.json': JSON.stringify({
        images: [image(1, 'a.jpg')],
        annotations: [box],
        categories,
      }),
    });
    await rejectsWith(openDetection(twice), 2, /one file of COCO's form a part .* are both of train/);
  });
});
