// One side of busy.ts: trains a small network and prints the pictures a second, by the clock, of the steps after a
// warm-up.
//   node dist/bench/busy-train.js FOLDER SECONDS THREADS
import { train } from '../src/index.js';

const WARM = 8;
const [folder, seconds, threads] = process.argv.slice(2);
const BATCH = 64;
let steps = 0;
let from = 0;
for await (const event of train({
  data: '/usr/share/datasets/fashion-mnist',
  model: 'resnet-rs-14',
  width: 0.25,
  recipe: 'quick',
  settings: { batch: BATCH, epochs: 100 },
  limitVal: 100,
  seed: 1,
  threads: Number(threads),
  workers: 1,
  out: folder!,
})) {
  if (event.type !== 'step') continue;
  steps++;
  const now = performance.now();
  if (steps === WARM) from = now;
  if (steps <= WARM || now - from < 1000 * Number(seconds)) continue;
  console.log((1000 * BATCH * (steps - WARM)) / (now - from));
  process.exit(0);
}
