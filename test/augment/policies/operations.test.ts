import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { type Pixels, pixelsOf } from '../../../src/augment/pixels.js';
import {
  applyStep,
  needsOtherMemory,
  OPERATIONS,
  type OperationName,
  PILLOW,
  PILLOW_BILINEAR,
  PILLOW_BLACK,
  type Step,
  type Style,
  TENSORFLOW,
} from '../../../src/augment/policies/operations.js';
import { fixturePath } from '../../fixtures/open.js';

interface Case {
  kind?: string;
  picture: number;
  name: OperationName;
  argument: number;
  offset: number;
}
interface Fixture {
  pictures: { width: number; height: number; offset: number }[];
  cases: Case[];
}
const read = (name: string) =>
  [
    JSON.parse(readFileSync(fixturePath(`${name}.json`), 'utf8')) as Fixture,
    new Uint8Array(readFileSync(fixturePath(`${name}.bin`))),
  ] as const;
const [pillow, pillowBytes] = read('augment-pillow');
const [tensorflow, tensorflowBytes] = read('augment-tensorflow');
const pictures = pillow.pictures.map(({ width, height, offset }) =>
  pixelsOf(pillowBytes.slice(offset, offset + 3 * width * height), width, height),
);

function applied(step: Step, picture: Pixels, style: Style): Uint8Array {
  const out = new Uint8Array(picture.data.length).fill(99);
  const before = picture.data.slice();
  applyStep(step, picture, out, style);
  assert.deepEqual(picture.data, before, 'the picture was changed');
  return out;
}

function assertSame(actual: Uint8Array, expected: Uint8Array, what: string): void {
  if (Buffer.compare(actual, expected) === 0) return;
  const wrong = [...actual.keys()].filter((i) => actual[i] !== expected[i]);
  const most = Math.max(...wrong.map((i) => Math.abs(actual[i]! - expected[i]!)));
  assert.fail(
    `${what}: ${wrong.length} of ${actual.length} bytes differ, by up to ${most}; byte ${wrong[0]} is ${actual[wrong[0]!]}, expected ${expected[wrong[0]!]}`,
  );
}

const styles: Record<string, Style> = {
  'pillow-nearest': PILLOW,
  'pillow-bilinear': PILLOW_BILINEAR,
  trivial: PILLOW_BLACK,
};
/**
 * torchvision's TrivialAugment gives an enhancement as the difference from 1, and cuts translations and bits to whole
 * numbers.
 */
function trivialStep(name: OperationName, argument: number): Step {
  if (['Color', 'Contrast', 'Brightness', 'Sharpness'].includes(name)) return { name, argument: 1 + argument };
  if (name === 'TranslateX' || name === 'TranslateY') return { name, argument: -Math.trunc(argument) };
  return { name, argument };
}

for (const name of OPERATIONS) {
  const check = (cases: Case[], bytes: Uint8Array, who: string) => {
    const mine = cases.filter((one) => one.name === name);
    if (mine.length === 0) return;
    test(`${name} gives ${who}'s bytes (${mine.length} cases)`, () => {
      for (const { kind = 'tensorflow', picture, argument, offset } of mine) {
        const source = pictures[picture]!;
        const step = kind === 'trivial' ? trivialStep(name, argument) : { name, argument };
        const actual = applied(step, source, styles[kind] ?? TENSORFLOW);
        assertSame(
          actual,
          bytes.slice(offset, offset + actual.length),
          `${kind} ${name} ${argument} of picture ${picture}`,
        );
      }
    });
  };
  check(tensorflow.cases, tensorflowBytes, 'TensorFlow');
  check(pillow.cases, pillowBytes, 'Pillow');
}

test('the fixtures cover every operation but Cutout', () => {
  const covered = (fixture: Fixture) => new Set(fixture.cases.map(({ name }) => name));
  assert.deepEqual(
    OPERATIONS.filter((name) => !covered(tensorflow).has(name)),
    ['Cutout', 'Identity'],
  );
  assert.deepEqual(
    OPERATIONS.filter((name) => !covered(pillow).has(name)),
    ['Cutout'],
  );
});

test('operations that need no other memory give the same bytes in place', () => {
  for (const name of OPERATIONS) {
    const step: Step = {
      name,
      argument: name === 'Posterize' ? 3 : name === 'Rotate' ? 20 : ['ShearX', 'ShearY'].includes(name) ? 0.2 : 2,
      centre: [9, 30],
    };
    if (needsOtherMemory(step)) continue;
    for (const style of [TENSORFLOW, PILLOW]) {
      const bytes = pictures[0]!.data.slice();
      applyStep(step, pixelsOf(bytes, pictures[0]!.width, pictures[0]!.height), bytes, style);
      assertSame(bytes, applied(step, pictures[0]!, style), name);
    }
  }
});

test('Cutout fills a square of side 2 x argument around its centre, cut off at the borders', () => {
  const source = pictures[0]!;
  for (const [x, y, half] of [
    [20, 10, 6],
    [0, 0, 5],
    [52, 38, 9],
    [30, 20, 0],
    [10, 10, 500],
  ] as const) {
    const out = applied({ name: 'Cutout', argument: half, centre: [x, y] }, source, TENSORFLOW);
    for (let row = 0, i = 0; row < source.height; row++) {
      for (let column = 0; column < source.width; column++, i += 3) {
        // By hand from the reference: rows y - half to y + half - 1, columns likewise.
        const inside = row >= y - half && row < y + half && column >= x - half && column < x + half;
        for (let c = 0; c < 3; c++) assert.equal(out[i + c], inside ? 128 : source.data[i + c], `${column}, ${row}`);
      }
    }
  }
});

test("the reference's quirks, by hand", () => {
  const flat = (side: number, value: number) => pixelsOf(new Uint8Array(3 * side * side).fill(value), side, side);
  const first = (step: Step, side: number, value: number, style = TENSORFLOW) =>
    applied(step, flat(side, value), style)[0];
  // Contrast blends with H x W / 256: 100 at 160 pixels, 144 at 192, 196 at 224, 255 from 256 on; 100 + 1.9 x (150 -
  // 100) = 195.
  assert.equal(first({ name: 'Contrast', argument: 1.9 }, 160, 150), 195);
  assert.equal(first({ name: 'Contrast', argument: 0.5 }, 192, 0), 72);
  assert.equal(first({ name: 'Contrast', argument: 0 }, 224, 10), 196);
  assert.equal(first({ name: 'Contrast', argument: 0 }, 300, 10), 255);
  assert.equal(first({ name: 'Contrast', argument: 1.9 }, 160, 150, PILLOW), 150);
  // Posterize with 0 bits keeps the highest one.
  assert.equal(first({ name: 'Posterize', argument: 0 }, 2, 200), 128);
  assert.equal(first({ name: 'Posterize', argument: 0 }, 2, 200, PILLOW), 0);
  assert.equal(first({ name: 'Posterize', argument: 11 }, 2, 201), 201);
  // Solarize: a threshold beyond 255 is 255.
  assert.equal(first({ name: 'Solarize', argument: 384 }, 2, 255), 0);
  assert.equal(first({ name: 'Solarize', argument: 384 }, 2, 254), 254);
  assert.equal(first({ name: 'Solarize', argument: 384 }, 2, 255, PILLOW), 255);
});
