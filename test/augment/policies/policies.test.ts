import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromGrey, pixelsOf } from '../../../src/augment/pixels.js';
import { AUTOAUGMENT_V0 } from '../../../src/augment/policies/autoaugment.js';
import { OPERATIONS, type OperationName } from '../../../src/augment/policies/operations.js';
import { type AugmentPlan, augment, augmentPlan, drawSteps } from '../../../src/augment/policies/plan.js';
import { RANDAUGMENT_PIXELS, referenceArgument } from '../../../src/augment/policies/randaugment.js';
import { preprocessOptions } from '../../../src/augment/preprocess.js';
import { Random } from '../../../src/augment/random.js';
import { trainView } from '../../../src/augment/view.js';

const noise = (width: number, height: number, seed = 0) => {
  const random = new Random(seed);
  return pixelsOf(
    Uint8Array.from({ length: 3 * width * height }, () => random.int(256)),
    width,
    height,
  );
};
const drawn = (given: Partial<AugmentPlan>, times: number, width = 224, height = 192) => {
  const plan = augmentPlan(given);
  return Array.from({ length: times }, (_, i) => drawSteps(plan, width, height, new Random(5, i)));
};
const count = (steps: { name: OperationName }[]) => {
  const counts = new Map<OperationName, number>();
  for (const { name } of steps) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
};
/** Within five standard deviations of a binomial count. */
const near = (seen: number, trials: number, probability: number) =>
  assert.ok(
    Math.abs(seen - trials * probability) < 5 * Math.sqrt(trials * probability * (1 - probability)),
    `${seen} of ${trials}, expected about ${trials * probability}`,
  );

test('the arguments at magnitudes 0, 10 and 15 are those of the reference', () => {
  // Worked out by hand from level_to_arg of autoaugment.py.
  const expected: Partial<Record<OperationName, [number, number, number]>> = {
    AutoContrast: [0, 0, 0],
    Equalize: [0, 0, 0],
    Invert: [0, 0, 0],
    Rotate: [0, 30, 45],
    Posterize: [0, 4, 6],
    Solarize: [0, 256, 384],
    Color: [0.1, 1.9, 2.8],
    Contrast: [0.1, 1.9, 2.8],
    Brightness: [0.1, 1.9, 2.8],
    Sharpness: [0.1, 1.9, 2.8],
    ShearX: [0, 0.3, 0.45],
    ShearY: [0, 0.3, 0.45],
    TranslateX: [0, 100, 150],
    TranslateY: [0, 100, 150],
    Cutout: [0, 40, 60],
    SolarizeAdd: [0, 110, 165],
  }; // prettier-ignore
  for (const [name, values] of Object.entries(expected))
    values.forEach((value, i) => {
      const actual = referenceArgument(name as OperationName, [0, 10, 15][i]!, RANDAUGMENT_PIXELS);
      assert.ok(Math.abs(actual - value) < 1e-12, `${name}: ${actual}, expected ${value}`);
    });
  assert.equal(referenceArgument('Posterize', 7, RANDAUGMENT_PIXELS), 2);
  assert.equal(referenceArgument('Solarize', 9, RANDAUGMENT_PIXELS), 230);
});

test('RandAugment draws each of the 16 operations equally often, signs and cut-outs evenly', () => {
  const pictures = drawn({ policy: 'randaugment', layers: 2, magnitude: 10 }, 8000);
  assert.ok(pictures.every((steps) => steps.length === 2));
  const steps = pictures.flat();
  const counts = count(steps);
  assert.deepEqual([...counts.keys()].sort(), OPERATIONS.filter((name) => name !== 'Identity').sort());
  const chi = [...counts.values()].reduce((sum, seen) => sum + (seen - 1000) ** 2 / 1000, 0);
  assert.ok(chi < 44.3, `chi-squared ${chi} with 15 degrees of freedom (99.99 % is below 44.3)`);
  // The two layers are independent: 1/16 of the pictures get the same one twice.
  near(pictures.filter(([a, b]) => a!.name === b!.name).length, 8000, 1 / 16);
  for (const name of ['Rotate', 'ShearX', 'ShearY', 'TranslateX', 'TranslateY'] as const) {
    const mine = steps.filter((step) => step.name === name);
    near(mine.filter(({ argument }) => argument > 0).length, mine.length, 0.5);
    assert.equal(new Set(mine.map(({ argument }) => Math.abs(argument))).size, 1);
  }
  const cuts = steps.filter(({ name }) => name === 'Cutout').map(({ centre }) => centre!);
  assert.ok(cuts.every(([x, y]) => x >= 0 && x < 224 && y >= 0 && y < 192));
  near(cuts.filter(([x]) => x < 112).length, cuts.length, 0.5);
  near(cuts.filter(([, y]) => y < 48).length, cuts.length, 0.25);
});

test("timm's variant: 15 operations, each done half the time, stronger with the magnitude, translation by share", () => {
  const steps = drawn({ policy: 'randaugment', layers: 2, magnitude: 8, variant: 'timm' }, 8000).flat();
  near(steps.length, 16000, 0.5);
  const counts = count(steps);
  assert.equal(counts.size, 15);
  assert.ok(!counts.has('Cutout'));
  for (const seen of counts.values()) near(seen, 16000, 1 / 30);
  const values = (name: OperationName) =>
    [...new Set(steps.filter((step) => step.name === name).map(({ argument }) => Number(argument.toFixed(6))))].sort(
      (a, b) => a - b,
    );
  assert.deepEqual(values('Color'), [0.28, 1.72]);
  assert.deepEqual(values('Posterize'), [1]); // 4 - int(3.2)
  assert.deepEqual(values('Solarize'), [52]); // 256 - int(204.8)
  assert.deepEqual(values('TranslateX'), [-80.64, 80.64]); // 0.45 x 0.8 x 224
  assert.deepEqual(values('TranslateY'), [-69.12, 69.12]); // 0.45 x 0.8 x 192
  const strong = drawn({ policy: 'randaugment', magnitude: 30, variant: 'timm' }, 500).flat();
  assert.ok(
    strong.filter(({ name }) => name === 'Rotate').every(({ argument }) => Math.abs(argument) === 30),
    'magnitudes above 10 count as 10',
  );
  assert.ok(
    strong
      .filter(({ name }) => name === 'Sharpness')
      .every(({ argument }) => [0.1, 1.9].includes(Number(argument.toFixed(6)))),
  );
});

test('pixelScale scales translation and cut-out only', () => {
  const at = (pixelScale: number) => drawn({ policy: 'randaugment', magnitude: 10, pixelScale }, 2000, 28, 28).flat();
  const [full, eighth] = [at(1), at(1 / 8)];
  full.forEach(({ name, argument }, i) => {
    const scaled = name === 'TranslateX' || name === 'TranslateY' ? argument / 8 : name === 'Cutout' ? 5 : argument;
    assert.equal(eighth[i]!.argument, scaled, name);
  });
});

test('AutoAugment draws its 25 sub-policies evenly, each operation with its probability', () => {
  assert.equal(AUTOAUGMENT_V0.length, 25);
  assert.ok(
    AUTOAUGMENT_V0.every(
      (policy) => policy.length === 2 && policy.every(([, p, m]) => p >= 0 && p <= 1 && m >= 0 && m <= 10),
    ),
  );
  const n = 20000;
  const pictures = drawn({ policy: 'autoaugment' }, n);
  const expected = new Map<OperationName, number>();
  for (const [name, probability] of AUTOAUGMENT_V0.flat())
    expected.set(name, (expected.get(name) ?? 0) + probability / 25);
  const counts = count(pictures.flat());
  for (const [name, mean] of expected) {
    const seen = counts.get(name) ?? 0;
    assert.ok(
      Math.abs(seen - n * mean) < 5 * Math.sqrt(n * Math.max(mean, 1e-4)),
      `${name}: ${seen}, expected about ${n * mean}`,
    );
  }
  // The only translation: TranslateY at 9 of 250 pixels, after Rotate at 7 of 30 degrees.
  const moved = pictures.filter((steps) => steps.some(({ name }) => name === 'TranslateY'));
  near(moved.length, n, 0.8 / 25);
  assert.ok(
    moved.every(
      ([first, second]) =>
        first!.name === 'Rotate' && Math.abs(first!.argument) === 21 && Math.abs(second!.argument) === 225,
    ),
  );
});

test('TrivialAugment draws one of 14 operations evenly, its strength over 31 steps', () => {
  const pictures = drawn({ policy: 'trivialaugment' }, 14000);
  assert.ok(pictures.every((steps) => steps.length === 1));
  const counts = count(pictures.flat());
  assert.equal(counts.size, 14);
  for (const seen of counts.values()) near(seen, 14000, 1 / 14);
  const values = (name: OperationName) =>
    new Set(
      pictures
        .flat()
        .filter((step) => step.name === name)
        .map(({ argument }) => argument),
    );
  assert.equal(values('Rotate').size, 61); // 30 steps either way and 0
  assert.equal(Math.max(...values('Rotate')), 135);
  assert.deepEqual([...values('Posterize')].sort(), [2, 3, 4, 5, 6, 7, 8]);
  assert.equal(Math.min(...values('Solarize')), 0);
  assert.ok(Math.abs(Math.min(...values('Color')) - 0.01) < 1e-9 && Math.max(...values('Color')) === 1.99);
  assert.equal(Math.max(...values('TranslateX')), 32);
  // Small pictures: 32 x 0.125 = 4, and 31 strengths come to -4 .. 4; all else stays.
  const small = drawn({ policy: 'trivialaugment', pixelScale: 0.125 }, 14000);
  for (const name of ['TranslateX', 'TranslateY'] as const)
    assert.deepEqual(
      [
        ...new Set(
          small
            .flat()
            .filter((step) => step.name === name)
            .map(({ argument }) => Math.abs(argument)),
        ),
      ].sort(),
      [0, 1, 2, 3, 4],
    );
  const others = (pictures: typeof small) => pictures.filter(([step]) => !step!.name.startsWith('Translate'));
  assert.deepEqual(others(small), others(pictures));
});

test('augment is pure and a function of the stream, for every policy and variant, odd sizes and single pixels', () => {
  for (const policy of ['randaugment', 'autoaugment', 'trivialaugment'] as const)
    for (const variant of ['reference', 'pillow', 'timm'] as const)
      for (const [width, height] of [
        [1, 1],
        [2, 1],
        [1, 9],
        [31, 17],
      ] as const)
        for (const magnitude of [0, 9.5, 28, 50]) {
          const plan = augmentPlan({ policy, variant, magnitude, layers: 3, erasing: 0.5 });
          const picture = noise(width, height);
          const before = picture.data.slice();
          const views = Array.from({ length: 25 }, (_, i) => augment(picture, plan, new Random(1, i)));
          // In reverse order, with other sizes between: memory kept between calls must not matter.
          for (let i = 24; i >= 0; i--) {
            augment(noise(40, 3), plan, new Random(9, i));
            assert.deepEqual(augment(picture, plan, new Random(1, i)), views[i]);
          }
          assert.ok(views.every((view) => view.length === 3 * width * height));
          assert.deepEqual(picture.data, before);
          if (width === 31 && magnitude > 0)
            assert.ok(
              new Set(views.map((view) => Buffer.from(view).toString('base64'))).size > 8,
              `${policy} ${variant}`,
            );
        }
});

test('magnitude 0 of RandAugment is not nothing: enhancements at 0.1, Solarize at 0, one bit kept', () => {
  const steps = drawn({ policy: 'randaugment', magnitude: 0 }, 500).flat();
  const argument = (name: OperationName) => Math.abs(steps.find((step) => step.name === name)!.argument);
  assert.deepEqual(
    [argument('Color'), argument('Solarize'), argument('Posterize'), argument('Rotate'), argument('TranslateX')],
    [0.1, 0, 0, 0, 0],
  );
});

test('trainView crops and flips as without augmentation, then augments, then erases', () => {
  const picture = noise(50, 40);
  const plain = preprocessOptions({ size: 32 });
  for (let i = 0; i < 60; i++) {
    const plan = augmentPlan({ policy: 'randaugment', magnitude: 15, erasing: 0.3 });
    const random = new Random(3, 0, i);
    const cropped = trainView(picture, plain, random); // leaves the stream where augmentation begins
    const expected = augment(pixelsOf(cropped, 32, 32), plan, random);
    assert.deepEqual(trainView(picture, preprocessOptions({ size: 32, augment: plan }), new Random(3, 0, i)), expected);
  }
});

test('random erasing: the asked share of pictures, 2 to 33 % of the area, the mean colour', () => {
  const black = fromGrey(new Uint8Array(100 * 60), 100, 60);
  const plan = augmentPlan({ erasing: 0.25 });
  const shares: number[] = [];
  for (let i = 0; i < 3000; i++) {
    const view = augment(black, plan, new Random(4, i));
    const lit = [];
    for (let p = 0; p < 6000; p++) if (view[3 * p] !== 0) lit.push(p);
    if (lit.length === 0) continue;
    shares.push(lit.length / 6000);
    assert.deepEqual([...view.subarray(3 * lit[0]!, 3 * lit[0]! + 3)], [124, 116, 104]);
    // A full rectangle.
    const columns = new Set(lit.map((p) => p % 100)).size;
    const rows = new Set(lit.map((p) => Math.floor(p / 100))).size;
    assert.equal(columns * rows, lit.length);
  }
  near(shares.length, 3000, 0.25);
  assert.ok(shares.every((share) => share > 0.018 && share < 0.34));
  assert.ok(Math.min(...shares) < 0.04 && Math.max(...shares) > 0.3);
  const mean = shares.reduce((a, b) => a + b) / shares.length;
  assert.ok(Math.abs(mean - 0.175) < 0.02, `mean share ${mean}`);
});

test('a wrong plan is named', () => {
  const wrong = [
    { policy: 'randaug' },
    { layers: 1.5 },
    { layers: -1 },
    { magnitude: -1 },
    { magnitude: Number.NaN },
    { magnitude: 51 },
    { variant: 'tf' },
    { pixelScale: 0 },
    { erasing: 1.1 },
  ];
  for (const fields of wrong) {
    const name = Object.keys(fields)[0]!;
    assert.throws(
      () => augmentPlan(fields as never),
      (error: Error & { exitCode?: number }) => {
        assert.equal(error.exitCode, 2);
        assert.match(error.message, new RegExp(`for ${name} but received`));
        return true;
      },
    );
  }
  assert.throws(
    () => preprocessOptions({ size: 32, augment: { policy: 'x' } as never }),
    /for policy but received "x"/,
  );
});
