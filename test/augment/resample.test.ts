import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Box, pixelsOf, windowOf } from '../../src/augment/pixels.js';
import { preprocessOptions } from '../../src/augment/preprocess.js';
import { type Filter, resample } from '../../src/augment/resample.js';
import { evalView } from '../../src/augment/view.js';
import { packageRoot } from '../../src/package-root.js';

interface Case {
  box?: [number, number, number, number];
  crop?: [number, number, number, number];
  evalCrop?: number;
  width: number;
  height: number;
  filter: Filter;
  offset: number;
}
const folder = join(packageRoot, 'test', 'fixtures');
const fixture = JSON.parse(readFileSync(join(folder, 'resample.json'), 'utf8')) as {
  width: number;
  height: number;
  cases: Case[];
};
const blob = new Uint8Array(readFileSync(join(folder, 'resample.bin')));
const picture = pixelsOf(blob.subarray(0, 3 * fixture.width * fixture.height), fixture.width, fixture.height);

for (const { box, crop, evalCrop, width, height, filter, offset } of fixture.cases) {
  if (evalCrop !== undefined) {
    test(`evalView gives the bytes of Pillow's crop and resize: ${evalCrop} at ${width}`, () => {
      const expected = new Uint8Array(blob.subarray(offset, offset + 3 * width * height));
      assert.deepEqual(evalView(picture, preprocessOptions({ size: width, evalCrop })), expected);
    });
    continue;
  }
  test(`resample gives Pillow's bytes: ${JSON.stringify(box ?? { crop })} to ${width} x ${height} ${filter}`, () => {
    const expected = blob.subarray(offset, offset + 3 * width * height);
    let source = picture;
    let area: Box = box ?? [0, 0, 0, 0];
    if (crop !== undefined) {
      const [w, h] = [crop[2] - crop[0], crop[3] - crop[1]];
      source = pixelsOf(windowOf(picture, crop[0], crop[1], w, h), w, h);
      area = [0, 0, w, h];
    }
    const before = source.data.slice();
    // Twice: the scratch memory kept between calls must not matter.
    for (let i = 0; i < 2; i++)
      assert.deepEqual(resample(source, area, width, height, filter), new Uint8Array(expected));
    assert.deepEqual(source.data, before);
  });
}

test('a picture of one colour keeps it', () => {
  const grey = pixelsOf(new Uint8Array(3 * 50 * 40).fill(200), 50, 40);
  for (const size of [7, 50, 99]) assert.ok(resample(grey, [0, 0, 50, 40], size, size).every((byte) => byte === 200));
});

test('resample refuses a box outside the picture, an empty box and an empty target', () => {
  for (const box of [
    [-1, 0, 10, 10],
    [0, 0, 141, 10],
    [5, 5, 5, 9],
    [0, 0, NaN, 9],
  ] as unknown as Box[]) {
    assert.throws(() => resample(picture, box, 8, 8), /Expected a box within the picture of 140 x 84 but received \[/);
  }
  assert.throws(() => resample(picture, [0, 0, 9, 9], 0, 8), /at least 1 x 1, but received 0 x 8/);
  assert.throws(() => resample(picture, [0, 0, 9, 9], 8, 2.5), /8 x 2.5/);
});
