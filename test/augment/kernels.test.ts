import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { type PictureKernels, pictureKernels, usePictureKernels } from '../../src/augment/kernels.js';
import { type Pixels, pixelsOf } from '../../src/augment/pixels.js';
import { OPERATIONS } from '../../src/augment/policies/operations.js';
import { applyStepsInPlace, augmentPlan, type Policy } from '../../src/augment/policies/plan.js';
import { drawOperation, styleOf, VARIANTS } from '../../src/augment/policies/randaugment.js';
import { simclrValues } from '../../src/augment/policies/simclr.js';
import { preprocessOptions } from '../../src/augment/preprocess.js';
import { Random } from '../../src/augment/random.js';
import { resample, resampleCrop } from '../../src/augment/resample.js';
import { trainView } from '../../src/augment/view.js';
import { addon } from '../../src/torch/addon.js';

const engine: PictureKernels = addon();
after(() => usePictureKernels(undefined));

function noise(width: number, height: number, seed: number): Pixels {
  const random = new Random(seed);
  const data = new Uint8Array(3 * width * height);
  // Extremes among them: bicubic overshoots there.
  for (let i = 0; i < data.length; i++) data[i] = random.int(4) === 0 ? 255 * random.int(2) : random.int(256);
  return pixelsOf(data, width, height);
}

/** What `make` gives without the engine's kernels and with them. */
function both<T>(make: () => T): [T, T] {
  usePictureKernels(undefined);
  const plain = make();
  usePictureKernels(engine);
  const fast = make();
  usePictureKernels(undefined);
  return [plain, fast];
}

describe("the engine's loops give the bytes of the TypeScript", () => {
  it('in resizes: larger, smaller, along one side, between pixels, of a pixel', () => {
    for (const filter of ['bicubic', 'bilinear'] as const)
      for (const [w, h, box, width, height] of [
        [50, 41, [0, 0, 50, 41], 32, 32],
        [50, 41, [0, 0, 50, 41], 96, 97],
        [50, 41, [3.3, 1.25, 49.5, 40], 21, 22],
        [50, 41, [0, 0, 50, 41], 50, 17],
        [50, 41, [0, 0, 50, 41], 17, 41],
        [50, 41, [4, 5, 24, 30], 20, 9],
        [1, 1, [0, 0, 1, 1], 5, 3],
        [3, 200, [0, 10, 3, 199], 7, 2],
        [301, 2, [1, 0, 300, 2], 22, 43],
      ] as const) {
        const picture = noise(w, h, w + h);
        const [plain, fast] = both(() => resample(picture, box, width, height, filter));
        assert.equal(Buffer.compare(plain, fast), 0, `${filter} ${w} x ${h} [${box.join()}] to ${width} x ${height}`);
      }
  });

  it('in crops, which are as if cut out before', () => {
    const picture = noise(83, 61, 5);
    const random = new Random(9);
    for (let i = 0; i < 60; i++) {
      const [width, height] = [1 + random.int(83), 1 + random.int(61)];
      const [x, y] = [random.int(84 - width), random.int(62 - height)];
      const rows = Array.from({ length: height }, (_, r) => [
        ...picture.data.subarray(3 * (83 * (y + r) + x), 3 * (83 * (y + r) + x + width)),
      ]);
      const cut = pixelsOf(Uint8Array.from(rows.flat()), width, height);
      const [plain, fast] = both(() => resampleCrop(picture, { x, y, width, height }, 32, 32, 'bicubic'));
      usePictureKernels(undefined);
      assert.deepEqual(plain, resample(cut, [0, 0, width, height], 32, 32));
      assert.equal(Buffer.compare(plain, fast), 0, `${width} x ${height} at ${x}, ${y}`);
    }
    for (const crop of [
      { x: -1, y: 0, width: 9, height: 9 },
      { x: 75, y: 0, width: 9, height: 9 },
    ])
      assert.throws(
        () => resampleCrop(picture, crop, 8, 8, 'bicubic'),
        /Expected a crop within the picture of 83 x 61/,
      );
  });

  it('in blurs, to the last bit of a float32', () => {
    for (const [width, height] of [
      [96, 96],
      [5, 224],
      [31, 33],
      [1, 20],
      [200, 59],
    ] as const)
      for (const sigma of [0.1, 0.6, 1.1, 2]) {
        const values = Float32Array.from(noise(width, height, 3).data, (byte) => byte / 255);
        const [plain, fast] = both(() => {
          const out = values.slice();
          simclrValues({ jitters: [], brightness: 'multiply', grey: false, sigma }, out, width, height);
          return out;
        });
        assert.deepEqual(plain, fast, `${width} x ${height}, sigma ${sigma}`);
      }
  });

  it('in resizes of many sizes, with the instructions of other processors too', () => {
    const random = new Random(21);
    const cases = Array.from({ length: 25 }, () => Array.from({ length: 4 }, () => 1 + random.int(90)));
    const digest = (): string => {
      const hash = createHash('sha256');
      for (const [w, h, width, height] of cases as [number, number, number, number][])
        for (const filter of ['bicubic', 'bilinear'] as const)
          hash.update(resample(noise(w, h, w * h), [0, 0, w, h], width, height, filter));
      return hash.digest('hex');
    };
    const [plain, fast] = both(digest);
    assert.equal(fast, plain);
    if (process.env['ATEN_CPU_CAPABILITY'] !== undefined) return;
    for (const instructions of ['default', 'avx2']) {
      const { status, stdout } = spawnSync(
        process.execPath,
        ['--test-name-pattern', 'of many sizes', fileURLToPath(import.meta.url)],
        {
          env: { ...process.env, ATEN_CPU_CAPABILITY: instructions, NODE_TEST_CONTEXT: undefined },
          encoding: 'utf8',
        },
      );
      assert.equal(status, 0, `${instructions}: ${stdout}`);
    }
  });

  it('in operations of augmentations, of every style and strength', () => {
    const sides = [
      [32, 32],
      [17, 40],
      [1, 9],
      [3, 3],
      [2, 5],
      [96, 64],
      [64, 3],
    ] as const; // prettier-ignore
    for (const [width, height] of sides)
      for (const variant of VARIANTS)
        for (const name of OPERATIONS)
          for (let seed = 0; seed < 3; seed++) {
            const random = new Random(width, height, seed);
            const made = [
              () => random.int(256),
              (i: number) => Math.min(255, (i % width) * 4 + random.int(9)),
              (i: number) => 100 + ((i >> 6) % 3),
            ][seed % 3]!;
            const data = Uint8Array.from({ length: 3 * width * height }, (_, i) => made(i));
            const rule = { magnitude: 1 + 9 * seed, variant, pixelScale: width / 224, layers: 1 };
            const step = drawOperation(name, rule, width, height, new Random(seed));
            const [plain, fast] = both(() => {
              const out = data.slice();
              applyStepsInPlace([step], pixelsOf(out, width, height), styleOf(variant));
              return out;
            });
            assert.equal(Buffer.compare(plain, fast), 0, `${name}, ${variant}, ${width} x ${height}, ${step.argument}`);
          }
  });

  it('in whole views, of shared memory too', () => {
    for (const policy of ['simclr', 'randaugment', 'autoaugment', 'trivialaugment'] as const) inViews(policy);
  });

  function inViews(policy: Policy): void {
    const options = preprocessOptions({ size: 48, augment: augmentPlan({ policy, erasing: 0.5 }) });
    const picture = noise(120, 90, 1);
    const shared = new Uint8Array(new SharedArrayBuffer(picture.data.length));
    shared.set(picture.data);
    for (let i = 0; i < 30; i++) {
      const [plain, fast] = both(() => trainView(picture, options, new Random(1, i)));
      assert.equal(Buffer.compare(plain, fast), 0, `view ${i}`);
      const [, other] = both(() => trainView(pixelsOf(shared, 120, 90), options, new Random(1, i)));
      assert.equal(Buffer.compare(plain, other), 0, `shared view ${i}`);
    }
  }
});

it('arguments that do not fit are refused, not read', () => {
  const [first, taps, weights] = [Int32Array.of(0, 1), Int32Array.of(2, 2), new Int32Array(4)];
  const rows = (...changed: [at: number, value: unknown][]) => {
    const given: unknown[] = [new Uint8Array(9), 0, 9, 3, 1, new Uint8Array(6), 2, first, taps, weights, 2];
    for (const [at, value] of changed) given[at] = value;
    (engine.resampleRows as (...args: unknown[]) => void)(...given);
  };
  rows();
  assert.throws(() => rows([1, 1]), /rows within the source/);
  assert.throws(() => rows([1, -1]), /rows within the source/);
  assert.throws(() => rows([4, 2]), /rows within the source/);
  assert.throws(() => rows([5, new Uint8Array(5)]), /a target of that size/);
  assert.throws(() => rows([7, Int32Array.of(0, 2)]), /an axis within the picture/);
  assert.throws(() => rows([9, new Int32Array(3)]), /an axis of that many outputs/);
  const [six, nine, fill] = [new Float32Array(6), new Uint8Array(9), new Uint8Array(3)];
  assert.throws(() => engine.nearest(nine, new Uint8Array(6), 3, 1, six, fill), /two pictures of that size/);
  assert.throws(() => engine.nearest(nine, nine, 3, 1, six, fill), /other memory/);
  assert.throws(() => engine.sharpness(nine, new Uint8Array(9), 1, 2, 1, true), /two pictures of that size/);
  assert.throws(() => engine.mapBytes(nine, new Uint8Array(9), new Uint8Array(767)), /three tables/);
  assert.throws(() => engine.countBytes(nine, new Int32Array(4)), /three tables/);
  assert.throws(() => engine.color(nine, nine, 3, 1, 1, new Float32Array(5)), /three tables/);
  assert.throws(() => engine.blur(new Float32Array(9), 2, 1, new Float32Array(3)), /a picture of that size/);
});

it("a loader's thread has them", async () => {
  const kernels = new URL('../../src/data/loading/kernels.js', import.meta.url).href;
  const here = new URL('../../src/augment/kernels.js', import.meta.url).href;
  const text =
    `import { parentPort } from 'node:worker_threads'; import { useEngineKernels } from ${JSON.stringify(kernels)};` +
    `import { pictureKernels } from ${JSON.stringify(here)};` +
    `useEngineKernels(); parentPort.postMessage(typeof pictureKernels()?.blur);`;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(text)}`));
  const said = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  assert.equal(said, 'function');
  await worker.terminate();
  assert.equal(pictureKernels(), undefined);
  assert.ok(fileURLToPath(kernels).endsWith('kernels.js'));
});
