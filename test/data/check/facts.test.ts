import assert from 'node:assert/strict';
import { appendFileSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, beforeEach, test } from 'node:test';
import sharp from 'sharp';
import type { Checked } from '../../../src/checked.js';
import { cachedDataset } from '../../../src/data/cached.js';
import { checkData } from '../../../src/data/check/check.js';
import { recall } from '../../../src/data/check/look.js';
import { openToCheck, Pictures } from '../../../src/data/check/opened.js';
import { openDataset } from '../../../src/data/dataset.js';
import { temporaryFolder, writeTree } from '../helpers.js';
import { scene } from './scenes.js';

const given = process.env['RESCALED_CACHE'];
let cache = '';
beforeEach(() => {
  cache = temporaryFolder();
  process.env['RESCALED_CACHE'] = cache;
});
after(() => {
  if (given === undefined) delete process.env['RESCALED_CACHE'];
  else process.env['RESCALED_CACHE'] = given;
});

async function check(data: string): Promise<Omit<Checked, 'seconds'>> {
  const checking = checkData(data);
  for (;;) {
    const turn = await checking.next();
    if (turn.done !== true) continue;
    const { seconds: _, ...checked } = turn.value;
    // The decoder does not always say the same of a damaged file.
    return { ...checked, broken: checked.broken.map((one) => ({ ...one, reason: '' })) };
  }
}

/** Pictures of 400 pixels, among them a copy, the same as PNG, a smaller one across parts, and one that is cut off. */
async function pictures(): Promise<string> {
  const folder = temporaryFolder();
  const [first, second, third] = [await scene(1, 500, 400), await scene(2, 500, 400), await scene(3, 500, 400)];
  writeTree(folder, {
    'train/cat/a.jpg': first,
    'train/cat/copy.jpg': first,
    'train/dog/b.jpg': second,
    'train/dog/b.png': await sharp(second).png().toBuffer(),
    'train/dog/c.jpg': third,
    'train/dog/cut.jpg': (await scene(4, 500, 400)).subarray(0, 4000),
    'val/cat/c.jpg': await sharp(third).resize(300).jpeg({ quality: 80 }).toBuffer(),
    'val/dog/d.jpg': await scene(5, 500, 400),
  });
  return folder;
}

const known = async (folder: string): Promise<boolean> =>
  recall(new Pictures((await openToCheck(folder)).parts), folder) !== undefined;
const factsOf = (folder: string): string[] => readdirSync(folder).filter((name) => name.endsWith('.facts'));

test('what is learned when pictures are decoded for the cache serves the check, with the same verdict', async () => {
  const folder = await pictures();
  process.env['RESCALED_CACHE'] = 'off';
  const alone = await check(folder);
  assert.deepEqual(alone.found, { ...alone.found, broken: 1, leaks: 1, duplicates: 2, 'near-duplicates': 1 });
  assert.equal(await known(folder), false);
  // In their own size, and reduced.
  for (const size of [128, 32]) {
    process.env['RESCALED_CACHE'] = cache = temporaryFolder();
    await cachedDataset(await openDataset(folder), size);
    assert.equal(factsOf(cache).length, 1);
    assert.ok(await known(folder));
    assert.deepEqual(await check(folder), alone);
  }
});

test('a check keeps what it learned; a changed picture is looked at again, and one that has gone is forgotten', async () => {
  const folder = await pictures();
  const before = await check(folder);
  assert.ok(await known(folder));
  assert.deepEqual(await check(folder), before);
  writeFileSync(join(folder, 'val/dog/d.jpg'), await scene(1, 500, 400));
  rmSync(join(folder, 'train/cat/copy.jpg'));
  assert.equal(await known(folder), false);
  const after = await check(folder);
  assert.deepEqual(after.found, { ...after.found, leaks: 2, conflicts: 2 });
  const [facts] = factsOf(cache);
  const bytes = statSync(join(cache, facts!)).size;
  assert.equal((bytes - 64) % after.pictures, 0, 'a record a picture');
});

test('a damaged file of facts counts as none', async () => {
  const folder = await pictures();
  const before = await check(folder);
  const file = join(cache, factsOf(cache)[0]!);
  truncateSync(file, 2000);
  assert.equal(await known(folder), false);
  assert.deepEqual(await check(folder), before);
  assert.ok(await known(folder));
  appendFileSync(file, 'more');
  assert.equal(await known(folder), false);
  assert.deepEqual(await check(folder), before);
});
