import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openClip, packClip } from '../../../src/augment/clips/packed.js';
import { evalClip, looksOf, trainClip } from '../../../src/augment/clips/sample.js';
import { filmStrip } from '../../../src/augment/clips/strip.js';
import { pixelsOf } from '../../../src/augment/pixels.js';
import { augmentPlan } from '../../../src/augment/policies/plan.js';
import { preprocessOptions } from '../../../src/augment/preprocess.js';
import { Random } from '../../../src/augment/random.js';
import { drawView } from '../../../src/augment/view.js';

const SIZE = 8;
const clip = { frames: 4, stride: 1, rule: 'garden' } as const;
const options = (given: Parameters<typeof preprocessOptions>[0] | object = {}) => ({
  ...preprocessOptions({ size: SIZE, evalCrop: 1, clip, ...given }),
  clip,
});

/** Frames of 12 x 10, each of one grey: 10, 20, ... */
function greys(count: number, times?: number[]) {
  const data = new Uint8Array(count * 12 * 10 * 3);
  for (let k = 0; k < count; k++) data.fill(10 * (k + 1), k * 360, (k + 1) * 360);
  return packClip(data, 12, 10, times);
}
/** One picture with texture, so often. */
function still(count: number) {
  const random = new Random(7);
  const frame = Uint8Array.from({ length: 360 }, () => random.int(256));
  const data = new Uint8Array(count * 360);
  for (let k = 0; k < count; k++) data.set(frame, k * 360);
  return packClip(data, 12, 10);
}
const framesIn = (image: Uint8Array): Uint8Array[] =>
  Array.from({ length: image.length / (3 * SIZE * SIZE) }, (_, k) =>
    image.subarray(k * 3 * SIZE * SIZE, (k + 1) * 3 * SIZE * SIZE),
  );

test('frames come back from their tall picture with times and rate', () => {
  const packed = greys(5, [2, 2.5, 3, 3.5, 4.5]);
  const { frames, width, height, times, rate, frame } = openClip(packed);
  assert.deepEqual([frames, width, height, rate], [5, 12, 10, 2]);
  assert.deepEqual([...times], [0, 0.5, 1, 1.5, 2.5]);
  assert.ok(frame(3).data.every((byte) => byte === 40));
  assert.throws(() => openClip(pixelsOf(new Uint8Array(360), 12, 10)), /received a picture/);
});

test('the middle clip, one frame alone, and the same frames in another order', () => {
  const packed = greys(9);
  const seen = (look?: object): number[] =>
    framesIn(evalClip(packed, { ...options(), clip: { ...clip, ...(look && { look }) } }, 3).image).map(
      (frame) => frame[0]! / 10,
    );
  assert.deepEqual(seen(), [3, 4, 5, 6]);
  assert.deepEqual(seen({ clip: 2, clips: 3 }), [6, 7, 8, 9]);
  assert.deepEqual(seen({ order: 'single' }), [5, 5, 5, 5]);
  const mixed = seen({ order: 'shuffled' });
  assert.notDeepEqual(mixed, [3, 4, 5, 6]);
  assert.deepEqual(mixed.sort(), [3, 4, 5, 6]);
  assert.equal(looksOf({ clips: 10, crops: 3 }).length, 32);
});

test('crops lie at the start, in the centre and at the end of the longer side', () => {
  const views = [0, 1, 2].map(
    (crop) => evalClip(greys(4), { ...options(), clip: { ...clip, look: { crop, crops: 3 } } }).view.crop,
  );
  assert.deepEqual(
    views.map(({ x, y, width, height }) => [x, y, width, height]),
    [
      [0, 0, 10, 10],
      [1, 0, 10, 10],
      [2, 0, 10, 10],
    ],
  );
});

test('a still clip stays still: one view and one augmentation for all frames', () => {
  for (const policy of ['randaugment', 'trivialaugment', 'autoaugment', 'simclr'] as const)
    for (let seed = 0; seed < 12; seed++) {
      const given = options({ augment: augmentPlan({ policy, erasing: 1 }) });
      const { image } = trainClip(still(6), given, new Random(seed));
      const [first, ...others] = framesIn(image);
      for (const frame of others) assert.deepEqual(frame, first, `${policy} ${seed}`);
    }
});

test('a clip is a function of its draws', () => {
  const made = (seed: number) => trainClip(greys(30), options({ flip: 0.5 }), new Random(seed)).image;
  assert.deepEqual(made(4), made(4));
  assert.notDeepEqual(made(4), made(5));
});

test('the jitter of the shorter side: a square window of it at any place', () => {
  const given = preprocessOptions({ size: 224, cropMode: 'short-side', scaleRange: [256 / 224, 320 / 224], flip: 0 });
  const sides = new Set<number>();
  for (let seed = 0; seed < 200; seed++) {
    const { crop } = drawView(340, 256, given, new Random(seed));
    assert.equal(crop.width, crop.height);
    assert.ok(crop.x >= 0 && crop.y >= 0 && crop.x + crop.width <= 340 && crop.y + crop.height <= 256);
    sides.add(crop.width);
  }
  // 224 of 256 to 224 of 320 pixels of the shorter side.
  assert.equal(Math.max(...sides), 224);
  assert.ok(Math.min(...sides) >= 179 && Math.min(...sides) < 183);
});

test('a strip of frames has the first and the last', () => {
  const { image } = evalClip(greys(4), options());
  const { data, width, height } = filmStrip(image, SIZE, 3);
  assert.deepEqual([width, height], [24, 8]);
  assert.deepEqual([data[0], data[3 * 8], data[3 * 23]], [10, 30, 40]);
  const sheet = filmStrip(image, SIZE, 4, 2);
  assert.deepEqual([sheet.width, sheet.height], [16, 16]);
  assert.deepEqual(
    [0, 8, 16 * 8, 16 * 8 + 8].map((at) => sheet.data[3 * at]),
    [10, 20, 30, 40],
  );
});
