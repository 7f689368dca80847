// The speed of two sides, run in turn so that both meet the same moods of the machine.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from '../lib.mjs';
import { FASHION } from './jobs.mjs';
import { must } from './sides.mjs';

const TRAINING_RUNS = 5;
const START_RUNS = 15;

/** @type {Record<string, { warm: number, steps: number, options: object }>} */
const TRAININGS = {
  'ResNet-RS-50 at 160': {
    warm: 2,
    steps: 6,
    options: { model: 'resnet-rs-50', size: 160, recipe: 'quick', settings: { batch: 16, epochs: 1 } },
  },
  'quickstart network': {
    warm: 6,
    steps: 30,
    options: { model: 'resnet-rs-14', width: 0.375, recipe: 'quick', settings: { epochs: 1 } },
  },
};

/** @param {number[]} values */
const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
};

/**
 * @typedef {import('./sides.mjs').Side} Side
 * @param {{ old: Side, new: Side }} sides
 */
export async function compareTimes(sides) {
  for (const [name, { warm, steps, options }] of Object.entries(TRAININGS)) {
    await alternate(sides, name, TRAINING_RUNS, async (side, i) => {
      const task = { ...options, data: FASHION, out: join(side.runs, `${name}-${i}`), seed: 1, limitVal: 100 };
      const script = join(root, 'scripts', 'compare', 'steps.mjs');
      const args = [script, side.folder, String(warm), String(steps), JSON.stringify(task)];
      return JSON.parse(await must(process.execPath, args, side.runs, side.env));
    });
  }
  const start = (/** @type {(side: Side) => string[]} */ args) => async (/** @type {Side} */ side) => {
    const started = performance.now();
    await must(process.execPath, args(side), side.runs, side.env);
    return { '': performance.now() - started };
  };
  const dist = (/** @type {Side} */ { folder }, /** @type {string[]} */ ...path) =>
    join(folder, 'dist', 'src', ...path);
  await alternate(
    sides,
    'rescaled --help',
    START_RUNS,
    start((side) => [dist(side, 'cli', 'main.js'), '--help']),
  );
  await alternate(
    sides,
    "import 'rescaled'",
    START_RUNS,
    start((side) => [
      '--input-type=module',
      '--eval',
      `import ${JSON.stringify(pathToFileURL(dist(side, 'index.js')))}`,
    ]),
  );
}

/**
 * @param {{ old: Side, new: Side }} sides
 * @param {string} name
 * @param {number} runs
 * @param {(side: Side, run: number) => Promise<Record<string, number>>} measure milliseconds by what took them
 */
async function alternate(sides, name, runs, measure) {
  /** @type {Record<string, number>[]} */
  const old = [];
  /** @type {Record<string, number>[]} */
  const now = [];
  // One that does not count: files are read from disk for the first time.
  if (runs > TRAINING_RUNS) for (const side of [sides.old, sides.new]) await measure(side, -1);
  for (let i = 0; i < runs; i++) {
    const order = i % 2 === 0 ? [sides.old, sides.new] : [sides.new, sides.old];
    for (const side of order) (side === sides.old ? old : now).push(await measure(side, i));
  }
  for (const what of Object.keys(old[0])) {
    const ratios = old.map((times, i) => times[what] / now[i][what]);
    const medians = [old, now].map((all) => `${median(all.map((times) => times[what])).toFixed(0)} ms`);
    const title = [name, what].filter((text) => text !== '').join(', ');
    console.log(
      `${title.padEnd(34)}  old ${medians[0]}, new ${medians[1]}; new is ${median(ratios).toFixed(3)} times as fast ` +
        `(${Math.min(...ratios).toFixed(3)} to ${Math.max(...ratios).toFixed(3)})`,
    );
  }
}
