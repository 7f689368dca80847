// A step of SimCLR on two views of N pictures against a plain step of 2N pictures, in turn in one process; then each training alone:
//   node dist/bench/contrast.js --data PICTURES [--model resnet-rs-14 --width 0.5 --size 96 --batch 64 --method simclr --steps 30]
// In turn each side's loader works while the other side steps: what is timed is the step. Alone the loader has the time of its own steps: what
// the step takes longer then is waiting for pictures. The plain side augments by crop and flip alone.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import type { TrainEvent } from '../src/run/events.js';
import { train } from '../src/tasks/runs.js';
import { inTurn, nextStep, ratioText } from './in-turn.js';
import { median } from './median.js';
import { benchOptions } from './options.js';

const command = new Command('contrast')
  .requiredOption('--data <folder>')
  .option('--model <name>', '', 'resnet-rs-14')
  .option('--width <factor>', '', Number, 0.5)
  .option('--size <pixels>', '', Number, 96)
  .option('--batch <n>', 'pictures of a step of two views', Number, 64)
  .option('--method <name>', 'simclr or simclrv2', 'simclr')
  .option('--steps <n>', '', Number, 30);
interface Options {
  data: string;
  model: string;
  width: number;
  size: number;
  batch: number;
  method: string;
  steps: number;
}
const { data, model, width, size, batch, method, steps } = await benchOptions<Options>(command, () => {});

const folder = mkdtempSync(join(tmpdir(), 'rescaled-contrast-'));
const common = { data, model, width, size, evalEvery: 100_000 };
const settings = { epochs: 100_000, warmupEpochs: 1 };
let made = 0;
const plain = (): AsyncGenerator<TrainEvent> =>
  train({
    ...{ ...common, out: join(folder, String(made++)), recipe: 'quick' },
    settings: { ...settings, batch: 2 * batch },
  });
const pairs = (): AsyncGenerator<TrainEvent> =>
  train({
    ...{ ...common, out: join(folder, String(made++)), recipe: method, task: 'contrast' },
    settings: { ...settings, batch },
  });

/** Milliseconds of a step of a training that has the machine to itself. */
async function alone(events: AsyncGenerator<TrainEvent>): Promise<number> {
  try {
    for (let i = 0; i < 5; i++) await nextStep(events);
    const began = performance.now();
    for (let i = 0; i < steps; i++) await nextStep(events);
    return (performance.now() - began) / steps;
  } finally {
    await events.return(undefined);
  }
}

const [first, second] = [plain(), pairs()];
try {
  const times = await inTurn(first, second, steps);
  await Promise.all([first.return(undefined), second.return(undefined)]);
  const [a, b] = [1000 * median(times.first), 1000 * median(times.second)];
  console.log(
    `${model} x${width} at ${size} pixels: a plain step of ${2 * batch} pictures ${a.toFixed(1)} ms, one of two views of ${batch} ` +
      `(${method}) ${b.toFixed(1)} ms; ${ratioText(times)}`,
  );
  const [ofPlain, ofPairs] = [await alone(plain()), await alone(pairs())];
  console.log(
    `alone, waiting for pictures included: plain ${ofPlain.toFixed(1)} ms, two views ${ofPairs.toFixed(1)} ms; ratio ${(ofPairs / ofPlain).toFixed(3)}`,
  );
} finally {
  await Promise.all([first.return(undefined), second.return(undefined)]);
  rmSync(folder, { recursive: true, force: true });
}
