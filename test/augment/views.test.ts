import assert from 'node:assert/strict';
import { test } from 'node:test';
import { centreCrop, randomCrop } from '../../src/augment/crop.js';
import { flipInPlace, fromGrey, type Pixels, pixelsOf, windowOf } from '../../src/augment/pixels.js';
import { preprocessOptions } from '../../src/augment/preprocess.js';
import { Random } from '../../src/augment/random.js';
import { evalView, trainView } from '../../src/augment/view.js';

/** R = column, G = row, B = column xor row. */
function ramp(width: number, height: number): Pixels {
  const data = new Uint8Array(3 * width * height);
  for (let y = 0, o = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      data[o++] = x;
      data[o++] = y;
      data[o++] = x ^ y;
    }
  }
  return pixelsOf(data, width, height);
}

test('the evaluation crop: values worked out by hand from the reference formula', () => {
  // Picture 500 x 375: side = int(S / (S + pad) x 375), pads 23, 27, 32, 37, 46.
  const sides = [
    [160, 327],
    [192, 328],
    [224, 328],
    [256, 327],
    [320, 327],
  ] as const;
  for (const [size, side] of sides) {
    const x = Math.floor((500 - side + 1) / 2);
    const y = Math.floor((375 - side + 1) / 2);
    assert.deepEqual(centreCrop(500, 375, size, 0.875), { x, y, width: side, height: side });
  }
  assert.deepEqual(centreCrop(500, 375, 160, 0.875), { x: 87, y: 24, width: 327, height: 327 });
  // 183 = 160 + 23: the crop is 160 and no resize remains. 256 = 224 + 32 likewise.
  assert.deepEqual(centreCrop(183, 200, 160, 0.875), { x: 12, y: 20, width: 160, height: 160 });
  assert.deepEqual(centreCrop(256, 256, 224, 0.875), { x: 16, y: 16, width: 224, height: 224 });
  // The whole shorter side.
  assert.deepEqual(centreCrop(28, 28, 28, 1), { x: 0, y: 0, width: 28, height: 28 });
  assert.deepEqual(centreCrop(31, 28, 28, 1), { x: 2, y: 0, width: 28, height: 28 });
  assert.deepEqual(centreCrop(1, 900, 224, 0.875), { x: 0, y: 450, width: 1, height: 1 });
});

test('random crops keep to area, aspect and picture, and reach the extremes', () => {
  const [width, height] = [500, 375];
  const total = width * height;
  let smallest = 1;
  let largest = 0;
  let wide = 0;
  for (let i = 0; i < 3000; i++) {
    const crop = randomCrop(width, height, [0.08, 1], [3 / 4, 4 / 3], 0.1, new Random(1, i));
    if (crop === undefined) continue;
    const share = (crop.width * crop.height) / total;
    assert.ok(share >= 0.1 && share <= 1, `area ${share}`);
    const aspect = crop.width / crop.height;
    assert.ok(aspect > 3 / 4 - 0.01 && aspect < 4 / 3 + 0.01, `aspect ${aspect}`);
    assert.ok(crop.x >= 0 && crop.y >= 0 && crop.x + crop.width <= width && crop.y + crop.height <= height);
    smallest = Math.min(smallest, share);
    largest = Math.max(largest, share);
    if (aspect > 25 / 24) wide++;
  }
  assert.ok(smallest < 0.11 && largest > 0.9, `${smallest} to ${largest}`);
  // The aspect is uniform between 3/4 and 4/3: half of it lies above the middle, 25/24 (less what the coverage rule
  // refuses).
  assert.ok(Math.abs(wide / 3000 - 0.5) < 0.06, `${wide}`);
});

test('without the coverage rule crops reach 8 % of the area; with it none is below 10 %', () => {
  let below = 0;
  for (let i = 0; i < 1000; i++) {
    const crop = randomCrop(400, 400, [0.08, 1], [3 / 4, 4 / 3], 0, new Random(2, i));
    if (crop === undefined) continue;
    const share = (crop.width * crop.height) / 160000;
    assert.ok(share >= 0.08);
    if (share < 0.1) below++;
  }
  assert.ok(below > 10);
});

test('no crop where none fits, or where it is the whole picture', () => {
  // 1000 x 10: every aspect up to 4/3 has at most 13 x 10 pixels, 1.3 % of the picture.
  assert.equal(randomCrop(1000, 10, [0.08, 1], [3 / 4, 4 / 3], 0.1, new Random(1)), undefined);
  assert.equal(randomCrop(40, 40, [1, 1], [1, 1], 0.1, new Random(1)), undefined);
  const options = preprocessOptions({ size: 8, flip: 0 });
  const strip = ramp(200, 10);
  assert.deepEqual(trainView(strip, options, new Random(1)), evalView(strip, options));
});

test('evalView of a picture that needs no resize is a plain centre window', () => {
  const picture = ramp(183, 200);
  assert.deepEqual(evalView(picture, preprocessOptions({ size: 160 })), windowOf(picture, 12, 20, 160, 160));
});

test('trainView is pure: the same stream gives the same bytes and the picture is not touched', () => {
  const picture = ramp(97, 61);
  const before = picture.data.slice();
  for (const cropMode of ['inception', 'pad', 'none'] as const) {
    const options = preprocessOptions({ size: 32, cropMode });
    const views = [0, 1, 2, 3, 4, 5].map((i) => trainView(picture, options, new Random(4, 0, i)));
    views.forEach((view, i) => assert.deepEqual(trainView(picture, options, new Random(4, 0, i)), view));
    assert.ok(new Set(views.map((view) => Buffer.from(view).toString('base64'))).size > 1);
  }
  assert.deepEqual(picture.data, before);
});

test('flip happens in the asked share of views and mirrors columns', () => {
  const picture = ramp(16, 16);
  const plain = picture.data;
  const mirrored = plain.slice();
  flipInPlace(mirrored, 16, 16);
  for (let x = 0; x < 16; x++) assert.equal(mirrored[x * 3], 15 - x);
  const options = preprocessOptions({ size: 16, cropMode: 'none', evalCrop: 1, flip: 0.25 });
  let flips = 0;
  for (let i = 0; i < 2000; i++) {
    const view = trainView(picture, options, new Random(8, i));
    if (view[0] === 15) {
      flips++;
      assert.deepEqual(view, mirrored);
    } else assert.deepEqual(view, plain);
  }
  assert.ok(Math.abs(flips / 2000 - 0.25) < 0.05, `${flips}`);
  const odd = fromGrey(new Uint8Array([1, 2, 3]), 3, 1).data;
  flipInPlace(odd, 3, 1);
  assert.deepEqual([...odd], [3, 3, 3, 2, 2, 2, 1, 1, 1]);
});

test('pad mode shifts by up to the padding each way, evenly, with black outside', () => {
  const picture = pixelsOf(new Uint8Array(3 * 64).fill(9), 8, 8);
  const options = preprocessOptions({ size: 8, cropMode: 'pad', padding: 2, flip: 0, evalCrop: 1 });
  const seen = new Map<string, number>();
  for (let i = 0; i < 5000; i++) {
    const view = trainView(picture, options, new Random(6, i));
    const lit = (x: number, y: number) => view[(y * 8 + x) * 3] === 9;
    let left = 0;
    while (left < 8 && !lit(left, 4)) left++;
    let right = 0;
    while (right < 8 && !lit(7 - right, 4)) right++;
    let top = 0;
    while (top < 8 && !lit(4, top)) top++;
    let bottom = 0;
    while (bottom < 8 && !lit(4, 7 - bottom)) bottom++;
    const place = `${left - right},${top - bottom}`;
    seen.set(place, (seen.get(place) ?? 0) + 1);
  }
  assert.equal(seen.size, 25);
  for (const [place, count] of seen) assert.ok(Math.abs(count - 200) < 75, `${place}: ${count}`);
});

test('windowOf: a window outside the picture is black', () => {
  const picture = ramp(4, 4);
  assert.ok(windowOf(picture, 10, 0, 3, 3).every((byte) => byte === 0));
  assert.ok(windowOf(picture, 0, -9, 3, 3).every((byte) => byte === 0));
  assert.deepEqual([...windowOf(picture, 3, 3, 2, 1)], [3, 3, 0, 0, 0, 0]);
});

test('preprocessOptions fills the reference and names a wrong field', () => {
  assert.deepEqual(preprocessOptions({ size: 160 }), {
    size: 160,
    cropArea: [0.08, 1],
    cropAspect: [3 / 4, 4 / 3],
    flip: 0.5,
    evalCrop: 0.875,
    fit: 'crop',
    scaleRange: [0.75, 1.5],
    cropMode: 'inception',
    padding: 4,
    minCovered: 0.1,
    cropAttempts: 10,
    cropFallback: 'centre',
    filter: 'bicubic',
    augment: {
      ...{ policy: 'none', layers: 2, magnitude: 10, variant: 'reference', pixelScale: 1, erasing: 0 },
      ...{ colourStrength: 1, colour: 0.8, brightness: 'multiply', grey: 0.2, blur: 0.5, blurSigma: 'picture' },
    },
    clip: null,
  });
  const wrong = [
    { size: 0 },
    { size: 1.5 },
    { cropArea: [0, 1] },
    { cropArea: [0.5, 0.1] },
    { cropAspect: [1] },
    { flip: 2 },
    { evalCrop: 0 },
    { cropMode: 'random' },
    { padding: -1 },
    { minCovered: 7 },
    { filter: 'lanczos' },
  ];
  for (const fields of wrong) {
    const name = Object.keys(fields)[0]!;
    assert.throws(
      () => preprocessOptions({ size: 32, ...fields } as never),
      (error: Error & { exitCode?: number }) => {
        assert.equal(error.exitCode, 2);
        assert.match(error.message, new RegExp(`for ${name} but received`));
        return true;
      },
    );
  }
});
