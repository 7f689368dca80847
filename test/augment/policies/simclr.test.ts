import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { randomCrop } from '../../../src/augment/crop.js';
import { fromGrey, pixelsOf } from '../../../src/augment/pixels.js';
import { blurKernel, blurRadius } from '../../../src/augment/policies/blur.js';
import { augment, augmentInPlace, augmentPlan } from '../../../src/augment/policies/plan.js';
import {
  applySimclr,
  drawSimclr,
  JITTERS,
  type Jitter,
  SIMCLR_RULE,
  type SimclrDraw,
  simclrValues,
} from '../../../src/augment/policies/simclr.js';
import { preprocessOptions } from '../../../src/augment/preprocess.js';
import { Random } from '../../../src/augment/random.js';
import { drawView, trainView } from '../../../src/augment/view.js';
import { fixturePath } from '../../fixtures/open.js';

interface Fixture {
  draws: number;
  crops: { width: number; height: number; attempts: number; share: number }[];
  pictures: { width: number; height: number; offset: number }[];
  cases: { picture: number; steps: [name: string, value: number][]; offset: number }[];
}
const fixture = JSON.parse(readFileSync(fixturePath('simclr-augment.json'), 'utf8')) as Fixture;
const blob = new Uint8Array(readFileSync(fixturePath('simclr-augment.bin')));
const pictures = fixture.pictures.map(({ width, height, offset }) =>
  pixelsOf(blob.slice(offset, offset + 3 * width * height), width, height),
);

/** What the fixture did, as a draw: jitters, then grey, then blur. */
function drawOf(steps: readonly [string, number][]): SimclrDraw {
  const jitters: Jitter[] = [];
  let [grey, sigma, brightness]: [boolean, number | undefined, SimclrDraw['brightness']] = [
    false,
    undefined,
    'multiply',
  ];
  for (const [name, argument] of steps)
    if (name === 'grey') grey = true;
    else if (name === 'blur') sigma = argument;
    else {
      if (name === 'add') brightness = 'add';
      const light = name === 'add' || name === 'multiply';
      jitters.push({ name: light ? 'brightness' : (name as Jitter['name']), argument });
    }
  return { jitters, brightness, grey, sigma };
}

const unit = (bytes: Uint8Array): Float32Array => Float32Array.from(bytes, (byte) => byte / 255);

/** Values after the steps, before they are rounded to bytes. */
function valuesOf(values: Float32Array, width: number, draw: Partial<SimclrDraw>): number[] {
  const out = values.slice();
  const whole = { jitters: [], brightness: 'multiply', grey: false, sigma: undefined, ...draw } as const;
  simclrValues(whole, out, width, out.length / 3 / width);
  return [...out];
}

function near(values: readonly number[], expected: readonly number[], tolerance = 1e-6): void {
  assert.equal(values.length, expected.length);
  const most = Math.max(...values.map((value, i) => Math.abs(value - expected[i]!)));
  assert.ok(most <= tolerance, `differs by up to ${most}: ${values} instead of ${expected}`);
}

describe("SimCLR's augmentation is TensorFlow's", () => {
  for (const { picture, steps, offset } of fixture.cases) {
    const { data, width, height } = pictures[picture]!;
    it(`${width} x ${height}: ${steps.map(([name, value]) => `${name} ${value}`).join(', ')}`, () => {
      const expected = new Float32Array(blob.slice(offset, offset + 12 * width * height).buffer);
      const values = unit(data);
      const draw = drawOf(steps);
      simclrValues(draw, values, width, height);
      // Each step rounds to float32, 6e-8 at 1; a mean of n float32 that are added up in another order adds to that, and
      // a later factor of up to 1.8 doubles it.
      const most = values.reduce((worst, value, i) => Math.max(worst, Math.abs(value - expected[i]!)), 0);
      assert.ok(most <= (steps.length > 1 ? 2e-6 : 1e-6), `differs by up to ${most}`);
      const bytes = data.slice();
      applySimclr(draw, pixelsOf(bytes, width, height));
      for (const [i, byte] of bytes.entries()) {
        const exact = 255 * expected[i]!;
        // The nearest byte; at a half, either.
        assert.ok(Math.abs(byte - exact) <= 0.5 + 1e-3, `byte ${i} is ${byte}, expected ${exact}`);
      }
    });
  }

  it('and as often no crop is found', () => {
    for (const { width, height, attempts, share } of fixture.crops) {
      let whole = 0;
      const n = 4000;
      for (let i = 0; i < n; i++) {
        const random = new Random(7, attempts, i);
        if (randomCrop(width, height, [0.08, 1], [3 / 4, 4 / 3], 0.1, random, attempts) === undefined) whole++;
      }
      // Four standard deviations of the difference of two counts.
      const deviation = Math.sqrt(share * (1 - share) * (1 / n + 1 / fixture.draws)) + 1 / n;
      assert.ok(
        Math.abs(whole / n - share) < 4 * deviation,
        `${width} x ${height}, ${attempts} attempts: ${whole / n}, expected ${share}`,
      );
    }
  });
});

describe('values worked out by hand', () => {
  // Two pixels: (0.8, 0.4, 0.2) and (0.2, 0.4, 0.4).
  const two = Float32Array.of(0.8, 0.4, 0.2, 0.2, 0.4, 0.4);
  const done = (name: Jitter['name'], argument: number, brightness: SimclrDraw['brightness'] = 'multiply') =>
    valuesOf(two, 2, { jitters: [{ name, argument }], brightness });

  it('brightness multiplies or adds, and is cut to 1', () => {
    near(done('brightness', 1.5), [1, 0.6, 0.3, 0.3, 0.6, 0.6]);
    near(done('brightness', 0.3, 'add'), [1, 0.7, 0.5, 0.5, 0.7, 0.7]);
    near(done('brightness', -0.3, 'add'), [0.5, 0.1, 0, 0, 0.1, 0.1]);
  });
  it('contrast is about the mean of each channel: 0.5, 0.4 and 0.3', () => {
    near(done('contrast', 0.5), [0.65, 0.4, 0.25, 0.35, 0.4, 0.35]);
    near(done('contrast', 2), [1, 0.4, 0.1, 0, 0.4, 0.5]);
  });
  it('saturation is that of HSV: 0.75 and 0.5 halved are 0.375 and 0.25', () => {
    near(done('saturation', 0.5), [0.8, 0.6, 0.5, 0.3, 0.4, 0.4]);
    // 0.75 x 1.6 would be 1.2: 1.
    near(done('saturation', 1.6), [0.8, 0.8 - 0.4 / 0.75, 0, 0.08, 0.4, 0.4]);
  });
  it('a third of the circle turns red, green, blue to green, blue, red', () => {
    near(done('hue', 1 / 3), [0.2, 0.8, 0.4, 0.4, 0.2, 0.4]);
    near(done('hue', -1 / 3), [0.4, 0.2, 0.8, 0.4, 0.4, 0.2]);
    near(done('hue', 0), [...two]);
  });
  it('grey is 0.2989 R + 0.587 G + 0.114 B', () => {
    near(valuesOf(two, 2, { grey: true }), [0.49672, 0.49672, 0.49672, 0.34018, 0.34018, 0.34018]);
  });
  it('the kernel has 2 ((S // 10) // 2) + 1 taps', () => {
    const sizes = [19, 20, 32, 96, 160, 224, 256];
    assert.deepEqual(
      sizes.map((size) => 2 * blurRadius(size) + 1),
      [1, 3, 3, 9, 17, 23, 25],
    );
    // exp(-1/2) = 0.60653: 0.60653 / 2.21306 = 0.27407.
    near([...blurKernel(1, 1)], [0.27407, 0.45186, 0.27407], 1e-5);
  });
  it('outside the picture are zeros, so that a white one darkens at its borders', () => {
    const white = new Float32Array(3 * 32 * 32).fill(1);
    const blurred = valuesOf(white, 32, { sigma: 1 });
    const at = (x: number, y: number): number => blurred[3 * (32 * y + x)]!;
    near([at(0, 0), at(0, 5), at(5, 0), at(5, 5), at(31, 31)], [0.5269695, 0.7259304, 0.7259304, 1, 0.5269695], 1e-5);
  });
  it('halves are rounded up, once, at the end', () => {
    // Two roundings would take 3 to 1.5 = 2, then to 4; one takes it to 3.
    const bytes = Uint8Array.of(3, 3, 3);
    const jitters = [
      { name: 'brightness', argument: 0.5 },
      { name: 'brightness', argument: 2 },
    ] as const;
    applySimclr({ jitters, brightness: 'multiply', grey: false, sigma: undefined }, pixelsOf(bytes, 1, 1));
    assert.deepEqual([...bytes], [3, 3, 3]);
  });
});

describe('what is drawn', () => {
  const n = 6000;
  const draws = Array.from({ length: n }, (_, i) => drawSimclr(SIMCLR_RULE, new Random(11, i)));
  /** Within four standard deviations of the expected share. */
  const share = (count: number, total: number, expected: number, what: string): void => {
    const bound = 4 * Math.sqrt((expected * (1 - expected)) / total);
    assert.ok(Math.abs(count / total - expected) < bound, `${what}: ${count} of ${total}, expected ${expected}`);
  };

  it('jitter in 0.8, grey in 0.2 whether or not jittered, blur in 0.5 whatever the others', () => {
    const jittered = draws.filter(({ jitters }) => jitters.length > 0);
    const plain = draws.filter(({ jitters }) => jitters.length === 0);
    share(jittered.length, n, 0.8, 'jittered');
    for (const [name, part] of [
      ['jittered', jittered],
      ['not jittered', plain],
    ] as const) {
      share(part.filter(({ grey }) => grey).length, part.length, 0.2, `grey of ${name}`);
      share(part.filter(({ sigma }) => sigma !== undefined).length, part.length, 0.5, `blurred of ${name}`);
    }
    const grey = draws.filter((draw) => draw.grey);
    share(grey.filter(({ sigma }) => sigma !== undefined).length, grey.length, 0.5, 'blurred of grey');
  });

  it('the four operations, each once, in each of the 24 orders equally often', () => {
    const orders = new Map<string, number>();
    let jittered = 0;
    for (const { jitters } of draws) {
      if (jitters.length === 0) continue;
      jittered++;
      assert.deepEqual(jitters.map(({ name }) => name).sort(), [...JITTERS].sort());
      const order = jitters.map(({ name }) => name).join();
      orders.set(order, (orders.get(order) ?? 0) + 1);
    }
    assert.equal(orders.size, 24);
    for (const [order, count] of orders) share(count, jittered, 1 / 24, order);
  });

  /** Low, high and mean of what a rule draws for an operation. */
  function range(name: Jitter['name'], rule: Partial<typeof SIMCLR_RULE>): [low: number, high: number, mean: number] {
    const values = Array.from({ length: n }, (_, i) =>
      drawSimclr({ ...SIMCLR_RULE, colour: 1, ...rule }, new Random(12, i)).jitters.find((one) => one.name === name),
    ).map((jitter) => jitter!.argument);
    return [Math.min(...values), Math.max(...values), values.reduce((a, b) => a + b) / n];
  }
  for (const [name, rule, low, high] of [
    ['brightness', {}, 0.2, 1.8],
    ['contrast', {}, 0.2, 1.8],
    ['saturation', {}, 0.2, 1.8],
    ['hue', {}, -0.2, 0.2],
    ['brightness', { colourStrength: 0.5 }, 0.6, 1.4],
    ['hue', { colourStrength: 0.5 }, -0.1, 0.1],
    ['brightness', { brightness: 'add' }, -0.8, 0.8],
    ['brightness', { brightness: 'add', colourStrength: 0.5 }, -0.4, 0.4],
    ['contrast', { brightness: 'add' }, 0.2, 1.8],
    ['saturation', { colourStrength: 1.25 }, 0, 2],
  ] as const)
    it(`${name} with ${JSON.stringify(rule)} is uniform from ${low} to ${high}`, () => {
      const [least, most, mean] = range(name, rule);
      const width = high - low;
      assert.ok(least >= low && least < low + 0.002 * width, `least ${least}`);
      assert.ok(most < high && most > high - 0.002 * width, `most ${most}`);
      // Four standard deviations of a mean of n uniform numbers.
      assert.ok(Math.abs(mean - (low + high) / 2) < (4 * width) / Math.sqrt(12 * n), `mean ${mean}`);
    });

  it('sigma is uniform from 0.1 to 2, each picture its own', () => {
    const sigmas = draws.flatMap(({ sigma }) => sigma ?? []);
    assert.ok(Math.min(...sigmas) >= 0.1 && Math.min(...sigmas) < 0.11);
    assert.ok(Math.max(...sigmas) < 2 && Math.max(...sigmas) > 1.99);
    const mean = sigmas.reduce((a, b) => a + b) / sigmas.length;
    assert.ok(Math.abs(mean - 1.05) < (4 * 1.9) / Math.sqrt(12 * sigmas.length), `mean ${mean}`);
    assert.equal(new Set(sigmas).size, sigmas.length);
  });

  it('of a batch all have one sigma, and only whether they are blurred is their own', () => {
    const rule = { ...SIMCLR_RULE, blurSigma: 'batch' } as const;
    const batch = (b: number) =>
      Array.from({ length: 400 }, (_, i) => drawSimclr(rule, new Random(13, b, i), new Random(14, b)).sigma);
    const [one, other] = [batch(0), batch(1)];
    assert.equal(new Set(one.filter((sigma) => sigma !== undefined)).size, 1);
    share(one.filter((sigma) => sigma !== undefined).length, 400, 0.5, 'blurred of a batch');
    assert.notEqual(
      one.find((sigma) => sigma !== undefined),
      other.find((sigma) => sigma !== undefined),
    );
    // Everything else is as with a sigma of each picture's own.
    for (let i = 0; i < 50; i++) {
      const { sigma, ...rest } = drawSimclr(rule, new Random(13, i), new Random(14));
      const { sigma: own, ...same } = drawSimclr(SIMCLR_RULE, new Random(13, i), new Random(14));
      assert.deepEqual(rest, same);
      assert.equal(sigma === undefined, own === undefined);
    }
    // Nobody shares: each its own.
    const alone = Array.from({ length: 40 }, (_, i) => drawSimclr(rule, new Random(13, i)).sigma ?? -i);
    assert.equal(new Set(alone).size, 40);
  });

  it('nothing with all shares 0, everything with all 1', () => {
    const off = { ...SIMCLR_RULE, colour: 0, grey: 0, blur: 0 };
    const on = { ...SIMCLR_RULE, colour: 1, grey: 1, blur: 1 };
    for (let i = 0; i < 20; i++) {
      assert.deepEqual(drawSimclr(off, new Random(1, i)), drawOf([]));
      const { jitters, grey, sigma } = drawSimclr(on, new Random(1, i));
      assert.ok(jitters.length === 4 && grey && sigma !== undefined);
    }
  });
});

describe('as a policy', () => {
  const { data } = pictures[0]!;
  const options = (augment: Parameters<typeof augmentPlan>[0]) =>
    preprocessOptions({ size: 20, cropAttempts: 100, cropFallback: 'whole', augment: augmentPlan(augment) });

  it('comes after crop and flip, from the same stream, and leaves the picture as it is', () => {
    const before = data.slice();
    for (let i = 0; i < 40; i++) {
      const random = new Random(3, 0, i);
      const expected = trainView(pictures[0]!, options({}), random);
      augmentInPlace(pixelsOf(expected, 20, 20), augmentPlan({ policy: 'simclr' }), random);
      assert.deepEqual(trainView(pictures[0]!, options({ policy: 'simclr' }), new Random(3, 0, i)), expected);
    }
    assert.deepEqual(data, before);
    assert.notDeepEqual(augment(pictures[0]!, augmentPlan({ policy: 'simclr', colour: 1 }), new Random(1)), data);
  });

  it('takes the whole picture where no crop is found, the centre without SimCLR', () => {
    // 400 x 10: the largest crop, 13 x 10, has 3 % of the area.
    const wide = fromGrey(new Uint8Array(4000), 400, 10);
    const crop = (given: object) =>
      drawView(400, 10, preprocessOptions({ size: 20, evalCrop: 1, ...given }), new Random(2)).crop;
    assert.deepEqual(crop({ cropAttempts: 100, cropFallback: 'whole' }), { x: 0, y: 0, width: 400, height: 10 });
    assert.deepEqual(crop({}), { x: 195, y: 0, width: 10, height: 10 });
    assert.equal(trainView(wide, options({}), new Random(2)).length, 3 * 20 * 20);
  });

  it('wrong fields are named', () => {
    for (const fields of [
      { colourStrength: 1.3 },
      { colour: 2 },
      { brightness: 'v1' },
      { grey: -1 },
      { blur: Number.NaN },
      { blurSigma: 'view' },
    ])
      assert.throws(() => augmentPlan(fields as never), new RegExp(`for ${Object.keys(fields)[0]} but received`));
    assert.throws(() => preprocessOptions({ size: 9, cropAttempts: 0 }), /for cropAttempts but received 0/);
    assert.throws(() => preprocessOptions({ size: 9, cropFallback: 'x' as never }), /for cropFallback but received/);
  });
});
