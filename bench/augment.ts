// Milliseconds that each augmentation takes on one core: node dist/bench/augment.js [--size 224] [--runs 40] [--json]
// Decoding, crop and flip are left out. An operation's figure is the median over `--runs` pictures after as many for
// warm-up, a policy's the mean over what it draws for 4 x runs pictures. The pictures are noise over a gradient, since
// the time hardly depends on what they show.
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { type Pixels, pixelsOf } from '../src/augment/pixels.js';
import { OPERATIONS, type Step } from '../src/augment/policies/operations.js';
import { type AugmentPlan, applyStepsInPlace, augmentInPlace, augmentPlan } from '../src/augment/policies/plan.js';
import {
  drawStep,
  RANDAUGMENT_PIXELS,
  referenceArgument,
  styleOf,
  VARIANTS,
} from '../src/augment/policies/randaugment.js';
import { Random } from '../src/augment/random.js';
import { median } from './median.js';

const { values: options } = parseArgs({
  options: {
    size: { type: 'string', default: '224' },
    runs: { type: 'string', default: '40' },
    json: { type: 'boolean', default: false },
  },
});
const size = Number(options.size);
const runs = Number(options.runs);

const original = new Uint8Array(3 * size * size);
const noise = new Random(0);
for (let i = 0; i < original.length; i++)
  original[i] = Math.min(255, (Math.floor(i / 3) % size) * (180 / size) + noise.int(76));

function time(work: (picture: Pixels, run: number) => void): number {
  const taken: number[] = [];
  for (let run = 0; run < 2 * runs; run++) {
    const picture = pixelsOf(original.slice(), size, size);
    const start = performance.now();
    work(picture, run);
    if (run >= runs) taken.push(performance.now() - start);
  }
  return median(taken);
}

const rows: Record<string, string | number>[] = [];
for (const name of OPERATIONS.filter((one) => one !== 'Identity')) {
  const row: Record<string, string | number> = { name };
  for (const variant of VARIANTS) {
    row[variant] = time((picture, run) => {
      const step: Step = drawStep(name, referenceArgument(name, 9, RANDAUGMENT_PIXELS), size, size, new Random(1, run));
      applyStepsInPlace([step], picture, styleOf(variant));
    });
  }
  rows.push(row);
}
const plans: [string, Partial<AugmentPlan>][] = [
  ['RandAugment, 2 layers, magnitude 15', { policy: 'randaugment', magnitude: 15 }],
  ['AutoAugment v0', { policy: 'autoaugment' }],
  ['TrivialAugment', { policy: 'trivialaugment' }],
  ['random erasing', { erasing: 1 }],
];
for (const [name, given] of plans) {
  const row: Record<string, string | number> = { name };
  for (const variant of VARIANTS) {
    const plan = augmentPlan({ ...given, variant });
    // What is drawn differs from picture to picture, so the mean over pictures counts; each is the best of five, since
    // other work on the machine only ever adds.
    const best = new Array<number>(4 * runs).fill(Infinity);
    for (let repeat = 0; repeat < 6; repeat++)
      best.forEach((least, run) => {
        const picture = pixelsOf(original.slice(), size, size);
        const start = performance.now();
        augmentInPlace(picture, plan, new Random(2, run));
        if (repeat > 0) best[run] = Math.min(least, performance.now() - start);
      });
    row[variant] = best.reduce((sum, ms) => sum + ms, 0) / best.length;
  }
  rows.push(row);
}
if (options.json) console.log(JSON.stringify({ cpu: cpus()[0]?.model, size, runs, rows }, null, 2));
else {
  console.log(
    `${cpus()[0]?.model}, one core, ${size} x ${size} pixels; milliseconds a picture (operations: median, ` +
      'policies: mean)',
  );
  console.log(`${''.padEnd(38)}${VARIANTS.map((variant) => variant.padStart(11)).join('')}`);
  for (const { name, ...times } of rows)
    console.log(
      `${String(name).padEnd(38)}${VARIANTS.map((variant) => Number(times[variant]).toFixed(2).padStart(11)).join('')}`,
    );
}
