// One side of busy.ts: trains a small network, and rests but for the bursts that it is asked for. Each line of its
// input is a burst of that many seconds; it answers with the pictures and the seconds of it.
//   node dist/bench/busy-train.js FOLDER THREADS
import { createInterface } from 'node:readline';
import { train } from '../src/index.js';

/** Steps before the first burst: threads start, memory is taken. */
const WARM = 8;
const BATCH = 64;
const [folder, threads] = process.argv.slice(2);
const asked = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

let steps = 0;
let wanted = 0;
let began = 0;
for await (const event of train({
  data: '/usr/share/datasets/fashion-mnist',
  model: 'resnet-rs-14',
  width: 0.25,
  recipe: 'quick',
  settings: { batch: BATCH, epochs: 1000 },
  limitVal: 32,
  seed: 1,
  threads: Number(threads),
  workers: 1,
  out: folder!,
})) {
  if (event.type !== 'step') continue;
  steps++;
  const seconds = (performance.now() - began) / 1000;
  if (wanted === 0 ? steps < WARM : seconds < wanted) continue;
  console.log(wanted === 0 ? 'ready' : `${steps * BATCH} ${seconds}`);
  const line = await asked.next();
  if (line.done === true) process.exit(0);
  steps = 0;
  wanted = Number(line.value);
  began = performance.now();
}
