import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import type { Checked } from '../../../src/checked.js';
import { checkText } from '../../../src/cli/check/text.js';
import { checkData } from '../../../src/data/check/check.js';
import { pngOf, vocSet, vocXml } from '../annotations/sets.js';
import { gradientSharp, temporaryFolder, writeTree } from '../helpers.js';

async function checked(folder: string): Promise<Checked> {
  const checking = checkData(folder);
  for (;;) {
    const turn = await checking.next();
    if (turn.done === true) return turn.value;
  }
}

it('boxes: what is broken, and pictures of each class', async () => {
  const folder = await vocSet(temporaryFolder(), { train: 4, val: 2 });
  writeFileSync(
    join(folder, 'Annotations/a0.xml'),
    vocXml('a0.jpg', 40, 30, [
      { name: 'cat', box: [5, 5, 5, 9] },
      { name: 'cat', box: [1, 1, 9, 9] },
      { name: 'cat', box: [2, 2, 9, 9] },
    ]),
  );
  const found = await checked(folder);
  assert.deepEqual(found.annotations, [{ place: 'Annotations/a0.xml: box 1 (cat 5,5,5,9)', reason: 'it is empty' }]);
  assert.deepEqual(found.parts, [
    { part: 'train', pictures: 4, byClass: [2, 2] },
    { part: 'val', pictures: 2, byClass: [1, 1] },
  ]);
  assert.deepEqual(
    [found.found.annotations, found.found.conflicts, found.found.imbalance, found.folders],
    [1, 0, 0, []],
  );
  const text = checkText(found, 3, []);
  assert.match(
    text,
    /annotations: 1 annotation that cannot be used\n {4}Annotations\/a0.xml: box 1 \(cat 5,5,5,9\): it is empty/,
  );
});

it('masks: all of them are read', async () => {
  const files: Record<string, Uint8Array | string> = { 'classes.txt': 'a\nb\n' };
  for (let i = 0; i < 70; i++) {
    files[`images/${i}.png`] = await gradientSharp(4, 4, i).png().toBuffer();
    // Opening looks at each second one.
    files[`masks/${i}.png`] = pngOf(4, new Array<number>(16).fill(i === 1 ? 9 : i % 2));
  }
  const found = await checked(writeTree(temporaryFolder(), files));
  assert.deepEqual(found.annotations, [
    { place: 'masks/1.png', reason: 'the number 9 at column 0, row 0 is none of the classes' },
  ]);
  const byClass = [0, 1].map((k) => found.parts.reduce((sum, part) => sum + part.byClass[k]!, 0));
  assert.deepEqual(byClass, [35, 34]);
});
